"""Pipeline jobs: the request that creates one, and its state as Vertex AI reports it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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


def job_labels(track: str, attempt: int) -> dict[str, str]:
    """Return the labels of an attempt's job; a job with the same id but other labels is not this project's."""
    return {"app": "musicgenerator", "track": track, "attempt": str(attempt)}
