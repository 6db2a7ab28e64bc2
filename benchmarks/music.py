"""CPU time of a finished piece against the bare rendering of its sound."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from benchmarks.rows import Row
from musicgenerator.briefs import Brief
from pipeline import encoding
from pipeline.engines import Engine, engine_named
from pipeline.mastering import master

_SECONDS: Final = (15, 60, 180)
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
    tempo_bpm=_BRIEF.tempoBpm,
    engine="composer",
    model="composer",
    seed=1,
)

ResultT = TypeVar("ResultT")


def measure() -> list[Row]:
    """Make pieces of three lengths and return the CPU seconds, all against composing and rendering alone."""
    engine = engine_named("composer")
    engine.make(_BRIEF, _SECONDS[0], 0)
    return [_row(engine, seconds) for seconds in _SECONDS]


def _row(engine: Engine, seconds: int) -> Row:
    made, take = _timed(lambda: engine.make(_BRIEF, seconds, 1))
    mastered, finished = _timed(lambda: master(take.audio, seconds))
    written, _ = _timed(lambda: (encoding.wav(finished.audio), encoding.mp3(finished.audio, _TAGS, None)))
    return Row(f"{seconds} s of music", made + mastered + written, made, "CPU s", "composing and rendering alone")


def _timed(work: Callable[[], ResultT]) -> tuple[float, ResultT]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result
