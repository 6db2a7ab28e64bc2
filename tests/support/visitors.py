"""Clients that upload pictures and give commands, and repeat a request that got no answer, as browsers do."""

import random
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

import requests
from PIL import Image

from localcloud.addresses import IMAGES_BUCKET, REPOSITORY, Addresses
from localcloud.provision import storage_client
from tests.support.dropped import dropped_track

_PATIENCE_SECONDS: Final = 120.0
_EXISTS_ALREADY: Final = 412


class NoAnswerError(Exception):
    """The API did not answer for minutes."""


def picture() -> bytes:
    """Return a small photo that the describer can name."""
    with Image.open(REPOSITORY / "localcloud" / "photos" / "coffee.jpg") as photo:
        small = photo.resize((240, 160))
    out = BytesIO()
    small.save(out, "JPEG")
    return out.getvalue()


@dataclass
class Visitor:
    """One session; ``address`` is the IP address in its X-Forwarded-For header."""

    api: str
    address: str
    session: str = ""
    secret: str = ""
    answers: list[int] = field(default_factory=list)

    def open(self) -> None:
        """Open the session."""
        opened = self.post("/v1/sessions", {}, new_key()).json()
        self.session, self.secret = opened["session"], opened["secret"]

    def announce(self, name: str, key: str = "", takes: int = 1) -> tuple[str, dict[str, Any]]:
        """Announce one picture and return its track and the permission to upload it."""
        announced = self.ask_for_track(name, key, takes).json()
        return str(announced["track"]), announced["upload"]

    def ask_for_track(self, name: str, key: str = "", takes: int = 1) -> requests.Response:
        """Announce one picture and return the response."""
        body = {"contentType": "image/jpeg", "durationSeconds": 10, "language": "en", "hint": f"picture {name}"}
        body |= {"takes": takes} if takes > 1 else {}
        return self.post(f"/v1/sessions/{self.session}/tracks", body, key or new_key())

    def command(self, track: str, verb: str, key: str = "", body: Mapping[str, Any] | None = None) -> requests.Response:
        """Give a command to a track."""
        return self.post(f"/v1/sessions/{self.session}/tracks/{track}:{verb}", body or {}, key or new_key())

    def erase(self, track: str) -> None:
        """Erase a track; repeat the request until it succeeds, and raise NoAnswerError after two minutes."""
        headers = {"Authorization": f"Bearer {self.secret}", "X-Forwarded-For": self.address}
        url = f"{self.api}/v1/sessions/{self.session}/tracks/{track}"
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with suppress(requests.RequestException):
                if requests.delete(url, headers=headers, timeout=60).status_code == requests.codes.no_content:
                    return
            time.sleep(random.uniform(0, 0.5))
        raise NoAnswerError(url)

    def post(self, path: str, body: Mapping[str, Any], key: str) -> requests.Response:
        """Send a request with one key until the answer is not a server error; raise NoAnswerError after 2 minutes."""
        headers = {"Authorization": f"Bearer {self.secret}", "X-Forwarded-For": self.address, "Idempotency-Key": key}
        deadline = time.monotonic() + _PATIENCE_SECONDS
        pause = 0.1
        while time.monotonic() < deadline:
            try:
                answer = requests.post(self.api + path, json=body, headers=headers, timeout=60)
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code < requests.codes.server_error:
                self.answers.append(answer.status_code)
                return answer
            time.sleep(random.uniform(0, pause))
            pause = min(2 * pause, 2.0)
        raise NoAnswerError(path)


def put(permit: Mapping[str, Any], data: bytes) -> None:
    """Upload with a signed permission; an object that exists already counts as uploaded."""
    for _ in range(20):
        try:
            answer = requests.request(permit["method"], permit["url"], data=data, headers=permit["headers"], timeout=30)
        except requests.RequestException:
            continue
        if answer.ok or answer.status_code == _EXISTS_ALREADY:
            return
    raise NoAnswerError("the storage")


def drop(name: str, data: bytes, seconds: int = 10) -> str:
    """Drop one picture into the bucket, which asks for ``seconds`` of music, and return its track."""
    blob = storage_client().bucket(IMAGES_BUCKET).blob(f"{name}.jpg")
    blob.metadata = {"durationSeconds": str(seconds), "language": "en", "hint": f"picture {name}"}
    blob.upload_from_string(data, content_type="image/jpeg")
    return dropped_track(blob)


def visitors(addresses: Addresses, count: int) -> list[Visitor]:
    """Return ``count`` visitors, each with its own session and address."""
    group = random.randrange(250)
    found = [Visitor(addresses.url("upload_handler"), f"203.{group}.113.{number + 1}") for number in range(count)]
    for visitor in found:
        visitor.open()
    return found


def new_key() -> str:
    """Return a fresh idempotency key."""
    return str(uuid.uuid4())
