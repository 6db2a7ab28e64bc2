import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from musicgenerator import logs
from musicgenerator.states import Status


@pytest.mark.parametrize(("severity", "log"), [("INFO", logs.info), ("WARNING", logs.warning), ("ERROR", logs.error)])
def test_a_log_line_is_one_json_object(
    severity: str, log: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Severity, message and every field are on one line, for any values."""
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    log("track ended", track="t1", reason='a "quoted"\nline', word="바다", at=moment, status=Status.READY, seed=7)
    out = capsys.readouterr().out
    assert out.endswith("\n")
    assert len(out.splitlines()) == 1
    line = json.loads(out)
    assert datetime.fromisoformat(line.pop("time")).tzinfo is UTC
    assert line == {
        "severity": severity,
        "message": "track ended",
        "track": "t1",
        "reason": 'a "quoted"\nline',
        "word": "바다",
        "at": "2026-11-22 00:00:00+00:00",
        "status": "ready",
        "seed": 7,
    }
    assert "바다" in out


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reason=st.text(max_size=20))
@example(reason="\ud83c")
def test_any_text_can_be_logged(reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A lone surrogate from a forged event must not make logging fail."""
    logs.warning("refused", reason=reason)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert set(json.loads(out)) == {"severity", "message", "time", "reason"}


def test_lines_about_one_track_share_a_trace(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trace is derived from the track's id or the id of its job; other lines have none."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p1")
    track = "tmnopqrstuvwxyz234567abcdef"
    logs.info("claimed", track=track)
    logs.info("announced", job=f"mg-{track}-2")
    logs.info("somebody else's", track="tzzzzqrstuvwxyz234567abcdef")
    logs.info("session erased")
    traces = [json.loads(line).get("logging.googleapis.com/trace") for line in capsys.readouterr().out.splitlines()]
    assert traces[0] == f"projects/p1/traces/{logs.trace_of(track)}"
    assert traces[0] == traces[1]
    assert traces[2] not in {traces[0], None}
    assert traces[3] is None


def test_without_a_project_a_line_has_no_trace(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line still has the track's id."""
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    logs.info("claimed", track="tmnopqrstuvwxyz234567abcdef")
    assert "logging.googleapis.com/trace" not in json.loads(capsys.readouterr().out)
