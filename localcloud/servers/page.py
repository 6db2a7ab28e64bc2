"""The page's server: serves the built page, its ``config.json`` and the security headers.

``python -m localcloud.servers.page`` listens on the page's port of ``Addresses.from_environ()``.
"""

import gzip
import json
import os
import sys
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from localcloud.addresses import (
    HOST,
    IMAGES_BUCKET,
    PROJECT,
    REPOSITORY,
    RESULTS_BUCKET,
    Addresses,
    has_warm_machines,
)
from musicgenerator.settings import SESSION_DAYS, SettingInvalidError, whole_number, words
from web.compression import is_compressed
from web.offers import offers
from web.policy import Destinations, security_headers

BUILT_PAGE: Final = REPOSITORY / "build" / "web"
# Used before a browser has seen a track: the median of 30 tracks on a machine with two cores, rounded up.
USUAL_SECONDS: Final = {"upload": 1, "reading": 2, "sketch": 3, "preparing": 1, "composing": 7}

_HASHED: Final = "/assets/"
_FOREVER: Final = "public, max-age=31536000, immutable"


class PageNotBuiltError(Exception):
    """No built page exists."""


def configuration(addresses: Addresses) -> dict[str, Any]:
    """Return the content of ``config.json``: addresses and the drop session's id, but never its secret."""
    functions = addresses.function_environ("", "")
    engines = (functions["DEFAULT_ENGINE"], *words(functions, "ALLOWED_ENGINES"))
    composing = USUAL_SECONDS["composing"] + _start_seconds()
    return {
        "apiUrl": addresses.url("upload_handler"),
        "projectId": PROJECT,
        "firestoreApiKey": None,
        "firestoreEmulator": addresses.host("firestore"),
        "dropSession": _drop_session(addresses.drop_session_file),
        "resultsUrl": f"{addresses.url('storage')}/{RESULTS_BUCKET}",
        "engines": offers(engines, dict.fromkeys(engines, composing), _prices()),
        "usualSeconds": USUAL_SECONDS | {"composing": composing},
        "operatorName": os.environ.get("OPERATOR_NAME") or None,
        "operatorContact": os.environ.get("OPERATOR_CONTACT") or None,
        "sessionDays": whole_number(os.environ, "SESSION_DAYS", SESSION_DAYS),
    }


def _start_seconds() -> float:
    """Return how long the machines of the local Vertex AI server take to start."""
    name = "WARM_START_SECONDS" if has_warm_machines(os.environ) else "COLD_START_SECONDS"
    return float(os.environ.get(name) or 0)


def _prices() -> dict[str, float | None]:
    """Return what a track would cost on Google Cloud with each engine; the supervisor sets it with SHOW_PRICES."""
    prices: dict[str, float | None] = json.loads(os.environ.get("ENGINE_PRICES") or "{}")
    return prices


class PageHandler(SimpleHTTPRequestHandler):
    """Answers GET and HEAD with the page's files, ``/config.json`` and ``/healthz``."""

    protocol_version = "HTTP/1.1"
    server: "PageServer"

    def do_GET(self) -> None:
        """Answer ``/config.json`` and ``/healthz``; serve files for all other paths."""
        path = urlsplit(self.path).path
        if path == "/healthz":
            self._answer("text/plain; charset=utf-8", b"ok\n")
        elif path == "/config.json":
            self._answer("application/json", json.dumps(configuration(self.server.addresses)).encode())
        elif not self._answer_compressed():
            super().do_GET()

    def list_directory(self, path: Any) -> None:  # noqa: ARG002  the base class's signature
        """Answer 404 instead of a folder's list of files."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        """Add the security headers and Cache-Control to every response."""
        for name, value in self.server.security_headers.items():
            self.send_header(name, value)
        hashed = self._code == HTTPStatus.OK and self.path.startswith(_HASHED)
        self.send_header("Cache-Control", _FOREVER if hashed else "no-cache")
        super().end_headers()

    def send_response(self, code: int, message: str | None = None) -> None:
        """Keep the status for ``end_headers``: only a 200 may be cached for ever."""
        self._code = code
        super().send_response(code, message)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log refused requests only."""
        if not isinstance(code, int) or code >= HTTPStatus.BAD_REQUEST:
            super().log_request(code, size)

    def _answer_compressed(self) -> bool:
        """Answer with the compressed file, if Cloud Storage stores it compressed; otherwise return False.

        Cloud Storage sends it compressed to every client. This server sends the file to a client that accepts no gzip.
        """
        file, folder = Path(self.translate_path(self.path)), Path(self.directory)
        if not file.is_relative_to(folder) or not is_compressed(file.relative_to(folder).as_posix()):
            return False
        if "gzip" not in self.headers.get("Accept-Encoding", "") or urlsplit(self.path).path.endswith("/"):
            return False
        try:
            body = self.server.compressed(file)
        except OSError:
            return False
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(file))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Vary", "Accept-Encoding")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return True

    def _answer(self, content_type: str, body: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class PageServer(ThreadingHTTPServer):
    """The server on the page's port; ``built`` is the folder that ``npm run build`` wrote."""

    daemon_threads = True

    def __init__(self, addresses: Addresses, built: Path = BUILT_PAGE) -> None:
        """Bind the port; raise PageNotBuiltError if no built page exists."""
        if not (built / "index.html").is_file():
            raise PageNotBuiltError(f"there is no page in {built}: build it with `make build-web`")
        self.addresses = addresses
        self.built = built
        self.security_headers = security_headers(
            Destinations(
                api=addresses.url("upload_handler"),
                firestore=addresses.url("firestore"),
                storage=addresses.url("storage"),
                images_bucket=IMAGES_BUCKET,
                results_bucket=RESULTS_BUCKET,
            )
        )
        self._compressed: dict[tuple[Path, int], bytes] = {}
        super().__init__((HOST, addresses.ports["page"]), PageHandler)

    def compressed(self, file: Path) -> bytes:
        """Return a file's compressed bytes, from memory unless the file has changed."""
        key = (file, file.stat().st_mtime_ns)
        if key not in self._compressed:
            self._compressed[key] = gzip.compress(file.read_bytes(), mtime=0)
        return self._compressed[key]

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection from the built page's folder."""
        PageHandler(request, client_address, self, directory=str(self.built))


def _drop_session(file: Path) -> str | None:
    try:
        return str(json.loads(file.read_text())["session"])
    except FileNotFoundError:
        return None


def main() -> None:
    """Serve until the process ends."""
    addresses = Addresses.from_environ()
    try:
        # A setting that cannot be read ends the server now, instead of each answer later.
        configuration(addresses)
        server = PageServer(addresses)
    except (PageNotBuiltError, SettingInvalidError) as error:
        sys.exit(str(error))
    with server:
        server.serve_forever()


if __name__ == "__main__":
    main()
