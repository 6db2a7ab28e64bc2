from datetime import UTC, datetime

from musicgenerator.tracks import PrivateTrack
from operations.status import PIPELINE_RUN_USD, counted, day_lines, jobs_of, pause_lines

SHARED = "mg-j" + "a" * 26
ALONE = [f"mg-t{letter * 26}-1" for letter in "ab"]


def test_tracks_that_share_a_run_are_paid_once() -> None:
    """Four launches in two runs, of a track alone and of three; a track that waits for a job has none."""
    day = counted([{"status": "captioned"}], [SHARED, ALONE[0], SHARED, "", SHARED], launched=4, parked=0, overdue=0)
    assert (day.launched, day.runs, day.spent) == (4, 2, 2 * PIPELINE_RUN_USD)
    lines = [" ".join(line.split()) for line in day_lines(day, 1000)]
    assert "captioned 1 wait for a job, or for others that share it" in lines
    assert "launches 4 of 1000" in lines
    assert "runs 2, 2.0 tracks a run" in lines
    assert "describing 0.0000, runs 0.06, engines 0.00" in lines


def test_exports_are_counted_by_kind() -> None:
    """They are tracks of their states, and not among the tracks with a brief, which have a sketch."""
    export = {"status": "ready", "brief": {"title": "a"}, "request": {"export": {"kind": "stems"}}}
    music = {"status": "ready", "brief": {"title": "a"}, "request": {}, "sketch": {"url": "a"}}
    day = counted([export, export, music], [], launched=3, parked=0, overdue=0)
    lines = [" ".join(line.split()) for line in day_lines(day, 1000)]
    assert [line for line in lines if line.startswith(("ready", "of these", "with"))] == [
        "ready 3",
        "of these stems 2 exports",
        "with a sketch 1 of 1 with a brief",
    ]


def test_a_retried_track_was_in_a_job_for_each_attempt() -> None:
    """Its first run made the music of other tracks, too; a new track has no job."""
    work = PrivateTrack("r" + "a" * 26, job=ALONE[0], earlier_jobs=(SHARED,))
    assert jobs_of(work.to_fields()) == [ALONE[0], SHARED]
    assert jobs_of(PrivateTrack("r" + "a" * 26).to_fields()) == []


def test_without_shared_runs_each_launch_is_a_run() -> None:
    """Only the day's counter knows the launches of deleted tracks. A new day has no run."""
    assert counted([], ALONE, launched=3, parked=0, overdue=0).runs == 3
    assert "  runs 0, 0.0 tracks a run" in day_lines(counted([], [], launched=0, parked=0, overdue=0), 1)


def test_a_run_of_yesterday_does_not_make_the_number_negative() -> None:
    """The day counts the tracks that were created in it, some of which are launched on the next day."""
    assert counted([], [SHARED] * 3, launched=1, parked=0, overdue=0).runs == 0


def test_a_pause_is_one_line() -> None:
    """It says since when, if that is known, and how to end it. Without a pause there is no line."""
    since = datetime(2026, 11, 29, 9, 5, tzinfo=UTC)
    paused = "no commands, sketches or launches until `make unpause`"
    assert pause_lines(since, paused=True) == [f"PAUSED since 2026-11-29 09:05 UTC: {paused}"]
    assert pause_lines(None, paused=True) == [f"PAUSED: {paused}"]
    assert pause_lines(since, paused=False) == []
