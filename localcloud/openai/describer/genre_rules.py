"""The genres of a brief: mood, tempo, instruments and the words of a hint that ask for each."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Genre:
    """A genre's valence and energy, tempo range in beats a minute, instruments, and the words that ask for it."""

    valence: float
    energy: float
    tempo: tuple[int, int]
    instruments: tuple[str, ...]
    words: tuple[str, ...]
    form: tuple[str, str]
    """What a title calls a piece of this genre, in Korean and English."""


STYLES: Final = {
    "ambient": Genre(
        0.0,
        0.1,
        (50, 76),
        ("warm pad", "sweep pad", "piano", "harp", "choir"),
        ("앰비언트", "명상", "요가", "자장가", "뉴에이지", "ambient", "meditation", "lullaby", "new age", "drone"),
        ("앰비언트", "Drift"),
    ),
    "classical piano": Genre(
        0.15,
        0.3,
        (58, 112),
        ("piano", "strings", "harp", "celesta"),
        ("클래식", "발라드", "녹턴", "쇼팽", "classical", "ballad", "nocturne"),
        ("전주곡", "Prelude"),
    ),
    "string ensemble": Genre(
        -0.05,
        0.35,
        (54, 100),
        ("strings", "cello", "slow strings", "harp"),
        (
            "현악",
            "오케스트라",
            "교향",
            "실내악",
            "바로크",
            "string ensemble",
            "orchestra",
            "orchestral",
            "symphony",
            "symphonic",
            "chamber",
            "baroque",
        ),
        ("아다지오", "Adagio"),
    ),
    "jazz": Genre(
        0.25,
        0.45,
        (84, 152),
        ("piano", "double bass", "drums", "saxophone", "vibraphone"),
        ("재즈", "스윙", "블루스", "jazz", "jazzy", "swing", "blues", "bebop"),
        ("재즈", "Blue Note"),
    ),
    "bossa nova": Genre(
        0.5,
        0.4,
        (96, 140),
        ("nylon guitar", "double bass", "drums", "flute", "electric piano"),
        ("보사노바", "보사", "삼바", "라틴", "탱고", "bossa", "samba", "latin", "tango"),
        ("보사노바", "Bossa"),
    ),
    "lo-fi": Genre(
        0.2,
        0.3,
        (66, 92),
        ("electric piano", "bass guitar", "drums", "vibraphone"),
        ("로파이", "힙합", "알앤비", "소울", "lo-fi", "lofi", "lo fi", "hip hop", "hip-hop", "chillhop", "r&b", "soul"),
        ("로파이", "Loop"),
    ),
    "folk": Genre(
        0.4,
        0.4,
        (78, 126),
        ("acoustic guitar", "double bass", "flute", "clarinet"),
        ("포크", "어쿠스틱", "컨트리", "통기타", "folk", "acoustic", "country", "singer-songwriter"),
        ("노래", "Song"),
    ),
    "rock": Genre(
        0.2,
        0.85,
        (108, 166),
        ("electric guitar", "bass guitar", "drums", "distortion guitar"),
        ("록", "락", "메탈", "밴드", "rock", "metal", "punk", "grunge", "indie"),
        ("록", "Anthem"),
    ),
    "electronic": Genre(
        0.2,
        0.75,
        (104, 138),
        ("saw lead", "synth bass", "drums", "fantasia"),
        (
            "일렉트로닉",
            "전자음악",
            "전자 음악",
            "테크노",
            "하우스",
            "댄스",
            "신스",
            "케이팝",
            "칩튠",
            "edm",
            "electronic",
            "electronica",
            "techno",
            "house",
            "trance",
            "synth",
            "synthwave",
            "k-pop",
            "dance",
            "chiptune",
        ),
        ("전자 음악", "Pulse"),
    ),
    "cinematic": Genre(
        -0.1,
        0.6,
        (60, 124),
        ("strings", "french horn", "taiko", "choir", "brass section"),
        ("시네마틱", "영화", "사운드트랙", "게임 음악", "cinematic", "epic", "film", "soundtrack", "movie", "trailer"),
        ("서곡", "Overture"),
    ),
    "waltz": Genre(
        0.4,
        0.45,
        (88, 156),
        ("piano", "strings", "clarinet", "celesta"),
        ("왈츠", "waltz", "waltzes"),
        ("왈츠", "Waltz"),
    ),
    "korean traditional": Genre(
        0.0,
        0.35,
        (50, 96),
        ("koto", "pan flute", "taiko", "cello"),
        (
            "국악",
            "전통",
            "가야금",
            "거문고",
            "대금",
            "해금",
            "판소리",
            "민요",
            "사물놀이",
            "korean traditional",
            "traditional korean",
            "gugak",
            "pansori",
            "gayageum",
        ),
        ("가락", "Garak"),
    ),
}
