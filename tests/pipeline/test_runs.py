import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from musicgenerator import logs
from musicgenerator.errors import BriefError, PipelineFailedError
from musicgenerator.messages import PipelineMessage
from musicgenerator.orders import CalledOff, Order
from pipeline.making import make_music
from pipeline.processes import Child, Failure, Limits, wait
from pipeline.runs import NothingMadeError, Run, RunLimits, read_orders
from pipeline.slots import Slots
from tests.pipeline.run_scene import FIRST, MEMORY, SECOND, THIRD, Player, Scene, order_of
from tests.support.processes import is_alive

MUSIC = ["music.mid", "music.mp3", "music.wav", "score.musicxml", "track.json"]
ONE_BY_ONE = Slots(local=1, remote=1, all=1)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


Lines = Callable[[], list[Mapping[str, Any]]]


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str]) -> Lines:
    """Return the log lines so far, of all processes."""
    return lambda: [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]


def refuse() -> None:
    raise PipelineFailedError("401: the rstuvwxyzabcdefghijklmnopqr is in the text")


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crash() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(0)


def complain() -> None:
    raise ValueError("x" * 200_000)


def hang() -> None:
    time.sleep(600)


def devour() -> None:
    bytearray(2**33)


def test_each_track_has_its_results_and_its_message(scene: Scene) -> None:
    """The tracks begin in the order of the list, and each message names its own track."""
    orders = [order_of(FIRST), order_of(SECOND, attempt=3), order_of(THIRD)]
    scene.run(orders, ONE_BY_ONE)
    assert scene.begun() == [FIRST, SECOND, THIRD]
    expected = [PipelineMessage(scene.job, order.track, order.attempt) for order in orders]
    assert scene.messages() == expected
    assert [list(scene.files(order.track)) for order in orders] == [MUSIC] * 3


def test_a_message_does_not_wait_for_the_other_tracks(scene: Scene) -> None:
    """While one track is being made, the message of another is published."""

    def wait_for_the_other() -> None:
        while SECOND not in scene.told():
            time.sleep(0.005)

    scene.before[FIRST] = wait_for_the_other
    scene.run([order_of(FIRST), order_of(SECOND)])
    assert scene.told() == [SECOND, FIRST]


@pytest.mark.parametrize(
    ("slots", "engines", "together"),
    [
        (Slots(2, 1, 4), ("composer", "composer", "composer"), 2),
        (Slots(3, 1, 4), ("lyria-002", "endpoint", "lyria-3-clip"), 1),
        (Slots(1, 1, 4), ("composer", "lyria-002", "composer"), 2),
        (Slots(3, 3, 2), ("composer", "lyria-002", "composer"), 2),
    ],
)
def test_as_many_tracks_are_made_together_as_there_are_slots(
    scene: Scene, slots: Slots, engines: tuple[str, ...], together: int
) -> None:
    """Engines of this machine and others have their own slots, and all of them together as many as fit its memory."""
    tracks = (FIRST, SECOND, THIRD)

    def gather() -> None:
        # Wait until as many have begun as can, and a little for one that should not have.
        while len(scene.begun()) < together:
            time.sleep(0.005)
        time.sleep(0.05)

    scene.before.update(dict.fromkeys(tracks, gather))
    scene.run([order_of(track, engine=engine) for track, engine in zip(tracks, engines, strict=True)], slots)
    under_way = most = 0
    for line in scene.diary():
        under_way += 1 if line.startswith("begin") else -1
        most = max(most, under_way)
    assert (most, scene.begun()[0]) == (together, FIRST)


@pytest.mark.parametrize(
    ("fate", "name"),
    [
        (refuse, "PipelineFailedError"),
        (kill, "Killed"),
        (crash, "Killed"),
        (leave, "Killed"),
        (hang, "TimeLimit"),
        (devour, "MemoryError"),
        (complain, "ValueError"),
    ],
)
def test_a_track_that_fails_fails_alone(scene: Scene, lines: Lines, fate: Callable[[], None], name: str) -> None:
    """Its folder has a file with the name of the error and nothing else; the other tracks are made."""
    scene.before[SECOND] = fate
    scene.run(
        [order_of(FIRST), order_of(SECOND, attempt=2), order_of(THIRD)],
        limits=RunLimits(60, 6 if fate is hang else 60, MEMORY),
    )
    assert [list(scene.files(track)) for track in (FIRST, SECOND, THIRD)] == [MUSIC, ["failure-2.json"], MUSIC]
    assert json.loads(scene.files(SECOND)["failure-2.json"]) == {"version": 1, "error": name}
    assert (scene.path / SECOND / "failure-2.json.type").read_text() == "application/json"
    assert sorted(scene.told()) == sorted([FIRST, SECOND, THIRD])
    said = {line["message"]: line for line in lines()}
    assert said["track not made"]["track"] == SECOND
    assert said["track not made"]["error"] == name
    ended = said["run ended"]
    assert (ended["made"], ended["failed"], ended["calledOff"], ended["failedTracks"]) == (2, 1, 0, [SECOND])


def test_a_track_that_hangs_says_where(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    """Its process writes its stacks to standard error."""
    scene.before[FIRST] = hang
    with pytest.raises(Exception, match="more than 1 s"):
        scene.run([order_of(FIRST)], limits=RunLimits(60, 1, MEMORY))
    errors = capfd.readouterr().err
    assert "Timeout (0:00:01)!" in errors
    assert " in hang" in errors


def test_a_process_that_cannot_end_itself_is_killed() -> None:
    """A process whose threads are all stopped writes no stacks, but it ends and has exceeded its time."""
    child = Child(lambda: os.kill(os.getpid(), signal.SIGSTOP), Limits(0.2, MEMORY))
    began = time.monotonic()
    while child not in wait([child], 10):
        assert time.monotonic() - began < 30
    outcome = child.outcome()
    assert isinstance(outcome, Failure)
    assert outcome.name == "TimeLimit"


def test_a_process_that_ends_while_it_answers_has_failed() -> None:
    """Its answer is longer than the pipe, so it is still sending when its time is over."""
    child = Child(lambda: b"x" * 1_000_000, Limits(0.5, MEMORY))
    while child not in wait([child], 10):
        pass
    outcome = child.outcome()
    assert isinstance(outcome, Failure)
    assert outcome.name == "TimeLimit"


def test_the_reason_is_in_the_log_with_its_stack(scene: Scene, lines: Lines) -> None:
    """The line names the track and has no token; it is short enough to be written at once."""
    scene.before[FIRST] = refuse
    scene.run([order_of(FIRST), order_of(SECOND)])
    (line,) = [line for line in lines() if line["message"] == "track not made"]
    assert (line["severity"], line["track"], line["attempt"]) == ("ERROR", FIRST, 1)
    assert "in refuse" in line["stack"]
    assert line["reason"].startswith("401: the token-")
    assert len(json.dumps(line, ensure_ascii=False).encode()) < 4096


def test_every_line_about_a_track_names_it(scene: Scene, lines: Lines) -> None:
    """Also the lines of an engine, which does not know the track."""
    scene.before[FIRST] = lambda: logs.warning("the engine is busy")
    scene.run([order_of(FIRST), order_of(SECOND)], ONE_BY_ONE)
    said = lines()
    assert [line["track"] for line in said if line["message"] == "the engine is busy"] == [FIRST]
    named = [line["track"] for line in said if line["message"] == "published"]
    assert named == [FIRST, SECOND]
    assert [line["message"] for line in said if "track" not in line] == ["run ended"]


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        (PipelineFailedError("401: no"), "musicgenerator.errors.PipelineFailedError: 401: no"),
        (BriefError("key", "is wrong"), "musicgenerator.errors.BriefError: key is wrong"),
        (ValueError("no music"), "ValueError: no music"),
    ],
)
def test_the_error_of_the_only_track_is_the_runs_error(scene: Scene, error: Exception, printed: str) -> None:
    """It is printed as if the step itself had raised it, because its last line is the job's error."""

    def fail() -> None:
        raise error

    scene.before[FIRST] = fail
    with pytest.raises(Exception, match=str(error)) as caught:
        scene.run([order_of(FIRST)])
    assert f"{type(caught.value).__module__}.{type(caught.value).__name__}: {caught.value}".endswith(printed)
    assert scene.told() == [FIRST]


def test_a_run_that_makes_nothing_fails(scene: Scene) -> None:
    """The error says how many tracks failed, and why the first did."""
    scene.before.update({FIRST: refuse, SECOND: kill})
    with pytest.raises(NothingMadeError, match="none of 2 tracks was made; the first: ") as caught:
        scene.run([order_of(FIRST), order_of(SECOND), CalledOff(THIRD, 1, "r" + "a" * 26)])
    assert "abcdefghijklmnopqr" not in str(caught.value)
    assert sorted(scene.told()) == sorted([FIRST, SECOND])


def test_a_run_whose_tracks_are_all_called_off_succeeds(scene: Scene, lines: Lines) -> None:
    """It begins nothing, writes nothing and publishes nothing."""
    scene.run([CalledOff(track, 1, "r" + "a" * 26) for track in (FIRST, SECOND)])
    assert (scene.begun(), scene.told()) == ([], [])
    (ended,) = lines()
    assert (ended["made"], ended["failed"], ended["calledOff"]) == (0, 0, 2)


def test_a_track_that_is_called_off_during_the_run_is_not_begun(scene: Scene, lines: Lines) -> None:
    """The step reads the orders before it begins each track. A track that is under way is finished."""
    orders = [order_of(FIRST), order_of(SECOND), order_of(THIRD)]
    scene.before[FIRST] = lambda: scene.call_off(orders, FIRST, SECOND)
    scene.run(orders, ONE_BY_ONE)
    assert (scene.begun(), scene.told()) == ([FIRST, THIRD], [FIRST, THIRD])
    assert scene.files(SECOND) == {}
    ended = next(line for line in lines() if line["message"] == "run ended")
    assert (ended["made"], ended["failed"], ended["calledOff"]) == (2, 0, 1)


def test_no_track_is_begun_when_the_orders_are_gone(scene: Scene) -> None:
    """The tracks have been erased or settled."""
    scene.before[FIRST] = (scene.path / "orders").unlink
    scene.run([order_of(FIRST), order_of(SECOND)], ONE_BY_ONE)
    assert (scene.begun(), scene.told()) == ([FIRST], [FIRST])


def test_a_track_that_fails_after_it_is_called_off_leaves_nothing(scene: Scene) -> None:
    """Its folder may have been erased, so no failure is written into it, and no message is needed."""
    orders = [order_of(FIRST), order_of(SECOND)]

    def fail() -> None:
        scene.call_off(orders, FIRST)
        refuse()

    scene.before[FIRST] = fail
    scene.run(orders)
    assert (scene.files(FIRST), scene.told()) == ({}, [SECOND])


def test_a_second_run_makes_what_the_first_has_not_ended(scene: Scene) -> None:
    """It repeats the messages of what has been made or has failed, asks no engine for it, and makes the rest."""
    orders = [order_of(FIRST), order_of(SECOND), order_of(THIRD)]
    scene.before[SECOND] = refuse
    scene.run(orders[:2])
    before = {track: scene.files(track) for track in (FIRST, SECOND)}
    scene.before.clear()
    scene.run(orders)
    assert scene.begun() == [FIRST, SECOND, THIRD] or scene.begun() == [SECOND, FIRST, THIRD]
    assert sorted(scene.told()) == sorted([FIRST, FIRST, SECOND, SECOND, THIRD])
    assert {track: scene.files(track) for track in (FIRST, SECOND)} == before
    assert list(scene.files(THIRD)) == MUSIC


def test_the_failure_of_an_earlier_attempt_does_not_end_this_one(scene: Scene) -> None:
    """Each attempt has its own file."""
    scene.before[FIRST] = refuse
    with pytest.raises(Exception, match="401"):
        scene.run([order_of(FIRST)])
    scene.before.clear()
    scene.run([order_of(FIRST, attempt=2)])
    assert list(scene.files(FIRST)) == ["failure-1.json", *MUSIC]


def test_a_track_whose_message_was_not_published_has_not_failed(scene: Scene, lines: Lines) -> None:
    """It has its results, so the message is tried again and no failure is written."""
    scene.refusals = 1
    scene.run([order_of(FIRST)])
    assert (list(scene.files(FIRST)), scene.told()) == (MUSIC, [FIRST])
    ended = next(line for line in lines() if line["message"] == "run ended")
    assert (ended["made"], ended["failed"]) == (1, 0)


def test_a_failure_that_cannot_be_written_is_logged(scene: Scene, lines: Lines) -> None:
    """The message is published all the same: the notifier finds out when the job ends."""
    scene.has_broken_results = True
    scene.before[FIRST] = refuse
    scene.run([order_of(FIRST), order_of(SECOND)])
    assert sorted(scene.told()) == sorted([FIRST, SECOND])
    (line,) = [line for line in lines() if line["message"] == "failure not written"]
    assert (line["track"], line["error"]) == (FIRST, "ConnectionError")


def test_a_failure_that_cannot_be_reported_is_logged(scene: Scene, lines: Lines) -> None:
    """The track has failed, and the run goes on."""
    scene.refusals = 1
    scene.before[FIRST] = refuse
    scene.run([order_of(FIRST), order_of(SECOND)], ONE_BY_ONE)
    said = [line for line in lines() if line["message"] == "failure not reported"]
    assert [line["track"] for line in said] == [FIRST]


def test_a_run_that_exceeds_its_time_fails_what_it_has_not_made(scene: Scene) -> None:
    """The track under way ends, those after it are not begun, and each has its failure and its message."""
    scene.before[FIRST] = hang
    with pytest.raises(NothingMadeError, match="TimeLimit"):
        scene.run([order_of(FIRST), order_of(SECOND), order_of(THIRD)], ONE_BY_ONE, RunLimits(1, 60, MEMORY))
    assert scene.begun() == [FIRST]
    failures = [json.loads(scene.files(track)["failure-1.json"])["error"] for track in (FIRST, SECOND, THIRD)]
    assert failures == ["TimeLimit"] * 3
    assert sorted(scene.told()) == sorted([FIRST, SECOND, THIRD])


def test_a_run_of_many_gives_the_bytes_of_a_track_alone(scene: Scene, tmp_path: Path) -> None:
    """Neither the process nor the tracks beside it change the music."""

    class Alone(dict[str, bytes]):
        def cover(self) -> None:
            return None

        def read(self, file: str) -> bytes | None:
            return self.get(file)

        def create(self, file: str, data: bytes, content_type: str) -> None:
            assert content_type
            self[file] = data

        def publish(self, data: bytes) -> None:
            assert data

    alone = Alone()
    make_music("job", order_of(FIRST), Player("composer", FIRST, tmp_path / "alone", None), alone, alone)
    scene.run([order_of(FIRST), order_of(SECOND)])
    assert dict(scene.files(FIRST)) == dict(scene.files(SECOND)) == dict(alone)


def test_the_processes_end_with_the_step(tmp_path: Path) -> None:
    """If the step is killed, nobody makes its tracks any more."""
    program = f"""
import os, time
from pathlib import Path
from pipeline.processes import Child, Limits, wait

def work(name):
    Path({str(tmp_path)!r}, name).write_text(str(os.getpid()))
    time.sleep(600)

wait([Child(lambda: work("a"), Limits(600, 2**31)), Child(lambda: work("b"), Limits(600, 2**31))], 600)
"""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", program], env=environ)
    files = [tmp_path / name for name in "ab"]
    while not all(file.exists() and file.read_text() for file in files):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    for file in files:
        while is_alive(int(file.read_text())):
            time.sleep(0.01)


@pytest.mark.parametrize(
    ("processors", "gigabytes", "slots"),
    [(2, 24, Slots(2, 2, 12)), (4, 16, Slots(4, 2, 8)), (4, 5, Slots(2, 2, 2)), (1, 1, Slots(1, 1, 1))],
)
def test_slots_follow_the_machine(processors: int, gigabytes: int, slots: Slots) -> None:
    """A processor for each track that is computed here, as far as the memory allows, and one track in any case."""
    assert Slots.of(processors, gigabytes * 2**30, 2 * 2**30) == slots


def test_the_slots_of_this_machine_are_found() -> None:
    """It has at least one processor and some memory."""
    slots = Slots.of_this_machine(2**20)
    assert 1 <= slots.local <= (os.cpu_count() or 1)
    assert slots.all > 10


def test_orders_of_one_list_may_have_different_engines(scene: Scene) -> None:
    """Each track is made by its own order's engine."""
    orders: list[Order] = [order_of(FIRST), order_of(SECOND, engine="lyria-002")]
    scene.run(orders)
    engines = [json.loads(scene.files(order.track)["track.json"])["music"]["engine"] for order in orders]
    assert engines == ["composer", "lyria-002"]


def test_an_order_of_an_earlier_release_is_made(scene: Scene) -> None:
    """It names neither its track nor its attempt, which follow from the job; its launcher created no job for it."""
    order = order_of(FIRST, attempt=2)
    scene.write([order])
    old = {name: value for name, value in order.to_mapping().items() if name not in {"track", "attempt"}}
    (scene.path / "orders").write_text(json.dumps([old]))
    Run(scene.job, scene.address, scene, ONE_BY_ONE).make(read_orders(scene.job, scene.address, scene))
    assert list(scene.files(FIRST)) == MUSIC
    assert scene.messages() == [PipelineMessage(scene.job, FIRST, 2)]
