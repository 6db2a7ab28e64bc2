"""What the functions log about requests, tracks and objects that people have written something into."""

import json
from typing import Any

import pytest

from musicgenerator import ids
from musicgenerator.errors import ContentionError
from musicgenerator.redaction import short_hash
from tests.contracts.recorded import SESSION, TRACK
from tests.functions.test_http_api import BEARER, TRACKS, UploadHandler
from tests.support.fakes import MemoryTracks

WORD = "axolotl"


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [{name: value for name, value in line.items() if name not in {"time", "severity"}} for line in found]


@pytest.mark.parametrize(
    ("method", "path", "body", "line"),
    [
        ("POST", TRACKS, {"engine": WORD}, {"path": "/v1/sessions/{session}/tracks", "field": "engine"}),
        ("DELETE", f"/v1/sessions/{SESSION}/{WORD}", {}, {"path": "unknown"}),
        ("GET", f"{TRACKS}/{TRACK}", {}, {"path": "/v1/sessions/{session}/tracks/{track}", "track": TRACK}),
    ],
)
def test_a_refused_request_is_logged_by_its_template(
    method: str, path: str, body: dict[str, Any], line: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """The path names the session, and the detail may quote the body."""
    complete = {"contentType": "image/jpeg", "bytes": 9, "language": "en"} | body
    problem = json.loads(UploadHandler().ask(method, path, headers=BEARER, json=complete).get_data())
    (found,) = lines(capsys)
    trace = {name: found.pop(name) for name in list(found) if name.startswith("logging.")}
    assert found == {"message": "request refused", "method": method, "code": problem["code"], **line}
    assert SESSION not in str(trace)


def test_an_outage_is_logged_without_the_session(capsys: pytest.CaptureFixture[str]) -> None:
    """Errors of Google's clients name documents."""

    class Contended(MemoryTracks):
        def find(self, track: str) -> None:
            raise ContentionError(f"sessions/{SESSION}/tracks/{track} of {ids.secret_hash('x')}")

    api = UploadHandler(tracks=Contended())
    assert api.ask("DELETE", f"{TRACKS}/{TRACK}", headers=BEARER).status_code == 503
    (found,) = lines(capsys)
    assert found["message"] == "request failed"
    assert f"sessions/session-{short_hash(SESSION)}/tracks/{TRACK}" in found["reason"]
    assert SESSION not in json.dumps(found)
