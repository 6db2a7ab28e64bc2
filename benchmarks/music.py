"""CPU time of a finished piece by step; the baseline is rendering and encoding alone.

It is measured in a process with the memory settings of the pipeline's image.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from math import inf
from typing import Final, TypeVar

from benchmarks.rows import Row
from localcloud.addresses import REPOSITORY
from musicgenerator.briefs import Brief
from pipeline import encoding
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.performing import Performance, perform
from pipeline.engines.composer.rendering import render
from pipeline.engines.composer.score import Piece
from pipeline.mastering import master

_LENGTHS_SECONDS: Final = (15, 60, 180)
_WITH_GOAL: Final = 60
_CPU_SECONDS: Final = 5.0
_OVERHEAD: Final = 1.4
_BRIEF: Final = Brief.from_mapping(
    {
        "title": "Harbour",
        "caption": "A harbour in the evening.",
        "altText": "Boats in a harbour.",
        "language": "en",
        "prompt": "calm evening jazz",
        "avoid": "",
        "moods": ["calm", "warm"],
        "genre": "jazz",
        "instruments": ["piano", "double bass", "drums"],
        "tempoBpm": 100,
        "key": "F major",
        "valence": 0.4,
        "energy": 0.5,
    }
)

_TAGS: Final = encoding.Tags(
    title=_BRIEF.title,
    caption=_BRIEF.caption,
    language=_BRIEF.language,
    genre=_BRIEF.genre,
    key=_BRIEF.key,
    tempo_bpm=_BRIEF.tempo_bpm,
    engine="composer",
    model="composer",
    seed=1,
)

ResultT = TypeVar("ResultT")


def measure() -> list[Row]:
    """Make pieces of three lengths; return CPU seconds a second of music, and the total against the baseline."""
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.music"],
        env=os.environ | _memory_settings(),
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    steps = {int(seconds): took for seconds, took in json.loads(said).items()}
    return [row for seconds, took in steps.items() for row in _rows(seconds, took)]


def main() -> None:
    """Print the CPU seconds of each step by the length of the piece, as JSON."""
    _steps(_LENGTHS_SECONDS[0])
    print(json.dumps({seconds: _steps(seconds) for seconds in _LENGTHS_SECONDS}))


def _memory_settings() -> dict[str, str]:
    """Return the variables by which the pipeline's image tunes the allocator."""
    dockerfile = (REPOSITORY / "pipeline" / "Dockerfile").read_text(encoding="utf-8")
    return dict(re.findall(r"(MALLOC_\w+)=(\d+)", dockerfile))


def _steps(seconds: int) -> dict[str, float]:
    def scored() -> tuple[Piece, tuple[Performance, ...]]:
        piece = compose(_BRIEF, seconds, 1)
        return piece, perform(piece, 1)

    composing, (piece, performances) = _timed(scored)
    rendering, audio = _timed(lambda: render(performances, piece, seconds, _BRIEF))
    mastering, finished = _timed(lambda: master(audio, seconds))
    encoding_both, _ = _timed(lambda: (encoding.wav(finished.audio, _TAGS), encoding.mp3(finished.audio, _TAGS, None)))
    return {"composing": composing, "rendering": rendering, "mastering": mastering, "encoding": encoding_both}


def _rows(seconds: int, steps: dict[str, float]) -> list[Row]:
    steps = steps | {"all": sum(steps.values())}
    rendering = steps["rendering"]
    rows = [
        Row(f"{seconds} s of music: {step} a second", took / seconds, rendering / seconds, "CPU s", "rendering alone")
        for step, took in steps.items()
    ]
    floor, goal = rendering + steps["encoding"], _OVERHEAD if seconds == _WITH_GOAL else inf
    rows.append(Row(f"{seconds} s of music: all", steps["all"], floor, "CPU s", "rendering and encoding", goal))
    if seconds == _WITH_GOAL:
        rows.append(Row(f"{seconds} s of music: all", steps["all"], _CPU_SECONDS, "CPU s", "the goal itself", 1))
    return rows


def _timed(work: Callable[[], ResultT]) -> tuple[float, ResultT]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


if __name__ == "__main__":
    main()
