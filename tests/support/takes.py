"""Pipelines that write the same finished take for every track, so that a thousand of them run in minutes.

The step makes the take once. Each job reads its order and writes the files as the step does.
"""

import json
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from localcloud.vertex.specs import PipelineRequest
from musicgenerator.briefs import Brief
from musicgenerator.errors import OrderError
from musicgenerator.messages import step_message
from musicgenerator.orders import Order
from musicgenerator.results import MUSIC, RESULT_TYPES, TRACK
from pipeline.engines.composer import Composer
from pipeline.google_results import GoogleStorage, PubsubEvents, StorageResults
from pipeline.step import make_music, read_order

_TAKE_SECONDS: Final = 10


@dataclass(frozen=True)
class JobFaults:
    """The chances that a job fails, writes broken music or publishes nothing, and its durations in seconds.

    A duration is between ``min_seconds`` and ``seconds``.
    """

    failed: float = 0.0
    broken: float = 0.0
    silent: float = 0.0
    seconds: float = 1.0
    min_seconds: float = 0.05


@dataclass
class WrittenFiles:
    """The results and the topic of a step, in memory."""

    files: dict[str, bytes] = field(default_factory=dict)

    def cover(self) -> bytes | None:
        return None

    def read(self, file: str) -> bytes | None:
        return self.files.get(file)

    def create(self, file: str, data: bytes, content_type: str) -> None:
        del content_type
        self.files[file] = data

    def publish(self, data: bytes) -> None:
        """Publish nothing."""


def finished_take() -> dict[str, bytes]:
    """Make one piece with the step and return its MP3 and ``track.json``."""
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
        brief=brief,
        engine="composer",
        seconds=_TAKE_SECONDS,
        seed=1,
        results_bucket="results",
        results_token="r" + "a" * 26,
        events_topic="projects/p/topics/pipeline-events",
        cover="gs://results/cover.jpg",
    )
    make_music("mg-take", order, Composer(), memory, memory)
    return {file: memory.files[file] for file in (MUSIC, TRACK)}


class TakeRunner:
    """Runs each pipeline as a wait and a few writes; ``outcomes`` holds the intended end of each job."""

    def __init__(self, files: Mapping[str, bytes], faults: JobFaults) -> None:
        self.files = files
        self.faults = faults
        self.outcomes: dict[str, str] = {}

    def start(self, job_id: str, pipeline: PipelineRequest) -> "TakeRun":
        """Start a job."""
        roll, faults = random.random(), self.faults
        outcome = "failed" if roll < faults.failed else "broken" if roll < faults.failed + faults.broken else "music"
        self.outcomes[job_id] = outcome
        silent = random.random() < faults.silent
        seconds = random.uniform(faults.min_seconds, faults.seconds)
        return TakeRun(self.files, pipeline.parameters, outcome, seconds, silent=silent)


class TakeRun:
    """One running job."""

    def __init__(
        self, files: Mapping[str, bytes], parameters: Mapping[str, Any], outcome: str, seconds: float, *, silent: bool
    ) -> None:
        self._files = files
        self._parameters = parameters
        self._outcome = outcome
        self._silent = silent
        self._seconds = seconds
        self._killed = threading.Event()

    def wait(self) -> str | None:
        """Read the order, take some time, write the take, publish it, and return None or why the job failed."""
        job, objects = self._parameters["job"], GoogleStorage()
        try:
            order = read_order(job, self._parameters["order"], objects)
        except OrderError as error:
            return str(error)
        if self._killed.wait(self._seconds):
            return "killed"
        if self._outcome == "failed":
            return "The engine failed, on purpose."
        results = StorageResults(objects, order)
        for file, data in self._files.items():
            broken = self._outcome == "broken" and file == MUSIC
            results.create(file, data[: len(data) // 2] if broken else data, RESULT_TYPES[file])
        if not self._silent:
            PubsubEvents(order.events_topic).publish(step_message(job))
        return None

    def kill(self) -> None:
        """End the job."""
        self._killed.set()


def stated_bytes(files: Mapping[str, bytes]) -> int:
    """Return the size that ``track.json`` states for the MP3."""
    return int(json.loads(files[TRACK])["music"]["bytes"])
