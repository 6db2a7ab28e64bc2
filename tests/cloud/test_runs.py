"""Jobs of several tracks: many pictures at once at a low quota of submissions, and a job of three tracks."""

import os
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from google.cloud import firestore, pubsub_v1

from localcloud.addresses import CAPTIONS_TOPIC, PIPELINE_BUCKET, PROJECT, REGION, REPOSITORY, Addresses
from localcloud.provision import storage_client
from musicgenerator import ids
from musicgenerator.messages import CaptionMessage, GatheredMessage
from musicgenerator.orders import order_name
from musicgenerator.states import Status
from musicgenerator_google.firestore_switch import FirestoreSwitch
from operations.following import sightings
from tests.cloud.api_visitors import visitor
from tests.cloud.clients import Jobs, ends, fetch, settled_state
from tests.support.ports import worker_number
from tests.support.staging import short_times
from tests.support.takes import JobFaults, TakeRunner
from tests.support.visitors import picture, put, visitors
from tests.support.witness import Witness
from tests.support.world import PORT, Faults, World, running

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

# With CROWD=300 the test takes four minutes; docs/reliability.md has its figures.
PICTURES: Final = int(os.environ.get("CROWD", "40"))
SESSIONS: Final = min(16, PICTURES // 4)
SUBMISSIONS: Final = 2
# A minute lasts six seconds: that of the quota, and that between two sweeps.
SECONDS_A_MINUTE: Final = 6.0


@dataclass(frozen=True)
class Crowd:
    """What became of the pictures: each session's seconds from its upload to its music, and the jobs."""

    ends: Counter[str]
    waited: dict[str, list[float]]
    runner: TakeRunner
    launches: int

    @property
    def medians(self) -> list[float]:
        """The median of each session."""
        return [statistics.median(seconds) for seconds in self.waited.values()]

    def __str__(self) -> str:
        """Return the figures."""
        sizes = dict(sorted(Counter(self.runner.tracks_of.values()).items()))
        return (
            f"{dict(self.ends)}, {len(self.runner.starts)} jobs, by their number of tracks {sizes}, "
            f"sessions' medians {min(self.medians):.0f} to {max(self.medians):.0f} s"
        )


def crowd(world: World, pictures: int) -> Crowd:
    """Send pictures of all sessions at once to one region with a low quota, and wait until each has its music."""
    faults = Faults(jobs=JobFaults(seconds=1.0), submissions=SUBMISSIONS, window=SECONDS_A_MINUTE)
    times = short_times(lease=60, patience=60) | {"REGION_PAUSE_SECONDS": str(int(SECONDS_A_MINUTE) // 2)}
    run_ = world.run(faults, environ={"REGIONS": REGION}, times=times, tick_seconds=SECONDS_A_MINUTE)
    with run_ as run, Witness() as witness:
        people = visitors(run.addresses, SESSIONS)

        def send(number: int) -> tuple[str, str, float]:
            person = people[number % SESSIONS]
            track, permit = person.announce(f"upload-{number}")
            witness.follow(person.session, track)
            put(permit, picture())
            return person.session, track, time.time()

        with ThreadPoolExecutor(SESSIONS) as pool:
            sent = list(pool.map(send, range(pictures)))
        witness.wait(120)
        found = firestore.Client(project=PROJECT).collection_group("tracks").stream()
        documents: dict[str, dict[str, Any]] = {document.id: document.to_dict() for document in found}
        waited: dict[str, list[float]] = {}
        for session, track, since in sent:
            timeline = documents[track]["timeline"]
            if "ready" in timeline:
                waited.setdefault(session, []).append(timeline["ready"].timestamp() - since)
        budget = firestore.Client(project=PROJECT).collection("budget").stream()
        launches = sum(part.get("launched") for part in budget)
        assert len(documents) == pictures
        return Crowd(Counter(each["status"] for each in documents.values()), waited, run.runner, launches)


@pytest.fixture
def world() -> Iterator[World]:
    """Start emulators and servers of their own; the local cloud's settings come back after the test."""
    home = REPOSITORY / "test-results" / "runs" / f"worker-{worker_number()}"
    with running(PORT + 100 * worker_number(), home) as world:
        yield world


def test_many_pictures_at_a_low_quota_share_jobs_fairly(world: World) -> None:
    """None is lost or made twice, no session waits over twice as long as another, and few jobs run.

    The first tracks find room and have jobs of their own, which weighs more among 40 than among 300.
    """
    found = crowd(world, PICTURES)
    assert found.ends == {"ready": PICTURES}, str(found)
    named, begun = found.runner.named, found.runner.begun
    assert len(named) == PICTURES
    assert {len(jobs) for jobs in named.values()} == {1}
    assert {len(jobs) for jobs in begun.values()} == {1}
    assert found.launches == PICTURES
    assert set(found.runner.starts.values()) == {1}
    assert len(found.runner.starts) < (PICTURES / 5 if PICTURES >= 300 else PICTURES / 3), str(found)
    assert max(found.medians) <= 2 * min(found.medians), str(found)


def test_the_step_makes_three_tracks_in_one_job(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """The real step makes the tracks of one order list; each has its own music, and the orders are deleted."""
    someone, switch = visitor(local_cloud), FirestoreSwitch(firestore.Client(project=PROJECT))
    pictures = [photos[name].read_bytes() for name in sorted(photos)[:3]]
    wishes = [
        someone.send("POST", "/tracks", {"contentType": "image/jpeg", "durationSeconds": 10})[1] for _ in pictures
    ]
    # While the switch is on, the tracks wait with their briefs.
    switch.turn(paused=True)
    try:
        for announced, data in zip(wishes, pictures, strict=True):
            put(announced["upload"], data)
        tracks = [str(announced["track"]) for announced in wishes]
        waiting = set(tracks)
        for sighting in sightings(someone.session, tracks):
            if sighting.status is Status.CAPTIONED:
                waiting.discard(sighting.track)
            if not waiting:
                break
        # The launcher acknowledges the messages of single tracks meanwhile.
        time.sleep(2)
    finally:
        switch.turn(paused=False)
    attempts = tuple(CaptionMessage(someone.session, track, 1) for track in tracks)
    publisher = pubsub_v1.PublisherClient()
    publisher.publish(publisher.topic_path(PROJECT, CAPTIONS_TOPIC), GatheredMessage(attempts).to_bytes()).result(30)
    found = ends(local_cloud, tracks, someone.session)
    assert {document["status"] for document in found.values()} == {"ready"}
    assert len({fetch(document["music"]["url"]) for document in found.values()}) == len(tracks)
    job = ids.run_id(REGION, [(track, 1) for track in tracks])
    assert settled_state(local_cloud, job) == "SUCCEEDED"
    assert [name for track in tracks for name in Jobs(local_cloud).of(track)] == []
    deadline = time.monotonic() + 30
    while storage_client().bucket(PIPELINE_BUCKET).blob(order_name(job)).exists():
        assert time.monotonic() < deadline
        time.sleep(0.3)
