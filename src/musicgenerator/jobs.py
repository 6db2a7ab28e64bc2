"""Pipeline jobs: what is asked of Vertex AI and what it says about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class JobRequest:
    """A pipeline job to create: its id, compiled spec, parameter values, labels, ``gs://`` root and account."""

    job: str
    spec: Mapping[str, Any]
    parameters: Mapping[str, Any]
    labels: Mapping[str, str]
    root: str
    account: str


class JobState(StrEnum):
    """What a pipeline job's state means for its track."""

    UNDER_WAY = "under_way"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class JobFacts:
    """What Vertex AI says about a job.

    ``reason`` is its error in Google's words and ``order`` the address that its parameter of this name holds; both are
    empty if there is none.
    """

    state: JobState
    labels: Mapping[str, str]
    reason: str = ""
    order: str = ""


def job_labels(track: str, attempt: int) -> dict[str, str]:
    """Return the labels that identify a job as this project's, so that a taken id is not mistaken for it."""
    return {"app": "musicgenerator", "track": track, "attempt": str(attempt)}
