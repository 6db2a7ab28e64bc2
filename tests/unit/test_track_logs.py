import json
from pathlib import Path

from operations.logs import local_lines

TRACK = "t" + "a" * 26


def test_the_lines_of_functions_and_steps_are_printed_in_order(tmp_path: Path) -> None:
    """Kfp indents the lines of a step; those of other tracks, and lines that are not JSON, are left out."""
    (tmp_path / "jobs").mkdir()
    line = {"severity": "INFO", "message": "launched", "time": "2026-01-01T00:00:00", "track": TRACK}
    made = line | {"message": "take made", "time": "2026-01-01T00:00:01"}
    other = line | {"track": "t" + "b" * 26}
    (tmp_path / "launcher.log").write_text(json.dumps(line) + "\n" + json.dumps(other) + "\n")
    (tmp_path / "jobs" / "mg-1.log").write_text(f"    {json.dumps(made)}\n    Traceback {TRACK}\n")
    found = [(shown.part, shown.message) for shown in local_lines(tmp_path, TRACK)]
    assert found == [("launcher", "launched"), ("mg-1", "take made")]


def test_the_lines_about_a_shared_run_are_printed_too(tmp_path: Path) -> None:
    """Those that name no track, such as the run's end; those about its other tracks, and other runs, are left out."""
    job, another = "mg-j" + "a" * 26, "mg-j" + "b" * 26
    lines = [
        {"message": "launched", "time": "1", "track": TRACK, "job": job},
        {"message": "launched", "time": "2", "track": "t" + "b" * 26, "job": job},
        {"message": "run ended", "time": "3", "job": job, "failedTracks": []},
        {"message": "run ended", "time": "4", "job": another, "failedTracks": []},
    ]
    (tmp_path / "step.log").write_text("\n".join(map(json.dumps, lines)))
    assert [shown.time for shown in local_lines(tmp_path, TRACK)] == ["1", "3"]
