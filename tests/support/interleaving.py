"""Run actors one step at a time, in a given order, so that a test can try every order of their accesses to a store.

An actor is a function in a thread of its own. It stops before each call of a port that is wrapped by ``watched``.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

CRASH: Final = "crash"


class CrashError(BaseException):
    """The actor's machine is lost: no handler of the code under test sees it."""


@dataclass
class _Actor:
    name: str
    run: Callable[[], None]
    may_go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    has_stopped: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    thread: threading.Thread | None = None
    crashes: bool = False
    error: BaseException | None = None
    has_ended: bool = False

    def step(self) -> None:
        """Let the actor go on until it stops before its next call, or ends."""
        if self.thread is None:
            self.thread = threading.Thread(target=self._live, daemon=True)
            self.thread.start()
        else:
            self.may_go.release()
        self.has_stopped.acquire()

    def stop(self) -> None:
        """Wait for the next step; called by the actor."""
        self.has_stopped.release()
        self.may_go.acquire()
        if self.crashes:
            raise CrashError

    def _live(self) -> None:
        try:
            self.run()
        except BaseException as error:  # noqa: BLE001  the scheduler raises it in the test
            self.error = error
        self.has_ended = True
        self.has_stopped.release()


@dataclass
class Schedule:
    """Runs the first actor that has not ended, except where ``turns`` names another one, or ``CRASH``, for a step.

    ``taken`` lists, for each step, the actor that ran and those that could have.
    """

    turns: Mapping[int, str] = field(default_factory=dict)
    actors: list[_Actor] = field(default_factory=list)
    taken: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)

    def add(self, name: str, run: Callable[[], None]) -> None:
        """Add an actor; one may do so while it runs."""
        self.actors.append(_Actor(name, run))

    def point(self) -> None:
        """Stop the actor that calls this, if it is one."""
        for actor in self.actors:
            if actor.thread is threading.current_thread():
                actor.stop()

    def run(self) -> None:
        """Run all actors to their ends; raise the error of one that failed."""
        current: _Actor | None = None
        while ready := [actor for actor in self.actors if not actor.has_ended]:
            turn = self.turns.get(len(self.taken))
            if current is None or current.has_ended:
                current = ready[0]
            if turn == CRASH:
                current.crashes = current.thread is not None
            elif turn is not None:
                current = next((actor for actor in ready if actor.name == turn), current)
            self.taken.append((current.name, tuple(actor.name for actor in ready)))
            current.step()
            if isinstance(current.error, CrashError):
                self.crashed.append(current.name)
            elif current.error:
                raise current.error


def watched(port: Any, point: Callable[[], None], *names: str) -> Any:
    """Return the port with a stop before each of these methods."""
    for name in names:
        setattr(port, name, _stopping(getattr(port, name), point))
    return port


def _stopping(method: Callable[..., Any], point: Callable[[], None]) -> Callable[..., Any]:
    def stopped(*arguments: Any, **named: Any) -> Any:
        point()
        return method(*arguments, **named)

    return stopped


def turns_of(taken: Sequence[tuple[str, tuple[str, ...]]], after: int = -1) -> Iterator[tuple[int, str]]:
    """Return every other turn that a run could have taken after a step: another actor, or a crash."""
    for step, (ran, ready) in enumerate(taken):
        if step > after:
            yield from ((step, name) for name in ready if name != ran)
            yield step, CRASH
