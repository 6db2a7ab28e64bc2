"""The OpenAPI document describes exactly the routes and statuses of the code."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from admitting import Limits
from bodies import BodyReader
from google.api_core.exceptions import ServiceUnavailable
from http_api import ROUTES
from ports import Move
from problems import ProblemError

from musicgenerator import ids
from musicgenerator.briefs import ENGINES, GENRES, INSTRUMENTS, KEYS, LANGUAGES, LENGTHS
from musicgenerator.errors import PipelineFailedError
from musicgenerator.states import Status
from musicgenerator.tracks import PICTURE_TYPES
from tests.contracts.recorded import SESSION, TRACK, recorded
from tests.functions.slow_bodies import slow_body
from tests.functions.test_limits import KEY, PICTURE, PLENTY, SECRETS, Scene

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "functions" / "upload_handler" / "openapi.json").read_text(encoding="utf-8")
)
BEARER = {"Authorization": f"Bearer {SECRETS[SESSION]}"}
GONE = TRACK[:-1] + "2"
CODE, SEALED = "m" + "a" * 26, {"sealed": "c2VhbGVk" * 16}
_CLAIM = "/v1/moves:claim"
_SESSION, _TRACKS, _TRACK = (
    "/v1/sessions/{session}",
    "/v1/sessions/{session}/tracks",
    "/v1/sessions/{session}/tracks/{track}",
)
_MARK = f"{_TRACK}:mark"
VIDEO = {"sha256": "0" * 64}
# What an earlier request with the same key sent.
EARLIER = {_TRACKS: PICTURE, _MARK: VIDEO}

# One request for each status of each operation: method, path, status, and how to send the request.
CASES: list[tuple[str, str, int, dict[str, Any]]] = [
    ("GET", "/v1/openapi.json", 200, {}),
    ("PUT", "/v1/openapi.json", 405, {}),
    ("POST", "/v1/sessions", 201, {}),
    ("POST", "/v1/sessions", 400, {"data": b"["}),
    ("POST", "/v1/sessions", 403, {"headers": {"Origin": "https://evil.example"}}),
    ("POST", "/v1/sessions", 408, {"slow": True}),
    ("POST", "/v1/sessions", 415, {"data": b"{}", "headers": {"Content-Type": "text/plain"}}),
    ("GET", "/v1/sessions", 405, {}),
    ("POST", "/v1/sessions", 422, {"key": True, "json": {"a": 1}}),
    ("POST", "/v1/sessions", 429, {"limits": Limits(0, 0, 0, 0)}),
    ("POST", "/v1/sessions", 503, {"outage": True}),
    ("POST", "/v1/sessions", 503, {"paused": True}),
    ("DELETE", _SESSION, 204, {}),
    ("DELETE", _SESSION, 401, {"headers": {}}),
    ("DELETE", _SESSION, 404, {"session": "s"}),
    ("GET", _SESSION, 405, {}),
    ("DELETE", _SESSION, 503, {"outage": True}),
    ("POST", _TRACKS, 201, {"json": PICTURE}),
    ("POST", _TRACKS, 400, {"json": PICTURE | {"seed": -1}}),
    ("POST", _TRACKS, 401, {"json": PICTURE, "headers": {}}),
    ("POST", _TRACKS, 403, {"json": PICTURE | {"engine": "lyria-002"}, "engines": ()}),
    ("POST", _TRACKS, 404, {"session": "s"}),
    ("POST", _TRACKS, 404, {"json": PICTURE, "key": True, "erased": True}),
    ("GET", _TRACKS, 405, {}),
    ("POST", _TRACKS, 408, {"slow": True}),
    ("POST", _TRACKS, 413, {"json": PICTURE | {"bytes": 20_000_001}}),
    ("POST", _TRACKS, 415, {"json": {}}),
    ("POST", _TRACKS, 422, {"json": PICTURE | {"seed": 1}, "key": True}),
    ("POST", _TRACKS, 429, {"json": PICTURE, "limits": Limits(0, 0, 0, 0)}),
    ("POST", _TRACKS, 503, {"json": PICTURE, "outage": True}),
    ("DELETE", _TRACK, 204, {}),
    ("DELETE", _TRACK, 401, {"headers": {}}),
    ("DELETE", _TRACK, 404, {"session": "s" + "a" * 26, "headers": {"Authorization": f"Bearer {'k' + 'b' * 52}"}}),
    ("GET", _TRACK, 405, {}),
    ("DELETE", _TRACK, 503, {"outage": True}),
    ("POST", f"{_TRACK}:again", 201, {"json": {"title": "밤"}}),
    ("POST", f"{_TRACK}:again", 400, {"json": {"title": ""}}),
    ("POST", f"{_TRACK}:again", 403, {"json": {"engine": "lyria-002"}, "engines": ()}),
    ("POST", f"{_TRACK}:again", 409, {"status": Status.CAPTIONING}),
    ("POST", f"{_TRACK}:again", 429, {"limits": Limits(0, 0, 0, 0)}),
    ("POST", f"{_TRACK}:cancel", 200, {}),
    ("POST", f"{_TRACK}:cancel", 400, {"data": b"["}),
    ("POST", f"{_TRACK}:retry", 200, {"status": Status.FAILED}),
    ("POST", f"{_TRACK}:retry", 400, {"data": b"["}),
    ("POST", f"{_TRACK}:retry", 403, {"status": Status.FAILED, "engine": "lyria-002", "engines": ()}),
    ("POST", f"{_TRACK}:retry", 409, {}),
    ("POST", f"{_TRACK}:retry", 429, {"status": Status.FAILED, "limits": Limits(0, 0, 0, 0)}),
    ("POST", _MARK, 200, {"json": VIDEO}),
    ("POST", _MARK, 400, {"json": {"sha256": "0"}}),
    ("POST", _MARK, 401, {"headers": {}}),
    ("POST", _MARK, 404, {"track": GONE}),
    ("GET", _MARK, 405, {}),
    ("POST", _MARK, 408, {"slow": True}),
    ("POST", _MARK, 409, {"json": VIDEO, "status": Status.COMPOSING}),
    ("POST", _MARK, 422, {"json": {"sha256": "1" * 64}, "key": True}),
    ("POST", _MARK, 429, {"json": VIDEO, "limits": Limits(0, 0, 0, 0)}),
    ("POST", _MARK, 503, {"json": VIDEO, "outage": True}),
    *(
        ("POST", f"{_TRACK}:{kind}", status, request)
        for kind in ("stems", "loop")
        for status, request in (
            (201, {}),
            (400, {"data": b"["}),
            (409, {"status": Status.COMPOSING}),
            (422, {"json": {"seed": 1}, "key": True}),
            (429, {"limits": Limits(0, 0, 0, 0)}),
        )
    ),
    ("POST", f"{_TRACK}:like", 200, {"json": {"liked": True}}),
    ("POST", f"{_TRACK}:like", 400, {"json": {"liked": "yes"}}),
    ("POST", f"{_TRACK}:like", 401, {"json": {"liked": True}, "headers": {}}),
    ("POST", f"{_TRACK}:like", 404, {"json": {"liked": True}, "track": GONE}),
    ("GET", f"{_TRACK}:like", 405, {}),
    ("POST", f"{_TRACK}:like", 408, {"slow": True}),
    ("POST", f"{_TRACK}:like", 429, {"json": {"liked": True}, "limits": Limits(0, 0, 0, 0)}),
    ("POST", f"{_TRACK}:like", 503, {"json": {"liked": True}, "outage": True}),
    ("POST", f"{_SESSION}:move", 201, {"json": SEALED}),
    ("POST", f"{_SESSION}:move", 400, {"json": {"sealed": "short"}}),
    ("POST", f"{_SESSION}:move", 401, {"json": SEALED, "headers": {}}),
    ("POST", f"{_SESSION}:move", 404, {"json": SEALED, "session": "s"}),
    ("GET", f"{_SESSION}:move", 405, {}),
    ("POST", f"{_SESSION}:move", 408, {"slow": True}),
    ("POST", f"{_SESSION}:move", 429, {"json": SEALED, "limits": Limits(0, 0, 0, 0)}),
    ("POST", f"{_SESSION}:move", 503, {"json": SEALED, "outage": True}),
    ("POST", _CLAIM, 200, {"json": {"code": CODE}, "headers": {}}),
    ("POST", _CLAIM, 400, {"json": {"code": 5}}),
    ("POST", _CLAIM, 403, {"json": {"code": CODE}, "headers": {"Origin": "https://evil.example"}}),
    ("POST", _CLAIM, 404, {"json": {"code": CODE[:-1] + "3"}}),
    ("GET", _CLAIM, 405, {}),
    ("POST", _CLAIM, 408, {"slow": True}),
    ("POST", _CLAIM, 415, {"data": b"{}", "headers": {"Content-Type": "text/plain"}}),
    ("POST", _CLAIM, 429, {"json": {"code": CODE}, "limits": Limits(0, 0, 0, 0)}),
    ("POST", _CLAIM, 503, {"json": {"code": CODE}, "outage": True}),
    *(
        (method, f"{_TRACK}:{command}", status, request)
        for command in ("again", "cancel", "loop", "retry", "stems")
        for method, status, request in (
            ("POST", 401, {"headers": {}}),
            ("POST", 404, {"track": GONE}),
            ("GET", 405, {}),
            ("POST", 408, {"slow": True, "status": Status.READY if command in {"loop", "stems"} else Status.FAILED}),
            ("POST", 503, {"outage": True, "key": True}),
        )
    ),
    *(
        ("POST", f"{_TRACK}:{command}", 422, {"json": {"seed": 1}, "key": True, "status": Status.FAILED})
        for command in ("again", "cancel", "retry")
    ),
]


def answered(method: str, path: str, request: dict[str, Any]) -> Any:
    """Send one request to the API, which has the recorded track, and return the response."""
    asked = {"headers": BEARER, "session": SESSION, "track": TRACK, "status": Status.READY} | request
    scene = Scene()
    error = PipelineFailedError("").to_mapping("ko") if asked["status"] is Status.FAILED else None
    fields = {"brief": None} if asked["status"] is Status.CAPTIONING else {}
    if "engine" in asked:
        fields |= {"request": recorded("track_failed")["request"] | {"engine": asked["engine"]}}
    scene.hold(asked["status"], error=error, **fields)
    scene.moves.create(Move(ids.secret_hash(CODE), SESSION, SEALED["sealed"], datetime.now(UTC) + timedelta(minutes=5)))
    headers = asked["headers"] | ({"Idempotency-Key": KEY} if "key" in asked else {})
    address = path.replace("{session}", asked["session"]).replace("{track}", asked["track"])
    if "key" in asked and "outage" not in asked:
        # An earlier request with the same key and another body.
        first = scene.ask("POST", address, headers=headers, json=EARLIER.get(path, {}))
        if "erased" in asked:
            scene.ask("DELETE", f"{address}/{first.get_json()['track']}", headers=headers)
    if "outage" in asked:
        scene.ledger.failures.append(ServiceUnavailable("Firestore"))
        scene.buckets.meanwhile.append(_outage)
    scene.limits, scene.switch.paused = asked.get("limits", PLENTY), "paused" in asked
    scene.allowed_engines = asked.get("engines", ENGINES)
    data = {name: asked[name] for name in ("json", "data") if name in asked}
    if "slow" in asked:
        scene.bodies = BodyReader(deadline_seconds=0.01)
        with slow_body() as slow:
            return scene.ask(method, address, headers=headers, environ_overrides=slow["environ_overrides"])
    return scene.ask(method, address, headers=headers, **data)


@pytest.mark.parametrize(("method", "path", "status", "request_"), CASES)
def test_every_response_is_described(method: str, path: str, status: int, request_: dict[str, Any]) -> None:
    """Status, content type, headers and every field of the body are in the document."""
    response = answered(method, path, request_)
    assert response.status_code == status, response.get_data(as_text=True)
    described = _responses(method, path)[str(status)]
    if "content" in described:
        ((kind, content),) = described["content"].items()
        assert response.content_type == kind
        body = json.loads(response.get_data())
        validator = jsonschema.Draft202012Validator({**content["schema"], "components": DOCUMENT["components"]})
        validator.validate(body)
    else:
        assert not response.get_data()
    for name, header in described["headers"].items():
        schema = _resolved(header)["schema"]
        assert name in response.headers
        assert schema.get("const", response.headers[name]) == response.headers[name]


def test_every_described_response_is_tested() -> None:
    """The cases above are exactly the operations and statuses of the document."""
    described = {
        (path, method.upper(), status)
        for path, item in DOCUMENT["paths"].items()
        for method in item.keys() - {"parameters"}
        for status in item[method]["responses"]
    }
    methods = {path: next(iter(item.keys() - {"parameters"})).upper() for path, item in DOCUMENT["paths"].items()}
    answered = {(path, methods[path] if status == 405 else method, str(status)) for method, path, status, _ in CASES}
    assert answered == described


def test_the_routes_are_the_paths() -> None:
    """They have the same methods and paths."""
    described = {
        (method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item.keys() - {"parameters"}
    }
    assert {(route.method, route.path) for route in ROUTES} == described


def test_every_problem_is_described() -> None:
    """Its code is listed under its status."""
    described = {
        (int(status), code)
        for item in DOCUMENT["paths"].values()
        for method in item.keys() - {"parameters"}
        for status, response in item[method]["responses"].items()
        for content in _resolved(response).get("content", {}).values()
        for part in content["schema"].get("allOf", ())
        for code in part.get("properties", {}).get("code", {}).get("enum", ())
    }
    assert {(kind.status, kind.code) for kind in ProblemError.__subclasses__()} == described


def test_the_vocabulary_equals_the_brief_s() -> None:
    """The document lists exactly the values that the code accepts."""
    edit = DOCUMENT["components"]["schemas"]["Edit"]["properties"]
    assert edit["genre"]["enum"] == [*GENRES, None]
    assert edit["key"]["enum"] == [*KEYS, None]
    assert edit["engine"]["enum"] == [*ENGINES, None]
    assert edit["instruments"]["items"]["enum"] == list(INSTRUMENTS)
    assert {name: edit[name]["maxLength"] for name in LENGTHS if name in edit} == {
        name: LENGTHS[name] for name in LENGTHS if name in edit
    }
    picture = DOCUMENT["components"]["schemas"]["Picture"]["properties"]
    assert picture["contentType"]["enum"] == list(PICTURE_TYPES)
    assert picture["language"]["enum"] == [*LANGUAGES, None]
    state = DOCUMENT["components"]["schemas"]["TrackState"]["properties"]
    assert state["status"]["enum"] == [status.value for status in Status]


def test_the_document_is_served_unchanged() -> None:
    """Nobody needs a secret to read it."""
    assert Scene().ask("GET", "/v1/openapi.json").get_json() == DOCUMENT


def _responses(method: str, path: str) -> dict[str, Any]:
    item = DOCUMENT["paths"][path]
    operation = item.get(method.lower()) or item[next(iter(item.keys() - {"parameters"}))]
    return {status: _resolved(response) for status, response in operation["responses"].items()}


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    found: Any = DOCUMENT
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def _outage() -> None:
    raise ServiceUnavailable("Cloud Storage")
