"""Who plays when: every section is one or two blocks, and each block has its players and its level."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.engines.composer.score import Section
from pipeline.engines.composer.styles import Style

# The share of the accompanying players that each block of a section adds to the melody, in its first and second half,
# for the first statement of a theme and for the later ones.
_FIRST: Final = {"A": (0.15, 0.6), "B": (0.6, 0.85), "C": (0.2, 0.35), "D": (0.4, 0.7)}
_LATER: Final = {"A": (0.75, 0.95), "B": (0.75, 1.0), "C": (0.2, 0.5), "D": (0.4, 0.7)}
_EAGER: Final = 0.25  # what energy adds to these shares, so that the rhythm section joins early in a wild piece
_QUIET_SHARE: Final = 0.2
_BUSY: Final = 0.5


@dataclass(frozen=True)
class Block:
    """Some bars of a section with the same players.

    ``players`` are indices of the casting; ``level`` is 0 (the most sparse block of a piece) to 1 (the fullest).
    """

    section: Section
    bar: int
    bars: int
    level: float
    players: tuple[int, ...]

    def holds(self, bar: int) -> bool:
        """Whether a bar is in the block."""
        return self.bar <= bar < self.bar + self.bars


def arrange(style: Style, layout: Sequence[Section], roles: Sequence[str], energy: float) -> tuple[Block, ...]:
    """Return the blocks of a piece before its final chord.

    The melody begins with one player under it, and the others join phrase by phrase. The bridge is sparse, the bars
    before the last return break off, and the last return has all players.
    """
    band = [index for index, role in enumerate(roles) if role != "lead"]
    band.sort(key=lambda index: (style.entries.index(roles[index]), index))
    leads = [index for index, role in enumerate(roles) if role == "lead"]
    body = layout[:-1]
    themes = [section for section in body if section.theme in _FIRST]
    peak = max(section.intensity for section in themes)
    blocks: list[Block] = []
    for section in body:
        last = section is themes[-1]
        for bar, bars, share in _shares(section, energy, alone=len(themes) == 1, last=last, peak=peak):
            count = max(1, round(share * len(band)))
            sings = leads if section.theme != "intro" else []
            players = (*sings, *_chosen(band, roles, count, section))
            if style.build and section.theme == "C" and bar > section.bar:
                players = (*players, *(index for index in band if roles[index] == "drums"))
            blocks.append(Block(section, bar, bars, share, players))
    return _everyone(_broken_off(blocks, roles, themes[-1]), len(roles))


def _shares(section: Section, energy: float, *, alone: bool, last: bool, peak: float) -> list[tuple[int, int, float]]:
    """Return first bar, bars and share of the players for each block of a section."""
    if section.theme == "intro":
        return [(section.bar, section.bars, 0.45 if energy > _BUSY else _QUIET_SHARE)]
    if section.theme == "coda":
        return [(section.bar, section.bars, 0.5)]
    if alone:
        early, late = 0.3, 1.0
    elif last:
        early, late = 1.0, 1.0
    else:
        early, late = (_LATER if section.visit else _FIRST)[section.theme]
        if section.theme in {"A", "B"} and not section.visit:
            early, late = early + _EAGER * max(0.0, energy - 0.4), min(1.0, late + _EAGER * energy)
        if section.theme in {"A", "B"} and section.visit:
            early, late = (share * (0.7 + 0.3 * section.intensity / peak) for share in (early, late))
    if section.bars < 4 or (section.bars == 4 and not alone):
        return [(section.bar, section.bars, early if section.theme == "A" and section.visit == 0 else late)]
    half = section.bars // 2
    return [(section.bar, half, early), (section.bar + half, half, late)]


def _chosen(band: Sequence[int], roles: Sequence[str], count: int, section: Section) -> tuple[int, ...]:
    """Return the players of a block; the bridge has held sounds rather than the rhythm section."""
    if section.theme == "C":
        band = sorted(band, key=lambda index: roles[index] in {"bass", "drums"})
        band = sorted(band, key=lambda index: roles[index] not in {"pad", "arpeggio"})
    return tuple(band[:count])


def _broken_off(blocks: Sequence[Block], roles: Sequence[str], last: Section) -> list[Block]:
    """Return the blocks with a break: in the bars before the last return, one player accompanies the melody."""
    out: list[Block] = []
    for index, block in enumerate(blocks):
        following = blocks[index + 1] if index + 1 < len(blocks) else None
        if following is None or following.section is not last or block.section is last or block.bars < 4:
            out.append(block)
            continue
        singers = [player for player in block.players if roles[player] == "lead"]
        # A player of chords, best one who plays already: without one, nothing sounds where the melody rests.
        under = [player for player in (*block.players, *range(len(roles))) if roles[player] in {"chords", "pad"}]
        few = (*singers[:1], under[0]) if under else block.players
        out.append(Block(block.section, block.bar, block.bars - 2, block.level, block.players))
        out.append(Block(block.section, block.bar + block.bars - 2, 2, min(_QUIET_SHARE, block.level), few))
    return out


def _everyone(blocks: Sequence[Block], count: int) -> tuple[Block, ...]:
    """Return the blocks with all players in the fullest one."""
    full = max(range(len(blocks)), key=lambda index: (blocks[index].level, index))
    return tuple(
        Block(block.section, block.bar, block.bars, block.level, tuple(range(count))) if index == full else block
        for index, block in enumerate(blocks)
    )
