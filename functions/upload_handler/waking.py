"""Start the captioner, the launcher and the sketcher while a person uploads a picture."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Final, Protocol

from musicgenerator import logs

# Cloud Run keeps an instance for up to 15 minutes without requests, and may end it earlier.
PAUSE_SECONDS: Final = 300.0
# Cloud Run withdraws the CPU after the answer, so the answer waits a little for the publishing thread.
MAX_WAIT_SECONDS: Final = 1.0


class Topic(Protocol):
    def wake(self) -> None:
        """Publish a wake; return when it is confirmed."""


class TopicWaker:
    """Publishes a wake on `captions` and `pictures`, at most once in ``PAUSE_SECONDS``, in a thread.

    A failure is logged and counts as a wake, so that an outage of Pub/Sub delays few answers.
    """

    def __init__(self, captions: Topic, pictures: Topic, clock: Callable[[], float] = time.monotonic) -> None:
        self._captions = captions
        self._pictures = pictures
        self._clock = clock
        self._lock = Lock()
        self._next = clock()

    @contextmanager
    def wake(self) -> Iterator[None]:
        """Publish while the context's body runs, then wait at most ``MAX_WAIT_SECONDS`` more; raise nothing."""
        thread = self._started() if self._is_due() else None
        try:
            yield
        finally:
            if thread:
                thread.join(MAX_WAIT_SECONDS)

    def _is_due(self) -> bool:
        with self._lock:
            now = self._clock()
            if now < self._next:
                return False
            self._next = now + PAUSE_SECONDS
            return True

    def _started(self) -> Thread | None:
        thread = Thread(target=self._publish, name="wake", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            logs.warning("wake not published", reason=str(error))
            return None
        return thread

    def _publish(self) -> None:
        # The picture comes to the captioner first.
        with _failure_logged("pictures"):
            self._pictures.wake()
        with _failure_logged("captions"):
            self._captions.wake()


@contextmanager
def _failure_logged(topic: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001  a track does not depend on a wake
        logs.warning("wake not published", topic=topic, reason=f"{type(error).__name__}: {error}")
