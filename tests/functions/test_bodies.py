"""Bodies that arrive slowly, and bodies that parsers read differently."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from admitting import Limits
from bodies import MAX_DEPTH, BodyReader
from ports import Session

from musicgenerator import ids
from tests.contracts.recorded import SESSION
from tests.functions.slow_bodies import slow_body
from tests.support.command_fakes import UploadHandler

SECRET = "k" + "a" * 52
BEARER = {"Authorization": f"Bearer {SECRET}"}
TRACKS = f"/v1/sessions/{SESSION}/tracks"


def opened() -> UploadHandler:
    handler = UploadHandler(bodies=BodyReader(deadline_seconds=0.3))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    handler.sessions.create(Session(SESSION, ids.secret_hash(SECRET), tomorrow))
    return handler


def test_a_body_has_a_deadline() -> None:
    """A request whose body stops gets 408, and its connection is not read any more."""
    handler = opened()
    with slow_body() as request:
        before = time.monotonic()
        response = handler.ask("POST", TRACKS, headers=BEARER, environ_overrides=request["environ_overrides"])
        assert time.monotonic() - before < 2
        assert (response.status_code, json.loads(response.get_data())["code"]) == (408, "request_timeout")
        assert request["environ_overrides"]["gunicorn.socket"].recv(1) == b""


@pytest.mark.parametrize(
    ("method", "path"),
    [("OPTIONS", "/v1/sessions"), ("GET", "/v1/openapi.json"), ("DELETE", TRACKS.removesuffix("/tracks"))],
)
def test_a_body_that_no_operation_reads_ends_the_connection(method: str, path: str) -> None:
    """The server would otherwise wait for it after the response."""
    with slow_body() as request:
        response = opened().ask(method, path, headers=BEARER, environ_overrides=request["environ_overrides"])
        assert response.status_code in {200, 204}
        assert request["environ_overrides"]["gunicorn.socket"].recv(1) == b""


def test_the_secret_is_checked_before_the_body_is_read() -> None:
    """A request without it gets 401 while its body is still on its way, and its connection ends."""
    handler = UploadHandler(bodies=BodyReader(deadline_seconds=30))
    with slow_body() as request:
        before = time.monotonic()
        response = handler.ask("POST", TRACKS, headers=BEARER, environ_overrides=request["environ_overrides"])
        assert time.monotonic() - before < 5
        assert response.status_code == 401
        assert request["environ_overrides"]["gunicorn.socket"].recv(1) == b""


def test_a_refused_request_whose_body_has_arrived_keeps_its_connection() -> None:
    """Only a body that is missing ends it."""
    with slow_body(b"{}") as request:
        assert UploadHandler().ask("POST", TRACKS, environ_overrides=request["environ_overrides"]).status_code == 401
        server = request["environ_overrides"]["gunicorn.socket"]
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.recv(1)


def test_the_longest_slow_body_gives_way() -> None:
    """If more slow bodies than four arrive at once, the first is cut off, and the others are read on."""
    handler = UploadHandler(bodies=BodyReader(deadline_seconds=30, grace_seconds=0))
    ended: list[tuple[int, int]] = []

    def ask(number: int, request: dict[str, Any]) -> None:
        ended.append((number, _status(handler, request)))

    def arriving(count: int) -> bool:
        return len(handler.bodies._arriving) == count  # noqa: SLF001  no port shows how many bodies are read

    with ExitStack() as stack:
        requests = [stack.enter_context(slow_body()) for _ in range(6)]
        threads = [threading.Thread(target=ask, args=each) for each in enumerate(requests)]
        for number, thread in enumerate(threads):
            thread.start()
            _wait_until(partial(arriving, min(number + 1, 4)))
        _wait_until(lambda: len(ended) == 2)
        assert sorted(ended) == [(0, 408), (1, 408)]
        # An ordinary request is answered meanwhile; it takes the place of another slow one.
        assert handler.ask("POST", "/v1/sessions", json={}).status_code == 201
        for request in requests:
            request["environ_overrides"]["gunicorn.socket"].shutdown(0)
        for thread in threads:
            thread.join(5)
    assert not handler.bodies._arriving  # noqa: SLF001  no port shows how many bodies are read


def test_a_crowd_of_slow_bodies_gives_way_without_another_request() -> None:
    """If they have taken all threads, no other request could make them."""
    handler = UploadHandler(bodies=BodyReader(deadline_seconds=30, grace_seconds=0.3))
    ended: list[int] = []
    with ExitStack() as stack:
        requests = [stack.enter_context(slow_body()) for _ in range(10)]
        threads = [
            threading.Thread(target=lambda request=request: ended.append(_status(handler, request)))
            for request in requests
        ]
        for thread in threads:
            thread.start()
        _wait_until(lambda: len(ended) == 6)
        assert ended == [408] * 6
        for request in requests:
            request["environ_overrides"]["gunicorn.socket"].shutdown(0)
        for thread in threads:
            thread.join(5)


def test_many_ordinary_bodies_at_once_are_all_read() -> None:
    """They are not slow: each arrives a moment after its headers."""
    handler = UploadHandler(bodies=BodyReader(), limits=Limits(1000, 1000, 1000, 1000))
    ended: list[int] = []
    with ExitStack() as stack:
        requests = [stack.enter_context(slow_body(length=3)) for _ in range(20)]
        threads = [
            threading.Thread(target=lambda request=request: ended.append(_status(handler, request)))
            for request in requests
        ]
        for thread in threads:
            thread.start()
        for request in requests:
            request["client"].sendall(b" }")
        for thread in threads:
            thread.join(5)
    assert ended == [201] * 20


def _status(handler: UploadHandler, request: dict[str, Any]) -> int:
    environ = {"environ_overrides": request["environ_overrides"]}
    return handler.ask("POST", "/v1/sessions", **environ).status_code


def test_a_client_that_ends_in_the_middle_is_told_that_the_body_is_not_complete() -> None:
    """It is no internal error."""
    with slow_body() as request:
        request["environ_overrides"]["gunicorn.socket"].shutdown(0)
        response = opened().ask("POST", TRACKS, headers=BEARER, environ_overrides=request["environ_overrides"])
    assert (response.status_code, json.loads(response.get_data())["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/v1/sessions", TRACKS])
@pytest.mark.parametrize(
    "data",
    [
        b'{"a": ' * 973 + b"1" + b"}" * 973,
        b'{"a": ' + b"[" * 973 + b"]" * 973 + b"}",
        b'{"a": ' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"contentType": "image/gif", "contentType": "image/jpeg"}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": 1} {"a": 1}',
        b'\xef\xbb\xbf{"a": "\xff"}',
    ],
    ids=["objects", "lists", "nine deep", "NaN", "infinity", "twice", "twice inside", "number", "two", "not UTF-8"],
)
def test_a_body_that_parsers_read_differently_is_refused(path: str, data: bytes) -> None:
    """It gets 400. Before, JSON nested 973 deep was an internal error, and the last of equal names counted."""
    response = opened().ask("POST", path, headers=BEARER, data=data)
    assert (response.status_code, json.loads(response.get_data())["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("command", ["again", "cancel", "retry"])
def test_a_body_that_is_as_deep_as_allowed_is_read(command: str) -> None:
    """Its fields decide; a track that does not exist is named first."""
    data = b'{"a": ' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    assert opened().ask("POST", "/v1/sessions", data=data).status_code == 201
    response = opened().ask("POST", f"{TRACKS}/t{'a' * 26}:{command}", headers=BEARER, data=data)
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example", "Content-Type": "text/plain"}, 403),
        ({"Origin": "https://evil.example", "Content-Type": "application/json"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null", "Content-Type": "application/x-www-form-urlencoded"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "https://music.example", "Content-Type": "text/plain"}, 415),
        ({"Content-Type": "text/plain;charset=UTF-8"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ({"Origin": "https://music.example", "Content-Type": "application/json"}, 201),
        ({"Content-Type": "application/json"}, 201),
        ({}, 201),
    ],
)
def test_only_allowed_pages_open_sessions(headers: dict[str, str], status: int) -> None:
    """A page of another origin cannot make its visitors' browsers open sessions; programs send no origin."""
    handler = UploadHandler()
    assert handler.ask("POST", "/v1/sessions", headers=headers, data=b"{}").status_code == status
    assert len(handler.sessions.sessions) == (status == 201)


def _wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until, "too late"
        time.sleep(0.005)
