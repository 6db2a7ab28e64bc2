"""Describe a picture as a brief: recognise, measure, choose the music, write the texts."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from PIL import Image, ImageOps

from localcloud.openai.describer.measurements import Measurements, measure
from localcloud.openai.describer.music import Music, compose_for
from localcloud.openai.describer.nets import Nets
from localcloud.openai.describer.reasons import Reasons
from localcloud.openai.describer.recognition import Subject, recognise
from localcloud.openai.describer.wishes import Wishes
from localcloud.openai.describer.wording import Words, put_into_words
from musicgenerator.briefs import (
    ENERGY,
    GENRES,
    INSTRUMENTS,
    KEYS,
    LANGUAGES,
    LENGTHS,
    MAX_INSTRUMENTS,
    MAX_MOODS,
    TEMPO_BPM,
    VALENCE,
    WHY_LENGTH,
)

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
_MOST_PIXELS: Final = 50_000_000
_SIDE: Final = 640
_INSTRUMENTS: Final = 5


class UnreadablePictureError(Exception):
    """The bytes cannot be decoded as a picture."""


@dataclass(frozen=True)
class Request:
    """The brief's language, and the style and hint that the user typed."""

    language: str = "ko"
    hint: str = ""
    style: str = ""

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> "Request":
        """Read ``language``, ``hint`` and ``style``; a missing or malformed field keeps its default."""
        language = data.get("language")
        texts = {name: data[name][:500] for name in ("hint", "style") if isinstance(data.get(name), str)}
        return cls(language if language in LANGUAGES else "ko", **texts)


@dataclass(frozen=True)
class Limits:
    """The bounds and vocabularies of an answer; by default those of a brief."""

    genres: Sequence[str] = GENRES
    instruments: Sequence[str] = INSTRUMENTS
    max_instruments: int = MAX_INSTRUMENTS
    max_moods: int = MAX_MOODS
    keys: Sequence[str] = KEYS
    tempo: tuple[float, float] = TEMPO_BPM
    valence: tuple[float, float] = VALENCE
    energy: tuple[float, float] = ENERGY
    lengths: Mapping[str, int] = field(default_factory=lambda: LENGTHS)

    @classmethod
    def from_schema(cls, schema: Mapping[str, Any]) -> "Limits":
        """Narrow the brief's own bounds by a JSON schema's ``enum``, ``minimum``, ``maximum``, ``max...`` keywords."""
        fields = {name: _resolved(part, schema) for name, part in schema.get("properties", {}).items()}

        def part(name: str) -> Mapping[str, Any]:
            return fields.get(name, {})

        def bounds(name: str, own: tuple[float, float]) -> tuple[float, float]:
            return max(part(name).get("minimum", own[0]), own[0]), min(part(name).get("maximum", own[1]), own[1])

        def choices(asked: Mapping[str, Any], own: Sequence[str]) -> Sequence[str]:
            return asked.get("enum") or ([asked["const"]] if "const" in asked else own)

        return cls(
            genres=choices(part("genre"), GENRES),
            instruments=choices(_resolved(part("instruments").get("items", {}), schema), INSTRUMENTS),
            max_instruments=part("instruments").get("maxItems", MAX_INSTRUMENTS),
            max_moods=part("moods").get("maxItems", MAX_MOODS),
            keys=choices(part("key"), KEYS),
            tempo=bounds("tempoBpm", TEMPO_BPM),
            valence=bounds("valence", VALENCE),
            energy=bounds("energy", ENERGY),
            lengths={name: min(part(name).get("maxLength", own), own) for name, own in LENGTHS.items()},
        )


@dataclass(frozen=True)
class Sight:
    """What a picture shows: its subject, its measurements, and a number from its pixels that picks among wordings."""

    subject: Subject
    light: Measurements
    signature: int


class Describer:
    """Describes pictures; it has no state, so threads may share it."""

    def __init__(self, nets: Nets) -> None:
        """Use these nets."""
        self._nets = nets

    def describe(self, image: bytes, request: Request, limits: Limits | None = None) -> dict[str, Any]:
        """Return a picture's brief as JSON values; raise UnreadablePictureError for bytes that are no picture.

        The same pixels and request always give the same brief; file names and metadata have no influence.
        """
        return self.brief(self.look(image), request, limits)

    def look(self, image: bytes) -> Sight:
        """Return what a picture shows; raise UnreadablePictureError for bytes that are no picture."""
        picture = decode(image)
        light = measure(picture)
        subject = recognise(self._nets.classify(picture), self._nets.detect(picture), light)
        return Sight(subject, light, _signature(picture))

    def brief(self, sight: Sight, request: Request, limits: Limits | None = None) -> dict[str, Any]:
        """Choose music and write the texts."""
        wishes, language = Wishes.read(request.style, request.hint), request.language
        music = compose_for(sight.subject, sight.light, wishes)
        words = put_into_words(sight.subject, sight.light, music, language, sight.signature)
        brief = _brief(words, music, language, limits or Limits())
        reasons = Reasons(sight.subject, sight.light, music, wishes, tuple(brief["instruments"]))
        return brief | {"why": {name: shorten(said, WHY_LENGTH) for name, said in reasons.write(language).items()}}


def decode(image: bytes) -> Image.Image:
    """Return the first frame upright as RGB of at most 640 pixels a side, on white."""
    try:
        with Image.open(io.BytesIO(image), formats=FORMATS) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise UnreadablePictureError("the picture has too many pixels")
            opened.draft("RGB", (_SIDE, _SIDE))
            upright = ImageOps.exif_transpose(opened)
            if upright.has_transparency_data:
                rgba = upright.convert("RGBA")
                upright = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
            picture = upright.convert("RGB")
    # Pillow raises these for broken files, besides OSError.
    except (OSError, SyntaxError, EOFError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadablePictureError(str(error)) from error
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    return picture


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a local ``$ref`` such as ``#/$defs/Genre``; an unknown one is an empty schema."""
    target: Any = schema
    for step in str(part.get("$ref", "")).removeprefix("#/").split("/") if "$ref" in part else ():
        target = target.get(step, {}) if isinstance(target, Mapping) else {}
    return target if "$ref" in part and isinstance(target, Mapping) else part


def _signature(picture: Image.Image) -> int:
    """Return a number made from a small thumbnail; it picks among sentences of the same meaning."""
    steps = np.asarray(picture.resize((16, 16), Image.Resampling.BOX)) // 4
    return int.from_bytes(hashlib.sha256(steps.tobytes()).digest()[:8], "big")


def _brief(words: Words, music: Music, language: str, limits: Limits) -> dict[str, Any]:
    """Fit texts and music to the limits; of a ranked list, take the best allowed choice."""
    texts = {
        "title": words.title,
        "caption": words.caption,
        "altText": words.alt_text,
        "prompt": words.prompt,
        "avoid": words.avoid,
    }
    players = [name for name in music.instruments if name in limits.instruments]
    return {name: shorten(text, limits.lengths.get(name, len(text))) for name, text in texts.items()} | {
        "language": language,
        "moods": list(music.moods)[: limits.max_moods],
        "genre": _first_allowed(music.genres, limits.genres),
        "instruments": (players or list(limits.instruments))[: min(_INSTRUMENTS, limits.max_instruments)],
        "tempoBpm": round(_clamped(music.tempo, limits.tempo)),
        "key": _first_allowed((music.key,), limits.keys),
        "valence": _clamped(music.valence, limits.valence),
        "energy": _clamped(music.energy, limits.energy),
    }


def shorten(text: str, length: int) -> str:
    """Cut a text to at most ``length`` characters, at the end of a sentence or word if possible."""
    if len(text) <= length:
        return text
    cut = text[:length]
    sentence = max(cut.rfind(". "), cut.rfind("! "))
    if sentence > length // 2:
        return cut[: sentence + 1]
    return cut[: length - 1].rsplit(" ", 1)[0].rstrip(" ,") + "…"[: min(length, 1)]


def _first_allowed(ranked: Sequence[str], allowed: Sequence[str]) -> str:
    return next((name for name in ranked if name in allowed), allowed[0])


def _clamped(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])
