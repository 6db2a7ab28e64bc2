"""An HTTP server with scripted responses, as a fake of other people's APIs."""

import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Exchange:
    """One request that a scripted server has received."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """A scripted response; ``cut`` resets the connection instead, ``silent`` never responds.

    ``missing`` bytes of the announced length are never sent.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    cut: bool = False
    silent: bool = False
    missing: int = 0

    def encoded(self) -> bytes:
        """Return the body as bytes; a value is encoded as JSON."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class ScriptedServer:
    """An HTTP server whose responses are scripted by ``"METHOD /path"``; the last one of each is repeated."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    heard: list[Exchange] = field(default_factory=list)
    url: str = ""
    ended: threading.Event = field(default_factory=threading.Event)

    def script(self, call: str, *answers: Answer) -> None:
        """Set the responses to this method and path."""
        self.answers[call] = list(answers)

    def heard_at(self, path: str) -> list[Exchange]:
        """Return the requests for one path, oldest first."""
        return [exchange for exchange in self.heard if exchange.path.split("?")[0] == path]

    def next(self, method: str, path: str) -> Answer:
        """Return the next response."""
        due = self.answers.get(f"{method} {path.split('?', maxsplit=1)[0]}")
        if not due:
            return Answer({"error": {"code": 404, "message": "not scripted", "status": "NOT_FOUND"}}, 404)
        return due.pop(0) if len(due) > 1 else due[0]


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """Serve on a free loopback port until the block ends."""
    script = ScriptedServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        script.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(script: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            script.heard.append(Exchange(self.command, self.path, dict(self.headers), body))
            answer = script.next(self.command, self.path)
            if answer.silent:
                script.ended.wait()
            if answer.cut or answer.silent:
                self.close_connection = True
                # With this linger option, close() resets the connection.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
            data = answer.encoded()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data) + answer.missing))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
            self.close_connection = self.close_connection or answer.missing > 0

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return Handler
