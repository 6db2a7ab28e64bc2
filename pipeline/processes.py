"""Do a piece of work in a process of its own, with limits of time and memory.

The process is forked, so it spends no time on imports, and it shares the memory of the imported modules.
The parent must have no gRPC channel and no thread: neither survives a fork.
"""

import faulthandler
import multiprocessing
import os
import resource
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any, Final, Self

from musicgenerator.redaction import redacted

TIME_LIMIT: Final = "TimeLimit"
KILLED: Final = "Killed"

_STDERR: Final = 2
# A process that exceeds its time ends itself and writes its stacks; the parent kills one that cannot.
_GRACE_SECONDS: Final = 5.0
# A log line that is longer than a pipe's 4096 bytes could be mixed with the line of another process.
_STACK_CHARACTERS: Final = 2500
_TEXT_CHARACTERS: Final = 1000


@dataclass(frozen=True)
class Limits:
    """The seconds that a process may take, and the bytes of data (RLIMIT_DATA) that it may have."""

    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class Failure:
    """Why work has no outcome: an exception, or the end of its process; ``stack`` is empty for the latter.

    ``name`` is the exception's class without its module, ``TimeLimit`` or ``Killed``. ``text`` and ``stack`` are
    redacted.
    """

    name: str
    text: str
    module: str = __name__
    stack: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Describe an exception, because not every exception can be sent from process to process."""
        stack = redacted("".join(traceback.format_exception(error)))
        return cls(
            type(error).__qualname__,
            redacted(str(error))[:_TEXT_CHARACTERS],
            type(error).__module__,
            stack[-_STACK_CHARACTERS:],
        )

    def error(self) -> "WorkFailedError":
        """Return an exception that is printed as the one that is described."""
        kind = type(self.name, (WorkFailedError,), {"__module__": self.module})
        error: WorkFailedError = kind(self.text)
        return error


class WorkFailedError(Exception):
    """Work in another process failed; the class's name and module are those of the exception there."""


class Child:
    """A process that does a piece of work; use it in the process that started it."""

    def __init__(self, work: Callable[[], Any], limits: Limits) -> None:
        """Start it. ``work`` returns a small value that can be pickled."""
        self._limits = limits
        self._receiving, sending = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_do, args=(work, limits, sending))
        self._started = time.monotonic()
        self._process.start()
        sending.close()

    @property
    def sentinel(self) -> int:
        """A file descriptor that is ready when the process has ended."""
        return self._process.sentinel

    def overdue_in(self) -> float:
        """Return the seconds until the parent kills it."""
        return self._started + self._limits.seconds + _GRACE_SECONDS - time.monotonic()

    def kill(self) -> None:
        """Kill it; harmless if it has ended."""
        self._process.kill()

    def outcome(self) -> Any:
        """Wait for its end and return what the work returned, or a Failure."""
        self._process.join()
        seconds, status = time.monotonic() - self._started, self._process.exitcode
        try:
            # The work's answer counts, even if the process has not ended well after it.
            outcome = self._receiving.recv() if self._receiving.poll() else None
        except (EOFError, OSError):
            # It ended before or while it sent its answer.
            outcome = None
        self._receiving.close()
        self._process.close()
        if outcome is not None:
            return outcome[0]
        if seconds >= self._limits.seconds:
            return Failure(TIME_LIMIT, f"it took more than {self._limits.seconds:.0f} s")
        return Failure(KILLED, f"its process ended with status {status}")


def wait(children: Sequence[Child], timeout_seconds: float) -> list[Child]:
    """Return the children that have ended, when one has or time is up; kill those that exceed their time."""
    timeout = min([timeout_seconds, *(child.overdue_in() for child in children)])
    ready = connection.wait([child.sentinel for child in children], max(timeout, 0.0))
    for child in children:
        if child.overdue_in() <= 0:
            child.kill()
    return [child for child in children if child.sentinel in ready]


def _do(work: Callable[[], Any], limits: Limits, sending: "connection.Connection") -> None:
    faulthandler.enable(_STDERR)  # native code that crashes
    # It cannot be caught: the process ends with status 1, even inside native code.
    faulthandler.dump_traceback_later(limits.seconds, exit=True, file=_STDERR)
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bound = limits.memory_bytes if hard == resource.RLIM_INFINITY else min(limits.memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, hard))
    outcome: Any
    try:
        outcome = work()
    except Exception as error:  # noqa: BLE001  the parent decides what every error means
        # Without the limit, an error about memory can be described.
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        outcome = Failure.of(error)
    sending.send((outcome,))


def _end_with(parent: Any) -> None:
    """Kill this process when its parent has ended, even if the parent was killed."""
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)
