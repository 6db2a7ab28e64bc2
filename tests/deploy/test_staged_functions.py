"""Each staged directory is complete: with only its own locked requirements, the function starts and answers."""

import base64
import json
import subprocess
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.addresses import REPOSITORY, Addresses
from localcloud.parts import FUNCTIONS
from tests.support.ports import free_port
from tools.places import uv

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", params=sorted(FUNCTIONS))
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A function's name and a virtual environment with only its locked requirements.

    uv installs from the cache that `make setup` has filled, so the test needs no network; uv still checks the hashes.
    """
    name = str(request.param)
    home = tmp_path_factory.mktemp(name)
    venv.create(home, with_pip=False, symlinks=True)
    lock = REPOSITORY / "build" / name / "requirements.txt"
    command = [uv(), "pip", "install", "--quiet", "--offline", "--require-hashes", "--no-deps", "--link-mode=hardlink"]
    done = subprocess.run(
        [*command, "--python", str(home / "bin" / "python"), "-r", str(lock)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return name, home


def key_file(path: Path) -> Path:
    """Write a service account key file that is valid nowhere."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = {"type": "service_account", "client_email": "nobody@example.com", "private_key": private.decode()}
    path.write_text(json.dumps(key | {"token_uri": "http://127.0.0.1:9/token", "project_id": "nowhere"}))
    return path


def answered(url: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, bytes]:
    """Send a request as soon as the server listens; return the response's status and body."""
    until = time.monotonic() + 300
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, dict(headers)), timeout=60) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < until
            time.sleep(0.2)


def test_it_answers_with_its_own_requirements(installed: tuple[str, Path], tmp_path: Path) -> None:
    """upload_handler returns its OpenAPI description; the other functions acknowledge a malformed event."""
    name, home = installed
    target, kind = FUNCTIONS[name]
    port = free_port()
    addresses = Addresses(port=9, home=tmp_path)
    environ = addresses.client_environ() | addresses.function_environ("s" + "a" * 26, "gs://nothing/here.yaml")
    environ |= {"GOOGLE_APPLICATION_CREDENTIALS": str(key_file(tmp_path / "key.json")), "PATH": f"{home}/bin:/usr/bin"}
    command = [str(home / "bin" / "functions-framework"), f"--target={target}", f"--signature-type={kind}"]
    server = subprocess.Popen(
        [*command, "--host=127.0.0.1", f"--port={port}"],
        cwd=REPOSITORY / "build" / name,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        if kind == "http":
            status, body = answered(f"{url}/v1/openapi.json", {}, None)
            assert json.loads(body)["openapi"].startswith("3.1")
        else:
            message = {"data": base64.b64encode(b"no JSON").decode(), "messageId": "1"}
            push = {"message": message | {"publishTime": "2026-01-01T00:00:00Z"}, "subscription": "s"}
            status, body = answered(url, {"Content-Type": "application/json"}, json.dumps(push).encode())
        assert status == 200, body
    finally:
        server.terminate()
        out, _ = server.communicate(timeout=30)
    if kind != "http":
        assert "malformed event" in out
