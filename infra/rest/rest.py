"""Send requests to Google's REST APIs with gcloud's access token, using only the standard library."""

import json
import os
import subprocess
import urllib.error
import urllib.request
from typing import Any, Final

_SCHEME: Final = os.environ.get("GOOGLE_APIS_SCHEME", "https")
_REQUEST_TIMEOUT_SECONDS: Final = 30


class GoogleRefusedError(Exception):
    """Google answered with an error; ``status`` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        """Take the HTTP status and the response's text."""
        super().__init__(f"{status}: {message}")
        self.status = status


def token() -> str:
    """Return the access token of gcloud's account."""
    done = subprocess.run(["gcloud", "auth", "print-access-token"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def call(bearer: str, method: str, api: str, path: str, body: Any = None) -> Any:
    """Return the JSON of a response; raise GoogleRefusedError for an error status."""
    headers = {"Authorization": f"Bearer {bearer}", "X-Goog-User-Project": os.environ["PROJECT"]}
    data = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(body).encode()
    url = f"{_SCHEME}://{api}.googleapis.com/{path}"
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=_REQUEST_TIMEOUT_SECONDS) as response:
            return json.loads(response.read() or b"{}")
    except urllib.error.HTTPError as error:
        raise GoogleRefusedError(error.code, error.read().decode(errors="replace")) from error
