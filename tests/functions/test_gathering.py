"""Which waiting tracks share a job: fairly by session, one engine, and no more than a run can make in time."""

from collections import Counter
from typing import Any

import pytest
from gathering import BATCH_TRACKS, RUN_SECONDS, Gathering, Groups

from musicgenerator.briefs import ENGINES
from musicgenerator.messages import GatheredMessage
from musicgenerator.paces import PACES
from musicgenerator.settings import SettingInvalidError, SettingMissingError
from musicgenerator.states import Status
from musicgenerator.track_requests import Request
from musicgenerator.tracks import Track
from tests.contracts.recorded import SESSION, recorded
from tests.functions.test_turns import Scene


def track(number: int, seconds: int = 30, engine: str | None = None) -> Track:
    return Track(SESSION, f"t{number:026}", Status.CAPTIONED, 1, Request(duration_seconds=seconds, engine=engine))


def grouped(tracks: list[Track], gathering: Gathering) -> list[tuple[int, str]]:
    """Return how many tracks each group has, and its engine, after checking that none is lost and none twice."""
    groups = Groups(gathering)
    found = [full for each in tracks if (full := groups.add(each))] + list(groups.rest())
    named = [attempt.track for message, _ in found for attempt in message.attempts]
    assert sorted(named) == sorted(each.track_id for each in tracks)
    assert list(groups.rest()) == []
    return [(len(message.attempts), engine) for message, engine in found]


@pytest.mark.parametrize(("number", "groups"), [(1, [1]), (50, [50]), (51, [50, 1]), (120, [50, 50, 20])])
def test_a_group_has_at_most_batch_tracks(number: int, groups: list[int]) -> None:
    """Short pieces are bound by their number."""
    found = grouped([track(each) for each in range(number)], Gathering("composer"))
    assert found == [(size, "composer") for size in groups]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seconds", [10, 30, 180])
def test_a_run_ends_within_ten_minutes(engine: str, seconds: int) -> None:
    """Whatever the engine: the time that its pace takes for a group's tracks, except for a single one."""
    pace = PACES[engine].seconds(seconds)
    found = grouped([track(each, seconds) for each in range(150)], Gathering(engine))
    assert all(size == 1 or size * pace <= RUN_SECONDS for size, _ in found)
    assert found[0][0] == max(1, min(BATCH_TRACKS, int(RUN_SECONDS // pace)))


def test_each_engine_has_groups_of_its_own() -> None:
    """Subscriptions filter by the engine, and a run's time follows from it."""
    tracks = [track(each, engine=("lyria-002", None)[each % 2]) for each in range(10)]
    assert sorted(grouped(tracks, Gathering("composer"))) == [(5, "composer"), (5, "lyria-002")]


def test_a_track_in_between_does_not_split_a_group() -> None:
    """A long piece closes a group, and the next short ones fill the new one."""
    pace = PACES["composer"]
    long = int(RUN_SECONDS // pace.seconds(180))
    found = grouped([track(each, 180) for each in range(long)] + [track(1000, 10)], Gathering("composer", 200))
    assert [size for size, _ in found] in ([long, 1], [long + 1])


def waiting(sizes: list[int]) -> tuple[Scene, list[list[str]]]:
    scene = Scene(batch=BATCH_TRACKS)
    sessions = [f"s{letter * 26}" for letter in "abcdefghijklmnop"[: len(sizes)]]
    return scene, [
        [scene.tracks.wait(session) for _ in range(size)] for session, size in zip(sessions, sizes, strict=True)
    ]


def test_sixteen_sessions_take_turns_in_groups() -> None:
    """One has 200 tracks, the others five: all of theirs are in the first two groups, as many as the large one's."""
    scene, tracks = waiting([200] + [5] * 15)
    scene.tick()
    groups = [[each.track for each in message.attempts] for message, _ in scene.captions.heard]
    assert [len(group) for group in groups] == [50, 50, 50, 50, 50, 25]
    owner = {track: number for number, session in enumerate(tracks) for track in session}
    first = Counter(owner[track] for track in groups[0])
    assert max(first.values()) - min(first.values()) <= 1
    small = [number for number in range(1, 16) for _ in range(5)]
    assert sorted(owner[track] for group in groups[:2] for track in group if owner[track]) == small


def test_a_sweep_gathers_what_a_region_can_take() -> None:
    """Fifty messages for each region, each of fifty tracks; the rest waits for its turn in the next sweeps."""
    scene, _ = waiting([3000])
    assert len(scene.tick()) >= 2500
    assert len(scene.captions.heard) <= 51


def test_one_message_is_enough_for_the_tracks_of_a_job() -> None:
    """They are launching already, and the launcher finds the others."""
    scene, [tracks] = waiting([8])
    for number, each in enumerate(tracks[:6]):
        document: Any = recorded("track_launching")
        work = scene.tracks.works[each]
        job = f"mg-j{'ab'[number % 2] * 26}"
        scene.tracks.hold(document, scene.tracks.sessions[each], each, type(work)(work.token, job=job))
    scene.tick()
    single = [message for message, _ in scene.captions.heard if not isinstance(message, GatheredMessage)]
    assert [message.attempts[0].track for message in single] == tracks[:2]
    assert [len(message.attempts) for message, _ in scene.captions.heard] == [1, 1, 2]


def test_a_group_that_cannot_be_announced_keeps_no_other_waiting() -> None:
    """Its tracks become overdue again, and the records of jobs are deleted all the same."""
    scene, _ = waiting([2])
    scene.captions.failures.append(TimeoutError("no answer"))
    assert scene.tick() == []
    assert len(scene.tick()) == 2


def test_the_settings_name_the_engine_and_the_number() -> None:
    """A wrong number stops the function at its start."""
    assert Gathering.from_environ({"DEFAULT_ENGINE": "composer"}) == Gathering("composer", 50)
    assert Gathering.from_environ({"DEFAULT_ENGINE": "endpoint", "BATCH_TRACKS": "8"}) == Gathering("endpoint", 8)
    with pytest.raises(SettingMissingError, match="DEFAULT_ENGINE"):
        Gathering.from_environ({})
    for wrong in ("0", "x", "201"):
        with pytest.raises(SettingInvalidError, match="BATCH_TRACKS"):
            Gathering.from_environ({"DEFAULT_ENGINE": "composer", "BATCH_TRACKS": wrong})
