"""Send requests to Google's REST APIs with gcloud's access token, using only the standard library."""

import json
import os
import time
import urllib.error
import urllib.request
from functools import partial
from http import HTTPStatus
from threading import Lock
from typing import Any, Final

from infra.gcloud import LATE_API, Gcloud, patiently, tell
from infra.stops import CommandFailedError

_SCHEME: Final = os.environ.get("GOOGLE_APIS_SCHEME", "https")
_REQUEST_TIMEOUT_SECONDS: Final = 30
# A token is valid for an hour or less.
_TOKEN_SECONDS: Final = 600


class GoogleRefusedError(CommandFailedError):
    """Google answered with an error; ``status`` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Google:
    """Google's REST APIs, for one project."""

    def __init__(self, project: str, gcloud: Gcloud) -> None:
        self.project = project
        self._gcloud = gcloud
        self._token, self._until = "", 0.0
        self._lock = Lock()

    def call(self, method: str, api: str, path: str, body: Any = None) -> Any:
        """Return the JSON of a response; raise GoogleRefusedError for an error status."""
        return patiently([LATE_API], partial(self._call, method, api, path, body), lambda _: None, tell)

    def _call(self, method: str, api: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._bearer()}", "X-Goog-User-Project": self.project}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = urllib.request.Request(f"{_SCHEME}://{api}.googleapis.com/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=_REQUEST_TIMEOUT_SECONDS) as response:
                return json.loads(response.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise GoogleRefusedError(error.code, error.read().decode(errors="replace")) from error
        except OSError as error:
            raise CommandFailedError(f"{method} {api} {path}: {error}") from error

    def _bearer(self) -> str:
        with self._lock:
            if time.monotonic() >= self._until:
                self._token = self._gcloud.secret("auth", "print-access-token")
                self._until = time.monotonic() + _TOKEN_SECONDS
            return self._token

    def find(self, api: str, path: str) -> Any:
        """Return a resource, or None if it does not exist."""
        try:
            return self.call("GET", api, path)
        except GoogleRefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
