from datetime import UTC, datetime, timedelta

import pytest

from musicgenerator.patience import Patience
from musicgenerator.settings import SettingInvalidError
from musicgenerator.states import FINAL, Status

DEFAULTS = {
    Status.AWAITING_UPLOAD: timedelta(hours=1),
    Status.CAPTIONING: timedelta(minutes=4),
    Status.CAPTIONED: timedelta(minutes=2),
    Status.LAUNCHING: timedelta(minutes=2),
    Status.COMPOSING: timedelta(minutes=10),
}


@pytest.mark.parametrize("status", DEFAULTS)
def test_a_track_is_due_after_its_state_s_patience(status: Status) -> None:
    """The patience starts with the write; a parked track waits for 15 minutes in any state."""
    before = datetime.now(UTC)
    due, parked = Patience().due_at(status), Patience().due_at(status, parked=True)
    after = datetime.now(UTC)
    assert due
    assert parked
    assert before + DEFAULTS[status] <= due <= after + DEFAULTS[status]
    assert before + timedelta(minutes=15) <= parked <= after + timedelta(minutes=15)


def test_only_a_final_track_is_never_due() -> None:
    """Every other state has a patience."""
    assert {status for status in Status if Patience().due_at(status) is None} == FINAL


def test_the_environment_replaces_the_named_durations() -> None:
    """The other durations keep their defaults."""
    assert Patience.from_environ({}) == Patience()
    found = Patience.from_environ({"PATIENCE_SECONDS": " captioning=240  parked=5"})
    assert found == Patience(captioning=timedelta(seconds=240), parked=timedelta(seconds=5))


@pytest.mark.parametrize("word", ["ready=5", "captioning", "captioning=", "captioning=-1", "captioning=1.5", "=5"])
def test_a_duration_that_cannot_be_read_is_named(word: str) -> None:
    """The error lists the known names."""
    with pytest.raises(
        SettingInvalidError, match=f"PATIENCE_SECONDS must hold KEY=SECONDS .*awaiting_upload.*{word!r}"
    ):
        Patience.from_environ({"PATIENCE_SECONDS": f"captioned=1 {word}"})
