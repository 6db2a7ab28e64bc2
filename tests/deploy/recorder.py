"""The recording control plane, an HTTP proxy: ``python -m tests.deploy.recorder PORT HOME``, or ``Recorder`` in a test.

gcloud's configuration puts Google's APIs at ``http://<api>.googleapis.com`` behind this proxy, so regional hosts need
no entries, and no request leaves this machine.
The proxy refuses requests to other hosts and TLS tunnels, and records them as mistakes.
"""

import json
import re
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.deploy.control_plane import Project, RefusedError, dumped, request_of
from tests.deploy.google_run import admits_everyone, service_at
from tests.deploy.google_services import answer
from tests.deploy.google_storage import multipart, xml_object

APIS = {
    "AIPLATFORM": "aiplatform",
    "APIKEYS": "apikeys",
    "ARTIFACTREGISTRY": "artifactregistry",
    "CLOUDBUILD": "cloudbuild",
    "CLOUDFUNCTIONS": "cloudfunctions",
    "CLOUDRESOURCEMANAGER": "cloudresourcemanager",
    "CLOUDSCHEDULER": "cloudscheduler",
    "EVENTARC": "eventarc",
    "FIRESTORE": "firestore",
    "IAM": "iam",
    "LOGGING": "logging",
    "MONITORING": "monitoring",
    "PUBSUB": "pubsub",
    "RUN": "run",
    "SECRETMANAGER": "secretmanager",
    "SERVICEUSAGE": "serviceusage",
}


class Recorder:
    """The proxy and its project, inside a ``with`` block."""

    def __init__(self, project: Project, port: int = 0) -> None:
        self.project = project
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.project = project

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def environ(self, home: Path) -> dict[str, str]:
        """Return the variables that point gcloud and the scripts' own requests at this recorder."""
        home.mkdir(parents=True, exist_ok=True)
        token = home / "access-token"
        token.write_text("worthless\n")
        overrides = {
            f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}": f"http://{api}.googleapis.com/" for name, api in APIS.items()
        }
        return {
            **overrides,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": "http://storage.googleapis.com/storage/v1/",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
            "CLOUDSDK_CONFIG": str(home / "gcloud"),
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
            "CLOUDSDK_SURVEY_DISABLE_PROMPTS": "1",
            "GOOGLE_APIS_SCHEME": "http",
            "http_proxy": self.url,
            "https_proxy": self.url,
            "no_proxy": "",
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    project: Project


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: Any) -> None:
        """Write no log; ``Project.requests`` has all requests."""

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        raw = self._body()
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        project = self.server.project
        if project.serves_functions and (parts.hostname or "").endswith(".run.app"):
            self._invoke(parts.hostname or "", raw)
            return
        with project.lock:
            try:
                whole = self._whole(raw)
                if whole is None:
                    self.send_response(308)
                    self.send_header("Range", f"bytes=0-{len(project.parts[self.path]) - 1}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                status, body = 200, self._answered(parts.hostname or "", parts.path, query, whole)
            except RefusedError as error:
                status, body = error.status, dumped(error.body)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                project.mistakes.append(f"{self.command} {self.path}: {error!r}")
                status, body = 500, dumped({"error": {"code": 500, "message": repr(error)}})
        self.send_response(status)
        if query.get("uploadType") == "resumable" and self.command == "POST":
            self.send_header("Location", f"{self.path}&upload_id=1")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _invoke(self, host: str, raw: bytes) -> None:
        """Answer for a function: 403 as Cloud Run does unless it admits everyone, else the function's own answer."""
        project = self.server.project
        with project.lock:
            service = service_at(project, host)
            is_open = admits_everyone(project, service)
            base = project.functions_at.get(service.rpartition("/")[2], "")
        if not service:
            status, kind, body = 404, "text/html", b"<h1>Error: Page not found</h1>"
        elif not is_open:
            body = b"<h1>Error: Forbidden</h1>\n<h2>Your client does not have permission to get URL</h2>"
            status, kind = 403, "text/html; charset=UTF-8"
        elif base:
            status, kind, body = self._forwarded(base, raw)
        else:
            status, kind, body = 200, "application/json", b"{}"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _forwarded(self, base: str, raw: bytes) -> tuple[int, str, bytes]:
        """Send the request to a function on this machine; return status, content type and body of its response."""
        parts = urlsplit(self.path)
        target = f"{base}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        hop = {"host", "content-length", "transfer-encoding", "connection", "proxy-connection", "accept-encoding"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in hop}
        request = urllib.request.Request(target, raw or None, headers, method=self.command)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as response:
                return response.status, response.headers.get_content_type(), response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get_content_type(), error.read()

    def _answered(self, host: str, path: str, query: dict[str, str], raw: bytes) -> bytes:
        project = self.server.project
        if not host.endswith(".googleapis.com"):
            project.mistakes.append(f"{self.command} {self.path}")
            raise RefusedError(403, "PERMISSION_DENIED", f"{host} is not a control plane")
        body = self._parsed(path, query, raw)
        request = request_of(self.command, host, path, query, body)
        project.requests.append(request)
        refusal = project.refuse is not None and project.refuse(request)
        if refusal:
            raise (
                refusal
                if isinstance(refusal, RefusedError)
                else RefusedError(403, "PERMISSION_DENIED", f"refused for the test: {request.key}")
            )
        if host == "storage.googleapis.com" and "/v1/" not in path:
            return xml_object(project, self.command, path, raw)
        if query.get("uploadType") == "resumable" and self.command == "POST":
            return b"{}"
        if path.startswith("/download") or query.get("alt") == "media":
            content = project.contents.get(request.name.replace("%2F", "/"))
            if content is None:
                raise RefusedError(404, "NOT_FOUND", f"{request.name} was not found")
            return content
        return dumped(answer(project, request))

    def _whole(self, raw: bytes) -> bytes | None:
        """Join the parts of a resumable upload; return None until the last part has arrived."""
        span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", self.headers.get("Content-Range", ""))
        if span is None:
            return raw
        parts = self.server.project.parts
        parts[self.path] = (parts.get(self.path, b"") if int(span[1]) else b"") + raw
        if span[3] == "*" or int(span[2]) + 1 < int(span[3]):
            return None
        return parts.pop(self.path)

    def _parsed(self, path: str, query: dict[str, str], raw: bytes) -> Any:
        kind = self.headers.get("Content-Type", "")
        if "/upload/" in path and "multipart" in kind:
            return multipart(kind, raw)
        if "/upload/" in path and self.command == "PUT":
            return {"name": query["name"]}, raw
        if "json" in kind and raw:
            return json.loads(raw)
        return {}

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_CONNECT(self) -> None:
        """Refuse a tunnel, which would leave this machine."""
        self.server.project.mistakes.append(f"CONNECT {self.path}")
        self.send_error(403)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _handle


def main() -> None:
    """Print the variables for gcloud and record until interrupted, to try a command by hand."""
    from tests.deploy.expected import fresh_project  # noqa: PLC0415  the tests' project

    with Recorder(fresh_project(), int(sys.argv[1])) as recorder:
        for name, value in recorder.environ(Path(sys.argv[2])).items():
            sys.stdout.write(f"export {name}={value}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
