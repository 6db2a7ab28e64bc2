"""Names of sessions, tracks, secrets, objects and pipeline jobs.

A random id is one letter for its kind and 26 characters of a 32-letter alphabet: 130 random bits.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from typing import Final

UPLOAD_PREFIX: Final = "uploads/"
SESSION_PATTERN: Final = "s[a-z2-7]{26}"
TRACK_PATTERN: Final = "t[a-z2-7]{26}"
MOVE_PATTERN: Final = "m[a-z2-7]{26}"

_CHARACTERS: Final = 26
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_SESSION = re.compile(SESSION_PATTERN)
_TRACK = re.compile(TRACK_PATTERN)
_MOVE = re.compile(MOVE_PATTERN)
_TOKEN = re.compile(r"r[a-z2-7]{26}")
_JOB = re.compile(rf"mg-({TRACK_PATTERN})-([1-9][0-9]{{0,5}})")
_SHARED_JOB = re.compile(r"mg-j[a-z2-7]{26}")


def new_session_id() -> str:
    """Return a new session id; it is the right to read the session."""
    return "s" + _random()


def new_track_id() -> str:
    """Return a new track id."""
    return "t" + _random()


def new_results_token() -> str:
    """Return a new token: the unguessable folder of a track's results."""
    return "r" + _random()


def new_secret() -> str:
    """Return a new secret: the right to command a session."""
    return "k" + _random() + _random()


def new_move_code() -> str:
    """Return a new code: the right to receive a session's sealed secret, once."""
    return "m" + _random()


def derived_session(salt: str, idempotency_key: str) -> tuple[str, str]:
    """Return the session id and secret of a stored salt and a client's idempotency key.

    The same salt and key give the same session. The key is never stored, and the salt alone does not reveal the secret.
    """

    def derive(purpose: str) -> bytes:
        return hmac.digest(salt.encode(), f"{purpose}\0{idempotency_key}".encode(), "sha256")

    secret = base64.b32encode(derive("secret")).decode().lower().rstrip("=")
    return "s" + _spell(derive("session")), "k" + secret


def derived_track_id(*parts: str) -> str:
    """Return a track id derived from these parts: a second request or delivery finds the same track."""
    return "t" + _spell(hashlib.sha256("\0".join(parts).encode()).digest())


def dropped_track_id(bucket: str, name: str, *facts: str) -> str:
    """Return the track id of a dropped picture with these facts of its content and its wishes."""
    return derived_track_id("drop", bucket, name, *facts)


def twin_of(track: str) -> str:
    """Return the track id of the second of two takes, derived from the first one's."""
    return derived_track_id("twin", track)


def is_session_id(text: str) -> bool:
    """Say whether this could be a session id."""
    return _SESSION.fullmatch(text) is not None


def is_track_id(text: str) -> bool:
    """Say whether this could be a track id."""
    return _TRACK.fullmatch(text) is not None


def is_move_code(text: str) -> bool:
    """Say whether this could be the code of a move."""
    return _MOVE.fullmatch(text) is not None


def is_results_token(text: str) -> bool:
    """Say whether this could be the folder of a track's results."""
    return _TOKEN.fullmatch(text) is not None


def upload_name(track: str) -> str:
    """Return the object name of a track's upload."""
    return UPLOAD_PREFIX + track


def announced_track(object_name: str) -> str | None:
    """Return the track whose upload has this object name, None for any other name."""
    track = object_name.removeprefix(UPLOAD_PREFIX)
    return track if track != object_name and is_track_id(track) else None


def pipeline_job_id(track: str, attempt: int) -> str:
    """Return the pipeline job id of an attempt; Vertex AI grants it once, which makes launching idempotent."""
    return f"mg-{track}-{attempt}"


def track_and_attempt(job_id: str) -> tuple[str, int] | None:
    """Return the track and attempt of a pipeline job id, None for any other text."""
    match = _JOB.fullmatch(job_id)
    return (match[1], int(match[2])) if match else None


def run_id(region: str, attempts: Sequence[tuple[str, int]]) -> str:
    """Return the id of the pipeline job that makes the music of these tracks and attempts in a region.

    The same attempts in the same region give the same id. The id of one attempt is ``pipeline_job_id``.
    """
    if len(attempts) == 1:
        return pipeline_job_id(*attempts[0])
    names = sorted(pipeline_job_id(track, attempt) for track, attempt in attempts)
    return "mg-j" + _spell(hashlib.sha256("\0".join((region, *names)).encode()).digest())


def is_shared_job(job_id: str) -> bool:
    """Say whether this could be the id of a pipeline job of several tracks."""
    return _SHARED_JOB.fullmatch(job_id) is not None


def secret_hash(secret: str) -> str:
    """Return the form in which a secret is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret(secret: str, stored_hash: str) -> bool:
    """Compare a secret with its stored hash in constant time."""
    return hmac.compare_digest(secret_hash(secret), stored_hash)


def _random() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_CHARACTERS))


def _spell(digest: bytes) -> str:
    return base64.b32encode(digest).decode().lower()[:_CHARACTERS]
