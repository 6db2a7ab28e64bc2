"""The key of the marks, while the grant that a deployment has just made has no effect yet."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from localcloud.addresses import Addresses
from localcloud.servers.identity import prepare
from musicgenerator.marks.signers import SigningKeyError, SigningKeyRefusedError
from musicgenerator_google.mark_secrets import LATE_GRANT_SECONDS
from pipeline.google_results import GoogleConnections
from tests.pipeline.run_scene import FIRST, SECOND, Scene, order_of
from tests.support.marks import pair
from tests.support.scripted_http import Answer, ScriptedServer, scripted_server

VERSION = "projects/p/secrets/musicgenerator-c2pa/versions/3"
ACCESS = f"GET /v1/{VERSION}:access"
ORDER = replace(order_of(FIRST), signer=VERSION)
REFUSED = Answer({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "Permission denied"}}, 403)
KEY = Answer({"payload": {"data": base64.b64encode("".join(pair()).encode()).decode()}})


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A Secret Manager that refuses the key at first."""
    addresses = Addresses(1, tmp_path)
    prepare(addresses)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(addresses.credentials_file))
    with scripted_server() as server:
        yield server


def test_a_run_waits_for_a_late_grant(secrets: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Each key once, however many tracks need it, and the log says what it waits for."""
    secrets.script(ACCESS, *[REFUSED] * 3, KEY)
    pauses: list[float] = []
    connections = GoogleConnections(secrets_url=secrets.url, sleep=pauses.append)
    connections.await_signers([ORDER, replace(ORDER, track=SECOND), order_of(SECOND)])
    assert (pauses, len(secrets.heard)) == ([10.0] * 3, 4)
    assert connections.signer(ORDER) is not None
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["message"] for line in lines} == {"the key of the marks is refused; a new grant may be late"}
    assert "secretmanager.secretAccessor" in lines[0]["reason"]


def test_a_grant_that_never_comes_fails_the_tracks_with_words(secrets: ScriptedServer) -> None:
    """The run waits as long as Google says that a grant may be late, and each track a minute more."""
    secrets.script(ACCESS, REFUSED)
    pauses: list[float] = []
    connections = GoogleConnections(secrets_url=secrets.url, sleep=pauses.append)
    connections.await_signers([ORDER])
    assert sum(pauses) == LATE_GRANT_SECONDS
    with pytest.raises(SigningKeyRefusedError, match=r"make deploy.*nothing is made"):
        connections.signer(ORDER)
    assert sum(pauses) == LATE_GRANT_SECONDS + 60


@pytest.mark.parametrize("answer", [Answer({}, 404), Answer({"payload": {}}), Answer({"error": {}}, 400)])
def test_nothing_but_a_refusal_is_waited_for(secrets: ScriptedServer, answer: Answer) -> None:
    """A version that is disabled, or holds no key, does not change by itself."""
    secrets.script(ACCESS, answer)
    pauses: list[float] = []
    connections = GoogleConnections(secrets_url=secrets.url, sleep=pauses.append)
    connections.await_signers([ORDER])
    with pytest.raises(SigningKeyError):
        connections.signer(ORDER)
    assert pauses == []


def test_the_wait_comes_before_the_limits_of_the_run(tmp_path: Path) -> None:
    """It is for all tracks, and before the first of them begins."""
    scene = Scene(tmp_path)
    scene.run([order_of(FIRST), order_of(SECOND)])
    assert scene.awaited == [([FIRST, SECOND], [])]
    assert sorted(scene.begun()) == sorted([FIRST, SECOND])
