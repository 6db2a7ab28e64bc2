"""The music of the local models: the composer reads the prompt for words of the brief's vocabulary."""

import re
import threading
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Final

from musicgenerator.briefs import GENRES, INSTRUMENTS, KEYS, MAX_INSTRUMENTS, SEED, TEMPO_BPM, Brief

if TYPE_CHECKING:
    from pipeline.audio import Audio

CLIP_SECONDS: Final = 30.0
LYRIA_2_RATE: Final = 48_000

# Composing keeps a core busy for some seconds, so requests wait for each other, as for a quota.
_TURN: Final = threading.BoundedSemaphore(1)
_TEMPO: Final = re.compile(r"(\d{2,3}) BPM", re.IGNORECASE)
_PROMPT_KEPT: Final = 200

Musician = Callable[[str, int, float], "Audio"]


def compose(prompt: str, seed: int, seconds: float) -> "Audio":
    """Return the composer's music for a prompt."""
    from pipeline.engines.composer import Composer  # noqa: PLC0415  loaded with the first request for music

    with _TURN:
        return Composer().make(brief_of(prompt), seconds, seed % (SEED[1] + 1)).audio


def brief_of(prompt: str) -> Brief:
    """Return a brief with what the prompt names, and ordinary values for the rest."""
    tempo = _TEMPO.search(prompt)
    said = prompt.lower()
    key = next((key for key in KEYS if re.search(rf"\b{re.escape(key.lower())}\b", said)), "C major")
    bright = key.endswith("major")
    genre = next((genre for genre in GENRES if genre in said), "ambient")
    instruments = [name for name in INSTRUMENTS if name in said] or ["piano"]
    return Brief(
        title="music",
        caption="music",
        altText="music",
        language="en",
        prompt=prompt[:_PROMPT_KEPT] or "music",
        avoid="",
        moods=("calm",),
        genre=genre,
        instruments=tuple(instruments[:MAX_INSTRUMENTS]),
        tempoBpm=min(max(int(tempo[1]) if tempo else 100, TEMPO_BPM[0]), TEMPO_BPM[1]),
        key=key,
        valence=0.4 if bright else -0.4,
        energy=0.5,
    )


def wav(audio: "Audio") -> bytes:
    """Return the audio as Lyria 2 does: a 16-bit WAV at 48 kHz."""
    import numpy as np  # noqa: PLC0415  loaded with the first request for music
    import soundfile  # noqa: PLC0415  as above
    from scipy import signal  # noqa: PLC0415  as above

    samples = audio.samples
    if audio.rate != LYRIA_2_RATE:
        common = int(np.gcd(LYRIA_2_RATE, audio.rate))
        samples = signal.resample_poly(samples, LYRIA_2_RATE // common, audio.rate // common, axis=0)
    out = BytesIO()
    soundfile.write(out, np.clip(samples, -1, 1), LYRIA_2_RATE, format="WAV", subtype="PCM_16")
    return out.getvalue()


def mp3(audio: "Audio") -> bytes:
    """Return the audio as Lyria 3 does: an MP3 at 44.1 kHz, which is the composer's rate."""
    import numpy as np  # noqa: PLC0415  as above
    import soundfile  # noqa: PLC0415  as above

    out = BytesIO()
    soundfile.write(out, np.clip(audio.samples, -1, 1), audio.rate, format="MP3")
    return out.getvalue()
