"""The form: how many bars fill the requested time, which sections they make, and on which chords."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from pipeline.engines.composer.score import ChordSpan, Section
from pipeline.engines.composer.styles import Harmony, Style
from pipeline.engines.composer.theory import Key, chord

LEAD_IN_SECONDS: Final = 0.08
_RING_SECONDS: Final = (1.9, 3.2)  # the minimum and the preferred time for the final chord
_TEMPO_BEND: Final = 0.015


@dataclass(frozen=True)
class Plan:
    """The tempo, the bars before the final chord, the bars of a phrase, and when the final chord starts, in seconds."""

    tempo: float
    bars: int
    phrase: int
    lands: float


def plan(seconds: float, tempo: float, beats: int, ritardando: float) -> Plan:
    """Choose a number of bars that leaves the final chord time to ring; change the tempo by up to 1.5 % to fit."""
    shortest, preferred = _RING_SECONDS
    room = seconds - LEAD_IN_SECONDS
    bar = beats * 60 / tempo
    choices: list[tuple[float, int, float, float]] = []
    for bars in range(max(1, int(room / bar) - 2), int(room / bar) + 2):
        played = bar * (bars + ritardando / 2)
        bend = max(1 - _TEMPO_BEND, min(1 + _TEMPO_BEND, (room - preferred) / played))
        ring = room - played * bend
        choices.append((abs(ring - preferred) if ring >= shortest else 1000 - ring, bars, tempo / bend, played * bend))
    _, bars, bent, lands = min(choices)
    phrase = 4 if bars >= 12 else 2 if bars >= 5 else 1
    return Plan(bent, bars, phrase, LEAD_IN_SECONDS + lands)


def sections(style: Style, planned: Plan, energy: float) -> tuple[Section, ...]:
    """Return the sections: intro, themes and end. Bars that are left over from whole phrases become the intro.

    Intensity follows the genre's arc, is lower in the bridge (theme C), and grows with the energy.
    """
    phrases, intro = divmod(planned.bars, planned.phrase)
    if intro == 0 and phrases >= 6:
        phrases, intro = phrases - 1, planned.phrase
    letters = _letters(style.form, phrases)
    layout: list[Section] = []
    visits: dict[str, int] = {}
    if intro:
        layout.append(Section("intro", 0, 0, intro, 0.25 + 0.25 * energy))
    bar = intro
    for index, letter in enumerate(letters):
        arc = along(style.arc, index / max(1, len(letters) - 1)) if len(letters) > 1 else max(style.arc)
        dip = {"B": 0.0, "C": -0.3}.get(letter, 0.0)
        intensity = max(0.15, min(1.0, (0.35 + 0.65 * energy) * arc + dip + 0.1 * (len(letters) < 4)))
        layout.append(Section(letter, visits.get(letter, 0), bar, planned.phrase, intensity))
        visits[letter] = visits.get(letter, 0) + 1
        bar += planned.phrase
    layout.append(Section("end", 0, bar, 1, layout[-1].intensity))
    return tuple(layout)


def along(heights: Sequence[float], place: float) -> float:
    """Return the height at ``place`` (0 to 1) of a line through equally spaced heights."""
    at = place * (len(heights) - 1)
    left = min(int(at), len(heights) - 2)
    return heights[left] + (heights[left + 1] - heights[left]) * (at - left)


def _letters(form: str, phrases: int) -> str:
    """Return the themes of this many phrases, one letter each; the first and the last are theme A."""
    short = {1: "A", 2: "AA", 3: "ABA"}
    if phrases in short:
        return short[phrases]
    body = (form * (phrases // len(form) + 1))[: phrases - 1]
    return body + "A" if "B" in body else body[:-1] + "BA"


def harmonise(style: Style, key: Key, layout: Sequence[Section], valence: float, rng: Random) -> tuple[ChordSpan, ...]:
    """Return the chords of all sections; a theme keeps its progression, and the bar before the end is a cadence."""
    harmony = style.major if key.mode == "major" else style.minor
    themes = {theme: _choose(getattr(harmony, theme.lower()), valence, rng).split(" | ") for theme in "ABC"}
    cadence = _choose(harmony.cadence, valence, rng)
    spans: list[ChordSpan] = []
    for section, following in zip(layout, [*layout[1:], None], strict=True):
        bars = _bars(harmony, themes, cadence, section, following)
        for index, bar in enumerate(bars):
            numerals = bar.split()
            length = _split(style.beats, len(numerals))
            start = float((section.bar + index) * style.beats)
            for numeral, beats in zip(numerals, length, strict=True):
                spans.append(ChordSpan(start, beats, chord(numeral, key)))
                start += beats
    return tuple(spans)


def _bars(
    harmony: Harmony, themes: dict[str, list[str]], cadence: str, section: Section, following: Section | None
) -> list[str]:
    """Return a section's chords bar by bar; every second theme A answers the one before and closes on the tonic."""
    if following is None:
        return [harmony.final[0]]
    theme = [bar.split() for bar in themes["A" if section.theme == "intro" else section.theme]]
    first, second, before, last = theme[0][0], theme[1][0], theme[2][-1], theme[3][-1]
    opening = first if first == second or section.theme == "A" else f"{first} {second}"
    turn = last if before == last else f"{before} {last}"
    approach = f"{first} {cadence.rsplit(maxsplit=1)[-1]}"
    ends = following.theme == "end"
    if section.bars == 1:
        return [approach if ends else first if section.theme in {"A", "intro"} else turn]
    bars = {2: [opening, turn], 3: [first, " ".join(theme[1]), turn]}.get(
        section.bars, [" ".join(bar) for bar in theme]
    )
    if ends:
        bars[-1] = cadence
    elif section.theme == "A" and section.visit % 2 == 1:
        bars[-2:] = [cadence if section.bars > 2 else approach, harmony.final[0]]
    return bars


def _split(beats: int, chords: int) -> tuple[float, ...]:
    if chords == 1:
        return (float(beats),)
    return (2.0, float(beats - 2))


def _choose(choices: Sequence[str], valence: float, rng: Random) -> str:
    """Choose from an order of dark to bright, near the place that corresponds to the valence."""
    place = (valence + 1) / 2 * (len(choices) - 1) + rng.gauss(0, 0.6)
    return choices[max(0, min(len(choices) - 1, round(place)))]
