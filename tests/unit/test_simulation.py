from math import factorial, inf
from random import Random

import pytest
import simpy

from benchmarks.simulation.chain import SUBMISSIONS, Chain, Settings
from benchmarks.simulation.machine import WAY, Machine, predicted
from benchmarks.simulation.parts import Journey, RateLimit

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
        rate, seconds, captioner_slots=servers, describer_seconds=10.0, jobs_at_once=100, takes=exponential
    )
    outcome = Chain(settings, seed=7).run()
    mean = sum(outcome.took) / len(outcome.took)
    assert mean == pytest.approx(erlang_c_seconds(rate, 10.0, servers), rel=0.05)
    assert outcome.mean_under_way == pytest.approx(outcome.arrived / seconds * mean, rel=0.01)


@pytest.mark.parametrize("pictures_a_minute", [20, 60, 300])
def test_a_limit_is_never_exceeded(pictures_a_minute: int) -> None:
    """No minute has more submissions than the limit, and under load every minute has as many."""
    settings = Settings(
        pictures_a_minute / 60, HOUR, captioner_slots=500, launcher_slots=500, jobs_at_once=500, submissions_limit=60
    )
    chain, granted = Chain(settings), list[float]()
    ask = chain.submissions.ask

    def asked() -> bool:
        found = ask()
        if found:
            granted.append(chain.env.now)
        return found

    chain.submissions.ask = asked  # type: ignore[method-assign]  # looked at, not replaced
    outcome = chain.run()
    assert len(granted) >= min(pictures_a_minute, 60) * 55
    assert all(later - first >= 60 for first, later in zip(granted, granted[60:], strict=False))
    assert outcome.highest[SUBMISSIONS] <= 60


def test_saturation_is_seen_and_named() -> None:
    """At twice the limit the queue grows and the limit is named; at half of it, neither happens."""
    slots = {"captioner_slots": 500, "launcher_slots": 500, "notifier_slots": 500, "jobs_at_once": 500}
    over = Chain(Settings(2.0, HOUR, submissions_limit=60, **slots)).run()  # type: ignore[arg-type]
    under = Chain(Settings(0.5, HOUR, submissions_limit=60, **slots)).run()  # type: ignore[arg-type]
    assert over.binding == SUBMISSIONS
    assert over.under_way[-1] > 1.8 * over.under_way[49] > 100
    assert sum(over.waiting.values()) == over.waiting["pipeline_launcher"]
    assert not under.binding
    assert max(under.under_way) < 30


def test_slots_that_are_too_few_are_named() -> None:
    """A stage with as many slots as it takes seconds handles no more than one picture a second."""
    outcome = Chain(Settings(2.0, HOUR, captioner_slots=5, describer_seconds=5.0, jobs_at_once=50)).run()
    assert outcome.binding == "instances of captioner"
    assert outcome.under_way[-1] == pytest.approx(HOUR, rel=0.15)


def test_an_engine_that_stays_busy_is_replaced_by_the_fallback() -> None:
    """When the step's patience ends, the fallback makes the music, and no track is lost."""
    settings = Settings(
        0.5, HOUR, captioner_slots=50, launcher_slots=50, notifier_slots=50, jobs_at_once=1000, engine_limit=10,
        engine_slots=1000, engine_seconds=20.0, fallback_seconds=5.0,
    )  # fmt: skip
    outcome = Chain(settings).run()
    assert outcome.by_fallback > outcome.arrived / 3
    assert len(outcome.took) + sum(outcome.waiting.values()) == outcome.arrived
    assert not outcome.dead_letters


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
