"""Write a part as a musician reads it: bars of notes, chords and rests, with ties, triplets, beams and accidentals.

Time is counted in twelfths of a beat, from the first downbeat: the composer's notes start on quarters and thirds.
A part is one voice. What the players shorten is written in full, with a dot where it is short.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import ceil, inf
from typing import Final

from pipeline.engines.composer.score import Note, Part, Piece

TICKS: Final = 12
_GRACE_BEATS: Final = 0.13
_FULL: Final = 0.62  # a note that sounds for this share of the time to the next one is written up to it, if near
_DETACHED: Final = 0.4  # the same within a beat
_STACCATO: Final = 0.6  # a note that sounds for less than this share of its written length has a dot
_WITHIN_BEAT: Final = (9, 8, 6, 4, 3, 2, 1)
_BEAMS: Final = {9: 1, 6: 1, 4: 1, 3: 2, 2: 2, 1: 3}


@dataclass(frozen=True, order=True)
class Head:
    """A note's head: its MIDI pitch, and whether it is tied to the one before and to the one after."""

    pitch: int
    tied_before: bool = False
    tied_after: bool = False


@dataclass(frozen=True)
class Symbol:
    """A note or chord, or a rest without ``heads``, in ticks; ``graces`` are grace notes before it.

    ``tuplet`` is ``start``, ``stop`` or empty; ``beams`` has a state for each beam, the uppermost first.
    """

    start: int
    length: int
    heads: tuple[Head, ...] = ()
    graces: tuple[int, ...] = ()
    staccato: bool = False
    fermata: bool = False
    tuplet: str = ""
    beams: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """Return the tick at which the next symbol starts."""
        return self.start + self.length

    @property
    def is_triplet(self) -> bool:
        """Whether its length is one of a triplet."""
        return self.length in {8, 4, 2, 1}


@dataclass
class _Group:
    """Notes that start together: for each pitch, the tick at which it ends."""

    ends: dict[int, float] = field(default_factory=dict)
    graces: list[int] = field(default_factory=list)


def bars(part: Part, piece: Piece) -> tuple[tuple[Symbol, ...], ...]:
    """Return the symbols of each bar of a part; the final chord is a bar with a fermata, however long it rings."""
    bar = piece.beats * TICKS
    count = piece.sections[-1].bar + 1
    notes = [note for note in part.notes if note.start < count * piece.beats]
    chords = _held(notes, bar * (count - 1)) if part.role == "pad" else _struck(notes, dots=part.role != "drums")
    written = list(_with_rests(chords, bar, count))
    return tuple(_beamed(written, index * bar, (index + 1) * bar) for index in range(count))


def _ticks(beats: float) -> int:
    return round(beats * TICKS)


def _groups(notes: Sequence[Note]) -> dict[int, _Group]:
    """Return the notes by their ticks; a grace note belongs to the note after it, which takes its place."""
    ordered = sorted(notes, key=lambda note: (note.start, note.pitch))
    groups: dict[int, _Group] = {}
    graces: dict[int, tuple[float, list[int]]] = {}
    for index, note in enumerate(ordered):
        following = next((each for each in ordered[index + 1 :] if each.start > note.start + 0.001), None)
        if note.length < _GRACE_BEATS and following and following.start - note.start < _GRACE_BEATS:
            graces.setdefault(_ticks(following.start), (note.start, []))[1].append(note.pitch)
    for note in ordered:
        start, before = graces.get(_ticks(note.start), (note.start, []))
        if any(note.start == earlier and note.pitch in pitches for earlier, pitches in graces.values()):
            continue
        group = groups.setdefault(_ticks(start), _Group())
        group.graces = before
        group.ends[note.pitch] = max(group.ends.get(note.pitch, 0.0), note.end * TICKS)
    return dict(sorted(groups.items()))


def _struck(notes: Sequence[Note], *, dots: bool) -> list[Symbol]:
    """Write notes one chord after the other; what rings on ends where the next chord starts."""
    groups = _groups(notes)
    starts = list(groups)
    out: list[Symbol] = []
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        group = groups[start]
        sounds = max(group.ends.values()) - start
        room = inf if following is None else following - start
        length = _length(start, sounds, room)
        heads = tuple(Head(pitch) for pitch in sorted(group.ends))
        short = dots and sounds < _STACCATO * length and length <= TICKS
        out.append(Symbol(start, length, heads, tuple(group.graces), staccato=short))
    return out


def _length(start: int, sounds: float, room: float) -> int:
    """Return how long a note is written that sounds for so many ticks and has room until the next one."""
    if room <= sounds + TICKS and sounds >= room * (_DETACHED if room <= TICKS else _FULL):
        return int(room)
    thirds = start % TICKS in {4, 8} or (room < TICKS and (start + room) % TICKS in {4, 8})
    unit = 4 if thirds else 6 if start % 6 == 0 else 3
    return int(min(room, max(unit, ceil(sounds / unit - 0.1) * unit)))


def _held(notes: Sequence[Note], last: int) -> list[Symbol]:
    """Write held chords: at each change a chord of all that sounds, tied where it sounded before."""
    spans = [(_ticks(note.start), max(_ticks(note.start) + 3, _ticks(note.end)), note.pitch) for note in notes]
    spans = [(start, end if start >= last else min(end, last), pitch) for start, end, pitch in spans]
    places = sorted({place for start, end, _ in spans for place in (start, end)})
    out: list[Symbol] = []
    for start, end in pairwise(places):
        heads = {
            pitch: Head(pitch, begins < start, ends > end) for begins, ends, pitch in spans if begins <= start < ends
        }
        if heads:
            out.append(Symbol(start, end - start, tuple(heads[pitch] for pitch in sorted(heads))))
    return out


def _with_rests(chords: Sequence[Symbol], bar: int, count: int) -> Iterator[Symbol]:
    """Yield symbols that fill all bars, each within one bar and with a length that one symbol can have."""
    last = (count - 1) * bar
    at = 0
    for chord in chords:
        start = max(chord.start, at)
        yield from _split(Symbol(at, start - at), bar)
        end = count * bar if start >= last else min(chord.end, count * bar)
        if end > start:
            yield from _split(replace(chord, start=start, length=end - start, fermata=start >= last), bar)
            at = end
    yield from _split(Symbol(at, count * bar - at), bar)


def _split(symbol: Symbol, bar: int) -> Iterator[Symbol]:
    """Yield a symbol as symbols that are tied, so that bars and beats are seen."""
    at = symbol.start
    while at < symbol.end:
        length = _readable(at % bar, min(symbol.end, (at // bar + 1) * bar) - at, bar, is_rest=not symbol.heads)
        first, final = at == symbol.start, at + length == symbol.end
        heads = tuple(
            Head(head.pitch, head.tied_before or not first, head.tied_after or not final) for head in symbol.heads
        )
        graces = symbol.graces if first else ()
        staccato = symbol.staccato and first and final
        yield replace(symbol, start=at, length=length, heads=heads, graces=graces, staccato=staccato)
        at += length


def _readable(place: int, length: int, bar: int, *, is_rest: bool) -> int:
    """Return the longest length, up to ``length``, that one symbol at a place in a bar shows clearly."""
    if place == 0 and length == bar:
        return bar
    beat, within = divmod(place, TICKS)
    if within:
        # An off-beat quarter may cross a beat, but not the middle of a bar of four.
        syncopated = within == TICKS // 2 and length >= TICKS and not is_rest
        if syncopated and not (bar == 4 * TICKS and beat == 1):
            return TICKS
        room = min(length, TICKS - within)
    elif length >= TICKS:
        longest = [3 * TICKS, 2 * TICKS] if beat % 2 == 0 and not is_rest else [2 * TICKS]
        whole = [each for each in longest if each <= length and (beat % 2 == 0 or not is_rest)]
        if whole:
            return whole[0]
        return 18 if length == 18 and not is_rest else TICKS
    else:
        room = length
    return next(each for each in _WITHIN_BEAT if each <= room)


def _beamed(written: Sequence[Symbol], start: int, end: int) -> tuple[Symbol, ...]:
    """Return the symbols of a bar with beams and triplet brackets, beat by beat."""
    first = bisect_right(written, start - 1, key=lambda symbol: symbol.start)
    last = bisect_right(written, end - 1, key=lambda symbol: symbol.start)
    symbols = list(written[first:last])
    for beat in range(start, end, TICKS):
        inside = [index for index, each in enumerate(symbols) if beat <= each.start < beat + TICKS]
        if len(inside) > 1 and all(symbols[index].is_triplet for index in inside):
            symbols[inside[0]] = replace(symbols[inside[0]], tuplet="start")
            symbols[inside[-1]] = replace(symbols[inside[-1]], tuplet="stop")
        run: list[int] = []
        for index in [*inside, None]:
            if index is not None and symbols[index].heads and symbols[index].length in _BEAMS:
                run.append(index)
                continue
            for place, beams in zip(run, _beams([_BEAMS[symbols[each].length] for each in run]), strict=True):
                symbols[place] = replace(symbols[place], beams=beams)
            run = []
    return tuple(symbols)


def _beams(counts: Sequence[int]) -> list[tuple[str, ...]]:
    """Return the states of the beams of a run of notes with so many beams each; a single note has a flag instead."""
    if len(counts) < 2:
        return [()] * len(counts)
    return [tuple(_state(counts, index, level) for level in range(1, count + 1)) for index, count in enumerate(counts)]


def _state(counts: Sequence[int], index: int, level: int) -> str:
    before = index > 0 and counts[index - 1] >= level
    after = index + 1 < len(counts) and counts[index + 1] >= level
    if before and after:
        return "continue"
    if after:
        return "start"
    if before:
        return "stop"
    return "forward hook" if index == 0 else "backward hook"
