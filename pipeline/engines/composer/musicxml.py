"""The score as MusicXML 4.0, by music21: parts at sounding pitch, chord symbols, keys, tempo and sections.

music21 only writes what ``notation`` has decided. It would name parts and instruments by random numbers and write the
day of the export; here every score of a piece has the same bytes.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr
from fractions import Fraction
from io import StringIO
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement

from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.melody import span_at
from pipeline.engines.composer.mixes import MIXES
from pipeline.engines.composer.notation import TICKS, Symbol, bars
from pipeline.engines.composer.score import Part, Piece
from pipeline.engines.composer.theory import Chord, Key

with redirect_stderr(StringIO()):  # it misses a package that draws
    from music21 import (
        articulations,
        bar,
        beam,
        chord,
        clef,
        duration,
        expressions,
        harmony,
        instrument,
        key,
        metadata,
        meter,
        note,
        percussion,
        pitch,
        stream,
        tempo,
        tie,
    )
    from music21.musicxml.m21ToXml import ScoreExporter

_SOFTWARE: Final = "musicgenerator"
# The characters that an XML document cannot have, not even escaped.
_NOT_XML: Final = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SIGNS: Final = {-2: "--", -1: "-", 0: "", 1: "#", 2: "##"}
_KINDS: Final = {
    "": "major", "m": "minor", "7": "dominant", "m7": "minor-seventh", "maj7": "major-seventh",
    "m(maj7)": "major-minor", "9": "dominant-ninth", "m9": "minor-ninth", "maj9": "major-ninth", "6": "major-sixth",
    "m6": "minor-sixth", "sus2": "suspended-second", "sus4": "suspended-fourth", "dim": "diminished",
    "m7b5": "half-diminished", "5": "power", "7sus4": "suspended-fourth",
    "m(maj9)": "major-minor",
}  # fmt: skip
_TIES: Final = {(True, True): "continue", (True, False): "stop", (False, True): "start"}
_EVEN: Final = 0.5  # the place of a beat's second half without swing
_Altered = dict[tuple[str, int], int]
"""What alters each letter and octave in a bar."""
_TREBLE_FROM: Final = 57  # the mean pitch of a part
_DEEP_BELOW: Final = 43
# Where a drum stands on its staff, the round heads and the crosses, and its name.
_DRUMS: Final[Mapping[int, tuple[str, str, str]]] = {
    35: ("F4", "", "Bass drum 2"), 36: ("F4", "", "Bass drum"), 37: ("C5", "x", "Side stick"),
    38: ("C5", "", "Snare"), 39: ("C5", "x", "Clap"), 42: ("G5", "x", "Closed hi-hat"),
    44: ("D4", "x", "Pedal hi-hat"), 45: ("A4", "", "Low tom"), 46: ("G5", "circle-x", "Open hi-hat"),
    48: ("E5", "", "High tom"), 49: ("A5", "x", "Crash"), 51: ("F5", "x", "Ride"),
    54: ("B4", "x", "Tambourine"), 70: ("B5", "x", "Shaker"), 81: ("B5", "triangle", "Triangle"),
}  # fmt: skip
_STAFF: Final = ("D4", "F4", "A4", "C5", "E5", "G5")  # other drums, from the lowest to the highest


def write(piece: Piece, title: str, said: str = "") -> bytes:
    """Return the score of a piece as a MusicXML document, whose identification says ``said``."""
    score = stream.Score()
    score.metadata = metadata.Metadata(title=_NOT_XML.sub("", title), composer=_SOFTWARE)
    staves = [
        _Staff(piece, part, name, number)
        for number, (name, part) in enumerate(zip(piece.part_names(), piece.parts, strict=True), 1)
    ]
    for staff in staves:
        score.insert(0, staff.written())
    exporter = ScoreExporter(score, makeNotation=False)
    root = exporter.parse()
    for encoding in root.iter("encoding"):
        for date in encoding.findall("encoding-date"):
            encoding.remove(date)
    _identify(root, said)
    for staff in staves:
        if staff.kit:
            _tell_drums(root, staff)
    data: bytes = exporter.asBytes()
    return data


def _identify(root: Element, said: str) -> None:
    """Name this program beside music21, and say how the music was made."""
    identification = root.find("identification")
    encoding = root.find("identification/encoding")
    if identification is None or encoding is None:
        return
    software = Element("software")
    software.text = _SOFTWARE
    encoding.insert(0, software)
    if said:
        miscellaneous = SubElement(identification, "miscellaneous")
        SubElement(miscellaneous, "miscellaneous-field", name="AI-generated").text = said


def _tell_drums(root: Element, staff: "_Staff") -> None:
    """Name each drum of a part as an instrument of its own, which music21 does only for drums of different classes."""
    described = root.find(f".//score-part[@id='{staff.id}']")
    notes = root.findall(f"./part[@id='{staff.id}']/measure/note")
    if described is None:
        return
    channel = described.findtext("midi-instrument/midi-channel")
    program = described.findtext("midi-instrument/midi-program")
    for each in (*described.findall("score-instrument"), *described.findall("midi-instrument")):
        described.remove(each)
    for drum, (_, _, name) in staff.kit.items():
        SubElement(SubElement(described, "score-instrument", id=f"{staff.id}-I{drum}"), "instrument-name").text = name
    for drum in staff.kit:
        sounding = SubElement(described, "midi-instrument", id=f"{staff.id}-I{drum}")
        for tag, text in (("midi-channel", channel), ("midi-program", program), ("midi-unpitched", str(drum + 1))):
            SubElement(sounding, tag).text = text
    for each in notes:
        mark = each.attrib.pop("id", "")
        if mark:
            place = next(at for at, child in enumerate(each) if child.tag in {"voice", "type"})
            each.insert(place, Element("instrument", id=f"{staff.id}-I{mark.rpartition('-')[2]}"))


class _Staff:
    """A part on its staff; the first one also has the tempo, the sections and the chords.

    ``kit`` holds, for each drum's MIDI key, its place on the staff, its note head and its name.
    """

    def __init__(self, piece: Piece, part: Part, name: str, number: int) -> None:
        self._piece, self._part, self._name, self._number = piece, part, name, number
        self.id = f"P{number}"
        self._names: dict[int, tuple[str, int]] = {}
        pitches = sorted({note.pitch for note in part.notes}) if part.role == "drums" else []
        self.kit = {each: self._drum(each, index / max(1, len(pitches) - 1)) for index, each in enumerate(pitches)}

    def written(self) -> stream.Part:
        """Return the part with all its bars."""
        piece = self._piece
        staff = stream.Part()
        named = "" if self._name == self._part.instrument else f" ({self._name})"
        staff.partName = self._part.instrument.capitalize() + named
        staff.insert(0, self._instrument())
        keys = {section.bar: section.key for section in piece.sections}
        home = None
        for index, symbols in enumerate(bars(self._part, piece)):
            measure = stream.Measure(number=index + 1)
            if index == 0:
                measure.insert(0, self._clef())
                measure.insert(0, meter.TimeSignature(f"{piece.beats}/4"))
            here = keys.get(index, home) or piece.key
            if here != home and not self.kit:
                measure.insert(0, _signature(here))
            home = here
            if self._number == 1:
                for offset, sign in _signs(piece, index):
                    measure.insert(offset, sign)
            for offset, each in self._notes(symbols, index * piece.beats * TICKS, home):
                measure.insert(offset, each)
            if index == piece.sections[-1].bar:
                measure.rightBarline = bar.Barline("final")
            staff.insert(index * piece.beats, measure)
        return staff

    def _notes(self, symbols: tuple[Symbol, ...], start: int, home: Key) -> Iterator[tuple[Fraction, Any]]:
        """Yield the notes, chords and rests of a bar with their offsets in beats."""
        altered: _Altered = {}
        for symbol in symbols:
            over = span_at(self._piece.chords, symbol.start / TICKS).chord
            offset = Fraction(symbol.start - start, TICKS)
            if not symbol.heads:
                rest = note.Rest()
                rest.duration = _duration(symbol)
                rest.fullMeasure = len(symbols) == 1
                yield offset, rest
                continue
            for grace in symbol.graces:
                yield offset, self._note(grace, over, home, altered).getGrace()
            yield offset, self._sound(symbol, over, home, altered)

    def _sound(self, symbol: Symbol, over: Chord, home: Key, altered: _Altered) -> Any:
        heads = []
        for head in symbol.heads:
            each = self._note(head.pitch, over, home, altered, again=head.tied_before)
            if self.kit:
                each.id = f"n{symbol.start}-{head.pitch}"
            if head.tied_before or head.tied_after:
                each.tie = tie.Tie(_TIES[head.tied_before, head.tied_after])
            heads.append(each)
        sound = heads[0]
        if len(heads) > 1:
            sound = percussion.PercussionChord(heads) if self.kit else chord.Chord(heads)
        sound.duration = _duration(symbol)
        if symbol.beams:
            sound.beams = _beams(symbol.beams)
        if symbol.staccato:
            sound.articulations.append(articulations.Staccato())
        if symbol.fermata:
            sound.expressions.append(expressions.Fermata())
        return sound

    def _note(self, midi: int, over: Chord, home: Key, altered: _Altered, *, again: bool = False) -> Any:
        """Return a note's head; its accidental is shown unless the key or the bar has it, or the note goes on."""
        if self.kit:
            place, head, _ = self.kit[midi]
            drum = note.Unpitched(displayName=place)
            if head:
                drum.notehead = head
            return drum
        if not again:  # a note that goes on keeps its name under another chord
            self._names[midi] = over.written(midi, home)
        letter, alteration = self._names[midi]
        octave = (midi - alteration) // 12 - 1
        usual = altered.get((letter, octave), _signed(home).get(letter, 0))
        sign = pitch.Accidental(alteration)
        sign.displayStatus = alteration != usual and not again
        if not again:
            altered[letter, octave] = alteration
        tone = pitch.Pitch(step=letter, octave=octave)
        if alteration or sign.displayStatus:
            tone.accidental = sign
        return note.Note(pitch=tone)

    def _instrument(self) -> instrument.Instrument:
        bank, program = MIXES[self._piece.genre].program(self._part.instrument)
        player = instrument.Instrument(self._part.instrument)
        player.partId = self.id
        player.instrumentId = f"{self.id}-I1"
        player.midiProgram = program
        # The tenth channel is that of drums.
        player.midiChannel = 9 if bank else (self._number - 1 if self._number < 10 else self._number) % 16
        return player

    def _clef(self) -> clef.Clef:
        if self.kit:
            return clef.PercussionClef()
        mean = sum(each.pitch for each in self._part.notes) / len(self._part.notes)
        kinds = ((_TREBLE_FROM, clef.TrebleClef), (_DEEP_BELOW, clef.BassClef), (0, clef.Bass8vbClef))
        return next(kind for low, kind in kinds if mean >= low)()

    def _drum(self, key: int, height: float) -> tuple[str, str, str]:
        if INSTRUMENTS[self._part.instrument].bank:
            return _DRUMS.get(key, ("C5", "", f"Drum {key}"))
        return _STAFF[round(height * (len(_STAFF) - 1))], "", f"{self._part.instrument} {key}".capitalize()


def _signs(piece: Piece, index: int) -> Iterator[tuple[Fraction, Any]]:
    """Yield the tempo, the sections and the chords of a bar with their offsets in beats."""
    start = index * piece.beats
    if index == 0:
        yield Fraction(0), tempo.MetronomeMark(number=round(piece.tempo, 1), referent=duration.Duration(1.0))
        if piece.swing > _EVEN:
            yield Fraction(0), expressions.TextExpression("swing")
    for section in piece.sections:
        if section.bar == index:
            yield Fraction(0), expressions.RehearsalMark(section.name)
    if index == piece.sections[-1].bar - 1 and piece.ritardando:
        yield Fraction(0), expressions.TextExpression("rit.")
    for span in piece.chords:
        if start <= span.start < start + piece.beats:
            yield Fraction(span.start - start), _symbol(span.chord)


def _symbol(each: Chord) -> harmony.ChordSymbol:
    root, _, bass = each.name.partition("/")
    size = 1 + len(root[1:]) - len(root[1:].lstrip("#b"))
    quality = root[size:]
    names = {"root": root[:size], "bass": bass} if bass else {"root": root[:size]}
    names = {name: text[0] + text[1:].replace("b", "-") for name, text in names.items()}
    kind, added = quality.removesuffix("add9"), quality.endswith("add9")
    symbol = harmony.ChordSymbol(**names, kind=_KINDS[kind], kindStr=kind)
    if added:
        symbol.addChordStepModification(harmony.ChordStepModification("add", 9), updatePitches=False)
    return symbol


def _signature(home: Key) -> key.KeySignature:
    letter, alteration = home.written(home.tonic)
    return key.Key(letter + _SIGNS[alteration], home.mode)


def _signed(home: Key) -> dict[str, int]:
    """Return the letters that a key signature alters."""
    order = "FCGDAEB" if home.fifths > 0 else "BEADGCF"
    return dict.fromkeys(order[: abs(home.fifths)], 1 if home.fifths > 0 else -1)


def _duration(symbol: Symbol) -> duration.Duration:
    length = duration.Duration(Fraction(symbol.length, TICKS))
    if symbol.tuplet:
        for each in length.tuplets:
            each.type = symbol.tuplet
    return length


def _beams(states: tuple[str, ...]) -> beam.Beams:
    """Return the beams; a hook is a short beam that points to the left or to the right."""
    hooks = {"forward hook": ("partial", "right"), "backward hook": ("partial", "left")}
    beams = beam.Beams()
    for state in states:
        beams.append(*hooks.get(state, (state,)))
    return beams
