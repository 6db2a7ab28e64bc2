"""The genres with a rhythm section: jazz, bossa nova, lo-fi, rock and electronic."""

from typing import Final

from pipeline.engines.composer.rhythms import EVEN, SYNCOPATED
from pipeline.engines.composer.styles import Harmony, Style

JAZZ: Final = Style(
    beats=4,
    major=Harmony(
        a=("I6 | vi7 | ii7 | V7", "I6 vi7 | ii7 V7 | I6 vi7 | ii7 V7", "I6 | IM7 | ii7 | V7"),
        b=("IVM7 | iv6 | I6 | ii7 V7", "IVM7 | I6 | VI7 | ii7 V7", "ii7 | V7 | IM7 vi7 | ii7 V7"),
        c=("vi7 | II7 | ii7 | V7", "IVM7 | iii7 VI7 | ii7 | V7"),
        cadence=("ii7 V7", "ii9 V9"),
        final=("I6",),
    ),
    minor=Harmony(
        a=("i | iv7 | iiø7 | V7", "i | iiø7 V7 | i | iiø7 V7", "i7 | iv7 | i | V7"),
        b=("iv7 | i | VIM7 | iiø7 V7", "iv7 | i | iiø7 | V7"),
        c=("VI7 | V7 | i | iiø7 V7", "iv7 | iv7 | i | V7"),
        cadence=("iiø7 V7",),
        final=("i",),
    ),
    form="AABACABA",
    defaults=(("lead", "saxophone"), ("chords", "piano"), ("bass", "double bass"), ("drums", "drums")),
    chords=("x.......", "x..s....", "_..s..x.", "s..s._.s", "_.s..s._", "s..s.s.s"),
    arpeggio=("0.1.2.3.", "01234321"),
    bass=("r...f...", "r...w.a.", "r.w.w.c.", "r.w.w.a.", "r.wrw.c.", "r.w.w.wc"),
    rhythms=(
        "x...x...", "x..x....", "_.x.x...", "x..xx...", "x..x.xx.", "_.xxx.x.", "x.xx.x..", "_xx.xx..", "xxx.x..x",
        "x.xxxx..", "_xxxx.x.", "xxxx.xx.", "x.xxxxxx", "xxxxxxx.",
    ),
    cadence_rhythms=("x.......", "x..x....", "x.x.x..."),
    drums=(
        {"ride": "x..x..x.", "pedal hat": "_.x._.x."},
        {"ride": "x.xxx.xx", "pedal hat": "_.x._.x.", "soft kick": "o.......", "soft snare": "_....o.."},
        {"ride": "X.xxX.xx", "pedal hat": "_.x._.x.", "soft kick": "o...o...", "soft snare": "_..o._.o"},
    ),
    fills=(
        {"soft snare": "_.x.xxxx", "ride": "x.x.x..."},
        {"ride": "x..x..x.", "soft snare": "_...x..x", "low tom": "_....x..", "high tom": "_..x...."},
        {"pedal hat": "_.x._.x.", "soft snare": "x.xx..xx", "soft kick": "_...x..."},
    ),
    swing=0.64,
    chromatic=True,
    ritardando=0.12,
    loose=0.01,
)  # fmt: skip

BOSSA_NOVA: Final = Style(
    beats=4,
    major=Harmony(
        a=("I6 | I6 | ii7 | V7", "IM7 | ii7 | V7 | I6 V7", "I6 | IM7 | ii7 | V7"),
        b=("IVM7 | iv6 | I6 | ii7 V7", "ii7 | V7 | I6 | vi7", "IVM7 | I6 | vi7 | ii7 V7"),
        c=("vi7 | ii7 | V7 | I6", "iv7 | I6 | ii7 | V7"),
        cadence=("ii7 V7", "ii9 V9"),
        final=("I6",),
    ),
    minor=Harmony(
        a=("i | i | iiø7 | V7", "i | iv7 | iiø7 | V7", "i | iv7 | V7 | i"),
        b=("iv7 | i | VIM7 | iiø7 V7", "iv7 | i | iiø7 | V7"),
        c=("iv7 | i7 | iiø7 | V7", "VIM7 | iv7 | iiø7 | V7"),
        cadence=("iiø7 V7",),
        final=("i",),
    ),
    form="AABACABA",
    defaults=(("lead", "flute"), ("chords", "nylon guitar"), ("bass", "double bass"), ("drums", "drums")),
    chords=("0...u...0..u....", "0..u0.u.0.u.0u..", "0.uu0.u.0.uu0.u."),
    arpeggio=("0.1.2.1.3.1.2.1.",),
    bass=("r.......f.......", "r......rf......f", "r...r..rf...f..a"),
    rhythms=SYNCOPATED,
    cadence_rhythms=("x.......", "x..x....", "x..x..x."),
    drums=(
        {"shaker": "X.o.x.o.X.o.x.o.", "rim": "x.......x...x...", "soft kick": "x...x...x...x..."},
        {"shaker": "XoooXoooXoooXooo", "rim": "x..o..x...x.o...", "kick": "x..oX..ox..oX..o"},
        {
            "hat": "XoxoXoxoXoxoXoxo",
            "rim": "x..o..x...x.o...",
            "kick": "x..oX..ox..oX..o",
            "shaker": "x.o.x.o.x.o.x.o.",
        },
    ),
    fills=(
        {"rim": "x..x..x.x.x.x.x.", "shaker": "xoxoxoxoxoxoxoxo"},
        {"rim": "x..x..x...x..xx.", "shaker": "XoxoXoxoXoxoX...", "soft kick": "x..ox..ox..ox..."},
    ),
    chromatic=True,
    ritardando=0.1,
    strum=0.006,
)

LO_FI: Final = Style(
    beats=4,
    major=Harmony(
        a=("I6 | vi7 | ii9 | V7", "IM7 | vi7 | IVM7 | V7", "Iadd9 | iii7 | IVM7 | V7"),
        b=("IVM7 | iii7 | ii7 | V7", "IVM7 | iv6 | I6 | V7"),
        c=("ii7 | iii7 | IVM7 | V7", "vi7 | ii7 | IVM7 | V7"),
        cadence=("ii7 V7", "IV V7"),
        final=("I6", "Iadd9"),
    ),
    minor=Harmony(
        a=("i7 | iv7 | i7 | V7", "iadd9 | VIM7 | iv7 | V7", "i7 | VII | VIM7 | V7"),
        b=("VIM7 | v7 | iv7 | V7", "iv7 | i7 | VIM7 | V7"),
        c=("iv7 | v7 | i7 | V7", "VIM7 | iv7 | i7 | V7"),
        cadence=("iv7 V7", "iiø7 V7"),
        final=("i7", "iadd9"),
    ),
    form="AABBAACB",
    defaults=(("lead", "vibraphone"), ("chords", "electric piano"), ("bass", "bass guitar"), ("drums", "drums")),
    chords=("x...............", "x.....s...x.....", "x.....x..s..x..."),
    arpeggio=("0...2.1.3...2.1.", "0.2.1.3.0.2.3.1."),
    bass=("r.......r.......", "r.....r...r.....", "r..r....r.r...a."),
    rhythms=SYNCOPATED[:14],
    cadence_rhythms=("x.......", "x..x....", "_.x.x..."),
    drums=(
        {"kick": "x.........x.....", "snare": "_...x.......x...", "hat": "x.o.x.o.x.o.x.o."},
        {"kick": "x.....x...x.....", "snare": "_...x.......x...", "hat": "x.o.x.o.x.o.x.oo"},
        {
            "kick": "x..x..x...x..x..",
            "snare": "_...x..o.o..x...",
            "hat": "xoo.xoooxoo.xooo",
            "open hat": "_.............x.",
        },
    ),
    fills=(
        {"kick": "x.....x...x.....", "snare": "_...x..o.x..x.xx", "hat": "x.o.x.o.x......."},
        {"kick": "x.........x.....", "snare": "_...x.......x.o.", "open hat": "_.............x."},
        {"kick": "x...............", "snare": "_...x...........", "hat": "x.o.x.o.x......."},
    ),
    arc=(0.55, 0.75, 0.8, 0.95, 0.7),
    ritardando=0.06,
    swing=0.6,
    swing_unit=0.5,
    loose=0.013,
    melody_density=0.75,
)

ROCK: Final = Style(
    beats=4,
    major=Harmony(
        a=("I | vi | IV | V7", "I | bVII | IV | I", "I | IV | I | IV V7"),
        b=("vi | IV | I | V7", "IV | I | IV | V7", "vi | I | IV | I V7"),
        c=("IV | bVII | I | V7", "ii | IV | vi | V7"),
        cadence=("IV V7", "bVII V7", "V"),
        final=("I",),
    ),
    minor=Harmony(
        a=("i | VI | iv | i V7", "i | VI | iv | i", "i | iv | i | iv V7"),
        b=("VI | VII | i | V7", "VI | iv | i | V7", "iv | VI | i | V7"),
        c=("VI | iv | VII | V7", "iv | VII | i | V7"),
        cadence=("VI V7", "iv V7", "V"),
        final=("i",),
    ),
    form="AABBAACBB",
    defaults=(
        ("lead", "electric guitar"), ("chords", "distortion guitar"), ("bass", "bass guitar"), ("drums", "drums"),
    ),
    chords=("x.......x.......", "x...s.s.x...s.s.", "x.s.s.s.x.s.s.x.", "XsssXsssXsssXsxs"),
    arpeggio=("0.1.2.1.3.1.2.1.",),
    bass=("r...r...r...r...", "r.r.r.r.r.r.r.r.", "r.r.r.r.r.r.r.a.", "r.rrr.r.r.rro.a."),
    rhythms=SYNCOPATED,
    cadence_rhythms=("x.......", "x..x....", "x.x.x..."),
    drums=(
        {"kick": "x.......x.......", "snare": "_...x.......x...", "hat": "x...x...x...x..."},
        {"kick": "x.......x.x.....", "snare": "_...X.......X...", "hat": "x.x.x.x.x.x.x.x."},
        {
            "kick": "x..x..x.x.x..x..",
            "snare": "_...X..o.o..X...",
            "open hat": "x...x...x...x...",
            "hat": "_.x._.x._.x._.x.",
        },
    ),
    fills=(
        {
            "kick": "x.......x...x...",
            "snare": "_...X...xxxx....",
            "high tom": "_...........xx..",
            "low tom": "_.............xx",
        },
        {"kick": "x.......x.x.x.x.", "snare": "_...X.......X.XX", "hat": "x.x.x.x.x.x....."},
        {
            "kick": "x.x.............",
            "snare": "_...X.xx........",
            "high tom": "_.......x.xx....",
            "low tom": "_...........x.xx",
        },
    ),
    ritardando=0.08,
    loose=0.006,
)  # fmt: skip

ELECTRONIC: Final = Style(
    beats=4,
    major=Harmony(
        a=("I | vi | IV | V", "I | iii | IV | V", "I | V | vi | IV"),
        b=("vi | IV | I | V", "IV | I | vi | V"),
        c=("IV | vi | I | V", "vi | iii | IV | V"),
        cadence=("IV V", "V"),
        final=("I",),
    ),
    minor=Harmony(
        a=("i | VI | iv | V", "i | i | VI | V", "i | VII | VI | V"),
        b=("VI | VII | i | V", "iv | VI | i | V"),
        c=("VI | iv | i | V", "iv | i | VI | V"),
        cadence=("VI V", "iv V", "V"),
        final=("i",),
    ),
    form="AABBCAABB",
    defaults=(
        ("lead", "saw lead"), ("chords", "fantasia"), ("pad", "sweep pad"), ("bass", "synth bass"), ("drums", "drums"),
    ),
    chords=("x...x...x...x...", "_.x._.x._.x._.x.", "_.xx_.xx_.xx_.xx", "0121323101213231"),
    arpeggio=("0.1.2.3.2.1.2.1.", "0123210123210123", "0213243102132431"),
    bass=("r.......r.......", "_.r._.r._.r._.r.", "r.r.r.r.r.r.o.o.", "_.rr_.rr_.rr_.ro"),
    rhythms=EVEN,
    cadence_rhythms=("x.......", "x..x....", "x..x..x."),
    drums=(
        {"kick": "X...X...X...X...", "hat": "o.o.o.o.o.o.o.o."},
        {"kick": "X...X...X...X...", "clap": "_...x.......x...", "open hat": "_.x._.x._.x._.x."},
        {
            "kick": "X...X...X...X...",
            "clap": "_...x.......x...",
            "open hat": "_.x._.x._.x._.x.",
            "hat": "xoxoxoxoxoxoxoxo",
        },
    ),
    fills=(
        {"kick": "x...x...x...x...", "snare": "x...x...x.x.xxxx"},
        {"kick": "X...X...X.......", "clap": "_...x.......x.xx", "open hat": "_.x._.x._.x....."},
    ),
    build={"snare": "x.x.x.x.xxxxxxxx", "hat": "o.o.o.o.o.o.o.o."},
    arc=(0.5, 0.8, 0.95, 1.0, 0.9),
    ritardando=0.03,
    loose=0.002,
)  # fmt: skip
