"""Choose the engine: the requested one, and the operator's fallback engine if that one fails."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from musicgenerator import logs
from musicgenerator.briefs import COMPOSER, Brief
from musicgenerator.errors import BriefError
from musicgenerator.track_requests import Kept
from pipeline.engines import Cloud, Engine, Take, checked, engine_named
from pipeline.engines.errors import EngineError


def chosen(name: str, fallback: str, cloud: Cloud, keep: Sequence[Kept] = ()) -> Engine:
    """Return the engine of that name; if a different fallback is set, it makes the music when the engine fails.

    With ``keep``, the engine is the composer, without a fallback: no other engine can keep a part of its music.
    Raise BriefError with the field ``engine`` or ``fallback_engine`` if there is no such engine, and with ``keep`` if
    the engine cannot keep anything.
    """
    if keep:
        if name != COMPOSER:
            raise BriefError("keep", f"is for the engine {COMPOSER}, not {name}")
        # Only this engine's modules are imported, as by ``engine_named``.
        from pipeline.engines.keeping_composer import KeepingComposer

        return KeepingComposer.from_environment(keep)
    if fallback in {"", name}:
        return engine_named(name, cloud)
    return WithFallback(checked(name, "engine"), checked(fallback, "fallback_engine"), cloud)


@dataclass(frozen=True)
class WithFallback:
    """An engine with a fallback; ``Take.fallback_from`` is set if the fallback made the take."""

    name: str
    fallback: str
    cloud: Cloud

    def make(self, brief: Brief, seconds: float, seed: int, picture: bytes | None = None) -> Take:
        """Make music with the first engine; if it raises EngineError, with the second."""
        try:
            return engine_named(self.name, self.cloud).make(brief, seconds, seed, picture)
        except EngineError as error:
            logs.warning(
                "the engine failed, using the fallback", engine=self.name, fallback=self.fallback, reason=repr(error)
            )
        take = engine_named(self.fallback, self.cloud).make(brief, seconds, seed, picture)
        return replace(take, fallback_from=self.name)
