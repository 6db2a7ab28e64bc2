"""The soundfont's presets with their roles and ranges, and the casting of a brief's instruments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Instrument:
    """A preset of the soundfont.

    ``roles`` are letters, the best role first: L lead, C chords, A arpeggio, P pad, B bass, D drums.
    ``low`` and ``high`` are its comfortable range in MIDI pitches. ``sound`` is ``struck`` if its notes die away
    (it is struck or plucked), else ``held``. ``pan`` is -1 (left) to 1 (right).
    """

    program: int
    roles: str
    low: int
    high: int
    sound: str
    pan: float
    bank: int = 0

    @property
    def decays(self) -> bool:
        """Whether its notes die away by themselves."""
        return self.sound == "struck"


INSTRUMENTS: Final = {
    "piano": Instrument(0, "LCAB", 33, 96, "struck", -0.1),
    "electric piano": Instrument(4, "CLA", 40, 91, "struck", 0.15),
    "celesta": Instrument(8, "LA", 60, 98, "struck", 0.25),
    "vibraphone": Instrument(11, "LCA", 53, 89, "struck", 0.25),
    "church organ": Instrument(19, "PCL", 41, 84, "held", 0.0),
    "nylon guitar": Instrument(24, "CAL", 43, 81, "struck", -0.25),
    "acoustic guitar": Instrument(25, "CAL", 43, 81, "struck", -0.25),
    "electric guitar": Instrument(27, "LCA", 43, 84, "struck", 0.25),
    "distortion guitar": Instrument(30, "CL", 40, 81, "held", -0.25),
    "double bass": Instrument(32, "B", 28, 50, "struck", 0.0),
    "bass guitar": Instrument(33, "B", 28, 50, "struck", 0.0),
    "synth bass": Instrument(38, "B", 28, 50, "held", 0.0),
    "cello": Instrument(42, "LB", 36, 72, "held", 0.2),
    "harp": Instrument(46, "ACL", 40, 91, "struck", -0.3),
    "strings": Instrument(48, "PLC", 48, 88, "held", -0.15),
    "slow strings": Instrument(49, "PL", 48, 86, "held", 0.1),
    "choir": Instrument(52, "PL", 48, 79, "held", 0.0),
    "trumpet": Instrument(56, "L", 58, 82, "held", 0.15),
    "french horn": Instrument(60, "LP", 45, 74, "held", -0.2),
    "brass section": Instrument(61, "LCP", 50, 80, "held", 0.2),
    "saxophone": Instrument(65, "L", 53, 80, "held", 0.1),
    "oboe": Instrument(68, "L", 60, 86, "held", 0.1),
    "clarinet": Instrument(71, "L", 55, 86, "held", -0.1),
    "flute": Instrument(73, "L", 62, 93, "held", 0.1),
    "pan flute": Instrument(75, "L", 62, 89, "held", 0.1),
    "sitar": Instrument(104, "LA", 48, 77, "struck", 0.2),
    "koto": Instrument(107, "LAC", 48, 84, "struck", -0.2),
    "warm pad": Instrument(89, "P", 48, 84, "held", 0.0),
    "sweep pad": Instrument(95, "P", 48, 79, "held", 0.0),
    "fantasia": Instrument(88, "CAP", 48, 86, "struck", 0.0),
    "saw lead": Instrument(81, "LA", 48, 86, "held", 0.0),
    "taiko": Instrument(116, "D", 36, 72, "struck", 0.0),
    "drums": Instrument(0, "D", 35, 81, "struck", 0.0, bank=128),
}


@dataclass(frozen=True)
class Casting:
    """Pairs of role and instrument, the lead first."""

    roles: tuple[tuple[str, str], ...]

    def of(self, role: str) -> str | None:
        """Return the first instrument of a role."""
        return next((instrument for name, instrument in self.roles if name == role), None)


def cast(requested: Sequence[str], defaults: Sequence[tuple[str, str]]) -> Casting:
    """Give every requested instrument a role, then fill the other roles of the genre.

    A requested instrument plays such a role in addition, if it can; otherwise the genre's default instrument joins.
    So a brief with one instrument becomes a solo if possible.
    """
    remaining = list(requested)
    roles: list[tuple[str, str]] = []
    default_instruments = dict(defaults)

    def assign(role: str, choices: Sequence[str]) -> None:
        if choices:
            roles.append((role, choices[0]))
            remaining.remove(choices[0])

    def playable(letter: str) -> list[str]:
        fit = [name for name in remaining if letter in INSTRUMENTS[name].roles]
        return sorted(fit, key=lambda name: INSTRUMENTS[name].roles.index(letter))

    for name in [name for name in remaining if INSTRUMENTS[name].roles == "D"]:
        assign("drums", [name])
    assign("bass", [name for name in remaining if INSTRUMENTS[name].roles == "B"])
    leads = playable("L")
    assign("lead", [name for name in leads if name == default_instruments.get("lead")] or leads)
    assign("chords", playable("C"))
    assign("pad", [name for name in remaining if INSTRUMENTS[name].roles[0] == "P"])
    if "bass" not in dict(roles):
        assign("bass", [name for name in remaining if "B" in INSTRUMENTS[name].roles])
    for name in tuple(remaining):
        letters = INSTRUMENTS[name].roles
        role = {"L": "counter", "P": "pad", "B": "bass"}.get(letters[0], "arpeggio")
        assign(role if role != "counter" or "counter" not in dict(roles) or "A" not in letters else "arpeggio", [name])

    for role, instrument in defaults:
        if role in dict(roles):
            continue
        letter = {"lead": "L", "chords": "C", "bass": "B", "counter": "L" if len(requested) == 1 else None}.get(role)
        # A bass instrument stays in its rhythm section.
        is_bass_section = role == "bass" and INSTRUMENTS[instrument].roles == "B"
        shared = [name for name in requested if letter and letter in INSTRUMENTS[name].roles and not is_bass_section]
        roles.append((role, shared[0] if shared else instrument))
    order = ("lead", "counter", "chords", "arpeggio", "pad", "bass", "drums")
    return Casting(tuple(sorted(roles, key=lambda pair: order.index(pair[0]))))
