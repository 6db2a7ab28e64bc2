"""Pipeline jobs: the request that creates one, and its state as Vertex AI reports it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from musicgenerator.ids import track_and_attempt

_APP: Final = "musicgenerator"
_HASH: Final = 32


@dataclass(frozen=True)
class JobRequest:
    """A pipeline job to create: its id, compiled spec, parameter values, labels, ``gs://`` root and account.

    ``machines`` is the full name of the persistent resource on whose machines its step runs, if one is free; empty for
    a new machine.
    """

    job: str
    spec: Mapping[str, Any]
    parameters: Mapping[str, Any]
    labels: Mapping[str, str]
    root: str
    account: str
    machines: str = ""


class JobState(StrEnum):
    """What a pipeline job's state means for its track."""

    UNDER_WAY = "under_way"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class JobFacts:
    """A pipeline job as Vertex AI reports it.

    ``reason`` is the job's error message, and ``order`` the value of its parameter ``order``; each is empty if the job
    has none.
    """

    state: JobState
    labels: Mapping[str, str]
    reason: str = ""
    order: str = ""


def job_labels(attempts: Sequence[tuple[str, int]]) -> dict[str, str]:
    """Return the labels of the job of these tracks and attempts: the attempt, or the tracks' number and hash."""
    if len(attempts) == 1:
        track, attempt = attempts[0]
        return {"app": _APP, "track": track, "attempt": str(attempt)}
    names = sorted(f"{track}-{attempt}" for track, attempt in attempts)
    return {
        "app": _APP,
        "tracks": str(len(attempts)),
        "orders": hashlib.sha256("\0".join(names).encode()).hexdigest()[:_HASH],
    }


def is_ours(facts: JobFacts, job: str) -> bool:
    """Say whether a job with the id of a run is this project's: another one may have taken the id first."""
    origin = track_and_attempt(job)
    labels = job_labels([origin]) if origin else {"app": _APP}
    return labels.items() <= facts.labels.items()


def has_read(facts: JobFacts, attempts: Sequence[tuple[str, int]]) -> bool:
    """Say whether a job was created for the orders of these tracks and attempts.

    After a job has ended and its orders are deleted, a launcher that was interrupted may write others under its id.
    The job has never read those.
    """
    return job_labels(attempts).items() <= facts.labels.items()
