"""The chords of every section, from the genre's progressions."""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final

from pipeline.engines.composer.score import ChordSpan, Section
from pipeline.engines.composer.styles import Harmony, Style
from pipeline.engines.composer.theory import Key, chord

# How a theme's statements end, in turn: on the dominant (open), on the subdominant (turning), on the tonic after the
# dominant (closed) or after the subdominant (plagal), or on another chord than expected (surprise).
_ENDINGS: Final = {
    "A": ("closed", "surprise", "plagal", "closed"),
    "B": ("plagal", "open", "turning", "surprise"),
    "C": ("open", "turning", "surprise"),
    "D": ("open",),
}
# In places in the order of brightness, what a chord that theme A lacks and what a tone in common are worth.
_NEW_CHORD: Final = 0.4
_SHARED_TONE: Final = 0.5


def harmonise(style: Style, key: Key, layout: Sequence[Section], valence: float, rng: Random) -> tuple[ChordSpan, ...]:
    """Return the chords of all sections.

    A theme keeps its progression, but its statements end in different ways. The bar before the end is a cadence.
    """
    themes: dict[str, list[str]] = {}
    for letter, section in _firsts(layout, key):
        themes[letter] = _progression(style, section.key, letter, valence, rng, themes.get("A", ()))
    cadence = _choose(_harmony(style, key).cadence, valence, rng, _newness(themes["A"]))
    spans: list[ChordSpan] = []
    for section, following in zip(layout, [*layout[1:], None], strict=True):
        bars = _bars(_harmony(style, section.key), themes, cadence, section, following)
        for index, bar in enumerate(bars):
            # The last bar of a theme in another key is the dominant of the home key.
            returns = section.key != key and index == len(bars) - 1
            numerals = ["V" if style.pentatonic else "V7"] if returns else bar.split()
            start = float((section.bar + index) * style.beats)
            for numeral, beats in zip(numerals, _split(style.beats, len(numerals)), strict=True):
                spans.append(ChordSpan(start, beats, chord(numeral, key if returns else section.key)))
                start += beats
    return tuple(spans)


def _firsts(layout: Sequence[Section], key: Key) -> list[tuple[str, Section]]:
    """Return each theme with its first section; a theme that the form lacks has the home key."""
    firsts = {section.theme: section for section in reversed(layout)}
    return [(letter, firsts.get(letter) or Section(letter, 0, 0, 4, 0.5, key)) for letter in "ABCD"]


def _harmony(style: Style, key: Key) -> Harmony:
    return style.major if key.mode == "major" else style.minor


def _progression(style: Style, key: Key, letter: str, valence: float, rng: Random, heard: Sequence[str]) -> list[str]:
    """Return the four bars of a theme; ``heard`` are the bars of theme A, from whose chords the others differ."""
    harmony = _harmony(style, key)
    choices = {"A": harmony.a, "B": harmony.b, "C": harmony.c, "D": harmony.a}[letter]

    def hummed(choice: str) -> float:
        """Return how many tones of the first bar fit the third, which then can repeat its melody."""
        first, _, third, _ = choice.split(" | ")
        return _SHARED_TONE * len(set(_tones(first, key)) & set(_tones(third, key)))

    return _choose(choices, valence, rng, _newness(heard) if heard else hummed).split(" | ")


def _newness(heard: Sequence[str]) -> Callable[[str], float]:
    """Return what makes a progression welcome after the bars ``heard``: its chords that they lack."""
    known = _plain(" ".join(heard))
    return lambda choice: _NEW_CHORD * len(_plain(choice) - known)


def _plain(progression: str) -> set[str]:
    """Return the chords of a progression without their inversions."""
    return {numeral.partition("/")[0] for numeral in progression.replace("|", "").split()}


def _tones(bar: str, key: Key) -> tuple[int, ...]:
    return chord(bar.partition(" ")[0], key).singable


def _bars(
    harmony: Harmony, themes: Mapping[str, list[str]], cadence: str, section: Section, following: Section | None
) -> list[str]:
    """Return a section's chords bar by bar."""
    if following is None:
        return [harmony.final[0]]
    theme = themes.get(section.theme, themes["A"])
    tonic = theme[0].split()[0]
    ends = following.theme == "end"
    if section.theme == "intro":
        return [tonic, *theme[1 : section.bars - 1], *harmony.plagal.split()[: section.bars - 1][:1]]
    if section.theme == "coda":
        return [*[tonic, harmony.plagal, tonic][: section.bars - 1], cadence]
    if section.bars < 4:
        return _short(theme, cadence, section, ends=ends)
    close = [theme[2], cadence] if ends else _close(harmony, theme, cadence, section, following)
    # Eight bars of A turn on the dominant; B and C turn elsewhere, or the ear expects the tonic every four bars.
    half = [*theme[:3], theme[3] if section.theme == "A" else harmony.plagal] if section.bars == 8 else []
    return [*half, *theme[:2], *close]


def _ending(section: Section, following: Section) -> str:
    """Return how a section ends."""
    if following.theme == "coda":
        return "plagal"
    if section.bars == 4 and section.theme == "A" and section.visit == 0 and following.theme == "A":
        return "open"
    endings = _ENDINGS[section.theme]
    return endings[section.visit % len(endings)]


def _close(
    harmony: Harmony, theme: Sequence[str], cadence: str, section: Section, following: Section
) -> tuple[str, str]:
    """Return a section's last two bars.

    A return of eight bars has two bars to close; otherwise only the last bar differs from the phrase before it.
    """
    final = harmony.final[0]
    approach, last = {
        "open": (None, theme[3]),
        "turning": (None, harmony.plagal),
        "closed": (cadence, final),
        "plagal": (harmony.plagal, final),
        "surprise": (cadence, harmony.surprise),
    }[_ending(section, following)]
    if approach is None:
        return theme[2], last
    return (
        (approach, last)
        if section.bars == 8 and section.visit
        else (theme[2], f"{approach.rsplit(maxsplit=1)[-1]} {last}")
    )


def _short(theme: list[str], cadence: str, section: Section, *, ends: bool) -> list[str]:
    """Return the chords of a phrase of one or two bars."""
    first, second, before, last = (theme[0].split()[0], theme[1].split()[0], theme[2].split()[-1], theme[3].split()[-1])
    turn = last if before == last else f"{before} {last}"
    approach = f"{first} {cadence.rsplit(maxsplit=1)[-1]}"
    if section.bars == 1:
        return [approach if ends else first if section.theme == "A" else turn]
    opening = first if first == second or section.theme == "A" else f"{first} {second}"
    if ends:
        return [opening, cadence]
    return [approach, first] if section.theme == "A" and section.visit % 2 == 1 else [opening, turn]


def _split(beats: int, chords: int) -> tuple[float, ...]:
    if chords == 1:
        return (float(beats),)
    return (2.0, float(beats - 2))


def _choose(choices: Sequence[str], valence: float, rng: Random, bonus: Callable[[str], float]) -> str:
    """Choose from an order of dark to bright: near the place of the valence, but ``bonus`` counts in places, too."""
    place = (valence + 1) / 2 * (len(choices) - 1) + rng.gauss(0, 0.6)
    return min(choices, key=lambda choice: abs(choices.index(choice) - place) - bonus(choice))
