"""Serve WSGI apps: threads, one log line a request, a clean end on SIGTERM."""

import signal
import socket
import sys
from datetime import datetime
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from localcloud.addresses import HOST
from musicgenerator.redaction import redacted

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HEALTH_PATH: Final = "/healthz"


def say(line: str) -> None:
    """Print a line with the time of day, without ids and secrets that give access."""
    sys.stdout.write(f"{datetime.now().astimezone():%H:%M:%S} {redacted(line)}\n")
    sys.stdout.flush()


def listen(app: "WSGIApplication", port: int) -> BaseWSGIServer:
    """Bind a port, or any free one for 0, and return the server; raise OSError if the port is taken.

    Requests wait in the socket's queue until ``serve_forever`` is called.
    """
    with socket.create_server((HOST, port), backlog=128) as bound:
        return make_server(HOST, port, app, threaded=True, request_handler=_Handler, fd=bound.fileno())


def serve(app: "WSGIApplication", port: int) -> None:
    """Serve until SIGTERM or Ctrl-C, then return, so that the caller can clean up."""
    server = listen(app, port)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # shutdown() waits for serve_forever(), which runs in this thread.
        Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.serve_forever(poll_interval=0.1)


class _Handler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del size
        path = self.path.partition("?")[0]
        if path != HEALTH_PATH:
            say(f"{self.command} {path} {int(code)}")

    def log(self, kind: str, message: str, *args: Any) -> None:
        say(f"{kind}: {message % args}")
