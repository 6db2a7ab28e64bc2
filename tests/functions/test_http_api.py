import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import flask
import pytest
from ports import Session

from musicgenerator import ids
from tests.contracts.recorded import SESSION, TRACK, recorded
from tests.support import command_fakes

ORIGIN = "https://music.example"
SECRET = recorded("http_session_created")["response"]["body"]["secret"]
BODY: dict[str, Any] = recorded("http_track_announced")["request"]["body"]
TRACKS = f"/v1/sessions/{SESSION}/tracks"
BEARER = {"Authorization": f"Bearer {SECRET}"}


@dataclass
class UploadHandler(command_fakes.UploadHandler):
    """The API with fakes for its ports and the recorded session open."""

    def __post_init__(self) -> None:
        expires_at = datetime.now(UTC) + timedelta(days=1)
        self.sessions.create(Session(SESSION, ids.secret_hash(SECRET), expires_at))

    def ask_as_recorded(self, name: str) -> flask.Response:
        asked = recorded(name)["request"]
        return self.ask(asked["method"], asked["path"], headers=asked["headers"], json=asked["body"])


def problem(response: flask.Response) -> dict[str, Any]:
    assert response.content_type == "application/problem+json"
    document = json.loads(response.get_data())
    assert document["status"] == response.status_code
    assert {"type", "title", "status", "detail", "code"} <= set(document)
    return dict(document)


def assert_like(expected: dict[str, Any], response: flask.Response) -> dict[str, Any]:
    """Check a response's status and headers against the recorded ones and return its body."""
    assert response.status_code == expected["status"]
    for name, value in expected["headers"].items():
        assert response.headers[name] == value
    return dict(json.loads(response.get_data()))


def test_a_session_is_opened_as_recorded() -> None:
    """The response has id, secret and expiry."""
    expected = recorded("http_session_created")["response"]
    body = assert_like(expected, UploadHandler().ask_as_recorded("http_session_created"))
    assert set(body) == set(expected["body"])
    assert ids.is_session_id(body["session"])
    assert len(body["secret"]) == len(expected["body"]["secret"])
    assert datetime.fromisoformat(body["expiresAt"]).tzinfo is not None


def test_a_track_is_announced_as_recorded() -> None:
    """Track and signed upload are equal except for the track's random id."""
    expected = recorded("http_track_announced")["response"]
    body = assert_like(expected, UploadHandler().ask_as_recorded("http_track_announced"))
    assert json.loads(json.dumps(body).replace(body["track"], TRACK)) == expected["body"]


def test_a_problem_is_answered_as_recorded() -> None:
    """A document of RFC 9457 names the invalid field."""
    expected = recorded("http_problem")["response"]
    assert assert_like(expected, UploadHandler().ask_as_recorded("http_problem")) == expected["body"]


def test_a_repeated_request_gets_the_same_response() -> None:
    """Key and body are equal."""
    handler = UploadHandler()
    for name in ("http_session_created", "http_track_announced"):
        assert handler.ask_as_recorded(name).get_json() == handler.ask_as_recorded(name).get_json()


def test_a_key_with_another_body_is_refused() -> None:
    """The status is 422."""
    handler = UploadHandler()
    headers = BEARER | {"Idempotency-Key": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}
    handler.ask("POST", TRACKS, headers=headers, json=BODY)
    response = handler.ask("POST", TRACKS, headers=headers, json=BODY | {"seed": 5})
    assert (response.status_code, problem(response)["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/sessions/", "/v1/sessions/a", "/v1/sessions/a/b/tracks", "/v2/sessions"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_paths_are_not_found(path: str, method: str) -> None:
    """The problem lists the paths that exist."""
    response = UploadHandler().ask(method, path)
    assert response.status_code == 404
    assert "/v1/sessions" in problem(response)["detail"]


@pytest.mark.parametrize("path", ["/v1/sessions", TRACKS])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_another_method_is_refused_with_the_allowed_ones(path: str, method: str) -> None:
    """RFC 9110 requires an Allow header in every 405."""
    response = UploadHandler().ask(method, path)
    assert (response.status_code, problem(response)["code"]) == (405, "method_not_allowed")
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {SECRET}", SECRET, "Bearer é"]
)
def test_a_command_without_the_session_s_secret_is_refused(authorization: str | None) -> None:
    """The status is 401, with the authentication scheme, and nothing is created."""
    handler = UploadHandler()
    headers = {} if authorization is None else {"Authorization": authorization}
    response = handler.ask("POST", TRACKS, headers=headers, json=BODY)
    assert (response.status_code, problem(response)["code"]) == (401, "unknown_session")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert not handler.tracks.documents


def test_the_authentication_scheme_is_case_insensitive() -> None:
    """RFC 9110 requires it."""
    assert (
        UploadHandler().ask("POST", TRACKS, headers={"Authorization": f"bearer  {SECRET}"}, json=BODY).status_code
        == 201
    )


@pytest.mark.parametrize(
    "data",
    [b"{", b"[]", b"5", b'"a"', b"null", b"\xff\xfe", b"[" * 16_000, b'{"seed": ' + b"9" * 5_000 + b"}"],
    ids=["cut", "list", "number", "text", "null", "not UTF-8", "nested too deep", "huge number"],
)
def test_a_body_that_is_not_a_json_object_is_refused(data: bytes) -> None:
    """The response is a problem document."""
    response = UploadHandler().ask("POST", TRACKS, headers=BEARER, data=data)
    assert (response.status_code, problem(response)["code"]) == (400, "invalid_request")


def test_a_lone_surrogate_is_refused() -> None:
    """JSON can contain it, but no store can keep it."""
    data = b'{"contentType": "image/jpeg", "hint": "\\ud83c"}'
    response = UploadHandler().ask("POST", TRACKS, headers=BEARER, data=data)
    assert (response.status_code, problem(response)["field"]) == (400, "hint")


def test_a_large_body_is_refused() -> None:
    """A body has at most 16 KiB."""
    response = UploadHandler().ask("POST", "/v1/sessions", data=b"{}".ljust(16_385))
    assert (response.status_code, problem(response)["code"]) == (400, "invalid_request")
    assert UploadHandler().ask("POST", "/v1/sessions", data=b"{}".ljust(16_384)).status_code == 201


def test_a_large_body_without_a_length_is_refused() -> None:
    """A chunked request has no Content-Length, so the read is limited."""
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    stream = io.BytesIO(b"{}".ljust(10_000_000))
    response = UploadHandler().ask("POST", "/v1/sessions", input_stream=stream, environ_overrides=chunked)
    assert (response.status_code, problem(response)["code"]) == (400, "invalid_request")
    assert stream.tell() < 1_000_000


def test_an_empty_body_is_an_empty_object() -> None:
    """A session needs no wishes."""
    assert UploadHandler().ask("POST", "/v1/sessions").status_code == 201


@pytest.mark.parametrize("path", ["/v1/sessions", TRACKS])
def test_a_preflight_allows_what_the_page_sends(path: str) -> None:
    """It allows the page's origin for an hour and creates nothing."""
    handler = UploadHandler()
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    response = handler.ask("OPTIONS", path, headers=headers)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Access-Control-Allow-Methods"] == "POST"
    allowed = {name.strip().lower() for name in response.headers["Access-Control-Allow-Headers"].split(",")}
    assert allowed == {"authorization", "content-type", "idempotency-key"}
    assert response.headers["Access-Control-Max-Age"] == "3600"
    assert list(handler.sessions.sessions) == [SESSION]


@pytest.mark.parametrize("origin", ["https://evil.example", f"{ORIGIN}.evil.example", "null", "", ORIGIN.upper()])
@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_other_origins_are_not_allowed(method: str, origin: str) -> None:
    """No header allows them, and Vary tells caches that the response depends on the origin."""
    response = UploadHandler().ask(method, "/v1/sessions", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in response.headers
    assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/sessions"), ("POST", TRACKS), ("GET", "/nothing")])
def test_every_response_is_readable_by_the_page_and_not_cached(method: str, path: str) -> None:
    """Problems too, so that the page can show what went wrong."""
    response = UploadHandler().ask(method, path, headers={"Origin": ORIGIN})
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Vary"] == "Origin"
    assert response.headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Credentials" not in response.headers
