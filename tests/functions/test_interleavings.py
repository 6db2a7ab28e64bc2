"""Every order in which launchers, commands, jobs and crashes can meet: each attempt is made by one job, or ended."""

import random
from collections.abc import Mapping
from functools import partial

import pytest

from musicgenerator.jobs import JobRequest
from musicgenerator.messages import CaptionMessage, GatheredMessage
from tests.functions.runs_scene import A, Act, B, C, World, attempt, gathered
from tests.support.fakes import named
from tests.support.interleaving import Schedule, turns_of, watched

Acts = dict[str, Act]


def launching(message: CaptionMessage | GatheredMessage) -> Act:
    """Return the delivery of a message to the launcher."""
    return lambda world: world.launcher.launch(message)


def cancelling(track: str) -> Act:
    """Return the command that cancels a track."""
    return lambda world: world.cancel(track)


def erasing(track: str) -> Act:
    """Return the command that erases a track."""
    return lambda world: world.erase(track)


ALL = gathered(A, B, C)
SCENES: dict[str, Acts] = {
    "a redelivery": {"launch 1": launching(ALL), "launch 2": launching(ALL)},
    "a healer": {"launch 1": launching(ALL), "heal": launching(attempt(B))},
    "an overlap": {"launch 1": launching(gathered(A, B)), "launch 2": launching(gathered(B, C))},
    "a cancellation": {"launch 1": launching(gathered(A, B)), "cancel b": cancelling(B), "heal": launching(attempt(A))},
    "an erasure": {"launch 1": launching(gathered(A, B)), "erase b": erasing(B), "heal": launching(attempt(A))},
    "both": {"launch 1": launching(gathered(A, B)), "erase a": erasing(A), "cancel b": cancelling(B)},
    "all erased and healed": {
        "launch 1": launching(ALL),
        "erase a": erasing(A),
        "erase b": erasing(B),
        "erase c": erasing(C),
        "heal": launching(attempt(C)),
    },
    "all erased": {"launch 1": launching(gathered(A, B)), "erase a": erasing(A), "erase b": erasing(B)},
}


def play(acts: Acts, turns: Mapping[int, str]) -> tuple[World, Schedule]:
    """Run the acts in one order, then deliver again what crashed, and sweep until nothing is left to do."""
    world, schedule = World(), Schedule(turns)
    world.wait(A, B, C)
    create = world.pipelines.create

    def create_and_run(wanted: JobRequest, region: str) -> bool:
        created = create(wanted, region)
        if created:
            key = named(wanted.job, region)
            schedule.add(key, lambda: world.step(key))
        return created

    world.pipelines.create = create_and_run  # type: ignore[method-assign]
    watched(world.tracks, schedule.point, "advance", "find", "of_job", "erase")
    watched(world.buckets, schedule.point, "create", "read", "read_generation", "replace", "delete", "erase")
    watched(world.pipelines, schedule.point, "create", "facts", "cancel", "delete")
    for name, act in acts.items():
        schedule.add(name, partial(act, world))
    schedule.run()
    for name in schedule.crashed:
        again = acts.get(name)
        again(world) if again else world.step(name)
    for _ in range(6):
        world.sweep()
    return world, schedule


def check(world: World, acts: Acts, schedule: Schedule) -> None:
    """Assert what holds after every order."""
    story = f"{schedule.turns} of {schedule.taken}"
    jobs: dict[str, set[str]] = {}
    for track, job in world.made:
        jobs.setdefault(track, set()).add(job)
    assert all(len(each) == 1 for each in jobs.values()), (story, jobs)
    assert all(count == 1 for count in world.tracks.launches.values()), story
    ends = {track: world.status(track) for track in (A, B, C)}
    called_off = {name[-1] for name in acts}
    for track, end in ends.items():
        assert end in ({"ready", "cancelled", "gone"} if track[-1] in called_off else {"ready"}), (story, ends)
    assert {track for track, end in ends.items() if end == "ready"} <= set(jobs), story
    gone = {track for track, end in ends.items() if end == "gone"}
    results = world.buckets.names(world.notifier.settings.results.name)
    assert not [name for name in results for track in gone if track[1:] in name], story
    world.forget()
    if not any(name.startswith("erase") for name in schedule.crashed):
        # An erasure that crashes after it has deleted the documents leaves what names nobody.
        assert not world.buckets.names(world.book.bucket), story
        assert not world.pipelines.jobs, story


@pytest.mark.parametrize("name", SCENES)
def test_one_turn_or_crash_anywhere(name: str) -> None:
    """Each act is interrupted before each of its accesses, by each other act or by a crash."""
    acts = SCENES[name]
    _, plain = play(acts, {})
    for turn in turns_of(plain.taken):
        world, schedule = play(acts, dict([turn]))
        check(world, acts, schedule)


@pytest.mark.parametrize("name", SCENES)
def test_several_turns_and_crashes(name: str) -> None:
    """A sample of the orders with up to four interruptions."""
    acts, dice = SCENES[name], random.Random(name)
    for _ in range(15):
        turns: dict[int, str] = {}
        schedule = play(acts, {})[1]
        for _ in range(4):
            left = list(turns_of(schedule.taken, max(turns, default=-1)))
            if not left:
                break
            turns = turns | dict([dice.choice(left)])
            world, schedule = play(acts, turns)
            check(world, acts, schedule)
