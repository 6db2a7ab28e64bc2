"""The rule that every write of a track obeys, in the stores and in the fakes."""

from dataclasses import replace

import pytest

from musicgenerator.changes import Change, TrackUpdate, check_step
from musicgenerator.states import Status
from tests.contracts.recorded import recorded_track


@pytest.mark.parametrize("attempt", [None, 2], ids=["no attempt", "the same attempt"])
@pytest.mark.parametrize("status", Status)
def test_fields_may_change_in_any_state(status: Status, attempt: int | None) -> None:
    """A change without a status is no step, even if it names the current attempt."""
    check_step(replace(recorded_track(status), attempt=2), Change(update=TrackUpdate(error=None), attempt=attempt))


@pytest.mark.parametrize("attempt", [1, 3, 4], ids=["earlier", "next", "after next"])
@pytest.mark.parametrize("status", Status)
def test_another_attempt_without_a_status_is_no_step(status: Status, attempt: int) -> None:
    """The attempt of a track that stays in its state never changes."""
    with pytest.raises(ValueError, match="may not pass"):
        check_step(replace(recorded_track(status), attempt=2), Change(attempt=attempt))


@pytest.mark.parametrize("attempt", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("then", Status)
@pytest.mark.parametrize("status", Status)
def test_attempt_and_rank_never_fall(status: Status, then: Status, attempt: int | None) -> None:
    """An attempt passes forwards; a failed or composing track passes into its next attempt too, but not into an end."""
    current = replace(recorded_track(status), attempt=2)
    forwards = attempt in {None, 2} and status.may_become(then)
    if forwards or (attempt == 3 and status in {Status.FAILED, Status.COMPOSING} and not then.is_final):
        check_step(current, Change(then, attempt=attempt))
    else:
        with pytest.raises(ValueError, match=rf"from {status} \(2\) to {then} \({attempt or 2}\)"):
            check_step(current, Change(then, attempt=attempt))
