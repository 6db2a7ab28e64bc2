"""Turn a brief into a piece: plan the form, choose the chords, invent the themes, write the parts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import pi, sin
from random import Random
from typing import Final

from musicgenerator.briefs import Brief
from pipeline.engines.composer import accompaniment, form, melody, themes
from pipeline.engines.composer.genres import style_for
from pipeline.engines.composer.instruments import INSTRUMENTS, Casting, cast
from pipeline.engines.composer.moods import bend
from pipeline.engines.composer.patterns import nearest
from pipeline.engines.composer.score import ChordSpan, Note, Part, Piece, Section
from pipeline.engines.composer.styles import Style
from pipeline.engines.composer.theory import Key, voicing

# The lowest intensity of a section in which this role plays.
_THRESHOLDS: Final = {"pad": 0.2, "bass": 0.18, "drums": 0.3, "arpeggio": 0.35, "counter": 0.42}
_CHORD_RANGE: Final = (50, 69)
_ANSWER_SECONDS: Final = 2.8  # the time that a second, soft stroke of the final chord needs to ring
_BUSY: Final = 0.5
_LEAD_MIDDLE: Final = 70  # B flat 4
_BUILD_SWELL: Final = 22
_PHRASE_SWELL: Final = 7  # velocity: a phrase is loudest shortly after its middle
_BASS_LOW: Final = 31  # G1: small speakers play nothing lower


@dataclass(frozen=True)
class _Setting:
    """The plan of a piece, from which its parts are written."""

    style: Style
    key: Key
    layout: tuple[Section, ...]
    chords: tuple[ChordSpan, ...]
    themes: dict[str, themes.Theme]
    brief: Brief
    ring: float  # beats for which the final chord rings
    tempo: float
    density: float
    register: int
    name: str

    def rng(self, *purpose: object) -> Random:
        """Return a random generator for one purpose, so that a change to one part leaves the others as they are."""
        return seeded(self.name, *purpose)

    def of(self, section: Section) -> tuple[ChordSpan, ...]:
        """Return the chords of a section."""
        first, last = section.bar * self.style.beats, (section.bar + section.bars) * self.style.beats
        return tuple(span for span in self.chords if first <= span.start < last)

    def bar_seconds(self) -> float:
        """Return how long a bar lasts."""
        return self.style.beats * 60 / self.tempo


def seeded(*names: object) -> Random:
    """Return a random generator that depends only on the names and is the same in every process."""
    return Random("/".join(map(str, names)))


def compose(brief: Brief, seconds: float, seed: int) -> Piece:
    """Return a piece for the brief that fills ``seconds``; the same arguments give the same piece."""
    style = style_for(brief)
    key = Key(brief.key)
    planned = form.plan(seconds, brief.tempo_bpm, style.beats, style.ritardando)
    name = f"{seed}/{brief.genre}/{brief.key}/{brief.tempo_bpm}/{','.join(brief.moods)}/{','.join(brief.instruments)}"
    bent = bend(brief.moods)
    layout = form.sections(style, planned, brief.energy)
    bar_seconds = style.beats * 60 / planned.tempo
    density = bent.density
    wished = (1.2 + 2.6 * brief.energy) * density * style.melody_density * bar_seconds
    setting = _Setting(
        style=style,
        key=key,
        layout=layout,
        chords=form.harmonise(style, key, layout, brief.valence, seeded(name, "harmony")),
        themes=dict(themes.invent(style, planned.phrase, wished, seeded(name, "themes"))),
        brief=brief,
        ring=(seconds - planned.lands) * planned.tempo / 60 / (1 + style.ritardando),
        tempo=planned.tempo,
        density=density,
        register=bent.register + round(4 * brief.valence),
        name=name,
    )
    casting = cast(brief.instruments, style.defaults)
    return Piece(
        genre=brief.genre,
        key=key,
        tempo=planned.tempo,
        ritardando=style.ritardando,
        beats=style.beats,
        swing=style.swing,
        swing_unit=style.swing_unit,
        seconds=seconds,
        sections=layout,
        chords=setting.chords,
        parts=_parts(setting, casting),
    )


def _parts(setting: _Setting, casting: Casting) -> tuple[Part, ...]:
    leads = [instrument for role, instrument in casting.roles if role in {"lead", "counter"}]
    melodies = _lead(setting, leads)
    lead_notes = sorted((note for notes in melodies.values() for note in notes), key=lambda note: note.start)
    parts: list[Part] = []
    counts: dict[str, int] = {}
    for role, instrument in casting.roles:
        nth = counts.get(role, 0)
        counts[role] = nth + 1
        match role:
            case "lead":
                notes = melodies.get(instrument, [])
            case "counter":
                notes = melodies.get(instrument, []) + _counter(setting, instrument, lead_notes, nth, melodies)
            case "chords" | "arpeggio":
                notes = _chords(setting, role, instrument, nth)
            case "pad":
                notes = _pad(setting, instrument, nth)
            case "bass":
                notes = _bass(setting, instrument, nth)
            case _:
                notes = _drums(setting, instrument, nth)
        notes += _ending(setting, role, instrument, notes)
        parts.append(Part(role, instrument, _dynamic(setting, notes)))
    return tuple(part for part in parts if part.notes)


def _playing(setting: _Setting, role: str) -> list[Section]:
    """Return the sections in which a role plays: those intense enough for it, or else the most intense ones."""
    body = setting.layout[:-1]
    threshold = _THRESHOLDS.get(role, 0.0)
    chosen = [section for section in body if section.intensity >= threshold]
    peak = max(section.intensity for section in body)
    return chosen or [section for section in body if section.intensity == peak]


def _lead(setting: _Setting, leads: Sequence[str]) -> dict[str, list[Note]]:
    """Return the melody of each melodic instrument: the first plays theme A, the next B, the next C, then in turn."""
    melodies: dict[str, list[Note]] = {instrument: [] for instrument in leads}
    order = {"A": 0, "B": 1, "C": 2}
    body = setting.layout[:-1]
    climax = max((s for s in body if s.theme == "A"), key=lambda s: (s.intensity, s.bar), default=None)
    singer = melody.Singer(setting.style, setting.key, setting.chords, setting.rng("taste"))
    for section in setting.layout[:-1]:
        if section.theme == "intro":
            continue
        instrument = leads[order[section.theme] % len(leads)]
        preset = INSTRUMENTS[instrument]
        middle = max(preset.low + 11, min(preset.high - 14, _LEAD_MIDDLE))
        centre = max(preset.low + 5, min(preset.high - 6, middle + setting.register))
        # The most intense return of theme A is an octave higher, if the instrument reaches it.
        if section is climax and section.visit > 1 and centre + 12 <= preset.high - 5:
            centre += 12
        theme = setting.themes[section.theme][: section.bars]
        rng = setting.rng("sing", section.theme, section.visit)
        melodies[instrument] += singer.sing(
            theme, section, centre, instrument, rng, setting.rng("graces", section.theme)
        )
    return melodies


def _counter(
    setting: _Setting, instrument: str, lead: Sequence[Note], nth: int, melodies: dict[str, list[Note]]
) -> list[Note]:
    notes: list[Note] = []
    own = melodies.get(instrument, [])
    for section in _playing(setting, "counter"):
        spans = setting.of(section)
        if section.theme == "intro" or any(spans[0].start <= note.start < spans[-1].end for note in own):
            continue
        notes += melody.counter(spans, lead, instrument, 62 - 5 * nth + setting.register // 2, setting.style.beats)
    return notes


def _chords(setting: _Setting, role: str, instrument: str, nth: int) -> list[Note]:
    style = setting.style
    preset = INSTRUMENTS[instrument]
    powerful = instrument == "distortion guitar"
    patterns = style.chords if role == "chords" and nth == 0 else style.arpeggio
    shift = setting.register // 3 + (5 if role == "arpeggio" else 0)
    low = max(preset.low, (40 if powerful else _CHORD_RANGE[0]) + shift)
    high = min(preset.high, max(_CHORD_RANGE[1] + shift, low + 17))
    notes: list[Note] = []
    for section in _playing(setting, role):
        wished = (0.8 + 4.2 * section.intensity) * setting.density * setting.bar_seconds()
        pattern = nearest(patterns, wished, setting.rng(role, section.theme))
        notes += accompaniment.chordal(
            pattern, section, setting.of(section), style.beats, (low, high), 4, powerful=powerful
        )
    return notes


def _pad(setting: _Setting, instrument: str, nth: int) -> list[Note]:
    preset = INSTRUMENTS[instrument]
    low = max(preset.low, 52 + 5 * nth + setting.register // 3)
    spans = [span for section in _playing(setting, "pad") for span in setting.of(section)]
    return accompaniment.sustained(spans, (low, min(preset.high, low + 17)), 4)


def _bass(setting: _Setting, instrument: str, nth: int) -> list[Note]:
    style = setting.style
    notes: list[Note] = []
    low = max(INSTRUMENTS[instrument].low, _BASS_LOW) + 12 * nth
    for section in _playing(setting, "bass"):
        wished = (0.4 + 2.6 * section.intensity) * setting.bar_seconds()
        pattern = nearest(style.bass, wished, setting.rng("bass", section.theme))
        following = melody.span_at(setting.chords, float((section.bar + section.bars) * style.beats)).chord
        rng = setting.rng("bass", section.name)
        spans = setting.of(section)
        if style.pedal:
            spans = tuple(replace(span, chord=setting.chords[-1].chord) for span in spans)
        notes += accompaniment.bass_line(pattern, section, spans, style.beats, low, rng, following)
    return notes


def _drums(setting: _Setting, instrument: str, nth: int) -> list[Note]:
    style = setting.style
    notes: list[Note] = []
    count = len(style.drums)
    playing = _playing(setting, "drums")
    peak = max(section.intensity for section in playing)
    for section in playing:
        after = setting.layout[setting.layout.index(section) + 1]
        level = min(count - 1, int(section.intensity * count))
        groove = style.drums[max(0, level - nth)]
        busy = section.intensity > _BUSY
        new = section.visit == 0 or section.intensity == peak
        crash = busy and new and section.theme != "intro" and count > 2 and nth == 0
        turns = after.theme != section.theme and (busy or after.intensity > _BUSY)
        fill = setting.rng("fill", section.name).choice(style.fills) if style.fills and turns else None
        if style.build and section.theme == "C" and setting.brief.energy > 0.3:
            notes += accompaniment.grooving(
                style.build, section, style.beats, instrument, fill, crash=False, swell=_BUILD_SWELL
            )
        else:
            notes += accompaniment.grooving(groove, section, style.beats, instrument, fill, crash=crash)
    return notes


def _ending(setting: _Setting, role: str, instrument: str, notes: Sequence[Note]) -> list[Note]:
    """Return the end of a part: the final tonic chord, held, and struck once more if it rings long enough."""
    if not notes:
        return []
    span = setting.of(setting.layout[-1])[0]
    beat = span.start
    ring = setting.ring
    answer = int(ring - _ANSWER_SECONDS * setting.tempo / 60)
    match role:
        case "drums":
            return _last_stroke(setting, instrument, beat, ring)
        case "lead" | "counter":
            tones = (span.chord.root,) if role == "lead" else span.chord.singable
            return [Note(beat, ring, _nearest_pitch(tones, notes[-1].pitch, instrument), 88)]
        case "bass":
            pitch = accompaniment.above(span.chord.root, max(INSTRUMENTS[instrument].low, _BASS_LOW))
            again = [Note(beat + answer, ring - answer, pitch, 60)] if answer > 0 else []
            return [Note(beat, answer if answer > 0 else ring, pitch, 90), *again]
        case _:
            return _last_chord(instrument, span, notes, ring, answer)


def _last_stroke(setting: _Setting, instrument: str, beat: float, ring: float) -> list[Note]:
    if instrument == "taiko":
        return [Note(beat, ring, accompaniment.DEEP, 96)]
    busy = setting.layout[-1].intensity > _BUSY and len(setting.style.drums) > 2
    return [Note(beat, 0.5, accompaniment.KICK, 84)] + [Note(beat, ring, accompaniment.CRASH, 70)] * busy


def _last_chord(instrument: str, span: ChordSpan, notes: Sequence[Note], ring: float, answer: int) -> list[Note]:
    preset = INSTRUMENTS[instrument]
    if instrument == "distortion guitar":
        return [Note(span.start, ring, pitch, 84) for pitch in accompaniment.power(span.chord, preset.low)]
    middle = round(sum(note.pitch for note in notes) / len(notes))
    pitches = voicing(span.chord, (), max(preset.low, middle - 10), min(preset.high, middle + 9), 4)
    again = [
        Note(span.start + answer + 0.25 * index, ring - answer, pitch, 52)
        for index, pitch in enumerate(pitches)
        if answer > 0 and preset.decays
    ]
    return [Note(span.start, ring, pitch, 78) for pitch in pitches] + again


def _nearest_pitch(tones: Sequence[int], last: int, instrument: str) -> int:
    """Return the pitch within the instrument's range that is nearest to ``last`` and is one of these tones."""
    preset = INSTRUMENTS[instrument]
    return min((p for p in range(preset.low, preset.high + 1) if p % 12 in tones), key=lambda p: (abs(p - last), p))


def _dynamic(setting: _Setting, notes: Sequence[Note]) -> tuple[Note, ...]:
    """Scale velocities by the section's intensity and the brief's energy, and let each phrase swell and fade."""
    shaped: list[Note] = []
    for note in sorted(notes, key=lambda each: (each.start, each.pitch)):
        bar = int(note.start // setting.style.beats)
        section = next((s for s in setting.layout if s.bar <= bar < s.bar + s.bars), setting.layout[-1])
        force = 0.6 + 0.28 * setting.brief.energy + 0.2 * section.intensity
        place = (note.start / setting.style.beats - section.bar) / section.bars
        breath = _PHRASE_SWELL * (sin(pi * min(1.0, place) ** 1.3) - 0.5)
        shaped.append(replace(note, velocity=max(18, min(122, round(note.velocity * force + breath)))))
    return tuple(shaped)
