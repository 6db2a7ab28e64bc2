"""Clients that send their requests slowly, against the served API."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Final

import pytest
from bodies import BodyReader

from localcloud.addresses import HOST, Addresses
from localcloud.parts import API_THREADS
from tests.cloud.api_visitors import Visitor, visitor

pytestmark = pytest.mark.cloud

SECONDS: Final = 10
MANY: Final = 2 * int(API_THREADS)
LENGTH: Final = b"Content-Length: 2000\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("count", "method", "path", "framing"),
    [
        (8, "POST", "/v1/sessions", LENGTH),
        (MANY, "POST", "/v1/sessions", CHUNKED),
        (MANY, "POST", "commands", LENGTH),
        (MANY, "POST", "strangers' commands", CHUNKED),
        (MANY, "OPTIONS", "/v1/sessions", LENGTH),
        (MANY, "GET", "/v1/openapi.json", CHUNKED),
        (MANY, "DELETE", "commands", LENGTH),
        # functions-framework answers these itself.
        (MANY, "GET", "/robots.txt", LENGTH),
        (MANY, "GET", "/static/a", CHUNKED),
        (MANY, "POST", "//v1/sessions", LENGTH),
    ],
    ids=[
        "eight",
        "sessions",
        "commands",
        "strangers",
        "preflights",
        "descriptions",
        "deletions",
        "robots",
        "static",
        "slashes",
    ],
)
def test_slow_bodies_stop_nothing(local_cloud: Addresses, count: int, method: str, path: str, framing: bytes) -> None:
    """While they are being sent, byte by byte, another person's requests are answered.

    Before, eight of them took all eight threads: no other request was answered for as long as they lasted.
    """
    slow, someone = visitor(local_cloud), visitor(local_cloud)
    secret = slow.secret if path == "commands" else "wrong"
    tracks = f"/v1/sessions/{slow.session}" + ("/tracks" if method == "POST" else "")
    target = path if path.startswith("/") else tracks
    head = b"%b %b HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer %b\r\n%b\r\n" % (
        method.encode(),
        target.encode(),
        secret.encode(),
        framing,
    )
    with _dripping(local_cloud.ports["upload_handler"], head, count, framing is CHUNKED):
        started = time.monotonic()
        assert [_announce(someone) for _ in range(3)] == [201] * 3
        # A limit for an API that answers only when they end, and no measurement.
        assert time.monotonic() - started < SECONDS


def test_bytes_behind_a_body_that_is_cut_off_are_no_request(local_cloud: Addresses) -> None:
    """The connection is closed after one 408, although the client goes on sending what looks like requests.

    Before, the server answered those that arrived after it had stopped waiting for the body.
    """
    port, ended = local_cloud.ports["upload_handler"], threading.Event()
    received = b""
    with socket.create_connection((HOST, port), timeout=SECONDS) as client:
        client.sendall(b"POST /v1/sessions HTTP/1.1\r\nHost: api\r\nContent-Length: 16000\r\n\r\n")

        def send() -> None:
            # Nothing until the deadline is near, so that the body is not complete then.
            ended.wait(BodyReader.deadline_seconds - 0.05)
            with contextlib.suppress(OSError):
                while not ended.wait(0.001):
                    client.sendall(b"GET /v1/openapi.json HTTP/1.1\r\nHost: api\r\n\r\n")

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        with contextlib.suppress(ConnectionResetError):
            while more := client.recv(65_536):
                received += more
        ended.set()
        sender.join(SECONDS)
    assert re.findall(rb"HTTP/1\.1 (\d+)", received) == [b"408"]


@contextlib.contextmanager
def _dripping(port: int, head: bytes, count: int, chunked: bool) -> Iterator[None]:
    """Hold ``count`` connections that send a body byte by byte and start again when the server ends them."""
    ended = threading.Event()

    def drip() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=SECONDS) as client:
                client.sendall(head)
                while not ended.wait(0.3):
                    client.sendall(b"1\r\n \r\n" if chunked else b" ")

    threads = [threading.Thread(target=drip, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    # Until the server has accepted them.
    time.sleep(1)
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(SECONDS)


def _announce(someone: Visitor) -> int:
    return someone.send("POST", "/tracks", {"contentType": "image/jpeg"})[0]
