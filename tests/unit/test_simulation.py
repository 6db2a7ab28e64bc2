from collections.abc import Iterator
from dataclasses import replace
from math import factorial, inf
from random import Random

import pytest
import simpy
import yaml
from waking import PAUSE_SECONDS

from benchmarks import limits, usage
from benchmarks.simulation.__main__ import limits_table, rates_table, through_table
from benchmarks.simulation.chain import Chain
from benchmarks.simulation.instances import Function, Instances
from benchmarks.simulation.machine import WAY, Machine, predicted
from benchmarks.simulation.outcomes import median, p99
from benchmarks.simulation.parts import Journey, RateLimit
from benchmarks.simulation.runs import SUBMISSIONS
from benchmarks.simulation.scenarios import VOLUMES, raised
from benchmarks.simulation.settings import Settings
from benchmarks.simulation.waiting import FIRST_SOUND_GOAL, first_sounds
from localcloud.addresses import REPOSITORY

HOUR = 3_600.0


def exponential(chance: Random, mean: float) -> float:
    return chance.expovariate(1 / mean)


def erlang_c_seconds(rate: float, mean: float, servers: int) -> float:
    """Return the mean time in an M/M/c queue in seconds, by Erlang's formula."""
    load = rate * mean
    busy = load**servers / factorial(servers) * servers / (servers - load)
    chance = busy / (sum(load**number / factorial(number) for number in range(servers)) + busy)
    return chance * mean / (servers - load) + mean


@pytest.mark.parametrize(("servers", "rate"), [(1, 0.06), (4, 0.32), (10, 0.8)])
def test_a_queue_is_as_long_and_slow_as_theory_says(servers: int, rate: float) -> None:
    """One stage is an M/M/c queue: it has Erlang's waiting time and obeys Little's law."""
    seconds = 40_000 / rate
    settings = Settings(
        rate, seconds, captioner=Function(servers), describer_seconds=10.0, jobs_at_once=100, takes=exponential
    )
    outcome = Chain(settings, seed=7).run()
    mean = sum(outcome.took) / len(outcome.took)
    assert mean == pytest.approx(erlang_c_seconds(rate, 10.0, servers), rel=0.05)
    assert outcome.mean_under_way == pytest.approx(outcome.arrived / seconds * mean, rel=0.01)


def plenty(pictures_a_second: float, **changes: object) -> Settings:
    """Return a chain whose functions and jobs never limit it, and whose stages take no time unless it is given."""
    few = {"captioner": Function(500), "launcher": Function(500), "notifier": Function(500), "jobs_at_once": 500}
    given = {"pictures_a_second": pictures_a_second, "seconds": HOUR} | few | changes
    return Settings(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("pictures_a_minute", "alone"), [(20, True), (120, False)])
def test_a_limit_is_never_exceeded(pictures_a_minute: int, alone: bool) -> None:
    """No minute has more submissions than the limit; more pictures share jobs, and none is left behind."""
    chain, granted = Chain(plenty(pictures_a_minute / 60, submissions_limit=60)), list[float]()
    (limit,) = chain.runs.submissions
    ask = limit.ask

    def asked() -> bool:
        found = ask()
        if found:
            granted.append(chain.env.now)
        return found

    limit.ask = asked  # type: ignore[method-assign]  # looked at, not replaced
    outcome = chain.run()
    assert all(later - first >= 60 for first, later in zip(granted, granted[60:], strict=False))
    assert outcome.highest[SUBMISSIONS] <= 60
    assert (outcome.tracks_a_run == 1) is alone
    assert outcome.under_way[-1] < 3 * pictures_a_minute


def test_tracks_that_share_no_job_fall_behind_and_the_limit_is_named() -> None:
    """At twice the limit the queue grows if each track has its own job, and not if fifty share one."""
    over = Chain(plenty(2.0, submissions_limit=60, batch_tracks=1)).run()
    shared = Chain(plenty(2.0, submissions_limit=60)).run()
    assert over.binding == shared.binding == SUBMISSIONS
    assert over.under_way[-1] > 1.8 * over.under_way[49] > 100
    assert shared.under_way[-1] < 2 * 2.0 * 60
    assert shared.tracks_a_run > 4


def test_each_sweep_takes_what_has_become_due_since_the_one_before() -> None:
    """A job has a minute's arrivals however long each has waited, and each waits that long and for the next sweep."""
    short, long = (Chain(plenty(0.5, batch_seconds=seconds, takes=constant)).run() for seconds in (1.0, 90.0))
    assert short.tracks_a_run == pytest.approx(30, rel=0.1)
    assert long.tracks_a_run == pytest.approx(30, rel=0.1)
    assert short.median == pytest.approx(1 + 30, abs=3)
    assert long.median == pytest.approx(90 + 30, abs=3)


def test_a_job_has_at_most_as_many_tracks_as_are_allowed() -> None:
    """What is left of a minute's arrivals is one job more."""
    outcome = Chain(plenty(2.0, batch_seconds=1.0, batch_tracks=50)).run()
    assert outcome.runs == pytest.approx(60 * 3, rel=0.05)


def test_a_step_makes_as_many_tracks_at_once_as_its_machine_has_slots() -> None:
    """Four of five start together; a track is ready when it is made, and not when its job ends."""
    five = {"pictures_a_second": 0.0, "at_once": 5, "batch_seconds": 1.0, "engine_seconds": 10.0, "engine_slots": 99}
    outcome = Chain(plenty(**five, takes=constant)).run()
    assert (outcome.runs, outcome.launched) == (1, 5)
    assert [round(seconds) for seconds in sorted(outcome.took)] == [60 + 10] * 4 + [60 + 20]


def test_a_refusing_region_is_spared_and_the_other_takes_its_jobs() -> None:
    """With one submission a minute in each of two regions, twelve pictures a minute share their jobs."""
    chain = Chain(plenty(0.2, regions=2, submissions_limit=1))
    outcome = chain.run()
    assert [limit.highest for limit in chain.runs.submissions] == [1, 1]
    assert outcome.runs <= 2 * 60
    assert outcome.tracks_a_run > 5
    assert outcome.under_way[-1] < 4 * 12


def test_a_hundred_million_a_month_keep_up_with_three_regions() -> None:
    """Eight minutes of the peak from an empty start: jobs of nearly fifty, and no stage falls behind."""
    settings = raised(VOLUMES[-1], "composer", 3)
    outcome = Chain(replace(settings, start=12 * HOUR, seconds=480.0, sketcher=None)).run()
    assert outcome.highest[SUBMISSIONS] <= 60
    assert outcome.tracks_a_run > 45
    assert outcome.median < 6 * 60
    assert set(outcome.waiting) <= {"captioner", "pipeline_launcher", "pipeline", "result_notifier"}
    assert outcome.waiting["captioner"] < 58 * 10


def test_slots_that_are_too_few_are_named() -> None:
    """A stage with as many slots as it takes seconds handles no more than one picture a second."""
    outcome = Chain(Settings(2.0, HOUR, captioner=Function(5), describer_seconds=5.0, jobs_at_once=50)).run()
    assert outcome.binding == "instances of captioner"
    assert outcome.under_way[-1] == pytest.approx(HOUR, rel=0.15)


def test_an_engine_that_stays_busy_is_replaced_by_the_fallback() -> None:
    """When the step's patience ends, the fallback makes the music, and no track is lost."""
    settings = Settings(
        0.5, HOUR, captioner=Function(50), launcher=Function(50), notifier=Function(50), jobs_at_once=1000,
        engine_limit=10, engine_slots=1000, engine_seconds=20.0, fallback_seconds=5.0,
    )  # fmt: skip
    outcome = Chain(settings).run()
    assert outcome.by_fallback > outcome.arrived / 3
    assert len(outcome.took) + sum(outcome.waiting.values()) == outcome.arrived
    assert not outcome.dead_letters


def sketching(**changes: object) -> Settings:
    """Return a chain with a sketcher that keeps no instance, and stages that take no time unless they are given."""
    few = {"captioner": Function(50), "launcher": Function(50), "notifier": Function(50), "jobs_at_once": 1000}
    cold = Function(20, start_seconds=4.0, idle_seconds=0.0, pending_seconds=10.0)
    given = few | {"sketcher": cold, "sketch_seconds": 2.0, "start_seconds": 150.0} | changes
    return Settings(**{"pictures_a_second": 0.001, "seconds": 100 * HOUR, "takes": constant} | given)  # type: ignore[arg-type]


def constant(_: Random, seconds: float) -> float:
    return seconds


def test_the_first_sound_is_the_sketch_and_a_cold_instance_delays_it() -> None:
    """The start of an instance and the sketch are the whole wait, and neither delays the music."""
    outcome = Chain(sketching()).run()
    assert median(outcome.sounded) == pytest.approx(6.0)
    assert outcome.median == pytest.approx(150.0)
    kept = Function(20, start_seconds=4.0, idle_seconds=0.0, kept=1)
    assert median(Chain(sketching(sketcher=kept)).run().sounded) == pytest.approx(2.0)


def test_an_instance_that_is_started_ahead_is_waited_for_less() -> None:
    """It starts while the picture is uploaded; an instance that is kept longer has started before."""
    ahead = Function(20, start_seconds=4.0, idle_seconds=60.0)
    outcome = Chain(sketching(sketcher=ahead, wakes=("sketcher",), wake_seconds=3.0)).run()
    assert median(outcome.sounded) == pytest.approx(3.0)
    warm = Function(20, start_seconds=4.0, idle_seconds=inf)
    assert median(Chain(sketching(sketcher=warm)).run().sounded) == pytest.approx(2.0)


def test_sketches_that_wait_too_long_are_dropped_and_delay_no_music() -> None:
    """A refused caption comes again after its backoff, and none is delivered after the subscription's retention."""
    one = Function(1, pending_seconds=10.0)
    slow = sketching(
        pictures_a_second=0.0, seconds=HOUR, at_once=40, sketcher=one, sketch_seconds=60.0, start_seconds=1_000.0
    )
    outcome = Chain(slow).run()
    sketched = sum(seconds < 1_000 for seconds in outcome.sounded)
    assert outcome.unsketched == 40 - sketched
    # One instance makes a sketch a minute; the last delivery is at most one backoff after the retention.
    assert 5 <= sketched <= limits.SKETCH_RETENTION_SECONDS / 60 + 2
    assert len(outcome.sounded) == len(outcome.took) == 40
    assert outcome.median == pytest.approx(1_000.0)


def test_a_refused_request_waits_at_least_the_backoff() -> None:
    """The second of two captions at the same time finds the only instance busy and comes again after ten seconds."""
    busy = sketching(pictures_a_second=0.0, at_once=2, sketcher=Function(1, pending_seconds=1.0), sketch_seconds=2.0)
    first, second = sorted(Chain(busy).run().sounded)
    assert first == pytest.approx(2.0)
    assert second >= 1.0 + limits.FIRST_PAUSE_SECONDS + 2.0


def test_as_many_steps_as_there_are_warm_machines_start_at_once() -> None:
    """Each machine takes one step; a step that waits longer than the launcher allows gets a new machine."""
    warm = {"start_seconds": 150.0, "warm_start_seconds": 15.0, "warm_wait_seconds": 30.0, "engine_seconds": 6.0}
    burst = {"pictures_a_second": 0.0, "seconds": HOUR, "at_once": 5, "engine_slots": 100}
    outcome = Chain(sketching(warm=2, **warm, **burst)).run()
    # Two start at once and two after 21 s; the fifth waits 30 s and then for a new machine.
    assert [round(seconds, 3) for seconds in sorted(outcome.took)] == [21, 21, 42, 42, 30 + 150 + 6]
    assert (outcome.launched, outcome.on_new_machines) == (5, 1)
    without = Chain(sketching(**warm, **burst)).run()
    assert without.on_demand == 1.0
    assert without.median == pytest.approx(156.0)


def test_instances_start_for_waiting_requests_and_end_when_they_are_idle() -> None:
    """Two requests share an instance, a third starts the second, and the maximum is never exceeded."""
    env = simpy.Environment()
    function = Function(2, concurrency=2, start_seconds=4.0, idle_seconds=100.0, pending_seconds=10.0)
    found, served = Instances(env, function, lambda seconds: seconds), list[float]()

    def request(seconds: float) -> Iterator[simpy.Event]:
        instance = yield from found.enter()
        if instance:
            served.append(env.now)
            yield env.timeout(seconds)
            found.leave(instance)

    for seconds in (3.0, 50.0, 50.0, 50.0, 3.0, 60.0):
        env.process(request(seconds))  # type: ignore[arg-type]
    env.run(60)
    # Four are served after the start, the fifth when the first ends; the sixth is refused after ten seconds.
    assert served == [4.0, 4.0, 4.0, 4.0, 7.0, 10.0]
    assert found.highest == found.starts == 2


def test_the_sketchers_delivery_is_the_deployed_one() -> None:
    """The simulation drops a caption when the subscription does, and refuses none that could still be answered."""
    deployed = yaml.safe_load((REPOSITORY / "tests" / "deploy" / "expected.yaml").read_text(encoding="utf-8"))
    (sketches,) = (
        body
        for resources in deployed.values()
        for name, body in resources.items()
        if name.endswith("/subscriptions/musicgenerator-captions-sketcher")
    )
    assert sketches["messageRetentionDuration"] == f"{limits.SKETCH_RETENTION_SECONDS:.0f}s"
    assert sketches["retryPolicy"]["minimumBackoff"] == f"{limits.FIRST_PAUSE_SECONDS:.0f}s"
    assert sketches["retryPolicy"]["maximumBackoff"] == f"{limits.LONGEST_PAUSE_SECONDS:.0f}s"
    longest = limits.pending_seconds("sketcher") + 10 * max(usage.SKETCH_CPU_SECONDS.values())
    assert sketches["ackDeadlineSeconds"] > longest


def test_the_document_has_the_limits_of_the_code() -> None:
    """docs/performance.md shows the tables that need no simulation as `make simulate` prints them."""
    document = (REPOSITORY / "docs" / "performance.md").read_text(encoding="utf-8")
    tables = (limits_table(), through_table(), rates_table())
    assert [table for table in tables if table not in document] == []


def test_the_report_knows_if_the_goals_are_met() -> None:
    """Cold functions meet both goals for announced pictures; dropped ones miss the median unless instances are kept."""
    cases = {case.name: case for case in first_sounds()}
    announced, dropped, kept = (
        Chain(cases[f"1,000 a month, {name}"].settings).run()
        for name in ("all functions cold", "dropped, all functions cold", "dropped, cold, one of both kept")
    )
    assert median(announced.sounded) < FIRST_SOUND_GOAL[0]
    assert p99(announced.sounded) < FIRST_SOUND_GOAL[1]
    assert median(dropped.sounded) > FIRST_SOUND_GOAL[0] > median(kept.sounded)


def test_the_simulated_wakes_are_as_frequent_as_deployed() -> None:
    """The API's instances wake the functions at most once in the pause that the simulation assumes."""
    cases = {case.name: case for case in first_sounds()}
    assert cases["1,000 a month"].settings.wake_pause_seconds == PAUSE_SECONDS


def test_a_wake_is_delivered_and_none_follows_within_the_pause() -> None:
    """It starts the sketcher one delivery later; while the pause lasts, a cold instance delays the sound fully."""
    ahead = Function(20, start_seconds=4.0, idle_seconds=60.0)
    settings = sketching(sketcher=ahead, wakes=("sketcher",), wake_seconds=3.0, delivery_seconds=0.5)
    # The wake arrives at 0.5 s, the upload ends at 3 s, the instance is ready at 4.5 s, and the sketch at 6.5 s.
    woken = Chain(settings).run().sounded
    assert median(woken) == pytest.approx(6.5 - 3.0)
    rarely = Chain(replace(settings, wake_pause_seconds=200 * HOUR)).run().sounded
    assert median(rarely) == pytest.approx(1.0 + 4.0 + 2.0)


def test_the_same_seed_is_the_same_day() -> None:
    """A run can be repeated; another seed gives another run."""
    settings = Settings(0.1, HOUR, describer_seconds=4.0)
    assert Chain(settings, seed=3).run() == Chain(settings, seed=3).run()
    assert Chain(settings, seed=4).run() != Chain(settings, seed=3).run()


def test_the_day_has_its_peak_at_noon_and_its_mean() -> None:
    """The daily curve moves pictures within the day and adds none."""
    settings = Settings(1.0, 86_400.0, swing=0.5)
    assert settings.rate(43_200) == pytest.approx(1.5)
    assert settings.rate(0) == pytest.approx(0.5)
    assert sum(settings.rate(minute * 60) for minute in range(1440)) / 1440 == pytest.approx(1.0)


def test_an_infinite_limit_refuses_nothing() -> None:
    """It only records the busiest minute."""
    env = simpy.Environment()
    limit = RateLimit(env, "none", inf)
    assert all(limit.ask() for _ in range(1000))
    env.run(61)
    assert limit.ask()
    assert limit.highest == 1000


def test_a_wait_is_counted_by_its_cause() -> None:
    """A wait counts only between its start and end, and once."""
    journey = Journey(0.0)
    journey.go_on(5.0)
    journey.wait("a", 5.0)
    journey.go_on(7.0)
    journey.go_on(9.0)
    assert dict(journey.waited) == {"a": 2.0}


def test_a_machine_is_as_fast_as_its_narrowest_part() -> None:
    """Many pictures take as long as two cores need, or one process that uses a single core."""
    light = dict.fromkeys(WAY, 0.001)
    even = Machine(light | {"firestore": 0.1})
    assert predicted(even, 500) == pytest.approx(500 * sum(even.seconds.values()) / 2, rel=0.1)
    narrow = Machine(light | {"captioner": 0.1})
    assert predicted(narrow, 500) == pytest.approx(500 * 0.1, rel=0.1)
    assert predicted(narrow, 1000) == pytest.approx(2 * predicted(narrow, 500), rel=0.1)
