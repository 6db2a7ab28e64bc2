"""The plan of a piece, from which its parts are written."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from musicgenerator.briefs import Brief
from pipeline.engines.composer.arranging import Block
from pipeline.engines.composer.score import ChordSpan, Section
from pipeline.engines.composer.styles import Groove, Style
from pipeline.engines.composer.themes import Theme
from pipeline.engines.composer.theory import Key


@dataclass(frozen=True)
class Setting:
    """Everything that is decided before the parts are written.

    ``drums`` holds the strokes of each bar that has drums; ``ring`` counts the beats of the final chord; ``density``
    and ``register`` come from the brief's feeling. ``name`` seeds all choices. In a variation, ``shift`` moves the
    accompaniment in semitones, and ``spread`` lets patterns be chosen that fit less well.
    """

    style: Style
    key: Key
    layout: tuple[Section, ...]
    blocks: tuple[Block, ...]
    chords: tuple[ChordSpan, ...]
    themes: Mapping[str, Theme]
    drums: Mapping[int, Groove]
    brief: Brief
    ring: float
    tempo: float
    density: float
    register: int
    name: str
    shift: int = 0
    spread: float = 0.0

    def rng(self, *purpose: object) -> Random:
        """Return a random generator for one purpose, so that a change to one part leaves the others as they are."""
        return seeded(self.name, *purpose)

    def of(self, block: Block | Section) -> tuple[ChordSpan, ...]:
        """Return the chords of a block or a section."""
        first, last = block.bar * self.style.beats, (block.bar + block.bars) * self.style.beats
        return tuple(span for span in self.chords if first <= span.start < last)

    def playing(self, player: int) -> tuple[Block, ...]:
        """Return the blocks in which a player of the casting plays."""
        return tuple(block for block in self.blocks if player in block.players)

    def bar_seconds(self) -> float:
        """Return how long a bar lasts."""
        return self.style.beats * 60 / self.tempo

    def heat(self, block: Block) -> float:
        """Return how much happens in a block, 0 to 1: its players in comparison with the rest of the piece."""
        peak = max(section.intensity for section in self.layout)
        return 0.6 * block.level + 0.4 * block.section.intensity / peak

    def drive(self, block: Block) -> float:
        """Return how busily a block is played, 0 to 1: its heat in a piece of the brief's energy."""
        return (0.3 + 0.7 * self.brief.energy) * (0.1 + self.heat(block))


def seeded(*names: object) -> Random:
    """Return a random generator that depends only on the names and is the same in every process."""
    return Random("/".join(map(str, names)))
