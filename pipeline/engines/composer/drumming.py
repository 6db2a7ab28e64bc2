"""The drums: a groove for each block, varied every second bar, with ghost notes, and with fills at its end."""

from collections.abc import Mapping, Sequence
from math import lcm
from random import Random
from typing import Final

from pipeline.engines.composer.arranging import Block
from pipeline.engines.composer.patterns import busyness, hits, stretched
from pipeline.engines.composer.score import Note
from pipeline.engines.composer.styles import Groove

# A MIDI key and a velocity for each stroke.
_KIT: Final = {
    "kick": (36, 96), "soft kick": (36, 62), "snare": (38, 92), "soft snare": (38, 52), "rim": (37, 78),
    "clap": (39, 86),
    "hat": (42, 70), "open hat": (46, 72), "pedal hat": (44, 60), "ride": (51, 74), "cymbal": (49, 64),
    "shaker": (70, 62), "tambourine": (54, 62), "triangle": (81, 58), "low tom": (45, 84), "high tom": (48, 82),
}  # fmt: skip
# The same strokes on a taiko: deep strokes low, sharp ones high and soft.
_TAIKO: Final = {
    "kick": (48, 104), "soft kick": (50, 70), "snare": (60, 84), "soft snare": (60, 52), "rim": (67, 66),
    "clap": (62, 76),
    "hat": (72, 40), "open hat": (70, 46), "pedal hat": (70, 36), "ride": (70, 42), "cymbal": (53, 60),
    "shaker": (72, 34), "tambourine": (67, 48), "triangle": (72, 34), "low tom": (52, 84), "high tom": (58, 82),
}  # fmt: skip
_STROKES: Final = {"x": 0, "X": 14, "o": -22}
_BACKBEATS: Final = ("snare", "clap", "rim", "soft snare", "tambourine")
_KICKS: Final = ("kick", "soft kick", "low tom")
_TIMEKEEPERS: Final = ("hat", "ride", "shaker", "open hat", "triangle", "rim")
_SOFT: Final = {"kick": "soft kick", "snare": "rim", "clap": "rim", "open hat": "pedal hat"}
STILL: Final = 0.3  # energy
_WILD: Final = 0.45  # energy
_COLOURFUL: Final = 0.4  # valence
KICK: Final = _KIT["kick"][0]
DEEP: Final = _TAIKO["kick"][0]
CRASH: Final = 49


def kicks(groove: Groove) -> str | None:
    """Return the pattern of a groove's kick, or None."""
    played = (groove[name] for name in ("kick", "soft kick") if name in groove)
    return next((pattern for pattern in played if busyness(pattern)), None)


def bars(
    groove: Groove, fill: Groove | None, block: Block, beats: int, rng: Random, *, turns: bool
) -> dict[int, Groove]:
    """Return the strokes of each bar of a block.

    Every second bar is a variant, in the return of a theme the third one, too. The last bar ends with the second half
    of ``fill``; if the music turns to something new, the whole bar is ``fill``.
    """
    ghosts, pushed = _ghosted(groove, beats, rng), _pushed(groove, beats, rng)
    out: dict[int, Groove] = {}
    for index in range(block.bars):
        played = (groove, ghosts, pushed if block.section.visit else groove, pushed)[index % 4]
        if fill and index == block.bars - 1 and block.bars > 1:
            played = fill if turns else _joined(groove, fill)
        out[block.bar + index] = played
    return out


def coloured(groove: Groove, beats: int, energy: float, valence: float) -> Groove:
    """Return a groove for a feeling: soft if it is still; else with a tambourine if it is bright, with toms if dark."""
    if energy < STILL:
        return softened(groove)
    if energy < _WILD or not {"snare", "clap"} & groove.keys():
        return groove
    if valence > _COLOURFUL and "tambourine" not in groove:
        return {**groove, "tambourine": "_.x." * (beats // 2) if beats % 2 == 0 else "_.x.x."}
    if valence < -_COLOURFUL and "low tom" not in groove:
        return {**groove, "low tom": "x." + "_." * (beats - 2) + "xo"}
    return groove


def varied(groove: Groove, beats: int, rng: Random) -> Groove:
    """Return a groove that is like another one: with two soft strokes, one more kick and a gap of the time keeper."""
    return _pushed(_ghosted(groove, beats, rng), beats, rng)


def softened(groove: Groove) -> Groove:
    """Return a groove with soft strokes instead of loud ones."""
    soft = {_SOFT[stroke]: pattern for stroke, pattern in groove.items() if stroke in _SOFT}
    return {stroke: pattern for stroke, pattern in groove.items() if stroke not in _SOFT and stroke not in soft} | soft


def strokes(played: Mapping[int, Groove], beats: int, instrument: str, rise: Mapping[int, int]) -> list[Note]:
    """Write the strokes of some bars; ``rise`` adds to the velocities of a bar."""
    kit: Mapping[str, tuple[int, int]] = _TAIKO if instrument == "taiko" else _KIT
    notes: list[Note] = []
    for bar, groove in sorted(played.items()):
        for stroke, pattern in groove.items():
            pitch, velocity = kit[stroke]
            notes += [
                Note(bar * beats + hit.beat, 0.2, pitch, velocity + _STROKES[hit.symbol] + rise.get(bar, 0))
                for hit in hits(pattern, beats)
            ]
    return notes


def crash(beat: float, instrument: str) -> Note:
    """Return a cymbal, or a taiko's deep stroke."""
    return Note(beat, 2.0, DEEP if instrument == "taiko" else CRASH, 78)


def _ghosted(groove: Groove, beats: int, rng: Random) -> Groove:
    """Return a groove with two soft strokes between the beats, where nothing else strikes the same drum."""
    stroke = next((name for name in _BACKBEATS if name in groove), None)
    if stroke is None:
        stroke = next(iter(groove))
    soft = "soft snare" if stroke in {"snare", "clap"} else stroke
    pattern = groove.get(soft, "_" * _steps(groove, beats))
    free = [
        step
        for step in _between(pattern, beats)
        if pattern[step] in "._" and not _strikes(groove, stroke, pattern, step)
    ]
    return {**groove, soft: _struck(pattern, rng.sample(free, min(2, len(free))), "o")}


def _pushed(groove: Groove, beats: int, rng: Random) -> Groove:
    """Return a groove whose kick has one more stroke in the second half, and whose time keeper leaves one out."""
    out = dict(groove)
    kick = next((name for name in _KICKS if name in groove), None)
    if kick:
        pattern = groove[kick]
        fine = stretched(pattern, 2 * len(pattern) if len(pattern) <= 2 * beats else len(pattern))
        free = [step for step in _between(fine, beats) if step >= len(fine) // 2 and fine[step] in "._"]
        out[kick] = _struck(fine, rng.sample(free, min(1, len(free))), "x")
    keeper = next((name for name in _TIMEKEEPERS if name in groove), None)
    if keeper:
        pattern = groove[keeper]
        struck = [step for step, symbol in enumerate(pattern) if symbol not in "._" and step >= len(pattern) // 2]
        if len(struck) > 1:
            step = struck[-1]
            out[keeper] = pattern[:step] + "." + pattern[step + 1 :]
    return out


def _joined(groove: Groove, fill: Groove) -> Groove:
    """Return the first half of a groove and the second half of a fill."""
    out: dict[str, str] = {}
    for stroke in (*groove, *(stroke for stroke in fill if stroke not in groove)):
        one, other = groove.get(stroke), fill.get(stroke)
        steps = lcm(len(one or "_"), len(other or "_"))
        one, other = (stretched(pattern or "_", steps) for pattern in (one, other))
        half = (steps + 1) // 2
        out[stroke] = (
            one[:half] + ("_" if other[half] == "." else other[half]) + other[half + 1 :] if steps > 1 else one
        )
    return out


def _steps(groove: Groove, beats: int) -> int:
    return max(2 * beats, *map(len, groove.values()))


def _between(pattern: str, beats: int) -> list[int]:
    """Return the steps of a pattern that are on no beat."""
    return [step for step in range(len(pattern)) if step * beats % len(pattern)]


def _strikes(groove: Groove, stroke: str, pattern: str, step: int) -> bool:
    """Whether ``stroke`` is struck at the time of a step of ``pattern``."""
    other: Sequence[str] = groove.get(stroke, "")
    at = step * len(other) / len(pattern)
    return bool(other) and at == int(at) and other[int(at)] not in "._"


def _struck(pattern: str, steps: Sequence[int], symbol: str) -> str:
    return "".join(symbol if step in steps else each for step, each in enumerate(pattern))
