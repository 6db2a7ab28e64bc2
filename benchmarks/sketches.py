"""Measure the time to the first sound, beside the time to the music of the same tracks, and what a sketch costs.

The pipeline's step makes the music with `composer` on the local Vertex AI, whose machine starts in ``START_SECONDS``;
in Google Cloud it takes minutes. The describer repeats one answer. A Firestore listener sees the track change, as the
page does.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from google.cloud import firestore

from benchmarks.rows import Row
from benchmarks.stage import Stage, cpu_seconds
from localcloud.addresses import PROJECT, REPOSITORY
from localcloud.supervisor import Supervisor
from musicgenerator.states import Status
from tests.support.visitors import drop, picture

START_SECONDS: Final = 5.0

_WARM: Final = 2
_PICTURES: Final = 10
_USUAL_SECONDS: Final = 30
_LONGEST_SECONDS: Final = 60
_GOAL_SECONDS: Final = 2.0
_GOAL_CPU_SECONDS: Final = 2.5
_GIVE_UP_SECONDS: Final = 120.0


@dataclass(frozen=True)
class Heard:
    """One track in seconds: from its brief to its sketch, and from its finalize to the sketch and to the music.

    ``computing`` is the CPU of the sketcher.
    """

    sketch_after_brief: float
    first_sound: float
    music: float
    computing: float


def measure(up: Stage) -> list[Row]:
    """Return the seconds to the first sound and to the music, one picture at a time, and the CPU of sketches."""
    with up.functions() as functions:
        usual = _tracks(up, functions, _USUAL_SECONDS)
        longest = _tracks(up, functions, _LONGEST_SECONDS)
    rows = []
    for seconds, tracks in ((_USUAL_SECONDS, usual), (_LONGEST_SECONDS, longest)):
        after, sound, music, computing = (
            [track.sketch_after_brief for track in tracks],
            [track.first_sound for track in tracks],
            [track.music for track in tracks],
            statistics.median(track.computing for track in tracks),
        )
        name, beside = f"sketch of {seconds} s", f"music, with {START_SECONDS:.0f} s of start"
        goal = 1.0 if seconds == _USUAL_SECONDS else float("inf")
        rows += [
            Row(f"{name}: after the brief, median", statistics.median(after), _GOAL_SECONDS, "s", "2 seconds", goal),
            Row(f"{name}: after the brief, slowest", max(after), _GOAL_SECONDS, "s", "2 seconds", goal),
            Row(f"{name}: after the finalize, median", statistics.median(sound), statistics.median(music), "s", beside),
            Row(f"{name}: after the finalize, slowest", max(sound), max(music), "s", beside),
            Row(f"{name}: CPU of the function", computing, _GOAL_CPU_SECONDS, "CPU s", "2.5 seconds", 1),
        ]
    return rows + _by_brief()


def _tracks(up: Stage, functions: Supervisor, seconds: int) -> list[Heard]:
    return [_one(up, functions, f"drop-sketch-{seconds}-{number}", seconds) for number in range(_WARM + _PICTURES)][
        _WARM:
    ]


def _one(up: Stage, functions: Supervisor, name: str, seconds: int) -> Heard:
    """Send one picture through the chain and return what its listener saw."""
    seen: dict[str, float] = {}
    ended = threading.Event()
    before = cpu_seconds(functions.pid("sketcher"))
    track = drop(name, picture(), seconds)

    def changed(documents: Sequence[Any], *_: object) -> None:
        current = (documents[0].to_dict() if documents else None) or {}
        if current.get("sketch"):
            seen.setdefault("sketch", time.time())
        if current.get("status") == Status.READY:
            seen.setdefault("music", time.time())
            seen["brief"] = current["timeline"][Status.CAPTIONED].timestamp()
            if "sketch" in seen:
                ended.set()

    document = firestore.Client(project=PROJECT).document("sessions", up.session, "tracks", track)
    watch = document.on_snapshot(changed)
    try:
        if not ended.wait(_GIVE_UP_SECONDS):
            raise TimeoutError(f"{name} has only {sorted(seen)}")
    finally:
        watch.unsubscribe()
    began = datetime.fromisoformat(json.loads(up.finalized(f"{name}.jpg"))["timeCreated"]).timestamp()
    return Heard(
        sketch_after_brief=seen["sketch"] - seen["brief"],
        first_sound=seen["sketch"] - began,
        music=seen["music"] - began,
        computing=cpu_seconds(functions.pid("sketcher")) - before,
    )


def _by_brief() -> list[Row]:
    """Return the CPU of a sketch of 60 s by brief: the median and the highest of the composer's grid."""
    path = os.pathsep.join(map(str, (REPOSITORY / "src", REPOSITORY, REPOSITORY / "functions" / "sketcher")))
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.sketch_briefs"],
        env=os.environ | {"PYTHONPATH": path},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    took = json.loads(said)
    against, name = "2.5 seconds", f"sketch of {_LONGEST_SECONDS} s, {len(took)} briefs"
    return [
        Row(f"{name}: CPU, median", statistics.median(took.values()), _GOAL_CPU_SECONDS, "CPU s", against, 1),
        Row(f"{name}: CPU, {max(took, key=took.get)}", max(took.values()), _GOAL_CPU_SECONDS, "CPU s", against, 1),
    ]
