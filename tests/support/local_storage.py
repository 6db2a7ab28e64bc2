"""The local cloud's storage as clients see it: the front before fake-gcs-server, with real signatures."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import google.auth
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from google.cloud.storage._signing import generate_signed_url_v4
from iam_signer import IamSigner
from ports import Permit
from storage_uploads import StorageUploads

from localcloud.addresses import HOST, IMAGES_BUCKET, REPOSITORY, UPLOAD_SIGNER, Addresses
from localcloud.prerequisites import find_tools
from localcloud.provision import make_buckets
from localcloud.servers.identity import app, prepare, secrets_of
from localcloud.servers.serving import listen
from tests.support.ports import free_ports

MEGABYTE = 1_000_000
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


@dataclass(frozen=True)
class Storage:
    """The running front; clients use ``url``, and ``backend`` is the fake-gcs-server behind it."""

    addresses: Addresses
    log: Path

    @property
    def url(self) -> str:
        return self.addresses.url("storage")

    @property
    def backend(self) -> str:
        return self.addresses.url("storage_backend")

    def signer(self, email: str = UPLOAD_SIGNER) -> IamSigner:
        credentials, _ = google.auth.load_credentials_from_file(str(self.addresses.credentials_file), scopes=SCOPES)
        return IamSigner(AuthorizedSession(credentials), self.addresses.url("identity"), email)

    def permit(self, name: str, most: int = MEGABYTE) -> Permit:
        """Return the permission that upload_handler gives to a browser, signed by the identity server."""
        return StorageUploads(self.bucket(IMAGES_BUCKET), self.signer(), self.url).permit(name, "image/jpeg", most)

    def bucket(self, name: str) -> Any:
        return storage.Client(project="test", credentials=AnonymousCredentials()).bucket(name)

    def holds(self, name: str) -> bool:
        return bool(self.bucket(IMAGES_BUCKET).blob(name).exists())


def await_answer(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(1200):
        try:
            if requests.get(url, timeout=5).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            assert process.poll() is None, f"{process.args!r} ended"
            time.sleep(0.05)
    raise TimeoutError(url)


def backend_command(addresses: Addresses) -> list[str]:
    options = {
        "scheme": "http",
        "host": HOST,
        "port": str(addresses.ports["storage_backend"]),
        "backend": "memory",
        "external-url": addresses.url("storage"),
        "public-host": addresses.host("storage"),
    }
    return [str(find_tools().storage_binary), *(f"-{name}={value}" for name, value in options.items())]


@contextmanager
def serving(home: Path) -> Iterator[Storage]:
    """Run fake-gcs-server, the identity server and the front, with the deployment's buckets."""
    addresses = Addresses(free_ports(len(Addresses().ports)), home)
    log = home / "front.log"
    identity = listen(app(prepare(addresses), secrets_of(addresses)), addresses.ports["identity"])
    thread = Thread(target=identity.serve_forever, args=(0.02,))
    thread.start()
    backend = subprocess.Popen(backend_command(addresses), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path = os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY)))
    environ = os.environ | {"PORT": str(addresses.port), "LOCALCLOUD_HOME": str(home), "PYTHONPATH": path}
    command = [sys.executable, "-m", "localcloud.storage_front"]
    with log.open("wb") as lines:
        process = subprocess.Popen(command, env=environ, cwd=REPOSITORY, stdout=lines, stderr=subprocess.STDOUT)
    try:
        await_answer(f"{addresses.url('storage_backend')}/_internal/healthcheck", backend)
        await_answer(f"{addresses.url('storage')}/healthz", process)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("STORAGE_EMULATOR_HOST", addresses.url("storage"))
            make_buckets()
            yield Storage(addresses, log)
    finally:
        process.send_signal(signal.SIGTERM)
        ended = process.wait(20)
        backend.kill()
        backend.wait()
        identity.shutdown()
        thread.join()
    assert ended == 0


def put(permit: Permit, body: Any, **headers: str | None) -> tuple[int, str]:
    """Upload and return the status and the error code, or an empty code if there is none."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {name: value for name, value in (dict(permit.headers) | named).items() if value is not None}
    answer = requests.request(permit.method, permit.url, data=body, headers=sent, timeout=60)
    return answer.status_code, code(answer)


def code(answer: requests.Response) -> str:
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


def signed(front: Storage, name: str, email: str = UPLOAD_SIGNER, **how: Any) -> Permit:
    """Sign, with Google's own code, a request that upload_handler never signs."""
    bucket, method, signed_at = how.get("bucket", IMAGES_BUCKET), how.get("method", "PUT"), how.get("signed_at")
    headers = {"Content-Type": "image/jpeg"} | how.get("headers", {})
    url = generate_signed_url_v4(
        front.signer(email),
        resource=f"/{bucket}/{quote(name)}",
        expiration=600,
        api_access_endpoint=front.url,
        method=method,
        headers=headers,
        _request_timestamp=signed_at and f"{signed_at:%Y%m%dT%H%M%SZ}",
    )
    return Permit(method, url, headers)
