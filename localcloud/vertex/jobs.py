"""Pipeline jobs: each id is created once, jobs run in the order of arrival, and each job ends once."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final, Protocol, Self

from localcloud.servers.google_errors import GoogleError
from localcloud.vertex.metadata import Metadata
from localcloud.vertex.specs import PipelineRequest
from musicgenerator.settings import SettingInvalidError


class State(IntEnum):
    """PipelineState with the API's numbers."""

    PIPELINE_STATE_PENDING = 2
    PIPELINE_STATE_RUNNING = 3
    PIPELINE_STATE_SUCCEEDED = 4
    PIPELINE_STATE_FAILED = 5
    PIPELINE_STATE_CANCELLING = 6
    PIPELINE_STATE_CANCELLED = 7

    @property
    def is_end(self) -> bool:
        """Whether the state is final."""
        return self in _ENDS


_ENDS = (State.PIPELINE_STATE_SUCCEEDED, State.PIPELINE_STATE_FAILED, State.PIPELINE_STATE_CANCELLED)


class Run(Protocol):
    """A pipeline that runs in separate processes."""

    def wait(self) -> str | None:
        """Return when it has ended: None if it succeeded, otherwise the last words of the step that failed."""

    def kill(self) -> None:
        """Kill all of its processes; harmless if they have ended."""


class Runner(Protocol):
    """Runs pipelines."""

    def start(self, job_id: str, pipeline: PipelineRequest) -> Run:
        """Start a pipeline and return at once."""


@dataclass
class PipelineJob:
    """One job; ``Jobs`` changes it under a lock and returns copies."""

    parent: str
    id: str
    request: PipelineRequest
    state: State = State.PIPELINE_STATE_PENDING
    error: Mapping[str, Any] | None = None
    run: Run | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def name(self) -> str:
        """The resource name."""
        return f"{self.parent}/pipelineJobs/{self.id}"

    def to_json(self, *, enums_as_numbers: bool = False) -> dict[str, Any]:
        """Return the resource as the API shows it."""
        updated = self.ended or self.started or self.created
        body: dict[str, Any] = {
            "name": self.name,
            **self.request.fields,
            "state": self.state.value if enums_as_numbers else self.state.name,
            "createTime": timestamp(self.created),
            "updateTime": timestamp(updated),
        }
        if self.started:
            body["startTime"] = timestamp(self.started)
        if self.ended:
            body["endTime"] = timestamp(self.ended)
        if self.error:
            body["error"] = dict(self.error)
        return body


@dataclass(frozen=True)
class Starts:
    """How many seconds a machine takes to start: a new one, and one of a persistent resource."""

    cold_seconds: float = 0.0
    warm_seconds: float = 0.0

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read ``COLD_START_SECONDS`` and ``WARM_START_SECONDS``; raise SettingInvalidError."""
        return cls(*(_seconds(environ, f"{name}_START_SECONDS") for name in ("COLD", "WARM")))

    def seconds(self, request: PipelineRequest) -> float:
        """Return how long the machine of this job takes to start."""
        return self.warm_seconds if request.machines else self.cold_seconds


def _seconds(environ: Mapping[str, str], name: str) -> float:
    value = environ.get(name) or "0"
    try:
        return float(value)
    except ValueError as error:
        raise SettingInvalidError(f"{name} must be a number of seconds, not {value!r}") from error


NO_DELAY: Final = Starts()


class Jobs:
    """All jobs of one server; ``concurrency`` of them run at once, and the others wait in the order of arrival."""

    def __init__(
        self, runner: Runner, concurrency: int, on_change: Callable[[PipelineJob], None], starts: Starts = NO_DELAY
    ) -> None:
        """Call ``on_change``, outside the lock, with a copy of each job whose state changes."""
        self._starts = starts
        self._waiting: dict[str, threading.Timer] = {}
        self._runner = runner
        self._on_change = on_change
        self._jobs: dict[str, PipelineJob] = {}
        self.metadata = Metadata()
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(concurrency, thread_name_prefix="pipeline")

    def create(self, parent: str, job_id: str | None, request: PipelineRequest) -> PipelineJob:
        """Add a job, which runs when it is its turn; raise ALREADY_EXISTS for an id that was used before."""
        job = PipelineJob(parent, job_id or f"{request.pipeline_name}-{time.time_ns()}", request)
        with self._lock:
            if job.name in self._jobs:
                raise GoogleError("ALREADY_EXISTS", f"The PipelineJob {job.name} already exists.")
            self._jobs[job.name] = job
            self.metadata.record(parent, job.id)
            created = replace(job)
        self._on_change(created)
        self._queue(job)
        return created

    def get(self, name: str) -> PipelineJob:
        """Return a copy of a job; raise NOT_FOUND if it does not exist."""
        with self._lock:
            return replace(self._find(name))

    def list(self, parent: str) -> "list[PipelineJob]":
        """Return copies of the jobs of a location, the newest first."""
        with self._lock:
            jobs = [replace(job) for job in self._jobs.values() if job.parent == parent]
        return jobs[::-1]

    def cancel(self, name: str) -> None:
        """Kill a job's processes; raise FAILED_PRECONDITION if it has ended."""
        with self._lock:
            job = self._find(name)
            _refuse(job.state.is_end, job, "canceled")
            if job.state is State.PIPELINE_STATE_PENDING:
                changed = _ended(job, State.PIPELINE_STATE_CANCELLED)
            else:
                job.state = State.PIPELINE_STATE_CANCELLING
                changed = replace(job)
        self._on_change(changed)
        if changed.run is not None:
            changed.run.kill()

    def delete(self, name: str) -> None:
        """Delete a job's record, but not its metadata; raise FAILED_PRECONDITION unless the job has ended.

        Its id is free at once. Google's deletion takes up to a day, and the id is taken until then.
        """
        with self._lock:
            job = self._find(name)
            _refuse(not job.state.is_end, job, "deleted")
            del self._jobs[name]

    def close(self) -> None:
        """Kill every job's processes, start no others and return when all have ended."""
        self._on_change = lambda _job: None  # the server is ending, so it publishes nothing
        for timer in list(self._waiting.values()):
            timer.cancel()
        self._workers.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            runs = [job.run for job in self._jobs.values() if job.run is not None and not job.state.is_end]
        for run in runs:
            run.kill()
        self._workers.shutdown()

    def _queue(self, job: PipelineJob) -> None:
        """Submit a job to the workers when its machine has started."""
        seconds = self._starts.seconds(job.request)
        if not seconds:
            self._workers.submit(self._work, job)
            return
        timer = threading.Timer(seconds, lambda: self._started(job))
        timer.daemon = True
        self._waiting[job.name] = timer
        timer.start()

    def _started(self, job: PipelineJob) -> None:
        self._waiting.pop(job.name, None)
        with suppress(RuntimeError):  # the server is ending
            self._workers.submit(self._work, job)

    def _work(self, job: PipelineJob) -> None:
        try:
            with self._lock:
                if job.state.is_end:  # it was cancelled while it waited
                    return
                # Under the lock: a cancel either comes before this and is seen, or finds a run that it can kill.
                run = job.run = self._runner.start(job.id, job.request)
                job.state = State.PIPELINE_STATE_RUNNING
                job.started = datetime.now(UTC)
                running = replace(job)
            self._on_change(running)
            failure = run.wait()
        except OSError as error:
            failure = f"The pipeline could not be run: {error}"
        with self._lock:
            if failure is None:
                ended = _ended(job, State.PIPELINE_STATE_SUCCEEDED)
            elif job.state is State.PIPELINE_STATE_CANCELLING:
                ended = _ended(job, State.PIPELINE_STATE_CANCELLED)
            else:
                ended = _ended(job, State.PIPELINE_STATE_FAILED, failure)
        self._on_change(ended)

    def _find(self, name: str) -> PipelineJob:
        job = self._jobs.get(name)
        if job is None:
            raise GoogleError("NOT_FOUND", f"The PipelineJob does not exist: {name}.")
        return job


_CANCELLED = 1  # google.rpc.Code
_FAILED_PRECONDITION = 9


def _ended(job: PipelineJob, state: State, failure: str = "") -> PipelineJob:
    job.state = state
    job.ended = datetime.now(UTC)
    job.run = None
    if state is State.PIPELINE_STATE_CANCELLED:
        job.error = {"code": _CANCELLED, "message": "The PipelineJob was cancelled."}
    elif state is State.PIPELINE_STATE_FAILED:
        message = f"The DAG failed because some tasks failed. {failure}"
        job.error = {"code": _FAILED_PRECONDITION, "message": message}
    return replace(job)


def _refuse(refused: bool, job: PipelineJob, verb: str) -> None:  # noqa: FBT001  a condition, not an option
    if refused:
        message = f"The PipelineJob {job.name} is in state {job.state.name} and cannot be {verb}."
        raise GoogleError("FAILED_PRECONDITION", message)


def cores() -> int:
    """Return how many pipelines can compute at once on this machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def timestamp(moment: datetime) -> str:
    """Return a moment as Google's JSON writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
