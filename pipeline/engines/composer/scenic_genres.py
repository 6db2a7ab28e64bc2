"""The genres without a rhythm section, or with percussion in the background."""

from dataclasses import replace
from typing import Final

from pipeline.engines.composer.rhythms import EVEN, EVEN_ENDS
from pipeline.engines.composer.styles import Harmony, Style

AMBIENT: Final = Style(
    beats=4,
    major=Harmony(
        a=("Iadd9 | vi7 | IVadd9 | Vsus4", "Iadd9 | iii7 | IVadd9 | Vsus4", "Iadd9 | IVadd9 | Iadd9 | Vsus4"),
        b=("vi7 | IVadd9 | IM7 | Vsus4", "IVadd9 | IM7 | ii7 | Vsus4"),
        c=("IVadd9 | ii7 | IM7 | Vsus4", "ii7 | IVadd9 | Iadd9 | Vsus4"),
        cadence=("Vsus4 V", "IVadd9 V"),
        final=("Iadd9",),
        plagal="IVadd9",
        surprise="vi7",
    ),
    minor=Harmony(
        a=("iadd9 | iv7 | iadd9 | v7", "iadd9 | VI | iv7 | Vsus4", "iadd9 | VII | VI | Vsus4"),
        b=("VI | VII | i7 | Vsus4", "iv7 | i7 | VI | Vsus4"),
        c=("VI | iv7 | i7 | Vsus4",),
        cadence=("iv7 V", "Vsus4 V"),
        final=("iadd9",),
        plagal="iv7",
        surprise="VI",
    ),
    form="AABACADB",
    defaults=(
        ("lead", "celesta"), ("chords", "fantasia"), ("pad", "warm pad"), ("bass", "cello"), ("counter", "choir"),
    ),
    chords=("x...............", "0...2...1...2...", "0.1.2.3.2.1.2.1.", "0.2.1.3.2.4.3.1."),
    arpeggio=("0...1...2...3...", "0.1.2.3.4.3.2.1."),
    bass=("r...............", "r.......f.......", "r...r...f...r..."),
    rhythms=("x.......", "x...x...", "x.....x.", "x..x....", "x...x.x.", "x..x..x.", "x.x.x..."),
    cadence_rhythms=("x.......",),
    drums=({"soft kick": "x.......x.......", "shaker": "o.o.o.o.o.o.o.o."},),
    arc=(0.5, 0.8, 1.0, 0.8, 0.55),
    ritardando=0.25,
    loose=0.014,
    melody_density=0.75,
)  # fmt: skip

CLASSICAL_PIANO: Final = Style(
    beats=4,
    major=Harmony(
        a=("I | vi | ii7 | V7", "I | V7/3 | vi | IV V7", "I | IV/5 | V7/3 | I V7"),
        b=("vi | IV | I/5 | V7", "V | V7/3 | I | ii V7", "IV | I/3 | ii | V7"),
        c=("ii | vi | IV | V7", "vi | ii7 | V7 | I V7"),
        cadence=("ii7/3 V7", "IV V7", "I/5 V7"),
        final=("I",),
        plagal="IV iv",
        surprise="vi",
    ),
    minor=Harmony(
        a=("i | iv | V7 | i V7", "i | V7/3 | i | iv V7", "i | VI | iiø7 | V7"),
        b=("VI | iv | i | V7", "VI | III | iv | V7", "iv | i/3 | iiø7 | V7"),
        c=("VI | iv | iiø7 | V7", "iv | VII | III | V7"),
        cadence=("iiø7/3 V7", "iv V7", "i/5 V7"),
        final=("i",),
        plagal="iv iiø7",
        surprise="VI",
    ),
    form="AABACADB",
    defaults=(("lead", "piano"), ("chords", "piano"), ("bass", "piano"), ("counter", "piano")),
    chords=("0...2...", "0...1.2.", "0.2.1.2.0.2.1.2.", "0212021202120212", "0121232101212321"),
    arpeggio=("0.1.2.3.2.1.2.1.", "0123432101234321"),
    bass=("r...............", "r.......f.......", "r.......r...f...", "r...f...r...a..."),
    rhythms=EVEN,
    cadence_rhythms=EVEN_ENDS,
    drums=({"triangle": "x.......o......."},),
    chromatic=True,
    arc=(0.6, 0.75, 1.0, 0.9, 0.7),
    ritardando=0.35,
    loose=0.012,
)

STRING_ENSEMBLE: Final = Style(
    beats=4,
    major=Harmony(
        a=("I | vi | IV | V7", "I | V/3 | vi IV | V7", "I V/3 | vi | IV I/3 | ii V7"),
        b=("vi | ii | V | I V7", "IV | V | vi iii | IV V7", "ii | V7/3 | I | IV V7"),
        c=("vi | iii | IV | V7", "IV iv | I/5 | ii7 | V7"),
        cadence=("IV V7", "ii7/3 V7", "I/5 V7"),
        final=("I",),
        plagal="IV iv",
        surprise="vi",
    ),
    minor=Harmony(
        a=("i | iv | VII VI | V7", "i V/3 | i iv | i/5 | V7", "i | VI | iv | V7"),
        b=("VI | VII | iv | V7", "iv i | VI iv | iiø7 | V7", "VI | III | iv i/3 | V7"),
        c=("VI | iiø7 | i/5 | V7", "iv | i | iiø7/3 | V7"),
        cadence=("iv V7", "iiø7/3 V7", "i/5 V7"),
        final=("i",),
        plagal="iv iiø7",
        surprise="VI",
    ),
    form="AABACADB",
    defaults=(
        ("lead", "strings"),
        ("chords", "strings"),
        ("pad", "slow strings"),
        ("bass", "cello"),
        ("counter", "cello"),
    ),
    chords=("x.......x.......", "x...x...x...x...", "s.s.s.s.s.s.s.s.", "s.sss.sss.sss.ss"),
    arpeggio=("0.1.2.1.0.1.2.1.", "0121012101210121"),
    bass=("r.......r.......", "r...f...r...a...", "r...r...r...r...", "r.r.r.r.f.f.r.a."),
    rhythms=EVEN,
    cadence_rhythms=EVEN_ENDS,
    drums=({"kick": "x...............", "cymbal": "o..............."},),
    ritardando=0.3,
    loose=0.014,
)

FOLK: Final = Style(
    beats=4,
    major=Harmony(
        a=("I | vi | IV | V7", "I | I/3 | IV | V7", "I | IV | I | V7"),
        b=("vi | IV | Iadd9 | V7", "IV | Iadd9 | ii | V7", "ii | Iadd9 | vi | V7"),
        c=("vi | iii | IV | V7", "ii | I/3 | IV | V7"),
        cadence=("IV V7", "I/5 V7", "V V7"),
        final=("I",),
        plagal="IV ii",
        surprise="vi",
    ),
    minor=Harmony(
        a=("i | iv | i | V7", "i | VI | iv | V7", "i | VII | iv | V7"),
        b=("VI | iadd9 | iv7 | V7", "iv7 | iadd9 | VII | V7", "III | VII | iadd9 | V7"),
        c=("iv | i | VI | V7", "VI | iv | i | V7"),
        cadence=("iv V7", "V V7", "i/5 V7"),
        final=("i",),
        plagal="iv VII",
        surprise="VI",
    ),
    form="AABACADB",
    defaults=(("lead", "flute"), ("chords", "acoustic guitar"), ("bass", "double bass"), ("counter", "clarinet")),
    chords=("0...2...1...3...", "0...2.1.3...2.1.", "0.2.1.3.0.2.1.3.", "x...u.u...u.u.u.", "x...u.uuX.u.u.uu"),
    arpeggio=("0.1.2.3.2.1.2.1.", "0.2.1.3.2.1.3.1."),
    bass=("r.......r.......", "r.......o.......", "r.......f...r...", "r.....r.f.....a."),
    rhythms=EVEN,
    cadence_rhythms=EVEN_ENDS,
    drums=(
        {"shaker": "x.o.x.o.x.o.x.o."},
        {"soft kick": "x.......x.......", "tambourine": "_...x.......x...", "shaker": "x.o.x.o.x.o.x.o."},
        {"kick": "x.......x.x.....", "tambourine": "_...x.......x.x.", "shaker": "xoxoxoxoxoxoxoxo"},
    ),
    grace=0.12,
    ritardando=0.18,
    strum=0.014,
    loose=0.01,
)

CINEMATIC: Final = Style(
    beats=4,
    major=Harmony(
        a=("I | vi | IV | V7", "I | ii | IV | V7", "I | IV/5 | I | ii V7"),
        b=("bVI | bVII | I | V7", "vi | IV | I/3 | V7", "IV | I/3 | ii | V7"),
        c=("IV | iv | I/5 | V7", "ii | IV | I/3 | V7"),
        cadence=("bVI V7", "Vsus4 V7", "IV V7"),
        final=("I",),
        plagal="IV iv",
        surprise="bVI",
    ),
    minor=Harmony(
        a=("i | VI | iv | V7", "i | i/3 | iv | V7", "i | VII | VI | V7"),
        b=("VI | iadd9 | iv7 | V7", "iv7 | i/3 | VII | V7", "VI | VII | iadd9 | V7"),
        c=("iv | VI | i/5 | V7", "VI | iv | i | V7"),
        cadence=("iv V7", "VI V7", "Vsus4 V7"),
        final=("i",),
        plagal="iv iiø7",
        surprise="VI",
    ),
    form="AABACADB",
    defaults=(
        ("lead", "french horn"), ("chords", "strings"), ("pad", "choir"), ("bass", "cello"), ("drums", "taiko"),
    ),
    chords=("x...............", "s.s.s.s.s.s.s.s.", "s.sss.sss.sss.ss", "0010201030102010"),
    arpeggio=("0.1.2.1.3.1.2.1.", "0121012132121012"),
    bass=("r...............", "r.......r.......", "r.....r.r.......", "r..r..r.r..r..r."),
    rhythms=EVEN[:16],
    cadence_rhythms=("x.......", "x...x..."),
    drums=(
        {"kick": "x...............", "low tom": "_...........o.o."},
        {"kick": "x.....x.x.......", "low tom": "_...o.o.....x.o."},
        {
            "kick": "X..x..x.X.......",
            "low tom": "_.o._.o._.x.x.xx",
            "high tom": "_...........xxxx",
            "cymbal": "o...............",
        },
    ),
    fills=(
        {"kick": "x.......x.......", "low tom": "_.......x.x.xxxx"},
        {"kick": "X.......X.....X.", "high tom": "_...x.xx....xxxx", "cymbal": "_.......o......."},
    ),
    arc=(0.35, 0.55, 0.8, 1.0, 1.0),
    ritardando=0.3,
    loose=0.012,
)  # fmt: skip

WALTZ: Final = Style(
    beats=3,
    lilt=0.02,
    major=Harmony(
        a=("I | vi | IV | V7", "I | I/3 | IV | V7", "I | IV | I | V7"),
        b=("IV | I/3 | ii | V7", "IV | I6 | ii | V7", "vi | IV | I6 | V7"),
        c=("vi | I/5 | ii7 | V7", "ii | V7 | I | V7"),
        cadence=("V7", "ii7/3 V7"),
        final=("I",),
        plagal="IV iv",
        surprise="vi",
    ),
    minor=Harmony(
        a=("i | iv | i | V7", "i | iv | V7 | i", "i | VI | iv | V7"),
        b=("iv7 | i/3 | iiø7 | V7", "VI | VII | i | V7", "VI | iv7 | i/3 | V7"),
        c=("VI | iv | i/5 | V7", "iv | VII | i | V7"),
        cadence=("V7", "iiø7/3 V7"),
        final=("i",),
        plagal="iv",
        surprise="VI",
    ),
    form="AABCADBA",
    defaults=(("lead", "strings"), ("chords", "piano"), ("bass", "double bass"), ("counter", "clarinet")),
    chords=("_.x.x.", "_.s.s.", "_.s.ss", "_.s.x.s.x.s."),
    arpeggio=("0.1.2.", "012321", "0.1.2.3.2.1."),
    bass=("r.....", "r.....", "r...r."),
    rhythms=(
        "x.....", "x...x.", "x.x...", "x.x..x", "x.x.x.", "xxx...", "x.xxx.", "x.x.xx", "xxx.x.", "xxxxx.", "xxxxxx",
        "x.xxx.x.x.x.",
    ),
    cadence_rhythms=("x.....", "x...x.", "x.x..."),
    drums=(
        {"soft kick": "x.....", "triangle": "_.o.o."},
        {"kick": "x.....", "soft snare": "_.x.x.", "triangle": "x....."},
    ),
    fills=({"kick": "x.....", "soft snare": "_.x.xx"}, {"kick": "x.....", "soft snare": "x.xxx."}),
    ritardando=0.3,
    loose=0.012,
)  # fmt: skip

KOREAN_TRADITIONAL: Final = Style(
    beats=4,
    major=Harmony(
        a=("I | vi5 | I | IV5", "I | IV5 | I | V5", "I | V5 | IV5 | I"),
        b=("vi5 | I | ii5 | I", "ii5 | I | vi5 | V5"),
        c=("IV5 | I | vi5 | I", "vi5 | IV5 | I | V5"),
        cadence=("I IV5", "IV5 V5"),
        final=("I",),
        plagal="IV5",
        surprise="vi5",
    ),
    minor=Harmony(
        a=("i | iv5 | i | v5", "i | VII5 | i | v5", "i | VII5 | v5 | i"),
        b=("iv5 | i | VII5 | i", "III5 | i | iv5 | v5"),
        c=("iv5 | i | III5 | i", "VII5 | iv5 | i | v5"),
        cadence=("i v5", "iv5 v5"),
        final=("i",),
        plagal="iv5",
        surprise="III5",
    ),
    form="AABACADB",
    defaults=(("lead", "pan flute"), ("chords", "koto"), ("bass", "cello"), ("drums", "taiko"), ("counter", "cello")),
    chords=("0.....1.....", "0..1..2..1..", "0.12.10.12.1", "012.12012.21"),
    arpeggio=("0..1..2..3..", "0.12.30.12.3"),
    bass=("r...........", "r.....r.....", "r.....r..o.."),
    rhythms=(
        "x.....x.....", "x.....x..x..", "x..x..x.....", "x..x.xx.....", "x..x.xx..x..", "x.xx..x..x.x", "x..x.xx.xx..",
        "x.xx.xx.....", "x.xx.xx.xx..", "xxxx.xx.xx.x", "x.xxxxx.xxxx",
    ),
    cadence_rhythms=("x...........", "x.....x.....", "x.xx........"),
    # The cycle Gutgeori, twelve quavers: deong - gideok kung deoreoreo, kung - gideok kung deoreoreo.
    drums=(
        {"kick": "X.....x.....", "rim": "_..x.o...x.o"},
        {"kick": "X....xx....x", "rim": "x..x.o...x.o", "low tom": "_....o.....o"},
        {"kick": "X....xx....x", "rim": "x.ox.oo.ox.o", "low tom": "_..o.o...o.o", "high tom": "_.......o.oo"},
    ),
    fills=(
        {"kick": "X..x..x..x..", "rim": "x..x.oxooxoo"},
        {"kick": "X.....X..x..", "rim": "x.xx.xx.xoox"},
    ),
    ritardando=0.22,
    pentatonic=True,
    pedal=True,
    grace=0.45,
    loose=0.016,
)  # fmt: skip

# The cycle Semachi (of the song Arirang), nine quavers: deong, deong-deok kung deok.
SEMACHI: Final = replace(
    KOREAN_TRADITIONAL,
    beats=3,
    chords=("0.....1..", "0..1..2..", "0.12.10.1", "012.12012"),
    arpeggio=("0..1..2..", "0..12.30."),
    bass=("r........", "r.....r..", "r..r..o.."),
    rhythms=(
        "x........", "x.....x..", "x..x.....", "x..x..x..", "x.xx.....", "x..x.xx..", "x.xx..x..", "x.xx.xx..",
        "x..xx.x.x", "x.xx.xx.x", "xxxx.xx..", "xxxx.xxxx",
    ),
    cadence_rhythms=("x........", "x.....x..", "x.xx....."),
    drums=(
        {"kick": "X........", "rim": "_..x.o..."},
        {"kick": "X..x..x..", "rim": "x..x.x.ox"},
        {"kick": "X..x..x..", "rim": "x.ox.xoox", "low tom": "_....o.oo"},
    ),
    fills=({"kick": "X..x..x..", "rim": "x.ox.oxoo"}, {"kick": "X.....x.x", "rim": "x..x.xx.x"}),
)  # fmt: skip
# The fast cycle Jajinmori, twelve quavers: deong, kung, kung-deok kung.
JAJINMORI: Final = replace(
    KOREAN_TRADITIONAL,
    drums=(
        {"kick": "X.....x.....", "rim": "x.......x..."},
        {"kick": "X..x..x..x..", "rim": "x.......x.o."},
        {"kick": "X..x..x..x..", "rim": "x..o.oo.xo.o", "low tom": "_....o.....o"},
    ),
    fills=({"kick": "X..x..x.xx.x", "rim": "x..x..xoxxox"}, {"kick": "X..X..X..X..", "rim": "x.xx.xx.xxxx"}),
)
# Pairs of the fastest tempo of a cycle, in BPM, and its style.
JANGDAN: Final = ((80, KOREAN_TRADITIONAL), (112, SEMACHI), (200, JAJINMORI))
