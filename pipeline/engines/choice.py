"""Which engine makes the music: the one that was chosen, or another one where the operator allows it."""

from dataclasses import dataclass, replace

from musicgenerator import logs
from musicgenerator.briefs import Brief
from pipeline.engines import Cloud, Engine, Take, checked, engine_named
from pipeline.engines.errors import EngineError


def chosen(name: str, fallback: str, cloud: Cloud) -> Engine:
    """Return the engine of that name, with the fallback behind it where one is named and it is another.

    Raise BriefError naming ``engine`` or ``fallback_engine`` where there is no such engine.
    """
    if fallback in {"", name}:
        return engine_named(name, cloud)
    return WithFallback(checked(name, "engine"), checked(fallback, "fallback_engine"), cloud)


@dataclass(frozen=True)
class WithFallback:
    """An engine behind which another one stands; the take says when it was the other."""

    name: str
    fallback: str
    cloud: Cloud

    def make(self, brief: Brief, seconds: float, seed: int) -> Take:
        """Make music with the first engine, or with the second where the first fails for good."""
        try:
            return engine_named(self.name, self.cloud).make(brief, seconds, seed)
        except EngineError as error:
            logs.warning("another engine stands in", engine=self.name, fallback=self.fallback, reason=repr(error))
        take = engine_named(self.fallback, self.cloud).make(brief, seconds, seed)
        return replace(take, fallback_from=self.name)
