"""Another version of a piece of the composer, which keeps everything but a part or a section."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from musicgenerator.briefs import Brief
from musicgenerator.track_requests import Kept
from pipeline.engines import Take
from pipeline.engines.composer import Composer


@dataclass(frozen=True)
class KeepingComposer:
    """The composer, which keeps what earlier seeds made; ``keep`` is an order's, oldest first."""

    composer: Composer
    keep: Sequence[Kept]
    name: str = Composer.name

    @classmethod
    def from_environment(cls, keep: Sequence[Kept]) -> Self:
        """Return it with the soundfont of the environment, as the composer's."""
        return cls(Composer.from_environment(), keep)

    def make(self, brief: Brief, seconds: float, seed: int, picture: bytes | None = None) -> Take:
        """Make the music; what the last entry does not keep follows from ``seed``."""
        return self.composer.make(brief, seconds, seed, picture, keep=self.keep)
