"""Requests for pipeline jobs, and what Vertex AI says about a job."""

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
    """The truth about a job.

    ``reason`` is its error in Google's words and ``results_token`` the folder it writes to; empty if there is none.
    """

    state: JobState
    labels: Mapping[str, str]
    reason: str = ""
    results_token: str = ""


def job_labels(track: str, attempt: int) -> dict[str, str]:
    """Return the labels of an attempt's job; a job with this id but other labels belongs to somebody else."""
    return {"app": "musicgenerator", "track": track, "attempt": str(attempt)}
