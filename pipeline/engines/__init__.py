"""The music engines: one interface, ``(brief, seconds, seed) → take``, whoever makes the music.

``python -m pipeline.engines`` lists them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from musicgenerator.briefs import ENGINES, Brief
from musicgenerator.errors import BriefError
from pipeline.audio import Audio
from pipeline.engines.patience import Patience


@dataclass(frozen=True)
class Take:
    """What an engine made: unmastered sound, its provenance and, where the engine knows them, score and form.

    ``midi`` is a standard MIDI file; ``form`` is a short JSON-able account of the piece (tempo, key, sections, chords,
    instruments), empty for an engine that cannot tell; ``cost_usd`` is what the call cost in US dollars.
    ``answer`` is the encoded sound that an engine gave which would give another the next time, None for one that
    repeats itself; ``fallback_from`` names the engine that had been asked first and failed.
    """

    audio: Audio
    engine: str
    model: str
    seed: int
    cost_usd: float
    midi: bytes | None
    form: Mapping[str, Any]
    answer: bytes | None = None
    fallback_from: str | None = None


class Engine(Protocol):
    """Something that makes music for a brief."""

    @property
    def name(self) -> str:
        """Return the word that a request names the engine by."""
        ...

    def make(self, brief: Brief, seconds: float, seed: int) -> Take:
        """Make about ``seconds`` of music; raise EngineError when there is none, BriefError when it cannot be made."""
        ...


@dataclass(frozen=True)
class Cloud:
    """Where the engines of the cloud are.

    ``vertex_url`` is the address of Vertex AI, empty for Google's own; ``endpoint`` names the model of one's own:
    ``projects/P/locations/L/endpoints/E``, with ``https://HOST/v1/`` in front where the endpoint has a host of its own.
    """

    project: str = ""
    vertex_url: str = ""
    endpoint: str = ""


NO_CLOUD: Final = Cloud()


def engine_named(name: str, cloud: Cloud = NO_CLOUD) -> Engine:
    """Return the engine of that name.

    Raise BriefError naming ``engine`` when there is none, EngineNotConfiguredError when the cloud lacks what it needs.
    """
    return _MAKERS[checked(name, "engine")](cloud)


def checked(name: str, field: str) -> str:
    """Return the name of an engine; raise BriefError naming the field where it is none."""
    if name not in ENGINES:
        raise BriefError(field, f"must be one of {', '.join(ENGINES)}, not {name!r}")
    return name


# Each engine pays only for its own imports.
def _composer(_: Cloud) -> Engine:
    from pipeline.engines.composer import Composer

    return Composer.from_environment()


def _lyria_2(cloud: Cloud) -> Engine:
    from pipeline.engines.lyria import Lyria2, lyria_2_url

    return Lyria2(lyria_2_url(cloud), _vertex())


def _lyria_3_clip(cloud: Cloud) -> Engine:
    from pipeline.engines.interactions import Interactions, signed_in
    from pipeline.engines.lyria import Lyria3Clip

    return Lyria3Clip(Interactions(signed_in(cloud), Patience()))


def _endpoint(cloud: Cloud) -> Engine:
    from pipeline.engines.endpoint import Endpoint, predict_url

    return Endpoint(predict_url(cloud), _vertex())


def _vertex() -> Any:
    from pipeline.engines.vertex import Vertex, signed_in

    return Vertex(signed_in(), Patience())


_MAKERS: Final[Mapping[str, Callable[[Cloud], Engine]]] = {
    "composer": _composer,
    "lyria-002": _lyria_2,
    "lyria-3-clip": _lyria_3_clip,
    "endpoint": _endpoint,
}
