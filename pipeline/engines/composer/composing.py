"""Turn a brief into a piece: plan the form, choose the chords, invent the themes, arrange and write the parts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from musicgenerator.briefs import Brief
from pipeline.engines.composer import accompaniment, bass, drumming, form, harmony, leading, themes
from pipeline.engines.composer.arranging import Block, arrange
from pipeline.engines.composer.ending import last_notes
from pipeline.engines.composer.expression import expressed
from pipeline.engines.composer.genres import style_for
from pipeline.engines.composer.instruments import INSTRUMENTS, cast
from pipeline.engines.composer.melody import tonic_under
from pipeline.engines.composer.moods import bend
from pipeline.engines.composer.score import Note, Part, Piece, Section
from pipeline.engines.composer.setting import Setting, seeded
from pipeline.engines.composer.styles import Groove
from pipeline.engines.composer.theory import SCALES, Key

_BUSY: Final = 0.5
_BUILD_SWELL: Final = 22
# How a variation differs: the semitones by which its accompaniment moves, and the spread of its choice of patterns.
_SHIFTS: Final = (-5, -4, -3, 3, 4, 5)
_SPREAD: Final = 4.0


class Draft:
    """The plan of a piece for a brief that fills ``seconds``, and who plays; its parts can be written several times."""

    def __init__(self, brief: Brief, seconds: float, seed: int) -> None:
        style = style_for(brief)
        key = Key(brief.key)
        planned = form.plan(seconds, brief.tempo_bpm, style.beats, style.ritardando)
        bent = bend(brief.moods)
        layout = form.sections(style, planned, key, brief.energy, brief.valence)
        self.seconds = seconds
        self.casting = cast(brief.instruments, style.defaults)
        roles = [role for role, _ in self.casting.roles]
        self.singer = self.casting.of("lead") or self.casting.roles[0][1]
        register = bent.register + round(7 * brief.valence)
        middle = leading.middle(register, self.singer)
        self._scale = SCALES[f"{key.mode} pentatonic" if style.pentatonic else key.mode]
        self._steps = round((middle - tonic_under(middle, key)) * len(self._scale) / 12)
        self._wished = (
            (1.4 + 2.6 * brief.energy) * bent.density * style.melody_density * style.beats * 60 / planned.tempo
        )
        name = _named(brief, seed)
        self.setting = Setting(
            style=style,
            key=key,
            layout=layout,
            blocks=arrange(style, layout, roles, brief.energy),
            chords=harmony.harmonise(style, key, layout, brief.valence, seeded(name, "harmony")),
            themes={},
            drums={},
            brief=brief,
            ring=(seconds - planned.lands) * planned.tempo / 60 / (1 + style.ritardando),
            tempo=planned.tempo,
            density=bent.density,
            register=register,
            name=name,
        )
        self.setting = self._decided(self.setting)

    def varied(self, seed: int, attempt: int) -> Setting:
        """Return the setting with the same sections, chords and players, but other themes, grooves and patterns."""
        rng = seeded(seed, "variation", attempt)
        name = f"{_named(self.setting.brief, seed)}/{attempt}"
        return self._decided(replace(self.setting, name=name, shift=rng.choice(_SHIFTS), spread=_SPREAD))

    def melodies(self, setting: Setting) -> leading.Melodies:
        """Return the melody of a setting."""
        second = self.casting.of("counter")
        calls = second in setting.brief.instruments and second != self.singer
        return leading.melodies(setting, self.singer, second if calls else None)

    def written(self, setting: Setting, player: int, melody: leading.Melodies) -> Part:
        """Return what a player of the casting plays, in a part that may have no notes."""
        role, instrument = self.casting.roles[player]
        nth = [each for each, _ in self.casting.roles[:player]].count(role)
        match role:
            case "lead":
                notes = list(melody.first)
            case "counter":
                notes = leading.counter(setting, player, instrument, nth, melody)
                notes += melody.second if nth == 0 else ()
            case "chords" | "arpeggio":
                notes = accompaniment.chords(setting, player, role, instrument, nth)
            case "pad":
                notes = accompaniment.pad(setting, player, instrument, nth)
            case "bass":
                notes = bass.write(setting, player, instrument, nth)
            case _:
                notes = _drums(setting, player, instrument)
        notes.sort(key=lambda note: note.start)
        notes += last_notes(setting, role, instrument, notes)
        if role != "drums":
            notes = [replace(note, pitch=_within(note.pitch, instrument)) for note in notes]
        return expressed(setting, role, instrument, notes)

    def piece(self, parts: Iterable[Part]) -> Piece:
        """Return the piece with the parts that have notes."""
        setting = self.setting
        return Piece(
            genre=setting.brief.genre,
            key=setting.key,
            tempo=setting.tempo,
            ritardando=setting.style.ritardando,
            beats=setting.style.beats,
            swing=setting.style.swing,
            swing_unit=setting.style.swing_unit,
            seconds=self.seconds,
            sections=setting.layout,
            chords=setting.chords,
            parts=tuple(part for part in parts if part.notes),
        )

    def _decided(self, setting: Setting) -> Setting:
        """Return a setting with the themes and grooves of its name."""
        roles = [role for role, _ in self.casting.roles]
        invented = themes.invent(setting.style, self._scale, self._wished, self._steps, seeded(setting.name, "themes"))
        return replace(setting, themes=invented, drums=_grooves(setting, roles))


def compose(brief: Brief, seconds: float, seed: int) -> Piece:
    """Return a piece for the brief that fills ``seconds``; the same arguments give the same piece."""
    draft = Draft(brief, seconds, seed)
    melody = draft.melodies(draft.setting)
    return draft.piece(draft.written(draft.setting, player, melody) for player in range(len(draft.casting.roles)))


def _named(brief: Brief, seed: int) -> str:
    return f"{seed}/{brief.genre}/{brief.key}/{brief.tempo_bpm}/{','.join(brief.moods)}/{','.join(brief.instruments)}"


def _grooves(setting: Setting, roles: Sequence[str]) -> dict[int, Groove]:
    """Return the strokes of each bar in which drums play."""
    style, blocks, brief, name = setting.style, setting.blocks, setting.brief, setting.name
    drums = roles.index("drums") if "drums" in roles else None
    count = len(style.drums)
    grooves: dict[int, Groove] = {}
    for index, block in enumerate(blocks):
        if drums not in block.players or not count:
            continue
        following = blocks[index + 1] if index + 1 < len(blocks) else None
        drive = (0.35 + 0.65 * brief.energy) * (0.4 + 0.6 * block.level)
        groove = style.drums[_other(min(count - 1, int(drive * count)), count, setting)]
        if setting.shift and count == 1:
            groove = drumming.varied(groove, style.beats, setting.rng("groove"))
        groove = drumming.coloured(groove, style.beats, brief.energy, brief.valence)
        fills = style.fills
        fill = seeded(name, "fill", block.bar).choice(fills) if fills else None
        if fill and brief.energy < drumming.STILL:
            fill = drumming.softened(fill)
        turns = following is not None and following.section is not block.section and brief.energy > 0.25
        rng = seeded(name, "drums", block.section.name)
        grooves |= drumming.bars(groove, fill, block, style.beats, rng, turns=turns)
    return grooves


def _other(usual: int, count: int, setting: Setting) -> int:
    """Return the index of a block's groove: in a variation, one beside the usual one, if there are several."""
    beside = [index for index in (usual - 1, usual + 1) if 0 <= index < count]
    return setting.rng("groove", usual).choice(beside) if setting.shift and beside else usual


def _within(pitch: int, instrument: str) -> int:
    """Return the pitch in the octave next to it that the instrument reaches."""
    preset = INSTRUMENTS[instrument]
    up, down = -(-(preset.low - pitch) // 12), -(-(pitch - preset.high) // 12)
    return pitch + 12 * max(0, up) - 12 * max(0, down)


def _drums(setting: Setting, player: int, instrument: str) -> list[Note]:
    """Write the drums; a cymbal opens each loud section, and in genres that build up, the bridge has a roll."""
    style = setting.style
    notes: list[Note] = []
    for block in setting.playing(player):
        played: Mapping[int, Groove] = {bar: setting.drums[bar] for bar in setting.drums if block.holds(bar)}
        rise = {}
        if style.build and block.section.theme == "C" and setting.brief.energy > 0.3:
            played = dict.fromkeys(range(block.bar, block.bar + block.bars), style.build)
            rise = {bar: round(_BUILD_SWELL * (2 * (bar - block.bar) / block.bars - 1)) for bar in played}
        notes += drumming.strokes(played, style.beats, instrument, rise)
        if _opens(setting, block) and len(style.drums) > 2:
            crash = drumming.crash(float(block.bar * style.beats), instrument)
            if not any((note.start, note.pitch) == (crash.start, crash.pitch) for note in notes):
                notes.append(crash)
    return notes


def _opens(setting: Setting, block: Block) -> bool:
    """Whether a block is the loud start of a section."""
    section: Section = block.section
    return block.bar == section.bar and setting.drive(block) > _BUSY and section.theme not in {"intro", "coda"}
