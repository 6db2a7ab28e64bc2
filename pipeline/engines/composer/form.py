"""The form: how many bars fill the requested time, and which sections they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.engines.composer.score import LEAD_IN_SECONDS, Section
from pipeline.engines.composer.styles import Style
from pipeline.engines.composer.theory import Key

_SHORTEST_RING: Final = 2.6  # seconds for the final chord
_TEMPO_BEND: Final = 0.015
_WITH_INTRO: Final = 20  # bars: a shorter piece begins with its theme
_INTRO_SHARE: Final = 0.08  # of the piece
_INTRO_SECONDS: Final = 5.5  # the theme starts within ten seconds
_PERIOD_SECONDS: Final = 24.0  # eight bars that last longer are two sections
# How intense a section is in comparison with its place in the form.
_WEIGHTS: Final = {"A": 1.0, "B": 0.9, "C": 0.5, "D": 0.72}


@dataclass(frozen=True)
class Plan:
    """The tempo, the bars before the final chord, the bars of a phrase, and when the final chord starts, in seconds.

    ``period`` is the number of bars of a whole theme: one phrase, or two of which the second answers the first.
    """

    tempo: float
    bars: int
    phrase: int
    period: int
    lands: float


def plan(seconds: float, tempo: float, beats: int, ritardando: float) -> Plan:
    """Choose a number of bars that leaves the final chord time to ring; change the tempo by up to 1.5 % to fit."""
    preferred = min(4.6, 3.0 + seconds / 50)
    room = seconds - LEAD_IN_SECONDS
    bar = beats * 60 / tempo
    choices: list[tuple[float, int, float, float]] = []
    for bars in range(max(1, int(room / bar) - 2), int(room / bar) + 2):
        played = bar * (bars + ritardando / 2)
        bend = max(1 - _TEMPO_BEND, min(1 + _TEMPO_BEND, (room - preferred) / played))
        ring = room - played * bend
        choices.append(
            (abs(ring - preferred) if ring >= _SHORTEST_RING else 1000 - ring, bars, tempo / bend, played * bend)
        )
    _, bars, bent, lands = min(choices)
    phrase = 4 if bars >= 8 else max(1, bars // 2)  # a short piece has its theme twice
    period = 8 if bars >= 20 and 8 * bar <= _PERIOD_SECONDS else phrase
    return Plan(bent, bars, phrase, period, LEAD_IN_SECONDS + lands)


def sections(style: Style, planned: Plan, key: Key, energy: float, valence: float) -> tuple[Section, ...]:
    """Return the sections: intro, themes, coda and end. Bars that are left over become the intro, or the coda.

    Intensity follows the genre's arc, is lowest in the bridge (theme C), and grows with the energy.
    Theme D is in another key.
    """
    phrases, spare = divmod(planned.bars, planned.phrase)
    if spare == 0 and phrases >= 8:
        phrases, spare = phrases - 1, planned.phrase
    longest = max(1, int(min(_INTRO_SECONDS * planned.tempo / 60 / style.beats, _INTRO_SHARE * planned.bars)))
    intro = min(spare, longest) if spare < planned.phrase else min(spare // 2, longest)
    if planned.bars < _WITH_INTRO:
        intro = 0
    themes = _themes(style.form, phrases, planned)
    scale = 0.35 + 0.65 * energy
    layout: list[Section] = []
    visits: dict[str, int] = {}
    bar = intro
    if intro:
        layout.append(Section("intro", 0, 0, intro, 0.4 * scale, key))
    for index, (letter, bars) in enumerate(themes):
        arc = along(style.arc, index / (len(themes) - 1)) if len(themes) > 1 else max(style.arc)
        visit = visits.get(letter, 0)
        home = _away(key, valence) if letter == "D" else key
        layout.append(Section(letter, visit, bar, bars, max(0.15, min(1.0, scale * arc * _WEIGHTS[letter])), home))
        visits[letter] = visit + 1
        bar += bars
    if bar < planned.bars:
        layout.append(Section("coda", 0, bar, planned.bars - bar, 0.6 * layout[-1].intensity, key))
    layout.append(Section("end", 0, planned.bars, 1, layout[-1].intensity, key))
    return tuple(layout)


def along(heights: Sequence[float], place: float) -> float:
    """Return the height at ``place`` (0 to 1) of a line through equally spaced heights."""
    at = place * (len(heights) - 1)
    left = min(int(at), len(heights) - 2)
    return heights[left] + (heights[left + 1] - heights[left]) * (at - left)


def _themes(form: str, phrases: int, planned: Plan) -> list[tuple[str, int]]:
    """Return the themes with their bars. If the phrases are odd, a theme other than A has only one."""
    each = planned.period // planned.phrase
    count, odd = divmod(phrases, each)
    letters = _letters(form, count + odd)
    short = min((letters.index(letter) for letter in "CDB" if letter in letters), default=0) if odd else None
    return [(letter, planned.phrase if at == short else planned.period) for at, letter in enumerate(letters)]


def _letters(form: str, count: int) -> str:
    """Return so many themes, one letter each; the first and the last are theme A."""
    if count <= 3:
        return ("", "A", "AA", "ABA")[count]
    body = (form * (count // len(form) + 1))[: count - 1]
    if body[-1] == "A":
        body = body[:-1] + next(letter for letter in "CBD" if letter not in body[-2:])
    return body + "A"


def _away(key: Key, valence: float) -> Key:
    """Return the key of theme D: a near key, brighter or darker than the home key."""
    if key.mode == "minor":
        return key.moved(3, "major") if valence > -0.3 else key.moved(5, "minor")
    return key.moved(5, "major") if valence > -0.3 else key.moved(9, "minor")
