"""Decode each picture as the captioner does, in a separate process, and measure its time and memory."""

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "functions" / "captioner"))

from captioning import Picture
from pillow_pictures import decode

from musicgenerator.errors import MusicgeneratorError, PictureError
from tests.pictures.corpus import Sample
from tests.pictures.leftovers import leftovers


@dataclass(frozen=True)
class Run:
    """One file's outcome and what it took.

    ``outcome`` is ``ok``, the code of a PictureError, or what must never occur: ``crashed``, ``unnamed``, ``leaking``.
    ``seconds`` is wall time, ``computing`` CPU seconds, ``megabytes`` the peak memory.
    """

    sample: Sample
    outcome: str
    detail: str
    seconds: float
    computing: float
    megabytes: int


def run_all(samples: Iterable[Sample]) -> Iterator[Run]:
    """Decode the samples, as many at once as there are processors, and yield each run when it ends."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    # One task per process, so that the peak memory of the process's children is that of one picture.
    with context.Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(run, samples, chunksize=1)


def run(sample: Sample) -> Run:
    """Decode one sample."""
    data = sample.path.read_bytes()
    began = time.monotonic()
    outcome, detail = _outcome(data)
    seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    megabytes = used.ru_maxrss >> (20 if sys.platform == "darwin" else 10)
    return Run(sample, outcome, detail, seconds, used.ru_utime + used.ru_stime, megabytes)


def _outcome(data: bytes) -> tuple[str, str]:
    try:
        left = _wrong(decode(data))
    except PictureError as error:
        # The captioner contains a crash of the decoder, but a crash must not go unnoticed.
        return ("crashed" if "crashed" in str(error) else error.code), str(error)
    except (MusicgeneratorError, ValueError, LookupError) as error:
        return "unnamed", repr(error)
    return ("leaking", left) if left else ("ok", "")


def _wrong(picture: Picture) -> str:
    return " ".join(leftovers(picture.jpeg))
