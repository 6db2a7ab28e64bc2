"""Make music from one picture through the public API, then delete it: ``python -m operations.smoke``.

The command does what the page does: it creates a session, announces a track, uploads the picture to the signed URL,
polls the track and downloads the music. Then it deletes the session and checks that the music is gone.
``MUSICGENERATOR_API_URL`` is the API's address; if ``APP`` is set, the command gets it from gcloud.
``API_URL`` is the address of a load balancer in front of it, and comes before both.
``SMOKE_ENGINE`` is the engine; with `default` the request names none. Without it, the engine is `composer` if the
installation offers it, and otherwise the default.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from google.cloud import firestore

import operations.interrupts  # noqa: F401  it sets a hook
from musicgenerator.errors import PipelineFailedError
from musicgenerator.redaction import redacted
from musicgenerator.settings import whole_number
from musicgenerator.states import FINAL
from operations.clients import database_client
from operations.progress import words

PICTURE: Final = Path(__file__).parents[1] / "localcloud" / "photos" / "chelsea.jpg"
_FREE_ENGINE: Final = "composer"
_REQUEST_TIMEOUT_SECONDS: Final = 60
_POLL_SECONDS: Final = 1.0
# IAM says that a grant takes effect after two minutes, and sometimes after seven or more.
GRANT_SECONDS: Final = 600.0
_GRANT_POLL_SECONDS: Final = 5.0


class SmokeError(Exception):
    """A step of the smoke test failed; the message says which and how. ``status`` is that of the API's response."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def api_url() -> str:
    """Return the address of the API."""
    if front := os.environ.get("API_URL"):
        return front
    url = os.environ.get("MUSICGENERATOR_API_URL")
    if url and not os.environ.get("APP"):
        return url
    name = f"{os.environ['APP']}-upload-handler"
    command = ["gcloud", "functions", "describe", name, f"--region={os.environ['REGION']}", "--gen2"]
    done = subprocess.run([*command, "--format=value(serviceConfig.uri)"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> tuple[int, bytes]:
    """Send a request and return the response's status and body; an error status raises nothing."""
    request = urllib.request.Request(url, body, dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=_REQUEST_TIMEOUT_SECONDS) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def post(url: str, secret: str = "", body: Any = None) -> dict[str, Any]:
    """POST a command and return the response's JSON; raise SmokeError unless the status is 200 or 201."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {secret}"} if secret else {})
    status, answer = send("POST", url, headers, json.dumps(body or {}).encode())
    if status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
        raise SmokeError(f"POST {url} answered {status}: {answer.decode(errors='replace')}", status)
    return dict(json.loads(answer))


def smoke(api: str, database: firestore.Client, patience: float) -> str:
    """Make one track in a new session, delete the session and return the address that the music had.

    Raises SmokeError if a step fails, or if the track has no final status after ``patience`` seconds.
    """
    opened = _first_session(api)
    session, secret = opened["session"], opened["secret"]
    try:
        data = PICTURE.read_bytes()
        request = {"contentType": "image/jpeg", "bytes": len(data), "language": "en", "durationSeconds": 30}
        announced = _announced(f"{api}/v1/sessions/{session}/tracks", secret, request)
        upload = announced["upload"]
        status, answer = send(upload["method"], upload["url"], upload["headers"], data)
        if status != HTTPStatus.OK:
            raise SmokeError(f"the upload answered {status}: {answer.decode(errors='replace')}")
        print(f"track {announced['track']}")
        track = Followed(f"{api}/v1/sessions/{session}/tracks/{announced['track']}", secret)
        url = _music(database, session, announced["track"], track, patience)
    finally:
        send("DELETE", f"{api}/v1/sessions/{session}", {"Authorization": f"Bearer {secret}"})
    status, _ = send("GET", url, {})
    if status == HTTPStatus.OK:
        raise SmokeError("the session is deleted, but its music still exists")
    return url


def _announced(url: str, secret: str, request: dict[str, Any]) -> dict[str, Any]:
    """Announce a track with the engine of ``SMOKE_ENGINE``, or else with the free one if it is offered."""
    engine = os.environ.get("SMOKE_ENGINE")
    if engine:
        return post(url, secret, request | ({} if engine == "default" else {"engine": engine}))
    try:
        return post(url, secret, request | {"engine": _FREE_ENGINE})
    except SmokeError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
    print(f"  ALLOWED_ENGINES does not offer {_FREE_ENGINE}: the default engine makes the music")
    return post(url, secret, request)


def _first_session(api: str) -> dict[str, Any]:
    """Create a session; wait for the grant that opens a new API, while Cloud Run answers 403."""
    until, told = time.monotonic() + GRANT_SECONDS, False
    while True:
        try:
            return post(f"{api}/v1/sessions")
        except SmokeError as error:
            if error.status != HTTPStatus.FORBIDDEN or time.monotonic() > until:
                raise
        if not told:
            print("  waiting: the API answers 403 until its public grant has an effect, which may take ten minutes")
            told = True
        time.sleep(_GRANT_POLL_SECONDS)


@dataclass
class Followed:
    """A track's address in the API with its session's secret, and until when its job may be too early."""

    url: str
    secret: str
    early_until: float = field(default_factory=lambda: time.monotonic() + (GRANT_SECONDS if "APP" in os.environ else 0))

    def retried(self, code: str) -> bool:
        """Retry a track whose job failed, as the first jobs of a new installation do until their grants have an effect.

        Returns False if the track failed for another reason, or if the grants are old enough.
        """
        if code != PipelineFailedError.code or time.monotonic() > self.early_until:
            return False
        print("  waiting: the first jobs fail until the grants of their account have an effect; the track is retried")
        time.sleep(_GRANT_POLL_SECONDS)
        post(f"{self.url}:retry", self.secret)
        return True


def _music(database: firestore.Client, session: str, track: str, followed: Followed, patience: float) -> str:
    until, seen = time.monotonic() + patience, ""
    while True:
        document = database.document("sessions", session, "tracks", track).get().to_dict() or {}
        status = str(document.get("status", "gone"))
        # A parked track has an error, although it has not ended.
        waits = f" ({document['error']['code']})" if document.get("error") and status not in FINAL else ""
        if status + waits != seen:
            print(f"  {status}{waits}")
            seen = status + waits
        if status in FINAL and not (document.get("error") and followed.retried(str(document["error"]["code"]))):
            break
        if time.monotonic() > until:
            raise SmokeError(f"the track is still {seen} after {patience:.0f} s: make logs TRACK={track}")
        time.sleep(_POLL_SECONDS)
    if status != "ready":
        raise SmokeError(f"the track {words(document)}" if "status" in document else "the track is gone")
    url = str(document["music"]["url"])
    code, music = send("GET", url, {})
    if code != HTTPStatus.OK or len(music) != document["music"]["bytes"]:
        raise SmokeError(f"{url} answered {code} and {len(music)} bytes")
    return url


def main() -> int:
    """Run the smoke test and print its result."""
    began = time.monotonic()
    try:
        smoke(api_url(), database_client(), whole_number(os.environ, "SMOKE_SECONDS", 1500))
    except SmokeError as error:
        print(f"Smoke: {redacted(str(error))}", file=sys.stderr)
        return 1
    print(
        f"Smoke: music made, checked and deleted in {time.monotonic() - began:.0f} s."
        " Google shows the deleted job's record for up to a day."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
