"""Spans by the standard exporter, against a server that receives OTLP."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
import requests
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials
from otlp_spans import OtlpSpans

from localcloud.addresses import PROJECT
from localcloud.servers import telemetry
from localcloud.servers.serving import listen
from musicgenerator import logs
from musicgenerator.states import Status
from musicgenerator.track_requests import Request
from musicgenerator.tracks import Track
from tests.contracts.recorded import SESSION, TRACK

BEGAN = datetime(2026, 11, 26, 9, 0, 0, 250_000, tzinfo=UTC)
SECONDS = {"awaiting_upload": 0, "captioning": 2, "captioned": 6.5, "launching": 7, "composing": 8, "ready": 90}
TIMELINE = {name: BEGAN + timedelta(seconds=seconds) for name, seconds in SECONDS.items()}


@pytest.fixture
def url() -> Iterator[str]:
    server = listen(telemetry.app(), 0)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def track(attempt: int = 1) -> Track:
    return Track(SESSION, TRACK, Status.COMPOSING, attempt, Request())


def send(url: str, attempt: int = 1, timeline: dict[str, datetime] | None = None, error: str = "") -> None:
    session = AuthorizedSession(Credentials("worthless"))
    OtlpSpans(session, url, PROJECT).send(track(attempt), timeline or TIMELINE, error)


def seen(url: str) -> dict[str, dict[str, Any]]:
    """Return the spans of the track's trace by name; two of one name are an error."""
    found = requests.get(f"{url}/v1/traces/{logs.trace_of(TRACK)}", timeout=5).json()
    by_name = {span["name"]: span for span in found}
    assert len(found) == len(by_name)
    return by_name


def seconds(span: dict[str, Any]) -> float:
    return (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e9


def test_each_stage_is_a_span_below_the_attempt_s(url: str) -> None:
    """Its length comes from the timeline, its trace is that of the track's log lines."""
    send(url)
    spans = seen(url)
    whole = spans.pop("track")
    assert {name: seconds(span) for name, span in spans.items()} == {
        "awaiting_upload": 2,
        "captioning": 4.5,
        "captioned": 0.5,
        "launching": 1,
        "composing": 82,
    }
    assert {span["parentSpanId"] for span in spans.values()} == {whole["spanId"]}
    assert (whole["parentSpanId"], seconds(whole)) == ("", 90)
    assert int(whole["startTimeUnixNano"]) == 1_795_683_600_250_000_000
    assert whole["status"] == {"code": "STATUS_CODE_OK"}


def test_they_say_whose_they_are(url: str) -> None:
    """Cloud Trace reads the project from the resource; operators search for the track's id."""
    send(url)
    whole = json.dumps(seen(url)["track"])
    for key, value in (
        ("gcp.project_id", PROJECT),
        ("service.name", "musicgenerator"),
        ("musicgenerator.track", TRACK),
    ):
        assert json.dumps({"key": key, "value": {"stringValue": value}}) in whole


def test_a_failure_says_which(url: str) -> None:
    """The error's code is in the attribute of OpenTelemetry's conventions."""
    send(url, error="music_missing")
    whole = seen(url)["track"]
    assert whole["status"] == {"code": "STATUS_CODE_ERROR", "message": "music_missing"}
    assert {"key": "error.type", "value": {"stringValue": "music_missing"}} in whole["attributes"]


def test_sent_twice_they_are_the_same_spans(url: str) -> None:
    """Ids are derived from track, attempt and stage."""
    send(url)
    once = seen(url)
    send(url)
    assert seen(url) == once


def test_another_attempt_is_another_span_of_the_same_trace(url: str) -> None:
    """Its stages are other spans, too."""
    send(url)
    send(url, attempt=2)
    found = requests.get(f"{url}/v1/traces/{logs.trace_of(TRACK)}", timeout=5).json()
    assert 2 * len(SECONDS) == len(found)


def test_where_nobody_takes_them_a_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else happens, since the track has ended."""
    with closing(socket.socket()) as reserved:
        reserved.bind(("127.0.0.1", 0))
        send(f"http://127.0.0.1:{reserved.getsockname()[1]}")
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["severity"], line["message"], line["track"]) == ("WARNING", "spans not sent", TRACK)
