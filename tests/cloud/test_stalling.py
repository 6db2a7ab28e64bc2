"""Clients that send their requests slowly, against the served API."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Final

import pytest

from localcloud.addresses import HOST, Addresses
from localcloud.parts import API_THREADS
from tests.cloud.api_visitors import Visitor, visitor

pytestmark = pytest.mark.cloud

SECONDS: Final = 10
LENGTH: Final = b"Content-Length: 2000\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("count", "path", "framing"),
    [
        (8, "/v1/sessions", LENGTH),
        (2 * int(API_THREADS), "/v1/sessions", CHUNKED),
        (2 * int(API_THREADS), "commands", LENGTH),
        (2 * int(API_THREADS), "strangers' commands", CHUNKED),
    ],
    ids=["eight", "sessions", "commands", "strangers"],
)
def test_slow_bodies_stop_nothing(local_cloud: Addresses, count: int, path: str, framing: bytes) -> None:
    """While they are being sent, byte by byte, another person's requests are answered.

    Before, eight of them took all eight threads: no other request was answered for as long as they lasted.
    """
    slow, someone = visitor(local_cloud), visitor(local_cloud)
    secret = slow.secret if path == "commands" else "wrong"
    target = path if path.startswith("/") else f"/v1/sessions/{slow.session}/tracks"
    head = b"POST %b HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer %b\r\n%b\r\n" % (
        target.encode(),
        secret.encode(),
        framing,
    )
    with _dripping(local_cloud.ports["upload_handler"], head, count, framing is CHUNKED):
        started = time.monotonic()
        assert [_announce(someone) for _ in range(3)] == [201] * 3
        # A limit for an API that answers only when they end, and no measurement.
        assert time.monotonic() - started < SECONDS


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
