"""Retry a request for a bounded time while its failure may pass."""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from musicgenerator import logs
from pipeline.engines.errors import EngineUnavailableError, RequestRefusedError

# A track's time limit has room for this, for a fallback engine that answers, and for mastering and encoding.
PATIENCE_SECONDS: Final = 400.0
ANSWER_SECONDS: Final = 300.0

_FIRST_WAIT_SECONDS: Final = 2.0
_MAX_WAIT_SECONDS: Final = 60.0
_MIN_TIMEOUT_SECONDS: Final = 0.1
_BUSY: Final = (408, 429)
_SERVER_ERRORS: Final = 500
_WORDS: Final = 500

Answer = TypeVar("Answer")


class BusyError(Exception):
    """A failure that may pass; ``retry_after_seconds`` is the wait that the API asked for, or 0."""

    def __init__(self, problem: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(problem)
        self.retry_after_seconds = retry_after_seconds


class Patience:
    """The time that an engine has for all its requests, counted from construction."""

    def __init__(self, seconds: float = PATIENCE_SECONDS, first_wait_seconds: float = _FIRST_WAIT_SECONDS) -> None:
        """Start to count; waits double from ``first_wait_seconds``, each shortened at random by up to half."""
        self._until = time.monotonic() + seconds
        self._first_wait = first_wait_seconds

    def request(self, send: Callable[[float], Answer]) -> Answer:
        """Return what ``send(timeout_seconds)`` returns; retry it with growing waits while it raises BusyError.

        Raise EngineUnavailableError if the next wait would end after this time.
        """
        wait = self._first_wait
        while True:
            # An answer that was lost may have been charged; the retry is charged again.
            left = max(self._until - time.monotonic(), _MIN_TIMEOUT_SECONDS)
            try:
                return send(min(ANSWER_SECONDS, left))
            except BusyError as error:
                busy = error
            pause = max(wait * random.uniform(0.5, 1.0), busy.retry_after_seconds)
            if time.monotonic() + pause >= self._until:
                raise EngineUnavailableError(f"the engine is unavailable: {busy}") from busy
            logs.warning("the engine is busy", reason=str(busy), waitSeconds=round(pause, 1))
            time.sleep(pause)
            wait = min(wait * 2, _MAX_WAIT_SECONDS)


def failure(status: int, body: object, headers: Mapping[str, str]) -> BusyError | RequestRefusedError:
    """Return the error for an HTTP answer of 400 or more; ``body`` is its JSON value, or else its text.

    408, 429 and 5xx may pass; any other status is a refusal.
    """
    problem = f"{status}: {_words(body)}"
    if status >= _SERVER_ERRORS or status in _BUSY:
        retry_after = headers.get("Retry-After", "")
        return BusyError(problem, float(retry_after) if retry_after.isdecimal() else 0.0)
    return RequestRefusedError(problem)


def _words(body: object) -> str:
    # Google's APIs write {"error": {"message": ...}}; model servers behind an endpoint write what they like.
    error: Any = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return str(message or error or body)[:_WORDS]
