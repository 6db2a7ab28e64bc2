"""P10, P12: a sketcher that crashes at any point leaves no object that no track names, even if a person acts then."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from google.cloud import firestore

from localcloud.addresses import CAPTIONS_TOPIC, PROJECT, RESULTS_BUCKET
from localcloud.provision import storage_client
from localcloud.pubsub.delivery import Message, Route
from musicgenerator.states import FINAL, Status
from tests.chaos.campaign import sketch_of
from tests.chaos.test_crash_points import Case, at_end, document, points, sent
from tests.support.faults import DeliveryFaults, FaultyDelivery
from tests.support.staging import short_times
from tests.support.takes import JobFaults
from tests.support.visitors import Visitor, visitors
from tests.support.world import Faults, Run, World

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

# A kill ends what the process does for other tracks too, and the sketcher's messages have few attempts.
AT_ONCE = 2
PATIENCE_SECONDS = 240
MAX_TRIES = 4
# The sketcher works while the job runs, and the person's command comes while its message is held back.
ENDING = JobFaults(min_seconds=15, seconds=15)
RUNNING = JobFaults(min_seconds=100, seconds=100)
FAILING = JobFaults(failed=1.0, min_seconds=12, seconds=12)
# Before the track is found, a crash leaves what a lost message leaves.
NOTHING_DONE = {"begin.1", "switch.is_paused.1"}
POINTS = {"tracks.find.1", "sketches.make.1", "objects.create.1", "tracks.advance.1"}


class HeldBack(FaultyDelivery):
    """Deliver a message to the sketcher again at once, or, after the planned kill of its track, when it is released."""

    def __init__(self) -> None:
        super().__init__(DeliveryFaults())
        self.crashed: Callable[[], set[str]] = set
        self.released: set[str] = set()

    def __call__(self, route: Route, message: Message, attempt: int) -> str | None:
        """Make one attempt."""
        if attempt > 1 and route.subscription.startswith(f"{CAPTIONS_TOPIC}-sketcher"):
            wait_until(lambda: not any(track.encode() in message.data for track in self.crashed() - self.released))
        return super().__call__(route, message, attempt)


def wait_until(is_true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def stored(prefix: str) -> set[str]:
    return {blob.name for blob in storage_client().list_blobs(RESULTS_BUCKET, prefix=prefix)}


def token_of(track: str) -> str:
    return str(firestore.Client(project=PROJECT).document("work", track).get().get("token"))


def go_on(visitor: Visitor, track: str) -> None:
    """Do nothing."""


def cancel(visitor: Visitor, track: str) -> None:
    visitor.command(track, "cancel")
    assert document(visitor.session, track)["status"] == Status.CANCELLED


def erase(visitor: Visitor, track: str) -> None:
    url = f"{visitor.api}/v1/sessions/{visitor.session}/tracks/{track}"
    answer = requests.delete(url, headers={"Authorization": f"Bearer {visitor.secret}"}, timeout=60)
    assert answer.status_code == requests.codes.no_content


def retry(visitor: Visitor, track: str) -> None:
    assert at_end(visitor.session, track)["status"] == Status.FAILED
    assert visitor.command(track, "retry").json()["attempt"] == 2


def all_points(run: Run, visitor: Visitor) -> list[Case]:
    track = sent(run, visitor)
    wait_until(lambda: document(visitor.session, track).get("sketch"))
    cases = points(run, "sketcher", track, lambda number: number == "1")
    assert {case.point for case in cases} == NOTHING_DONE | POINTS
    return [case for case in cases if case.point in POINTS]


def crashed(run: Run, visitor: Visitor, case: Case) -> str:
    """Send pictures until the sketcher has crashed at the point; return that picture's track.

    A kill for another track may end the sketcher first. If it starts again after the job's end, it makes no sketch.
    """
    for _ in range(MAX_TRIES):
        track = sent(run, visitor, plan=case)
        plan = run.folder / "plans" / f"sketcher-{track}"
        wait_until(lambda: not plan.exists() or document(visitor.session, track).get("status") in FINAL)  # noqa: B023  at once
        try:
            # A plan that stayed would kill the sketcher when this track's message comes late.
            plan.unlink()
        except FileNotFoundError:
            return track
    pytest.fail(f"no job lasted until {case}")


def after_crash(run: Run, delivery: HeldBack, case: Case, act: Callable[[Visitor, str], None]) -> str:
    """Let the sketcher crash at a point, let a person act, deliver again; return the track and check its objects."""
    (visitor,) = visitors(run.addresses, 1)
    track = crashed(run, visitor, case)
    token = token_of(track)
    act(visitor, track)
    delivery.released.add(track)
    wait_until(lambda: ["sketcher", track] in [line[:2] for line in run.records("ends")])
    if act is go_on:
        wait_until(lambda: document(visitor.session, track).get("sketch"))
        assert at_end(visitor.session, track)["status"] == Status.READY
    if act is retry:
        assert at_end(visitor.session, track)["attempt"] == 2
    # A second kill of the same process may have come before the handling that cleans up.
    named = {sketch_of(document(visitor.session, track))} - {""}
    wait_until(lambda: stored(f"{token}/sketch") == named)
    if act is erase:
        assert stored(token) == set()
    return track


@pytest.mark.parametrize(
    ("act", "jobs"),
    [(go_on, ENDING), (cancel, RUNNING), (erase, RUNNING), (retry, FAILING)],
    ids=["nothing", "cancel", "erase", "retry"],
)
def test_a_crashed_sketcher_leaves_nothing_behind(
    world: World, act: Callable[[Visitor, str], None], jobs: JobFaults
) -> None:
    """At each of its points, and before its message is delivered again."""
    delivery = HeldBack()
    with world.run(Faults(jobs=jobs), delivery=delivery, times=short_times(6, 4)) as run:
        delivery.crashed = lambda: {kill[1] for kill in run.records("kills")}
        (visitor,) = visitors(run.addresses, 1)
        cases = all_points(run, visitor)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            tracks = list(pool.map(lambda case: after_crash(run, delivery, case, act), cases))
        assert delivery.crashed() == set(tracks)
