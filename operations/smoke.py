"""A picture through the public door until its music can be heard, and gone again: ``python -m operations.smoke``.

It does what the page does: opens a session, announces a track, uploads by the signed address, follows the track,
fetches the music; then it deletes the session and sees that the music is gone. ``MUSICGENERATOR_API_URL`` is the
door; of a deployed installation (``APP`` is set) gcloud is asked for it. ``SMOKE_ENGINE`` makes the music, by default
`composer`.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from google.cloud import firestore

from musicgenerator.settings import whole_number
from operations.clients import database_client

PICTURE: Final = Path(__file__).parents[1] / "localcloud" / "photos" / "chelsea.jpg"
_REQUEST_TIMEOUT_SECONDS: Final = 60
_LOOK_EVERY: Final = 1.0
_FINAL: Final = {"ready", "failed", "rejected", "cancelled"}


class SmokeError(Exception):
    """Something did not go as it does for a person; the message says what."""


def door() -> str:
    """Return the address of the commands' API."""
    url = os.environ.get("MUSICGENERATOR_API_URL")
    if url and not os.environ.get("APP"):
        return url
    name = f"{os.environ['APP']}-upload-handler"
    asked = ["gcloud", "functions", "describe", name, f"--region={os.environ['REGION']}", "--gen2"]
    done = subprocess.run([*asked, "--format=value(serviceConfig.uri)"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def sent(method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> tuple[int, bytes]:
    """Send a request and return its status and body, whatever it is."""
    request = urllib.request.Request(url, body, dict(headers), method=method)  # noqa: S310  the installation's addresses
    try:
        with urllib.request.urlopen(request, timeout=_REQUEST_TIMEOUT_SECONDS) as response:  # noqa: S310  as above
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def commanded(url: str, secret: str = "", body: Any = None) -> dict[str, Any]:
    """Send a command and return its answer; raise SmokeError where it is refused."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {secret}"} if secret else {})
    status, answer = sent("POST", url, headers, json.dumps(body or {}).encode())
    if status != HTTPStatus.CREATED:
        raise SmokeError(f"POST {url} answered {status}: {answer.decode(errors='replace')}")
    return dict(json.loads(answer))


def smoke(api: str, database: firestore.Client, patience: float) -> str:
    """Go the whole way; return the music's address, where nothing is any more."""
    opened = commanded(f"{api}/v1/sessions")
    session, secret = opened["session"], opened["secret"]
    try:
        data = PICTURE.read_bytes()
        wish = {"contentType": "image/jpeg", "bytes": len(data), "language": "en", "durationSeconds": 30}
        wish["engine"] = os.environ.get("SMOKE_ENGINE") or "composer"
        announced = commanded(f"{api}/v1/sessions/{session}/tracks", secret, wish)
        upload = announced["upload"]
        status, answer = sent(upload["method"], upload["url"], upload["headers"], data)
        if status != HTTPStatus.OK:
            raise SmokeError(f"the upload was answered {status}: {answer.decode(errors='replace')}")
        print(f"track {announced['track']}")
        url = _music(database, session, announced["track"], patience)
    finally:
        sent("DELETE", f"{api}/v1/sessions/{session}", {"Authorization": f"Bearer {secret}"})
    status, _ = sent("GET", url, {})
    if status == HTTPStatus.OK:
        raise SmokeError("the session was deleted, and its music can still be heard")
    return url


def _music(database: firestore.Client, session: str, track: str, patience: float) -> str:
    until, seen = time.monotonic() + patience, ""
    while True:
        document = database.document("sessions", session, "tracks", track).get().to_dict() or {}
        status = str(document.get("status", "gone"))
        if status != seen:
            print(f"  {status}")
            seen = status
        if status in _FINAL:
            break
        if time.monotonic() > until:
            raise SmokeError(f"the track is still {status} after {patience:.0f} s: make logs TRACK={track}")
        time.sleep(_LOOK_EVERY)
    if status != "ready":
        raise SmokeError(f"the track ended as {status}: {document.get('error')}")
    url = str(document["music"]["url"])
    code, sound = sent("GET", url, {})
    if code != HTTPStatus.OK or len(sound) != document["music"]["bytes"]:
        raise SmokeError(f"{url} answered {code} and {len(sound)} bytes")
    return url


def main() -> int:
    """Go the whole way and say how it went."""
    began = time.monotonic()
    try:
        smoke(door(), database_client(), whole_number(os.environ, "SMOKE_SECONDS", 1500))
    except SmokeError as error:
        print(f"Smoke: {error}", file=sys.stderr)
        return 1
    print(f"Smoke: heard after {time.monotonic() - began:.0f} s, and deleted without a trace.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
