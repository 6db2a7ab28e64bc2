"""What an engine's answer holds: sound to decode, or the reason why there is none."""

import base64
import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any, Final

import numpy as np
import soundfile

from pipeline.audio import Audio
from pipeline.engines.errors import RecitationBlockedError, RequestRefusedError, SafetyBlockedError

_SILENT: Final = 1e-4
_RECITATION: Final = re.compile(r"recitation", re.IGNORECASE)
_SAFETY: Final = re.compile(
    r"safety|responsible ai|usage guidelines|prohibited|violat|sensitive|artist intent|\bblocked\b|_blocked|BLOCK_",
    re.IGNORECASE,
)
_REASONS: Final = frozenset(
    {
        "blockreason",
        "blockreasonmessage",
        "error",
        "finishmessage",
        "finishreason",
        "raifilteredreason",
        "raimediafilteredreasons",
        "safetyratings",
    }
)


def decoded(answer: bytes) -> Audio | None:
    """Return an encoded file (WAV, FLAC, MP3, Ogg) as sound, or None where it holds nothing to hear."""
    try:
        samples, rate = soundfile.read(BytesIO(answer), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        return None
    if not len(samples) or not np.isfinite(samples).all() or float(np.abs(samples).max()) < _SILENT:
        return None
    return Audio(np.repeat(samples, 2, axis=1) if samples.shape[1] == 1 else samples[:, :2], int(rate))


def unpacked(text: object) -> bytes:
    """Return the bytes of a base64 text, none where it is no such text."""
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        return b""


def objects(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the JSON objects in a list of the answer, whatever else is there instead."""
    found = body.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def refusal(words: str) -> RequestRefusedError:
    """Return the refusal that the API's words amount to."""
    if _RECITATION.search(words):
        return RecitationBlockedError(words)
    return SafetyBlockedError(words) if _SAFETY.search(words) else RequestRefusedError(words)


def block_in(body: Mapping[str, Any]) -> RequestRefusedError | None:
    """Return why an answer of 200 holds no sound, where it says so: its filters' words, never the model's own."""
    words = "; ".join(_reasons(body))
    blocked = refusal(words)
    return blocked if isinstance(blocked, RecitationBlockedError | SafetyBlockedError) else None


def _reasons(value: object, *, wanted: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _reasons(inner, wanted=wanted or name.replace("_", "").lower() in _REASONS)
    elif isinstance(value, list):
        for inner in value:
            yield from _reasons(inner, wanted=wanted)
    elif wanted and isinstance(value, str):
        yield value
