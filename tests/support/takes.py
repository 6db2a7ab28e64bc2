"""Pipelines that write the same finished take for every track, so that a thousand of them run in minutes.

The step makes the take once. Each job reads its orders and writes the files of each track as the step does.
"""

import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from localcloud.vertex.specs import PipelineRequest
from musicgenerator.briefs import Brief
from musicgenerator.errors import OrderError
from musicgenerator.exports import EXPORT_FILES
from musicgenerator.messages import step_message
from musicgenerator.orders import Order
from musicgenerator.results import FAILURE_TYPE, MUSIC, RESULT_TYPES, TRACK, failure_name
from pipeline.engines.composer import Composer
from pipeline.google_results import GoogleStorage, PubsubEvents, StorageResults
from pipeline.making import make_music
from pipeline.runs import is_wanted, read_orders

_TAKE_SECONDS: Final = 10


@dataclass(frozen=True)
class JobFaults:
    """The chances that a job or one of its tracks fails, and a job's durations in seconds.

    ``failed``: the step notes that it could not make a track, and goes on with the others. ``lost``: the job fails
    before one of its tracks and notes nothing. ``broken``: a track's music is cut off. ``silent``: the step publishes
    no message about a track. A job starts within ``min_seconds`` to ``seconds``, and takes up to ``track_seconds`` for
    each further track. If ``asks`` is false, the step does not ask whether a track has been called off.
    """

    failed: float = 0.0
    lost: float = 0.0
    broken: float = 0.0
    silent: float = 0.0
    seconds: float = 1.0
    min_seconds: float = 0.05
    track_seconds: float = 0.0
    asks: bool = True


@dataclass
class WrittenFiles:
    """The results and the topic of a step, in memory."""

    files: dict[str, bytes] = field(default_factory=dict)

    def cover(self) -> bytes | None:
        return None

    def read(self, file: str) -> bytes | None:
        return self.files.get(file)

    def create(self, file: str, data: bytes, content_type: str, download_name: str = "") -> None:
        del content_type, download_name
        self.files[file] = data

    def publish(self, data: bytes) -> None:
        """Publish nothing."""


def finished_take(export: str = "") -> dict[str, bytes]:
    """Make one piece with the step, or an export of it; return its MP3 or the export's file, and ``track.json``."""
    brief = Brief(
        title="A take",
        caption="A take.",
        alt_text="A take.",
        language="en",
        prompt="calm piano",
        avoid="vocals",
        moods=("calm",),
        genre="ambient",
        instruments=("piano",),
        tempo_bpm=90,
        key="C major",
        valence=0.2,
        energy=0.3,
    )
    memory = WrittenFiles()
    order = Order(
        track="t" + "a" * 26,
        attempt=1,
        brief=brief,
        engine="composer",
        seconds=_TAKE_SECONDS,
        seed=1,
        results_bucket="results",
        results_token="r" + "a" * 26,
        events_topic="projects/p/topics/pipeline-events",
        cover="gs://results/cover.jpg",
        export=export,
        model=Composer().model if export else "",
    )
    make_music("mg-take", order, Composer(), memory, memory)
    return {file: memory.files[file] for file in (EXPORT_FILES.get(export, MUSIC), TRACK)}


def finished_takes() -> dict[str, dict[str, bytes]]:
    """Return the files of each kind of export, and those of music as the kind ``""``."""
    return {kind: finished_take(kind) for kind in ("", *EXPORT_FILES)}


@dataclass(frozen=True)
class Begun:
    """A track that a job has begun; the moments are those before the job asked for its orders, and at its start."""

    job: str
    asked: float
    started: float


class TakeRunner:
    """Runs each pipeline as a wait and a few writes; ``takes`` has the files of each kind of export, ``""`` is music.

    By track and attempt, ``named`` has the jobs whose orders wanted it when they started, ``begun`` the jobs that began
    it, and ``outcomes`` how it was meant to end. ``starts`` counts the starts of each job, ``folders`` has the results'
    token of each track.
    """

    def __init__(self, takes: Mapping[str, Mapping[str, bytes]], faults: JobFaults) -> None:
        self.takes = takes
        self.faults = faults
        self.outcomes: dict[tuple[str, int], str] = {}
        self.named: dict[tuple[str, int], list[str]] = defaultdict(list)
        self.begun: dict[tuple[str, int], list[Begun]] = defaultdict(list)
        self.starts: Counter[str] = Counter()
        self.folders: dict[str, str] = {}

    @property
    def tracks_of(self) -> Mapping[str, int]:
        """How many tracks each job's orders wanted at its start."""
        return Counter(job for jobs in list(self.named.values()) for job in jobs)

    def start(self, job_id: str, pipeline: PipelineRequest) -> "TakeRun":
        """Start a job."""
        self.starts[job_id] += 1
        return TakeRun(self, job_id, pipeline.parameters)


class TakeRun:
    """One running job."""

    def __init__(self, runner: TakeRunner, job: str, parameters: Mapping[str, Any]) -> None:
        self._runner = runner
        self._job = job
        self._address = parameters["order"]
        self._killed = threading.Event()
        self._started = time.monotonic()

    def wait(self) -> str | None:
        """Read the orders, take some time, write each take, publish it, and return None or why the job failed."""
        runner, faults, objects = self._runner, self._runner.faults, GoogleStorage()
        try:
            orders = {
                order.track: order
                for order in read_orders(self._job, self._address, objects)
                if isinstance(order, Order)
            }
        except OrderError as error:
            return str(error)
        for order in orders.values():
            runner.named[order.track, order.attempt].append(self._job)
            runner.folders[order.track] = order.results_token
        if self._killed.wait(random.uniform(faults.min_seconds, faults.seconds)):
            return "killed"
        fails_before = random.randrange(len(orders)) if orders and random.random() < faults.lost else None
        failed = made = 0
        for number, order in enumerate(orders.values()):
            if number and self._killed.wait(random.uniform(0, faults.track_seconds)):
                return "killed"
            if number == fails_before:
                for rest in list(orders.values())[number:]:
                    runner.outcomes[rest.track, rest.attempt] = "failed"
                return "The machine was lost, on purpose."
            asked = time.monotonic()
            if faults.asks and not is_wanted(self._job, self._address, order, objects):
                continue
            if self._killed.is_set():
                return "killed"
            runner.begun[order.track, order.attempt].append(Begun(self._job, asked, self._started))
            made += (is_made := self._make(order, objects))
            failed += not is_made
        return "The engine failed, on purpose." if failed and not made else None

    def _make(self, order: Order, objects: GoogleStorage) -> bool:
        runner, faults, roll = self._runner, self._runner.faults, random.random()
        outcome = "failed" if roll < faults.failed else "broken" if roll < faults.failed + faults.broken else "music"
        runner.outcomes[order.track, order.attempt] = outcome
        results = StorageResults(objects, order)
        if outcome == "failed":
            note = json.dumps({"version": 1, "error": "OnPurpose"}).encode()
            results.create(failure_name(order.attempt), note, FAILURE_TYPE)
        else:
            for file, data in runner.takes[order.export].items():
                is_cut = outcome == "broken" and file != TRACK
                results.create(file, data[: len(data) // 2] if is_cut else data, RESULT_TYPES[file])
        if random.random() >= faults.silent:
            PubsubEvents(order.events_topic).publish(step_message(self._job, order.track, order.attempt))
        return outcome != "failed"

    def kill(self) -> None:
        """End the job."""
        self._killed.set()


def stated_bytes(files: Mapping[str, bytes]) -> int:
    """Return the size that ``track.json`` states for the MP3 or an export's file."""
    return int(json.loads(files[TRACK])["music"]["bytes"])
