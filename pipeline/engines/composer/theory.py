"""Keys, scales, chords by Roman numeral, and voice leading. Pitch classes count semitones above C."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

SCALES: Final = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "major pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
}

_SHARPS: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLATS: Final = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_DEGREES: Final = ("I", "II", "III", "IV", "V", "VI", "VII")
_NUMERAL: Final = re.compile(r"([b#]?)([IV]+|[iv]+)([^/]*)(?:/([357]))?")
# Intervals above the root, in semitones: of an upper-case (major) numeral, and of a lower-case (minor) one.
_QUALITIES: Final = {
    "": ((0, 4, 7), (0, 3, 7)),
    "5": ((0, 7), (0, 7)),
    "6": ((0, 4, 7, 9), (0, 3, 7, 9)),
    "7": ((0, 4, 7, 10), (0, 3, 7, 10)),
    "M7": ((0, 4, 7, 11), (0, 3, 7, 11)),
    "9": ((0, 4, 7, 10, 14), (0, 3, 7, 10, 14)),
    "M9": ((0, 4, 7, 11, 14), (0, 3, 7, 11, 14)),
    "add9": ((0, 4, 7, 14), (0, 3, 7, 14)),
    "sus2": ((0, 2, 7), (0, 2, 7)),
    "sus4": ((0, 5, 7), (0, 5, 7)),
    "7sus4": ((0, 5, 7, 10), (0, 5, 7, 10)),
    "o": ((0, 3, 6), (0, 3, 6)),
    "ø7": ((0, 3, 6, 10), (0, 3, 6, 10)),
}
_LETTERS: Final = "FCGDAEB"  # along the line of fifths
_SCALE: Final = "CDEFGAB"
_STEPS: Final = (0, 1, 1, 2, 2, 3, 4, 4, 4, 5, 6, 6)  # of the scale, for a tone so many semitones above the root
_SIGNS: Final = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "##"}
# How musicians write the qualities that their numerals write in another way.
_WRITTEN: Final = {"M7": "maj7", "M9": "maj9", "o": "dim", "ø7": "m7b5"}
_MUDDY: Final = 52
_FOURTH: Final = 5
_INVERSIONS: Final = {None: 0, "3": 1, "5": 2, "7": 3}


@dataclass(frozen=True)
class Key:
    """A tonic and a mode, such as ``F# minor``."""

    name: str

    @cached_property
    def tonic(self) -> int:
        """Return the pitch class of the tonic."""
        letter = self.name.split()[0]
        return (_FLATS if letter in _FLATS else _SHARPS).index(letter)

    @property
    def mode(self) -> str:
        """Return ``major`` or ``minor``."""
        return self.name.split()[1]

    @property
    def fifths(self) -> int:
        """Return the sharps of the key signature; flats are negative."""
        return self._place - (3 if self.mode == "minor" else 0)

    @property
    def _place(self) -> int:
        """Return the tonic's place on the line of fifths, where C has 0."""
        letter = self.name.split()[0]
        return _LETTERS.index(letter[0]) - 1 + 7 * (letter.count("#") - letter[1:].count("b"))

    def written(self, pitch_class: int) -> tuple[str, int]:
        """Return the letter of a pitch class in the key and what alters it: -1 is a flat, 1 a sharp, 2 a double one.

        The place is among the twelve from the minor second to the augmented fourth: the leading tone is a sharp one.
        """
        away = (pitch_class - self.tonic) * 7 % 12
        place = self._place + (away if away <= 6 else away - 12) + 1
        return _LETTERS[place % 7], place // 7

    def moved(self, semitones: int, mode: str) -> "Key":
        """Return the key of a mode whose tonic is so many semitones higher, spelled as in this key.

        The near keys of a key with flats have flats, too: from Db major, Gb major and not F# major.
        """
        return Key(f"{_text(self, self.tonic + semitones)} {mode}")


@dataclass(frozen=True)
class Chord:
    """A chord in a key: ``tones`` are pitch classes, the root first; ``bass`` is the lowest one.

    ``name`` is what musicians write, such as ``F#m7`` or ``Cmaj7/E``; ``symbol`` has the numeral's quality: ``CM7/E``.
    """

    numeral: str
    symbol: str
    tones: tuple[int, ...]
    bass: int
    name: str

    @property
    def root(self) -> int:
        """Return the pitch class of the root."""
        return self.tones[0]

    def written(self, pitch_class: int, key: Key) -> tuple[str, int]:
        """Return the letter of a pitch class over the chord and what alters it; other tones are those of the key."""
        if pitch_class % 12 not in self.tones:
            return key.written(pitch_class)
        above = (pitch_class - self.root) % 12
        root, _ = key.written(self.root)
        letter = _SCALE[(_SCALE.index(root) + _STEPS[above]) % 7]
        natural = SCALES["major"][_SCALE.index(letter)]
        return letter, (pitch_class - natural + 6) % 12 - 6

    @cached_property
    def singable(self) -> tuple[int, ...]:
        """Return the tones that are no semitone away from another tone of the chord: good on a strong beat."""
        close = {a for a in self.tones for b in self.tones if (a - b) % 12 in {1, 11}}
        return tuple(tone for tone in self.tones if tone not in close) or self.tones

    @cached_property
    def rubbing(self) -> frozenset[int]:
        """Return the pitch classes a semitone away from a tone of the chord: only for passing notes."""
        return frozenset((tone + away) % 12 for tone in self.tones for away in (1, 11))


def chord(numeral: str, key: Key) -> Chord:
    """Return the chord of a numeral such as ``ii7``, ``bVII`` or ``V7/3`` (its third in the bass).

    Degrees of a minor key are those of the natural minor scale. Raise ValueError for anything else.
    """
    match = _NUMERAL.fullmatch(numeral)
    if match is None or match[3] not in _QUALITIES:
        msg = f"{numeral!r} is not a chord numeral"
        raise ValueError(msg)
    shift = {"b": -1, "#": 1, "": 0}[match[1]]
    degree = _DEGREES.index(match[2].upper())
    is_minor = match[2].islower()
    intervals = _QUALITIES[match[3]][is_minor]
    root = (key.tonic + SCALES[key.mode][degree] + shift) % 12
    tones = tuple((root + interval) % 12 for interval in intervals)
    quality = match[3] if match[3] in {"5", "sus2", "sus4", "7sus4", "o", "ø7"} else "m" * is_minor + match[3]
    bass = tones[_INVERSIONS[match[4]]]
    written = _WRITTEN.get(match[3], quality)
    if is_minor and match[3] in {"M7", "M9"}:
        written = f"m({written})"
    over = f"/{_text(key, bass)}" if bass != root else ""
    symbol, name = (_text(key, root) + each + over for each in (quality, written))
    return Chord(numeral, symbol, tones, bass, name)


def _text(key: Key, pitch_class: int) -> str:
    letter, alteration = key.written(pitch_class)
    return letter + _SIGNS[alteration]


def scale_for(key: Key, over: Chord, *, pentatonic: bool) -> tuple[int, ...]:
    """Return the scale in semitones above the tonic, altered to contain the chord's tones.

    Over a dominant in minor the seventh is raised; over a borrowed chord the borrowed tone replaces its neighbour.
    A pentatonic scale is not altered.
    """
    scale = list(SCALES[f"{key.mode} pentatonic" if pentatonic else key.mode])
    if pentatonic:
        return tuple(scale)
    for tone in over.tones:
        above = (tone - key.tonic) % 12
        if above not in scale:
            _, _, near = min((abs(degree - above), -degree, i) for i, degree in enumerate(scale) if i)
            scale[near] = above
    return tuple(sorted(scale))


def step_pitch(step: int, scale: Sequence[int], tonic: int) -> int:
    """Return the MIDI pitch of a scale step; step 0 is the tonic between C3 (48) and B3."""
    octave, degree = divmod(step, len(scale))
    return 48 + tonic + 12 * octave + scale[degree]


def voicing(over: Chord, previous: Sequence[int], low: int, high: int, voices: int) -> tuple[int, ...]:
    """Return the pitches of a chord in close position that move least from the previous voicing.

    If the chord has more tones than there are voices, leave out the root, which the bass plays, and then the fifth.
    Avoid intervals narrower than a fourth below E3 (52), which sound muddy, and a fifth on top, which sounds hollow.
    """
    tones = list(over.tones)
    for spare in (over.root, over.tones[-1] if len(over.tones) < 3 else over.tones[2]):
        if len(tones) > voices:
            tones.remove(spare)
    centre = (low + high) / 2

    def cost(pitches: tuple[int, ...]) -> tuple[float, tuple[int, ...]]:
        gaps = list(pairwise(pitches))
        mud = sum(a < _MUDDY and b - a < _FOURTH for a, b in gaps) + sum(b - a == 1 for a, b in gaps)
        moved = sum(min(abs(p - q) for q in previous) for p in pitches) if previous else 0
        outside = max(0, pitches[-1] - high)
        hollow = pitches[-1] % 12 == (over.root + 7) % 12
        away = abs(sum(pitches) / len(pitches) - centre)
        return moved + 6 * mud + 3 * outside + 3 * hollow + 0.4 * away, pitches

    return min(
        (pitches for inversion in range(len(tones)) for pitches in _stacks(tones, inversion, low, high)), key=cost
    )


def _stacks(tones: Sequence[int], inversion: int, low: int, high: int) -> Iterator[tuple[int, ...]]:
    """Yield a chord's close positions in a range for one inversion; a chord of two tones doubles the first."""
    order = [*tones[inversion:], *tones[:inversion]]
    order += order[: max(0, 3 - len(order))]
    for base in range(low, max(low + 12, high - 4)):
        if base % 12 != order[0]:
            continue
        pitches = [base]
        for tone in order[1:]:
            pitches.append(pitches[-1] + ((tone - pitches[-1]) % 12 or 12))
        yield tuple(pitches)
