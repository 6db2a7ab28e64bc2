"""Encode the master: WAV with dither, MP3 with tags and cover."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, Self

import lameenc
import numpy as np
import soundfile
from mutagen import id3
from numpy.typing import NDArray

from musicgenerator.briefs import Brief
from pipeline.audio import Audio
from pipeline.engines import made_by

ARTIST: Final = "musicgenerator"
_PCM_SCALE: Final = 32767
_BLOCK: Final = 1 << 17  # frames processed at a time
_LANGUAGES: Final = {"ko": "kor", "en": "eng"}
_ID3_ENCODING: Final = id3.Encoding.UTF16  # every player reads ID3v2.3, which has no UTF-8


@dataclass(frozen=True)
class Compression:
    """How an MP3 is compressed: its bit rate, and LAME's quality from 0 (best) to 9 (fastest).

    LAME multiplies what it encodes by ``lame_scale``, which depends on the bit rate. The samples are raised before, so
    that the MP3 is as loud as its master.
    """

    kbit: int
    lame_quality: int
    lame_scale: float = 1.0


MUSIC: Final = Compression(kbit=256, lame_quality=5)
SKETCH: Final = Compression(kbit=128, lame_quality=7, lame_scale=0.95)


@dataclass(frozen=True)
class Tags:
    """The tags of the MP3; ``key`` is a brief's key, ``language`` is ``ko`` or ``en``.

    ``prompt_version`` is the version of the prompt that described the picture, empty if it is not known.
    """

    title: str
    caption: str
    language: str
    genre: str
    key: str
    tempo_bpm: int
    engine: str
    model: str
    seed: int
    prompt_version: str = ""

    @classmethod
    def of(cls, brief: Brief, engine: str, model: str, seed: int, prompt_version: str) -> Self:
        """Return the tags of music that an engine made of a brief."""
        return cls(
            title=brief.title,
            caption=brief.caption,
            language=brief.language,
            genre=brief.genre,
            key=brief.key,
            tempo_bpm=brief.tempo_bpm,
            engine=engine,
            model=model,
            seed=seed,
            prompt_version=prompt_version,
        )


def wav(audio: Audio, tags: Tags) -> bytes:
    """Return the audio as a 16-bit PCM WAV with triangular dither; the same audio gives the same bytes.

    A chunk of RIFF's INFO states title, genre and software, and that the music is AI-generated.
    """
    return _wav(_dithered(audio), audio.rate, "PCM_16", tags)


def wav_24(audio: Audio, tags: Tags) -> bytes:
    """Return the audio as a 24-bit PCM WAV with the same tags; what is beyond full scale is clipped."""
    return _wav(audio.samples, audio.rate, "PCM_24", tags)


def _wav(samples: NDArray[Any], rate: int, subtype: str, tags: Tags) -> bytes:
    out = BytesIO()
    soundfile.write(out, samples, rate, format="WAV", subtype=subtype)
    data = out.getvalue()
    said = made_by(tags.engine, tags.model)
    told = {b"INAM": tags.title, b"IART": ARTIST, b"IGNR": tags.genre, b"ICMT": said, b"ISFT": ARTIST}
    texts = b"".join(_riff(name, text.encode() + b"\0") for name, text in told.items())
    data += _riff(b"LIST", b"INFO" + texts)
    return b"RIFF" + (len(data) - 8).to_bytes(4, "little") + data[8:]


def _riff(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)


def mp3(audio: Audio, tags: Tags, cover_jpeg: bytes | None, compression: Compression = MUSIC) -> bytes:
    """Return the audio as an MP3 with ID3v2.3 tags, and the cover if there is one."""
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_bit_rate(compression.kbit)
    encoder.set_in_sample_rate(audio.rate)
    encoder.set_channels(2)
    encoder.set_quality(compression.lame_quality)
    sound = encoder.encode(_dithered(audio, 1 / compression.lame_scale).tobytes()) + encoder.flush()
    out = BytesIO(bytes(sound))
    _id3(tags, cover_jpeg).save(out, v1=0, v2_version=3)
    return out.getvalue()


def _dithered(audio: Audio, factor: float = 1.0) -> NDArray[np.int16]:
    """Multiply and round to 16 bits with triangular noise of one step, from a fixed seed."""
    rng = np.random.Generator(np.random.PCG64(16))
    rounded = np.empty(audio.samples.shape, np.int16)
    for start in range(0, len(rounded), _BLOCK):
        block = audio.samples[start : start + _BLOCK]
        steps = block * np.float32(_PCM_SCALE * factor)
        steps += rng.random(block.shape, np.float32)
        steps -= rng.random(block.shape, np.float32)
        np.rint(steps, out=steps)
        rounded[start : start + _BLOCK] = np.clip(steps, -_PCM_SCALE - 1, _PCM_SCALE)
    return rounded


def _id3(tags: Tags, cover_jpeg: bytes | None) -> id3.ID3:
    language = _LANGUAGES.get(tags.language, "und")
    texts: dict[Any, str] = {
        id3.TIT2: tags.title,
        id3.TPE1: ARTIST,
        id3.TCON: tags.genre,
        id3.TBPM: str(tags.tempo_bpm),
        id3.TKEY: initial_key(tags.key),
        id3.TLAN: language,
    }
    descriptions = {
        "AI-generated": "yes",
        "engine": tags.engine,
        "model": tags.model,
        "seed": str(tags.seed),
        "prompt version": tags.prompt_version,
    }
    header = id3.ID3()
    for frame, text in texts.items():
        if text:
            header.add(frame(encoding=_ID3_ENCODING, text=[text]))
    header.add(id3.COMM(encoding=_ID3_ENCODING, lang=language, desc="", text=[tags.caption]))
    for name, text in descriptions.items():
        if text:
            header.add(id3.TXXX(encoding=_ID3_ENCODING, desc=name, text=[text]))
    if cover_jpeg:
        front = id3.PictureType.COVER_FRONT
        header.add(id3.APIC(encoding=_ID3_ENCODING, mime="image/jpeg", type=front, desc="", data=cover_jpeg))
    return header


def initial_key(key: str) -> str:
    """Return a brief's key as ID3's TKEY spells it: ``F# minor`` is ``F#m``."""
    letter, mode = key.split()
    return letter + ("m" if mode == "minor" else "")
