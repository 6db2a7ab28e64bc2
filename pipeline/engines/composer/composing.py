"""Turn a brief into a piece: plan the form, choose the chords, invent the themes, arrange and write the parts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from musicgenerator.briefs import Brief
from pipeline.engines.composer import accompaniment, bass, drumming, form, harmony, leading, themes
from pipeline.engines.composer.arranging import Block, arrange
from pipeline.engines.composer.ending import last_notes
from pipeline.engines.composer.expression import expressed
from pipeline.engines.composer.genres import style_for
from pipeline.engines.composer.instruments import INSTRUMENTS, Casting, cast
from pipeline.engines.composer.melody import tonic_under
from pipeline.engines.composer.moods import bend
from pipeline.engines.composer.score import Note, Part, Piece, Section
from pipeline.engines.composer.setting import Setting, seeded
from pipeline.engines.composer.styles import Groove, Style
from pipeline.engines.composer.theory import SCALES, Key

_BUSY: Final = 0.5
_BUILD_SWELL: Final = 22


def compose(brief: Brief, seconds: float, seed: int) -> Piece:
    """Return a piece for the brief that fills ``seconds``; the same arguments give the same piece."""
    style = style_for(brief)
    key = Key(brief.key)
    planned = form.plan(seconds, brief.tempo_bpm, style.beats, style.ritardando)
    name = f"{seed}/{brief.genre}/{brief.key}/{brief.tempo_bpm}/{','.join(brief.moods)}/{','.join(brief.instruments)}"
    bent = bend(brief.moods)
    layout = form.sections(style, planned, key, brief.energy, brief.valence)
    casting = cast(brief.instruments, style.defaults)
    roles = [role for role, _ in casting.roles]
    blocks = arrange(style, layout, roles, brief.energy)
    scale = SCALES[f"{key.mode} pentatonic" if style.pentatonic else key.mode]
    register = bent.register + round(7 * brief.valence)
    singer = casting.of("lead") or casting.roles[0][1]
    middle = leading.middle(register, singer)
    steps = round((middle - tonic_under(middle, key)) * len(scale) / 12)
    wished = (1.4 + 2.6 * brief.energy) * bent.density * style.melody_density * style.beats * 60 / planned.tempo
    setting = Setting(
        style=style,
        key=key,
        layout=layout,
        blocks=blocks,
        chords=harmony.harmonise(style, key, layout, brief.valence, seeded(name, "harmony")),
        themes=themes.invent(style, scale, wished, steps, seeded(name, "themes")),
        drums=_grooves(style, blocks, roles, brief, name),
        brief=brief,
        ring=(seconds - planned.lands) * planned.tempo / 60 / (1 + style.ritardando),
        tempo=planned.tempo,
        density=bent.density,
        register=register,
        name=name,
    )
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
        parts=_parts(setting, casting, singer),
    )


def _grooves(style: Style, blocks: Sequence[Block], roles: Sequence[str], brief: Brief, name: str) -> dict[int, Groove]:
    """Return the strokes of each bar in which drums play."""
    drums = roles.index("drums") if "drums" in roles else None
    count = len(style.drums)
    grooves: dict[int, Groove] = {}
    for index, block in enumerate(blocks):
        if drums not in block.players or not count:
            continue
        following = blocks[index + 1] if index + 1 < len(blocks) else None
        drive = (0.35 + 0.65 * brief.energy) * (0.4 + 0.6 * block.level)
        groove = style.drums[min(count - 1, int(drive * count))]
        groove = drumming.coloured(groove, style.beats, brief.energy, brief.valence)
        fills = style.fills
        fill = seeded(name, "fill", block.bar).choice(fills) if fills else None
        if fill and brief.energy < drumming.STILL:
            fill = drumming.softened(fill)
        turns = following is not None and following.section is not block.section and brief.energy > 0.25
        rng = seeded(name, "drums", block.section.name)
        grooves |= drumming.bars(groove, fill, block, style.beats, rng, turns=turns)
    return grooves


def _parts(setting: Setting, casting: Casting, first: str) -> tuple[Part, ...]:
    second = casting.of("counter")
    calls = second in setting.brief.instruments and second != first
    melody = leading.melodies(setting, first, second if calls else None)
    parts: list[Part] = []
    counts: dict[str, int] = {}
    for player, (role, instrument) in enumerate(casting.roles):
        nth = counts.get(role, 0)
        counts[role] = nth + 1
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
        parts.append(expressed(setting, role, instrument, notes))
    return tuple(part for part in parts if part.notes)


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
