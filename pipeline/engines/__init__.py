"""The music engines behind one interface: ``(brief, seconds, seed) → take``.

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
    """One piece of audio from an engine, before mastering, with its provenance and, if known, its score and form.

    ``midi`` is a standard MIDI file, ``score`` a MusicXML document. ``form`` summarises the piece in JSON types (tempo,
    key, sections, chords, parts); it is empty if the engine does not know them. ``cost_usd`` is the price of the call
    in US dollars.
    ``answer`` is the engine's encoded audio as it came, with its content credentials; None if the engine makes the same
    take again from the same arguments.
    ``fallback_from`` is the engine that failed before the fallback engine made the take, if one failed.
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
    score: bytes | None = None


def made_by(engine: str, model: str) -> str:
    """Return the words by which plain tags and texts say that an AI made the music."""
    return f"AI-generated: engine {engine}, model {model}"


class Engine(Protocol):
    """Makes music for a brief."""

    @property
    def name(self) -> str:
        """The name of the engine in requests."""

    def make(self, brief: Brief, seconds: float, seed: int, picture: bytes | None = None) -> Take:
        """Make about ``seconds`` of music; raise EngineError if that fails, BriefError if the brief is invalid.

        ``picture`` is the cover, a JPEG of at most 1,024 px a side; only some engines look at it.
        """


@dataclass(frozen=True)
class Cloud:
    """Where the engines in the cloud are.

    ``vertex_url`` is the address of Vertex AI, empty for Google's. ``endpoint`` names the endpoint of a custom model:
    ``projects/P/locations/L/endpoints/E``, with ``https://HOST/v1/`` in front if it is a dedicated endpoint.
    """

    project: str = ""
    vertex_url: str = ""
    endpoint: str = ""


NO_CLOUD: Final = Cloud()


def engine_named(name: str, cloud: Cloud = NO_CLOUD) -> Engine:
    """Return the engine of that name.

    Raise BriefError with the field ``engine`` for an unknown name, EngineNotConfiguredError if a setting is missing.
    """
    return _MAKERS[checked(name, "engine")](cloud)


def checked(name: str, field: str) -> str:
    """Return the name of an engine; raise BriefError with this field if there is no such engine."""
    if name not in ENGINES:
        raise BriefError(field, f"must be one of {', '.join(ENGINES)}, not {name!r}")
    return name


# One function for each engine, so that only the chosen engine's modules are imported.
def _composer(_: Cloud) -> Engine:
    from pipeline.engines.composer import Composer

    return Composer.from_environment()


def _lyria_2(cloud: Cloud) -> Engine:
    from pipeline.engines.lyria import Lyria2, lyria_2_url

    return Lyria2(lyria_2_url(cloud), _vertex())


def _lyria_3_clip(cloud: Cloud) -> Engine:
    from pipeline.engines.interactions import Interactions, signed_in
    from pipeline.engines.lyria import LYRIA_3_CLIP, Lyria3

    return Lyria3(LYRIA_3_CLIP, Interactions(signed_in(cloud), Patience()))


def _lyria_3_pro(cloud: Cloud) -> Engine:
    from pipeline.engines.interactions import Interactions, signed_in
    from pipeline.engines.lyria import LYRIA_3_PRO, Lyria3

    return Lyria3(LYRIA_3_PRO, Interactions(signed_in(cloud), Patience()))


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
    "lyria-3-pro": _lyria_3_pro,
    "endpoint": _endpoint,
}
