"""Answers outside of the APIs: from a proxy, a cut connection, or a custom model server."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from localcloud.addresses import HOST
from musicgenerator.briefs import Brief
from pipeline.engines import Cloud, Engine
from pipeline.engines.endpoint import Endpoint, predict_url
from pipeline.engines.errors import EngineError, EngineUnavailableError, NoAudioError, RequestRefusedError
from pipeline.engines.interactions import Interactions, signed_in
from pipeline.engines.lyria import LYRIA_3_CLIP, LYRIA_3_PRO, Lyria2, Lyria3, lyria_2_url
from pipeline.engines.vertex import Vertex
from tests.support.local_vertex import CREDENTIALS, ENDPOINT, patience
from tests.support.local_vertex import signed_in as session

Make = Callable[[Cloud, float], Engine]


def lyria_2(cloud: Cloud, seconds: float) -> Engine:
    return Lyria2(lyria_2_url(cloud), Vertex(session(), patience(seconds)))


def lyria_3_clip(cloud: Cloud, seconds: float) -> Engine:
    return Lyria3(LYRIA_3_CLIP, Interactions(signed_in(cloud, CREDENTIALS), patience(seconds)))


def lyria_3_pro(cloud: Cloud, seconds: float) -> Engine:
    return Lyria3(LYRIA_3_PRO, Interactions(signed_in(cloud, CREDENTIALS), patience(seconds)))


def endpoint(cloud: Cloud, seconds: float) -> Engine:
    return Endpoint(predict_url(cloud), Vertex(session(), patience(seconds)))


ALL = pytest.mark.parametrize("engine", [lyria_2, lyria_3_clip, lyria_3_pro, endpoint])


def reply(status: str, body: str, content_type: str = "application/json", missing: int = 0) -> bytes:
    """Return an HTTP answer whose Content-Length is ``missing`` bytes too large."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body) + missing}\r\n"
    return f"{head}Connection: close\r\n\r\n{body}".encode()


def request_of(connection: socket.socket) -> bytes:
    """Read one HTTP request with its body; return nothing if the client sends nothing."""
    with connection.makefile("rb") as file:
        head = b"".join(iter(lambda: file.readline().strip(b"\r\n") + b"\n", b"\n"))
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        return head + file.read(int(length[1]) if length else 0)


@contextmanager
def answering(answer: bytes | None) -> Iterator[tuple[Cloud, list[bytes]]]:
    """Answer every request alike, or not at all for None; yield the address and the received requests."""
    asked: list[bytes] = []
    held: list[socket.socket] = []
    listening = socket.create_server((HOST, 0))

    def serve() -> None:
        while True:
            connection, _ = listening.accept()
            # Read the whole request, since closing before that would reset the connection.
            asked.append(request_of(connection))
            if not asked[-1]:
                connection.close()
                return
            if answer is None:
                held.append(connection)
                continue
            with connection:
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    port = listening.getsockname()[1]
    try:
        yield Cloud("p", f"http://{HOST}:{port}", ENDPOINT), asked
    finally:
        socket.create_connection((HOST, port)).close()
        thread.join()
        for connection in (listening, *held):
            connection.close()


PICTURE = b"\xff\xd8\xff\xe0 a picture"
PROXY = "<html>Sign in to the proxy</html>"


@ALL
@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (reply("200 OK", PROXY, "text/html"), NoAudioError, "without audio"),
        (reply("200 OK", '{"predictions": [{"bytesBase6'), NoAudioError, "without audio"),
        (reply("200 OK", '{"predictions": [{"bytesBase64Encoded": "%%%"}]}'), NoAudioError, "without audio"),
        (
            reply("200 OK", '{"steps": [{"type": "model_output", "content": [{"type": "audio", "data": "%%%"}]}]}'),
            NoAudioError,
            "without audio",
        ),
        (reply("200 OK", "[]"), NoAudioError, "without audio"),
        (reply("204 No Content", ""), NoAudioError, "without audio"),
        (reply("403 Forbidden", PROXY, "text/html"), RequestRefusedError, "403: .*Sign in"),
        (reply("400 Bad Request", '"no object"'), RequestRefusedError, "400: no object"),
        (reply("400 Bad Request", '{"error": "seconds must be less"}'), RequestRefusedError, "400: seconds must be"),
        (reply("502 Bad Gateway", PROXY, "text/html"), EngineUnavailableError, "502: .*Sign in"),
        (reply("503 Service Unavailable", '{"error": "loading"}'), EngineUnavailableError, "503: loading"),
        (reply("200 OK", '{"predictions": [', missing=100), EngineUnavailableError, "Error"),
        (b"", EngineUnavailableError, "ConnectionError"),
    ],
)
def test_a_broken_answer_is_an_error_of_the_engine(
    sea: Brief, engine: Make, answer: bytes, error: type[EngineError], words: str
) -> None:
    """A failure that may pass is retried until the patience ends; the error has the answer's words."""
    with answering(answer) as (cloud, asked), pytest.raises(EngineError, match=words) as caught:
        engine(cloud, 1.0).make(sea, 30, 7, PICTURE)
    assert type(caught.value) is error
    repeated = error is EngineUnavailableError
    assert len(asked) - 1 >= (2 if repeated else 1)


@ALL
def test_a_silent_server_is_unavailable_in_time(sea: Brief, engine: Make) -> None:
    """One request waits until the patience ends; no client retries it on its own."""
    with answering(None) as (cloud, asked):
        started = time.monotonic()
        with pytest.raises(EngineUnavailableError, match="Timeout"):
            engine(cloud, 0.5).make(sea, 30, 7, PICTURE)
        assert time.monotonic() - started < 10
    assert len(asked) - 1 == 1
