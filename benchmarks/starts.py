"""Time from process start to the first handled event of each staged function; the baseline is an empty function.

In each round one picture goes through the chain, and each function is started for it; the empty function is started
in the same rounds. The result of each event is checked, so that a failed event does not count as a fast start.
"""

import os
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

import requests

from benchmarks.limits import hosted
from benchmarks.rows import Row
from benchmarks.stage import Stage, cpu_seconds, memory
from localcloud.addresses import (
    CAPTIONS_TOPIC,
    HOST,
    IMAGES_BUCKET,
    PIPELINE_EVENTS_TOPIC,
    STORAGE_EVENTS_TOPIC,
)
from localcloud.parts import Part
from localcloud.supervisor import Supervisor
from musicgenerator import ids
from musicgenerator.messages import CaptionMessage, step_message
from musicgenerator.states import Status
from tests.support.delivering import deliver_once, make_local_topics
from tests.support.visitors import Visitor, drop, new_key, picture

# A person waits only for the API; the other functions start for events.
GOALS: Final = {
    "upload_handler": 3.0,
    "captioner": inf,
    "sketcher": inf,
    "pipeline_launcher": inf,
    "result_notifier": inf,
}
_GIVE_UP_SECONDS: Final = 60.0


class NotWorkedError(Exception):
    """A function did not answer, or its result is missing."""


def measure(stage: Stage, rounds: int = 5) -> list[Row]:
    """Return each function's median seconds and CPU seconds of a start, and its median PSS in MiB."""
    make_local_topics(stage.addresses)
    parts = stage.parts()
    # The bridge is not running, so the empty function uses its port.
    parts["empty"] = stage.empty("bridge")
    visitor = Visitor(stage.addresses.url("upload_handler"), "203.0.113.1")
    with Supervisor(stage.addresses.home / "logs", lambda _: None) as supervisor:
        supervisor.start([parts["upload_handler"]])
        visitor.open()
    figures: dict[str, list[tuple[float, float, float]]] = {}
    # The first round warms the page cache; it is not counted.
    for number in range(rounds + 1):
        picked = f"drop-start-{number}"
        for name, work in Way(stage, visitor, picked, drop(picked, picture())).turns().items():
            figures.setdefault(name, []).append(_start(parts[name], work))
    medians = {
        name: [statistics.median(column) for column in zip(*each[1:], strict=True)] for name, each in figures.items()
    }
    rows = []
    for name, goal in GOALS.items():
        rows.append(Row(f"start {name}", medians[name][0], medians["empty"][0], "s", "an empty function", goal))
    for name, goal in GOALS.items():
        rows.append(Row(f"start CPU {name}", medians[name][1], medians["empty"][1], "s", "an empty function", goal))
    for name in GOALS:
        deployed = hosted(name).memory_gib * 1024
        rows.append(Row(f"memory {name}", medians[name][2], deployed, "MiB", "its memory as deployed", 1.0))
    return rows


@dataclass(frozen=True)
class Way:
    """One dropped picture, and the event of each function for it in the order of ``turns``."""

    stage: Stage
    visitor: Visitor
    name: str
    track: str

    def turns(self) -> dict[str, Callable[[], None]]:
        """Return the work by function; each raises NotWorkedError if its event was not handled."""
        return {
            "empty": self._nothing,
            "upload_handler": self._upload,
            "captioner": self._caption,
            "sketcher": self._sketch,
            "pipeline_launcher": self._launch,
            "result_notifier": self._notify,
        }

    def _nothing(self) -> None:
        self._deliver(CAPTIONS_TOPIC, b"{}", url=self.stage.addresses.url("bridge"))

    def _upload(self) -> None:
        answer = self.visitor.ask_for_track(self.name, new_key())
        if answer.status_code != requests.codes.created:
            raise NotWorkedError(answer.text)

    def _caption(self) -> None:
        event = self.stage.finalized(f"{self.name}.jpg")
        self._deliver(STORAGE_EVENTS_TOPIC, event, {"eventType": "OBJECT_FINALIZE", "bucketId": IMAGES_BUCKET})
        self._expect(Status.CAPTIONED)

    def _sketch(self) -> None:
        self._deliver(
            CAPTIONS_TOPIC,
            CaptionMessage(self.stage.session, self.track, 1).to_bytes(),
            url=self.stage.addresses.url("sketcher"),
        )
        if not self.stage.document(self.track).get("sketch"):
            raise NotWorkedError(f"{self.track} has no sketch")

    def _launch(self) -> None:
        self._deliver(CAPTIONS_TOPIC, CaptionMessage(self.stage.session, self.track, 1).to_bytes())
        self._expect(Status.COMPOSING)

    def _notify(self) -> None:
        job = ids.pipeline_job_id(self.track, 1)
        self.stage.await_job(job)
        self._deliver(PIPELINE_EVENTS_TOPIC, step_message(job, self.track, 1))
        self._expect(Status.READY)

    def _deliver(self, topic: str, data: bytes, attributes: Mapping[str, str] | None = None, url: str = "") -> None:
        failure = deliver_once(self.stage.addresses, topic, data, attributes, url)
        if failure is not None:
            raise NotWorkedError(failure)

    def _expect(self, status: Status) -> None:
        if self.stage.document(self.track).get("status") != status:
            raise NotWorkedError(f"{self.track} is not {status}")


def _start(part: Part, work: Callable[[], None]) -> tuple[float, float, float]:
    """Return the seconds and CPU seconds to the first handled event, and the PSS in MiB after it."""
    began = time.perf_counter()
    process = subprocess.Popen(
        part.command,
        cwd=part.folder,
        # In Google Cloud, instances do not share compiled bytecode.
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "PYTHONDONTWRITEBYTECODE": "1"} | part.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _listens(part.port):
            if time.perf_counter() - began > _GIVE_UP_SECONDS or process.poll() is not None:
                raise NotWorkedError(f"{part.name} did not start")
            time.sleep(0.005)
        work()
        return time.perf_counter() - began, cpu_seconds(process.pid), memory(process.pid)
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
