"""The briefs by which the composer is evaluated: two of each genre, with unlike keys, tempi and moods."""

from typing import Final, NamedTuple

from musicgenerator.briefs import GENRES, Brief

LENGTHS_SECONDS: Final = (30, 60, 180)


class Row(NamedTuple):
    """A brief of the grid."""

    genre: str
    instruments: str
    key: str
    tempo: int
    energy: float
    valence: float
    mood: str

    def brief(self, **changes: float) -> Brief:
        """Return the brief with some numbers changed."""
        texts = {"title": "곡", "caption": "설명", "altText": "설명", "language": "ko", "prompt": "music", "avoid": ""}
        music = {"genre": self.genre, "instruments": self.instruments.split(","), "key": self.key}
        feeling = {"moods": [self.mood], "energy": self.energy, "valence": self.valence, "tempoBpm": self.tempo}
        return Brief.from_mapping(texts | music | feeling | changes)


GRID: Final = tuple(Row(*row) for row in (
    ("ambient", "warm pad,harp", "A major", 72, 0.3, 0.4, "dreamy"),
    ("ambient", "fantasia,celesta,cello", "C# minor", 60, 0.15, -0.5, "lonely"),
    ("classical piano", "piano", "D minor", 88, 0.4, -0.5, "melancholic"),
    ("classical piano", "piano", "Ab major", 116, 0.6, 0.6, "bright"),
    ("string ensemble", "strings,cello", "E major", 100, 0.7, 0.5, "grand"),
    ("string ensemble", "strings,oboe", "F minor", 70, 0.35, -0.7, "sad"),
    ("jazz", "saxophone,piano,double bass,drums", "F major", 132, 0.6, 0.6, "playful"),
    ("jazz", "trumpet,piano,double bass,drums", "Bb minor", 96, 0.4, -0.2, "intimate"),
    ("bossa nova", "nylon guitar,flute", "G minor", 100, 0.4, -0.2, "wistful"),
    ("bossa nova", "piano,saxophone,drums", "D major", 128, 0.55, 0.7, "warm"),
    ("lo-fi", "electric piano,drums", "C# minor", 80, 0.3, -0.4, "nostalgic"),
    ("lo-fi", "vibraphone,electric piano,bass guitar,drums", "Eb major", 88, 0.4, 0.3, "cozy"),
    ("folk", "acoustic guitar,flute", "G major", 112, 0.5, 0.7, "joyful"),
    ("folk", "acoustic guitar,clarinet", "E minor", 84, 0.3, -0.3, "still"),
    ("rock", "electric guitar,distortion guitar,drums", "A minor", 138, 0.9, -0.1, "wild"),
    ("rock", "electric guitar,bass guitar,drums", "B major", 124, 0.75, 0.5, "driving"),
    ("electronic", "saw lead,synth bass,drums", "Bb minor", 126, 0.8, -0.3, "urgent"),
    ("electronic", "fantasia,saw lead,synth bass,drums", "F# major", 122, 0.65, 0.4, "energetic"),
    ("cinematic", "french horn,strings,taiko", "B minor", 92, 0.7, -0.6, "epic"),
    ("cinematic", "choir,strings,brass section", "C major", 84, 0.5, 0.4, "majestic"),
    ("waltz", "strings,piano", "Eb major", 132, 0.5, 0.5, "romantic"),
    ("waltz", "clarinet,piano,double bass", "C minor", 108, 0.35, -0.4, "bittersweet"),
    ("korean traditional", "koto,pan flute", "F minor", 76, 0.4, -0.3, "serene"),
    ("korean traditional", "flute,koto,taiko", "Db major", 120, 0.75, 0.6, "lively"),
))  # fmt: skip
FIRSTS: Final = tuple(next(row for row in GRID if row.genre == genre) for genre in GENRES)
