"""Read the bodies of requests: JSON objects within a bound of bytes, depth and time."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import flask
from problems import InvalidRequestError, SlowBodyError
from werkzeug.exceptions import ClientDisconnected

MAX_BODY_BYTES: Final = 16_384
MAX_DEPTH: Final = 8

_REST_SECONDS: Final = 0.2


class Body(Mapping[str, Any]):
    """The JSON object of a request, read when it is first used: after the session's secret has been checked."""

    def __init__(self, reader: "BodyReader", request: flask.Request) -> None:
        self._reader = reader
        self._request = request
        self._read: dict[str, Any] | None = None

    @property
    def _object(self) -> dict[str, Any]:
        # Not a cached_property: in Python 3.11 all instances share its lock, so one slow body would stop the others.
        if self._read is None:
            self._read = json_object(self._reader.read(self._request))
        return self._read

    def __getitem__(self, name: str) -> Any:
        """Return a field's value."""
        return self._object[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the fields."""
        return iter(self._object)

    def __len__(self) -> int:
        """Return the number of fields."""
        return len(self._object)


@dataclass(frozen=True)
class BodyReader:
    """Reads bodies within ``deadline_seconds``, and ``at_once`` slow ones at the same time.

    A thread of the server waits while a body arrives. If more than that arrive at once, those that need longer than
    ``grace_seconds`` are cut off: the body of an ordinary request arrives together with its headers.
    """

    deadline_seconds: float = 5.0
    at_once: int = 4
    grace_seconds: float = 0.5
    _arriving: "dict[int, _Arrival]" = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, request: flask.Request) -> bytes:
        """Return the whole body; raise SlowBodyError after the deadline, and InvalidRequestError if it is too long."""
        arrival = _Arrival(request)
        self._enter(arrival)
        try:
            data = self._read(request, arrival, self.grace_seconds, self._end_if_crowded)
        finally:
            self._leave(arrival)
        if len(data) > MAX_BODY_BYTES:
            arrival.cut_off()
            raise InvalidRequestError(f"The body may have at most {MAX_BODY_BYTES:,} bytes.")
        return data

    def discard(self, request: flask.Request) -> None:
        """Read the rest of an answered request's body if it has arrived; otherwise end its connection.

        Otherwise the server waits for the rest before it reads the next request on this connection.
        """
        arrival = _Arrival(request)
        try:
            ended = len(self._read(request, arrival, _REST_SECONDS, _Arrival.cut_off)) <= MAX_BODY_BYTES
        except (SlowBodyError, InvalidRequestError):
            ended = False
        if not ended:
            arrival.cut_off()

    def _read(
        self, request: flask.Request, arrival: "_Arrival", seconds: float, late: "Callable[[_Arrival], None]"
    ) -> bytes:
        """Read a body; ``late`` is called if it has not ended after some seconds."""
        # The server has loaded it already; the function's start does not need it.
        from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

        arrival.watch(seconds, late)
        try:
            # A chunked body has no Content-Length, so limit the read. A read may return less than the whole body.
            data = b""
            while len(data) <= MAX_BODY_BYTES and (more := request.stream.read(MAX_BODY_BYTES + 1 - len(data))):
                data += more
        except (OSError, ParseException, ClientDisconnected) as error:
            if arrival.is_cut_off:
                raise SlowBodyError(f"Send the body within {self.deadline_seconds:g} seconds.") from error
            raise InvalidRequestError("The body is not complete.") from error
        finally:
            arrival.end()
        if arrival.is_cut_off:
            raise SlowBodyError(f"Send the body within {self.deadline_seconds:g} seconds.")
        return data

    def _enter(self, arrival: "_Arrival") -> None:
        with self._lock:
            crowd = [*self._arriving.values()][: max(0, len(self._arriving) + 1 - self.at_once)]
            slow = [each for each in crowd if time.monotonic() - each.began > self.grace_seconds]
            for each in slow:
                del self._arriving[id(each)]
            self._arriving[id(arrival)] = arrival
        for each in slow:
            each.cut_off()

    def _end_if_crowded(self, arrival: "_Arrival") -> None:
        """End a slow body if too many arrive; otherwise it has time until the deadline."""
        with self._lock:
            is_crowded = len(self._arriving) > self.at_once
            if is_crowded:
                self._arriving.pop(id(arrival), None)
        if is_crowded:
            arrival.cut_off()
        else:
            arrival.watch(self.deadline_seconds - self.grace_seconds, _Arrival.cut_off)

    def _leave(self, arrival: "_Arrival") -> None:
        with self._lock:
            self._arriving.pop(id(arrival), None)


class _Arrival:
    """A body that is being read from the server's socket."""

    def __init__(self, request: flask.Request) -> None:
        # gunicorn's name; a server without it has no deadline.
        self._socket: socket.socket | None = request.environ.get("gunicorn.socket")
        self._input: Any = request.environ.get("wsgi.input")
        self.is_cut_off = False
        self.began = time.monotonic()
        self._has_ended = False
        self._timer = threading.Timer(0, self.cut_off)

    def watch(self, seconds: float, late: "Callable[[_Arrival], None]") -> None:
        """Call ``late`` after some seconds, unless the body has ended before."""
        self._timer = threading.Timer(max(0, seconds), late, [self])
        self._timer.daemon = True
        self._timer.start()
        if self._has_ended:
            self._timer.cancel()

    def end(self) -> None:
        """Stop watching."""
        self._has_ended = True
        self._timer.cancel()

    def cut_off(self) -> None:
        """End the reading: what is being read ends here, and the response can still be written."""
        self.is_cut_off = True
        if self._socket is not None:
            # First, because SHUT_RD does not stop bytes that arrive later: gunicorn would read them as the next
            # request. It closes the connection of a body that failed.
            with contextlib.suppress(AttributeError):
                self._input.failed = True
            try:
                self._socket.shutdown(socket.SHUT_RD)
            except OSError:
                # The client has closed the connection.
                return


def json_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in a body, an empty one for an empty body.

    Raises InvalidRequestError for anything else, and for what JSON parsers read differently: NaN, infinities and
    names that occur twice.
    """
    if not data:
        return {}
    try:
        body = json.loads(data, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or not _is_shallow(body):
        raise InvalidRequestError(f"The body must be a JSON object, nested at most {MAX_DEPTH} deep.")
    return body


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("a name occurs twice")
    return names


def _is_shallow(body: dict[str, Any]) -> bool:
    # Level by level and not recursively: a body can be nested deeper than Python may recurse.
    level: list[Any] = [body]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return not any(isinstance(value, dict | list) for value in level)
