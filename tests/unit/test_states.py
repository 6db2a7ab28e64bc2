import pytest

from musicgenerator.states import FINAL, Status

# From each state on the left a track may pass into those marked x, in the order of the columns.
TABLE = """
                awaiting_upload captioning captioned launching composing ready failed rejected cancelled
awaiting_upload -               x          x         x         x         x     x      x        x
captioning      -               -          x         x         x         x     x      x        x
captioned       -               -          -         x         x         x     x      x        x
launching       -               -          -         -         x         x     x      x        x
composing       -               -          -         -         -         x     x      x        x
ready           -               -          -         -         -         -     -      -        -
failed          -               -          -         -         -         -     -      -        -
rejected        -               -          -         -         -         -     -      -        -
cancelled       -               -          -         -         -         -     -      -        -
"""


def pairs() -> list[tuple[Status, Status, bool]]:
    header, *rows = TABLE.strip().splitlines()
    columns = header.split()
    return [
        (Status(row.split()[0]), Status(column), mark == "x")
        for row in rows
        for column, mark in zip(columns, row.split()[1:], strict=True)
    ]


def test_the_table_holds_every_pair() -> None:
    """The table covers all 81 pairs."""
    assert len({(now, then) for now, then, _ in pairs()}) == 81 == len(Status) ** 2


@pytest.mark.parametrize(("current", "then", "allowed"), pairs())
def test_a_track_passes_only_forwards(current: Status, then: Status, *, allowed: bool) -> None:
    """Only forwards, never after a final state, and never into the same state."""
    assert allowed is current.may_become(then)


def test_final_states_share_the_last_rank() -> None:
    """No final state follows another."""
    assert {Status.READY, Status.FAILED, Status.REJECTED, Status.CANCELLED} == FINAL
    assert {status.rank for status in FINAL} == {5}
    assert [status.rank for status in Status if not status.is_final] == [0, 1, 2, 3, 4]
