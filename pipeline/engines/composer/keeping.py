"""Another version of a piece that keeps everything but one part or one section.

The plan stays: sections, chords, who plays when. A part that changes is written again with other themes, grooves,
patterns or registers over the same chords, while all other parts keep every note. In a section that changes all parts
are written again. Outside the section every note starts as before; only a note that sounds across its border by a beat
or more ends there, and what is held across a border is struck there.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from musicgenerator.briefs import Brief
from musicgenerator.errors import BriefError
from musicgenerator.track_requests import Kept
from pipeline.engines.composer.composing import Draft
from pipeline.engines.composer.leading import Melodies
from pipeline.engines.composer.performing import Performance, perform, touched
from pipeline.engines.composer.score import Control, Note, Part, Piece, Touch
from pipeline.engines.composer.setting import Setting

_HELD_BEATS: Final = 1.0  # a note that sounds across a border for less time is left as it is
_TRIES: Final = 6
_MAX_TRIES: Final = 24  # while nothing differs, as often in a piece of one bar
_OTHER: Final = 0.4  # the share of new notes from which a variation is different enough
_NEW_PLAYER: Final = 100

_Played = tuple[Note, Touch]


@dataclass(frozen=True)
class _State:
    """A piece that is being varied: its setting with the grooves, its melody, and a part for each player."""

    setting: Setting
    melody: Melodies
    parts: tuple[Part, ...]


def performed(
    brief: Brief, seconds: float, seed: int, keep: Sequence[Kept] = ()
) -> tuple[Piece, tuple[Performance, ...]]:
    """Return a piece and how it is played; raise BriefError if it lacks a part or section that ``keep`` excepts."""
    piece = composed(brief, seconds, seed, keep)
    return piece, perform(piece, seed)


def composed(brief: Brief, seconds: float, seed: int, keep: Sequence[Kept] = ()) -> Piece:
    """Return the piece of the first seed of ``keep`` with each exception made from the seed after it.

    All notes have their touches. Raise BriefError if the piece lacks a part or section that ``keep`` excepts.
    """
    seeds = [*(kept.seed for kept in keep), seed]
    draft = Draft(brief, seconds, seeds[0])
    state = _first(draft, seeds[0])
    for kept, following in zip(keep, seeds[1:], strict=True):
        state = _Variation(draft, state, following).made(kept.exception)
    return draft.piece(state.parts)


def _first(draft: Draft, seed: int) -> _State:
    melody = draft.melodies(draft.setting)
    written = [draft.written(draft.setting, player, melody) for player in range(len(draft.casting.roles))]
    return _State(draft.setting, melody, tuple(_touched(draft, written, written, seed)))


def _touched(draft: Draft, parts: Sequence[Part], before: Sequence[Part], seed: int) -> Iterator[Part]:
    """Yield parts with touches; each has the index that it has in the piece with the parts ``before``."""
    index = 0
    for player, (part, earlier) in enumerate(zip(parts, before, strict=True)):
        yield touched(part, draft.setting.brief.genre, index if earlier.notes else _NEW_PLAYER + player, seed)
        index += bool(earlier.notes)


@dataclass(frozen=True)
class _Variation:
    draft: Draft
    state: _State
    seed: int

    def made(self, exception: str) -> _State:
        """Return the state with one part or section made again: the first of some tries that differs enough."""
        best, most = self.state, -1.0
        for attempt in range(_MAX_TRIES):
            varied = self.draft.varied(self.seed, attempt)
            again = self._section if exception.startswith("section ") else self._part
            made, share = again(exception, varied)
            if share > most:
                best, most = made, share
            if share >= _OTHER or (most > 0 and attempt + 1 >= _TRIES):
                break
        return best

    def _part(self, name: str, varied: Setting) -> tuple[_State, float]:
        playing = [player for player, part in enumerate(self.state.parts) if part.notes]
        names = dict(zip(self.draft.piece(self.state.parts).part_names(), playing, strict=True))
        if name not in names:
            raise BriefError("keep", f"must except one of {', '.join(names)} or a section, not {name!r}")
        player = names[name]
        role = self.state.parts[player].role
        setting, melody = self.state.setting, self.state.melody
        if role == "drums":
            setting = replace(setting, drums=varied.drums)
        elif role == "lead":
            melody = replace(melody, first=self.draft.melodies(varied).first)
        elif name == "counter":
            melody = replace(melody, second=self.draft.melodies(varied).second)
        part = self.draft.written(replace(varied, drums=setting.drums), player, melody)
        parts = list(self.state.parts)
        parts[player] = part
        parts[player] = tuple(_touched(self.draft, parts, self.state.parts, self.seed))[player]
        share = _difference(self.state.parts[player : player + 1], parts[player : player + 1], 0.0, inf)
        return _State(setting, melody, tuple(parts)), share

    def _section(self, name: str, varied: Setting) -> tuple[_State, float]:
        number = int(name.removeprefix("section "))
        layout, beats = varied.layout, varied.style.beats
        if number > len(layout):
            raise BriefError("keep", f"must except one of {len(layout)} sections, not {name!r}")
        section = layout[number - 1]
        last = section is layout[-1]
        start, end = float(section.bar * beats), inf if last else float((section.bar + section.bars) * beats)
        melody = self.draft.melodies(varied)
        written = [self.draft.written(varied, player, melody) for player in range(len(self.state.parts))]
        made = _touched(self.draft, written, self.state.parts, self.seed)
        bars = range(section.bar, section.bar + section.bars)
        drums = {bar: groove for bar, groove in self.state.setting.drums.items() if bar not in bars}
        drums |= {bar: groove for bar, groove in varied.drums.items() if bar in bars}
        before = self.state.melody
        melody = Melodies(
            _spliced(before.first, melody.first, start, end), _spliced(before.second, melody.second, start, end)
        )
        parts = tuple(_joined(old, new, start, end) for old, new in zip(self.state.parts, made, strict=True))
        state = _State(replace(self.state.setting, drums=drums), melody, parts)
        return state, _difference(self.state.parts, parts, start, end)


def _difference(before: Iterable[Part], after: Iterable[Part], start: float, end: float) -> float:
    """Return the share, of the notes in these beats that either has, that only one has."""

    def notes(parts: Iterable[Part]) -> set[tuple[str, str, float, int]]:
        return {
            (part.role, part.instrument, note.start, note.pitch)
            for part in parts
            for note in part.notes
            if start <= note.start < end
        }

    one, other = notes(before), notes(after)
    return len(one ^ other) / max(1, len(one | other))


def _spliced(old: Sequence[Note], new: Sequence[Note], start: float, end: float) -> tuple[Note, ...]:
    outside = [note for note in old if not start <= note.start < end]
    return tuple(sorted((*outside, *(note for note in new if start <= note.start < end)), key=lambda note: note.start))


def _joined(old: Part, new: Part, start: float, end: float) -> Part:
    """Return a part that is ``new`` from beat ``start`` to beat ``end``, and ``old`` elsewhere."""
    played: list[_Played] = []
    for note, touch in zip(old.notes, old.touches, strict=True):
        if start <= note.start < end:
            continue
        crosses = note.start < start and note.end >= start + _HELD_BEATS
        played.append((replace(note, length=start - note.start) if crosses else note, touch))
    played += _held(old, end)
    for note, touch in zip(new.notes, new.touches, strict=True):
        if start <= note.start < end:
            crosses = note.end >= end + _HELD_BEATS
            played.append((replace(note, length=end - note.start) if crosses else note, touch))
    played += [(replace(note, length=min(note.end, end) - start), touch) for note, touch in _held(new, start)]
    played.sort(key=lambda each: (each[0].start, each[0].pitch))
    controls = [each for each in old.controls if not start <= each.start < end]
    controls += [each for each in new.controls if start <= each.start < end]
    controls += _resumed(new, start)
    controls += _resumed(old, end) if end < inf else []
    return replace(
        old,
        notes=tuple(note for note, _ in played),
        touches=tuple(touch for _, touch in played),
        controls=tuple(sorted(controls, key=lambda each: (each.start, each.number))),
    )


def _held(part: Part, border: float) -> list[_Played]:
    """Return what is left at a border of the notes that are held across it."""
    return [
        (replace(note, start=border, length=note.end - border), touch)
        for note, touch in zip(part.notes, part.touches, strict=True)
        if note.start < border and note.end >= border + _HELD_BEATS
    ]


def _resumed(part: Part, border: float) -> list[Control]:
    """Return the values at a border of the controllers that do not move there."""
    values = {each.number: each for each in part.controls if each.start <= border}
    return [replace(each, start=border) for each in values.values() if each.start < border]
