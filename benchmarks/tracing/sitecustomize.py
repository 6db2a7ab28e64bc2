"""Record the start and end of a function's requests and outgoing calls as JSON lines in ``TRACE_FILE``.

Python imports this module by its name from ``PYTHONPATH``, so the traced function needs no change.
"""

import functools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import flask
import requests
from google.api_core.gapic_v1.method import _GapicCallable

try:
    import httpx2
except ImportError:  # only the captioner has OpenAI's client
    httpx2 = None  # type: ignore[assignment]


def _timed(owner: Any, name: str, label: Callable[..., str]) -> None:
    inner = getattr(owner, name)

    @functools.wraps(inner)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        began = time.time()
        try:
            return inner(*args, **kwargs)
        finally:
            line = {"name": label(*args), "began": began, "ended": time.time()}
            if line["name"]:
                with Path(os.environ["TRACE_FILE"]).open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(line) + "\n")

    setattr(owner, name, wrapper)


def _rpc(call: Any, *_: Any) -> str:
    # The stub below Google's wrappers has the method, "/google.firestore.v1.Firestore/Commit", as str or bytes.
    method = getattr(call._target.__wrapped__, "_method", None)  # noqa: SLF001  no public name of it exists
    if method is None:
        # The session below records a REST call.
        return ""
    service, name = (method if isinstance(method, str) else method.decode()).rsplit("/", 1)
    return f"{service.rsplit('.', 1)[1]} {name}"


def _by_port(method: str, address: str) -> str:
    return f"port {urlsplit(address).port} {method}"


_timed(flask.Flask, "wsgi_app", lambda *_: "request")
_timed(_GapicCallable, "__call__", _rpc)
_timed(requests.Session, "send", lambda _, sent: _by_port(sent.method, sent.url))
if httpx2 is not None:
    _timed(httpx2.Client, "send", lambda _, sent: _by_port(sent.method, str(sent.url)))
