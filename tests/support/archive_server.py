"""An HTTP server of archives that can answer badly."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from localcloud.addresses import HOST


@dataclass
class ArchiveServer:
    """Serves ``files`` by name.

    ``cut`` ends each answer after so many bytes; ``spoiled`` changes the first byte; ``status`` refuses; without
    ``ranges`` each answer is the whole file.
    ``requests`` collects the name and the Range header of each request.
    """

    files: dict[str, Path]
    url: str = ""
    cut: int | None = None
    spoiled: bool = False
    status: HTTPStatus | None = None
    ranges: bool = True
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    def heal(self) -> None:
        """Answer well from now on, and forget the requests."""
        self.cut, self.spoiled, self.status = None, False, None
        self.requests.clear()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a GET, with a part of the file if the request has a Range."""
        name, wanted = request.path.removeprefix("/"), request.headers.get("Range")
        self.requests.append((name, wanted))
        if self.status or name not in self.files:
            request.send_error(self.status or HTTPStatus.NOT_FOUND)
            return
        wanted = wanted if self.ranges else None
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        content = memoryview(self.files[name].read_bytes())[start:]
        if not content:
            request.send_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return
        request.send_response(HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if self.spoiled:
            request.wfile.write(b"\0")
            content = content[1:]
        request.wfile.write(content[: self.cut])


@contextmanager
def archive_server(files: dict[str, Path]) -> Iterator[ArchiveServer]:
    """Serve these files on a free port of this machine."""
    archives = ArchiveServer(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            archives.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        archives.url = f"http://{HOST}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield archives
        finally:
            server.shutdown()
            thread.join()
