"""Converge an installation: compare each resource with what it should be, and list or run what makes it so.

Actions between two barriers run in parallel. One that fails does not stop the others; the barrier then stops the run.
"""

import re
import sys
import traceback
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from infra.gcloud import Call, Gcloud
from infra.jobs import Job
from infra.resources import BARRIER, Action, Barrier, Mark, Resource, Step, Unwanted, Verdict, compared
from infra.state import State
from infra.stops import StoppedError

_SHOWN_LINES: Final = 15
_MAX_LOG_NAME: Final = 120


class Mode(Enum):
    """Whether the engine only compares, or also runs the actions."""

    PLAN = "plan"
    APPLY = "apply"


@dataclass(frozen=True)
class Line:
    """One line of a plan."""

    mark: Mark
    description: str
    name: str
    details: str

    def __str__(self) -> str:
        return f"  {self.mark.value} {self.description:<18} {self.name}" + (
            f"   ({self.details})" if self.details else ""
        )


@dataclass
class Engine:
    """Converges steps. ``plan`` has the lines of the last run, and ``step`` the name of its current step."""

    gcloud: Gcloud
    state: State
    work: Path
    jobs: int
    plan: list[Line] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    step: str = ""

    def converge(self, steps: Mapping[str, Callable[[], Step]], mode: Mode, only: Collection[str] = ()) -> None:
        """Go through the steps; in apply mode, run the actions of all steps, or of those in ``only``.

        Raises StoppedError at the first barrier after a failed action.
        """
        self.plan, self.warnings = [], []
        for self.step, step in steps.items():
            applies = mode is Mode.APPLY and (not only or self.step in only)
            if applies:
                print(self.step, flush=True)
            batch = _Batch(self, applies=applies)
            try:
                for item in step():
                    batch.take(item)
            except StoppedError:
                batch.wait()
                raise
            batch.take(BARRIER)

    @property
    def log(self) -> Path:
        """The folder of the log files."""
        return self.work / "log"


class _Batch:
    """The actions that a step has started since the last barrier."""

    def __init__(self, engine: Engine, *, applies: bool) -> None:
        self._engine = engine
        self._applies = applies
        self._start()

    def _start(self) -> None:
        self._threads = ThreadPoolExecutor(self._engine.jobs)
        self._running: list[Future[bool]] = []
        self._lanes: dict[str, Future[bool]] = {}
        self._touched: set[str] = set()

    def take(self, item: Resource | Unwanted | Barrier) -> None:
        """Process what a step yields."""
        if isinstance(item, Barrier):
            succeeded = self.wait()
            self._engine.state.forget(self._touched)
            self._start()
            if not succeeded:
                raise StoppedError("")
        elif isinstance(item, Unwanted):
            self._remove(item)
        else:
            self._settle(item)

    def wait(self) -> bool:
        """Wait for all actions; return True if none failed."""
        self._threads.shutdown()
        return all(action.result() for action in self._running)

    def _settle(self, resource: Resource) -> None:
        """Compare a resource, write its line of the plan and start its action."""
        verdict = resource.verdict or compared(self._engine.state.find(resource.kind, resource.name), resource.want)
        action = {Mark.CREATE: resource.create, Mark.CHANGE: resource.change}.get(verdict.mark)
        if verdict.mark is Mark.CHANGE and action is None:
            verdict = Verdict(Mark.STUCK, verdict.differences)
        line = self._write(verdict, resource.description, resource.name)
        if not self._applies:
            return
        if verdict.mark is Mark.STUCK:
            raise StoppedError(f"{line.description} {line.name} cannot be changed in place: {line.details}")
        if action is not None:
            self._begin(line, action, resource.kind, resource.touches, resource.lane)

    def _remove(self, unwanted: Unwanted) -> None:
        """Start the deletion of a resource that exists."""
        exists = unwanted.exists
        if exists is None:
            exists = self._engine.state.exists(unwanted.kind, unwanted.name)
        if exists:
            line = self._write(Verdict(Mark.DELETE), unwanted.description, unwanted.name)
            if self._applies:
                self._begin(line, unwanted.delete, unwanted.kind, (), "")

    def _write(self, verdict: Verdict, description: str, name: str) -> Line:
        line = Line(verdict.mark, description, name, "; ".join(verdict.differences))
        self._engine.plan.append(line)
        return line

    def _begin(self, line: Line, action: Action, kind: str, touches: tuple[str, ...], lane: str) -> None:
        name = re.sub(r"[^a-zA-Z0-9.-]", "-", f"{self._engine.step}-{line.description}-{line.name}")[-_MAX_LOG_NAME:]
        self._engine.log.mkdir(parents=True, exist_ok=True)
        job = Job(self._engine.gcloud, self._engine.log / f"{name}.log", self._engine.warnings)
        started = self._threads.submit(_ran, line, action, job, self._lanes.get(lane))
        self._touched |= {kind, *touches}
        self._running.append(started)
        if lane:
            self._lanes[lane] = started


def _ran(line: Line, action: Action, job: Job, earlier: Future[bool] | None) -> bool:
    """Run an action after the earlier one of its lane; return False, and show the end of its log, if it fails."""
    if earlier is not None:
        # Threads start actions in order, so the earlier one has started and needs no further thread.
        earlier.result()
    print(f"  {line.mark.value} {line.description} {line.name}", flush=True)
    try:
        if isinstance(action, Call):
            job.call(action)
        else:
            action(job)
    except StoppedError as error:
        job.note(str(error))
    except Exception:  # noqa: BLE001  the other actions go on, and the log has the reason
        job.note(traceback.format_exc())
    else:
        return True
    shown = "".join(f"    {text}\n" for text in job.last_lines(_SHOWN_LINES))
    print(f"\nFailed: {line.description} {line.name}\n{shown}", end="", file=sys.stderr, flush=True)
    return False
