"""Read an engine's answer: its audio with its content credentials, or the reason why it has none."""

import base64
import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any, Final

import numpy as np
import soundfile

from pipeline import credentials
from pipeline.audio import Audio
from pipeline.credentials import Credentials
from pipeline.engines.errors import RecitationBlockedError, RequestRefusedError, SafetyBlockedError

_SILENT: Final = 1e-4
# Longer than any music that can be asked for.
_LONGEST_SECONDS: Final = 240
# The label of every store of manifests.
_MANIFESTS: Final = b"c2pa"
# The first bytes of the files that can be decoded; an MP3 may also begin with its first frame.
_SIGNATURES: Final = {b"RIFF": "audio/wav", b"fLaC": "audio/flac", b"OggS": "audio/ogg"}
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
    """Decode a WAV, FLAC, MP3 or Ogg file in stereo; return None if it has no audible audio.

    What follows after four minutes is left out.
    """
    try:
        with soundfile.SoundFile(BytesIO(answer)) as file:
            rate = file.samplerate
            samples = file.read(_LONGEST_SECONDS * rate, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        return None
    if not len(samples) or not np.isfinite(samples).all() or float(np.abs(samples).max()) < _SILENT:
        return None
    return Audio(np.repeat(samples, 2, axis=1) if samples.shape[1] == 1 else samples[:, :2], int(rate))


def credentials_of(answer: bytes) -> Credentials:
    """Return the content credentials of a file that ``decoded`` can read; those that are not in the file are absent."""
    # Reading them loads 23 MB of native code.
    if _MANIFESTS not in answer:
        return Credentials()
    return credentials.read(answer, _SIGNATURES.get(answer[:4], "audio/mpeg"))


def unpacked(text: object) -> bytes:
    """Decode base64; return empty bytes if ``text`` is no base64 text."""
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        return b""


def objects(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the JSON objects in the list ``body[name]``; return an empty list if there is no such list."""
    found = body.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def refusal(words: str) -> RequestRefusedError:
    """Return the error for a refusal; the words of the API's message decide its class."""
    if _RECITATION.search(words):
        return RecitationBlockedError(words)
    return SafetyBlockedError(words) if _SAFETY.search(words) else RequestRefusedError(words)


def block_in(body: Mapping[str, Any]) -> RequestRefusedError | None:
    """Return the block that the filter fields of an answer with status 200 report, or None if they report none."""
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
