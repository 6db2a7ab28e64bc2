"""The functions over one store, with jobs that run: for tests of jobs of several tracks."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from calling_off import call_off

from musicgenerator import ids
from musicgenerator.changes import Change
from musicgenerator.errors import BudgetSpentError
from musicgenerator.jobs import JobState
from musicgenerator.messages import (
    CaptionMessage,
    GatheredMessage,
    JobMessage,
    PipelineMessage,
    pipeline_event,
    step_message,
)
from musicgenerator.order_book import OrderBook
from musicgenerator.orders import Order
from musicgenerator.results import MUSIC, MusicFacts, ResultsFolder, failure_name, sketch_name
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack, Track
from tests.contracts.recorded import PIPELINE_BUCKET, SESSION, recorded
from tests.support.command_fakes import HeardPictures, MemoryBuckets, MemorySwitch, UploadHandler
from tests.support.fakes import HOME, HeardCaptions, MemoryPipelines, MemoryRegions, MemoryTracks
from tests.support.functions import ENVIRON, launcher, notifier, sweeper

AWAY = "europe-west4"
FACTS = MusicFacts.from_json(json.dumps(recorded("track")))
A, B, C, D, E = ("t" + letter * 26 for letter in "abcde")


def attempt(track: str, number: int = 1) -> CaptionMessage:
    """Return the message of a track's attempt."""
    return CaptionMessage(SESSION, track, number)


def gathered(*tracks: str) -> GatheredMessage:
    """Return the message of several tracks' first attempts."""
    return GatheredMessage(tuple(attempt(track) for track in tracks))


def shared(*tracks: str, region: str = HOME) -> str:
    """Return the id of the job of several tracks' first attempts."""
    return ids.run_id(region, [(track, 1) for track in tracks])


def token(track: str) -> str:
    """Return the folder of a track."""
    return "r" + track[1:]


@dataclass
class Counted(MemoryTracks):
    """Tracks with a daily limit; ``launches`` counts each track's."""

    limit: int = 1000
    launches: Counter[str] = field(default_factory=Counter)

    def _write(self, current: Track, change: Change) -> None:
        if change.daily_limit is not None:
            if self.launches.total() >= self.limit:
                raise BudgetSpentError("today")
            self.launches[current.track_id] += 1
        super()._write(current, change)


@dataclass
class StoredResults:
    """Results in the buckets of the upload handler; ``facts`` are those of every file."""

    buckets: MemoryBuckets
    facts: MusicFacts = FACTS

    def failure(self, folder: ResultsFolder, attempt: int) -> str | None:
        data = self.buckets.read(folder.bucket, folder.name(failure_name(attempt)))
        return data.decode() if data is not None else None

    def music(self, folder: ResultsFolder, file: str) -> MusicFacts | None:
        return None if self.buckets.read(folder.bucket, folder.name(file)) is None else self.facts

    def erase_sketch(self, folder: ResultsFolder, attempt: int) -> None:
        self.buckets.erase(folder.bucket, folder.name(sketch_name(attempt)))

    def erase(self, folder: ResultsFolder) -> None:
        self.buckets.erase(folder.bucket, folder.name(""))


@dataclass
class World:
    """Captioned tracks, the functions, and the jobs of the launcher; ``made`` lists the jobs that made each track."""

    tracks: Counted = field(default_factory=Counted)
    buckets: MemoryBuckets = field(default_factory=MemoryBuckets)
    pipelines: MemoryPipelines = field(default_factory=MemoryPipelines)
    regions: MemoryRegions = field(default_factory=MemoryRegions)
    captions: HeardCaptions = field(default_factory=HeardCaptions)
    environ: Mapping[str, str] = field(default_factory=lambda: ENVIRON)
    made: list[tuple[str, str]] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        places = (HOME, *self.environ.get("REGIONS", "").split())
        self.handler = UploadHandler(
            tracks=self.tracks, buckets=self.buckets, jobs=self.pipelines, regions=places, captions=self.captions
        )
        self.book = OrderBook(self.buckets, PIPELINE_BUCKET)
        self.results = StoredResults(self.buckets)
        self.launcher = launcher(self.tracks, self.pipelines, self.buckets, self.regions, MemorySwitch(), self.environ)
        self.notifier = notifier(self.tracks, self.pipelines, self.results, self.buckets, regions=places)
        self.sweeper = sweeper(self.notifier, self.tracks, HeardPictures(), self.captions)
        self.closer = self.sweeper.closer

    def wait(self, *tracks: str, session: str = SESSION, **fields: Any) -> None:
        """Store captioned tracks that wait for a job."""
        for track in tracks:
            work = PrivateTrack(token(track), published=True)
            self.tracks.hold(recorded("track_captioned") | fields, session, track, work)

    def status(self, track: str) -> str:
        """Return a track's state, or "gone"."""
        document = self.tracks.documents.get(track)
        return str(document["status"]) if document else "gone"

    def ordered(self, job: str) -> dict[str, bool]:
        """Return the tracks of a job's orders, and whether each is still to be made."""
        return {order.track: isinstance(order, Order) for order in self.book.read(job) or ()}

    def cancel(self, track: str) -> None:
        """Cancel a track's current attempt."""
        found = self.tracks.find(track)
        call_off(self.tracks, self.pipelines, self.book, track, found[0].attempt if found else 1)

    def erase(self, track: str) -> None:
        """Erase a track as its session does."""
        found = self.tracks.find(track)
        if found:
            self.handler.api.erasures._erase(*found)  # noqa: SLF001  without the session's secret

    def step(self, key: str) -> None:
        """Do what a job's step does: make each track that is not called off, and tell of it; then end the job."""
        job = key.rpartition("/")[2]
        orders = self.book.read(job) or ()
        for number, order in enumerate(orders):
            current = self.book.read(job)
            if current is None or not isinstance(current[number], Order):
                continue
            folder = self.notifier.settings.results.folder(order.results_token)
            self.made.append((order.track, job))
            file = failure_name(order.attempt) if order.track in self.fails else MUSIC
            self.buckets.create(folder.bucket, folder.name(file), b"bytes", "audio/mpeg")
            if order.track not in self.lost:
                self.hear(step_message(job, order.track, order.attempt))
        self.end(key)

    def end(self, key: str, state: JobState = JobState.SUCCEEDED) -> None:
        """End a job, and tell of it as the log sink does."""
        if key in self.pipelines.jobs and self.pipelines.jobs[key].state is JobState.UNDER_WAY:
            self.pipelines.jobs[key] = replace(self.pipelines.jobs[key], state=state)
        job = key.rpartition("/")[2]
        if job not in self.lost:
            self.hear(json.dumps({"pipelineJobId": job}).encode())

    def hear(self, data: bytes) -> None:
        """Handle a message on `pipeline-events`."""
        match pipeline_event(data):
            case JobMessage(job):
                self.closer.close(job)
            case PipelineMessage() as message:
                self.notifier.notify(message)

    def sweep(self) -> None:
        """Sweep as after a long time, deliver what the sweeper announces, and run the jobs."""
        before = datetime.now(UTC) - timedelta(hours=3)
        for track in self.tracks.works:
            self.tracks.dues[track] = None if Status(self.status(track)).is_final else before
        self.captions.heard.clear()
        self.sweeper.sweep()
        for message, _ in self.captions.heard:
            self.launcher.launch(message)
        self.run_jobs()

    def forget(self) -> None:
        """Sweep as when all records of jobs are due."""
        before = datetime.now(UTC) - timedelta(hours=3)
        self.tracks.forgets = {track: before if due else None for track, due in self.tracks.forgets.items()}
        self.sweeper.sweep()

    def run_jobs(self) -> None:
        """Run every job that runs."""
        for key, facts in list(self.pipelines.jobs.items()):
            if facts.state is JobState.UNDER_WAY:
                self.step(key)


def announced(world: World) -> list[list[str]]:
    """Return the tracks of each message that the sweeper announced."""
    return [[each.track for each in message.attempts] for message, _ in world.captions.heard]


Act = Callable[[World], None]
