"""Names that mean something: sessions, tracks, secrets, objects and pipeline jobs.

Every random id carries 130 bits: 26 characters of a 32-letter alphabet behind one letter that says what it names.
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Final

UPLOAD_PREFIX: Final = "uploads/"

_CHARACTERS: Final = 26
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_SESSION = re.compile(r"s[a-z2-7]{26}")
_TRACK = re.compile(r"t[a-z2-7]{26}")
_TOKEN = re.compile(r"r[a-z2-7]{26}")
_JOB = re.compile(r"mg-(t[a-z2-7]{26})-([1-9][0-9]{0,5})")


def new_session_id() -> str:
    """Return a fresh session id; knowing it is the right to read the session."""
    return "s" + _random()


def new_track_id() -> str:
    """Return a fresh track id."""
    return "t" + _random()


def new_results_token() -> str:
    """Return the unguessable folder of a track's results."""
    return "r" + _random()


def new_secret() -> str:
    """Return a session's secret, the right to command it."""
    return "k" + _random() + _random()


def derived_session(salt: str, idempotency_key: str) -> tuple[str, str]:
    """Return the id and secret that a client's idempotency key stands for under a stored salt.

    The salt alone tells nothing, and the key is never stored: together they give the same answer again.
    """

    def derive(purpose: str) -> bytes:
        return hmac.digest(salt.encode(), f"{purpose}\0{idempotency_key}".encode(), "sha256")

    secret = base64.b32encode(derive("secret")).decode().lower().rstrip("=")
    return "s" + _spell(derive("session")), "k" + secret


def derived_track_id(*parts: str) -> str:
    """Return the track id that these parts always give, so that a second request or delivery finds the same track."""
    return "t" + _spell(hashlib.sha256("\0".join(parts).encode()).digest())


def dropped_track_id(bucket: str, name: str, generation: int) -> str:
    """Return the track id of an object that nobody announced."""
    return derived_track_id("drop", bucket, name, str(generation))


def is_session_id(text: str) -> bool:
    """Say whether this could be a session id."""
    return _SESSION.fullmatch(text) is not None


def is_track_id(text: str) -> bool:
    """Say whether this could be a track id."""
    return _TRACK.fullmatch(text) is not None


def is_results_token(text: str) -> bool:
    """Say whether this could be the folder of a track's results."""
    return _TOKEN.fullmatch(text) is not None


def upload_name(track: str) -> str:
    """Return the object name that an announced upload must have."""
    return UPLOAD_PREFIX + track


def announced_track(object_name: str) -> str | None:
    """Return the track that an object in the images bucket was announced for, if its name says so."""
    track = object_name.removeprefix(UPLOAD_PREFIX)
    return track if track != object_name and is_track_id(track) else None


def pipeline_job_id(track: str, attempt: int) -> str:
    """Return the Vertex pipeline job id of a track's attempt: the key that makes launching idempotent."""
    return f"mg-{track}-{attempt}"


def track_and_attempt(job_id: str) -> tuple[str, int] | None:
    """Return what a pipeline job id was derived from, or None if it is not one of ours."""
    match = _JOB.fullmatch(job_id)
    return (match[1], int(match[2])) if match else None


def secret_hash(secret: str) -> str:
    """Return the only form in which a secret is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret(secret: str, stored_hash: str) -> bool:
    """Compare a secret with its stored hash in constant time."""
    return hmac.compare_digest(secret_hash(secret), stored_hash)


def _random() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_CHARACTERS))


def _spell(digest: bytes) -> str:
    return base64.b32encode(digest).decode().lower()[:_CHARACTERS]
