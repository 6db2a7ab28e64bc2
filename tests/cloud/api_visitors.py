"""Sessions that send requests to the API of the local cloud."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from localcloud.addresses import Addresses

KEY = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
ADDRESSES = iter(range(1, 255))


@dataclass(frozen=True)
class Visitor:
    """A session with its secret and its own IP address."""

    api: str
    session: str
    secret: str
    address: str

    def send(self, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any, dict[str, str]]:
        """Send a request below the session and return status, JSON and headers."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.secret}"}
        headers |= {"X-Forwarded-For": self.address} | ({"Idempotency-Key": key} if key else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api}/v1/sessions/{self.session}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return response.status, json.loads(response.read() or b"null"), dict(response.headers)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null"), dict(error.headers)

    def upload(self, picture: bytes, **wishes: Any) -> str:
        """Announce a picture, upload it and return its track."""
        status, announced, _ = self.send("POST", "/tracks", {"contentType": "image/jpeg", **wishes})
        assert status == 201, announced
        upload = announced["upload"]
        request = urllib.request.Request(upload["url"], picture, upload["headers"], method=upload["method"])
        with urllib.request.urlopen(request, timeout=30) as response:
            assert response.status == 200
        return str(announced["track"])

    def command(self, track: str, name: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
        """Send a command for a track."""
        return self.send("POST", f"/tracks/{track}:{name}", body or {}, key)[:2]


def visitor(addresses: Addresses) -> Visitor:
    """Open a session from an address of its own."""
    return opened(addresses.url("upload_handler"), f"203.0.113.{next(ADDRESSES)}")


def opened(api: str, address: str) -> Visitor:
    """Open a session of this API from this address."""
    request = urllib.request.Request(f"{api}/v1/sessions", b"{}", {"X-Forwarded-For": address}, method="POST")
    with urllib.request.urlopen(request, timeout=60) as response:
        opened = json.loads(response.read())
    return Visitor(api, opened["session"], opened["secret"], address)
