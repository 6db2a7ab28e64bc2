import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import schemathesis
from google.cloud import firestore
from http_api import ROUTES, Route
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from localcloud.addresses import PROJECT, Addresses
from musicgenerator import ids
from musicgenerator.patience import Patience
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack
from musicgenerator_google.firestore_tracks import FirestoreTracks
from tests.cloud.api_visitors import Visitor
from tests.contracts.recorded import recorded_track

pytestmark = pytest.mark.cloud

EXAMPLES = 12


@pytest.fixture(scope="module")
def described(local_cloud: Addresses) -> Iterator[Any]:
    """Return the API as its OpenAPI document describes it."""
    return schemathesis.openapi.from_url(f"{local_cloud.url('upload_handler')}/v1/openapi.json")


@pytest.mark.parametrize(
    ("route", "mode"),
    # A GET without parameters has no invalid requests.
    [(route, mode) for route in ROUTES for mode in GenerationMode if route.method != "GET" or mode.is_positive],
    ids=lambda value: f"{value.method} {value.path}" if isinstance(value, Route) else value.value,
)
def test_the_function_answers_as_its_document_says(
    described: Any, local_cloud: Addresses, route: Route, mode: GenerationMode
) -> None:
    """Every answer has a status below 500, and a status, type, headers and body that the document describes."""
    operation = described[route.path][route.method]
    asked = 0

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        nonlocal asked
        asked += 1
        _ask(local_cloud, case)

    ask()
    assert asked


def _ask(local_cloud: Addresses, case: Case) -> None:
    # A path with a line break never reaches the function; the framework answers 404 itself, with HTML.
    assume(not any("\n" in urllib.parse.unquote(str(value)) for value in (case.path_parameters or {}).values()))
    prey = _prey(local_cloud)
    if _could_be(case, "session", ids.is_session_id):
        case.path_parameters["session"] = prey.session
    if _could_be(case, "track", ids.is_track_id):
        case.path_parameters["track"] = _held_track(prey)
    headers = {"Authorization": f"Bearer {prey.secret}", "X-Forwarded-For": prey.address}
    case.call_and_validate(
        headers=headers,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
            allow_header_conformance,
        ],
    )
    prey.send("DELETE", "")


def _could_be(case: Case, name: str, check: Any) -> bool:
    value = (case.path_parameters or {}).get(name)
    return isinstance(value, str) and bool(check(value))


def _prey(addresses: Addresses) -> Visitor:
    # Written directly, so that it counts against no limit.
    session, secret = ids.new_session_id(), ids.new_secret()
    document = {"secretHash": ids.secret_hash(secret), "expiresAt": datetime.now(UTC) + timedelta(days=1)}
    firestore.Client(project=PROJECT).document("sessions", session).set(document)
    return Visitor(addresses.url("upload_handler"), session, secret, "198.51.100.7")


def _held_track(prey: Visitor) -> str:
    track = ids.new_track_id()
    ready = recorded_track(Status.READY)
    held = type(ready)(prey.session, track, Status.READY, 1, ready.request, ready.image, ready.brief)
    work = PrivateTrack(ids.new_results_token())
    FirestoreTracks(firestore.Client(project=PROJECT), Patience()).create(
        held, work, datetime.now(UTC) + timedelta(days=1)
    )
    return track
