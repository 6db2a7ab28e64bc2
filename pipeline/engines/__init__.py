"""The music engines: one interface, ``(brief, seconds, seed) → take``, whoever makes the music."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from musicgenerator.briefs import Brief
from musicgenerator.errors import BriefError
from pipeline.audio import Audio


@dataclass(frozen=True)
class Take:
    """What an engine made: unmastered sound, its provenance and, where the engine knows them, score and form.

    ``midi`` is a standard MIDI file; ``form`` is a short JSON-able account of the piece (tempo, key, sections, chords,
    instruments), empty for an engine that cannot tell; ``cost_usd`` is what the call cost in US dollars.
    """

    audio: Audio
    engine: str
    model: str
    seed: int
    cost_usd: float
    midi: bytes | None
    form: Mapping[str, Any]


class Engine(Protocol):
    """Something that makes music for a brief."""

    @property
    def name(self) -> str:
        """Return the word that a request names the engine by."""
        ...

    def make(self, brief: Brief, seconds: float, seed: int) -> Take:
        """Make about ``seconds`` of music; raise MusicError when there is none, BriefError when it cannot be made."""
        ...


def _composer() -> Engine:
    from pipeline.engines.composer import Composer  # noqa: PLC0415  an engine pays only for its own imports

    return Composer()


_ENGINES: Final[Mapping[str, Callable[[], Engine]]] = {"composer": _composer}


def engine_named(name: str) -> Engine:
    """Return the engine of that name; raise BriefError naming ``engine`` when there is none."""
    if name not in _ENGINES:
        raise BriefError("engine", f"must be one of {', '.join(_ENGINES)}, not {name!r}")
    return _ENGINES[name]()
