"""Bodies that do not arrive."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def slow_body(sent: bytes = b"{", length: int = 2) -> Iterator[dict[str, Any]]:
    """Yield the environment of a request whose body has a longer ``length`` than what is sent of it, and its client."""
    client, server = socket.socketpair()
    with client, server, server.makefile("rb") as stream:
        client.sendall(sent)
        environ = {"gunicorn.socket": server, "wsgi.input": stream, "CONTENT_LENGTH": str(length)}
        yield {"environ_overrides": environ, "client": client}
