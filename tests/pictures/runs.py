"""Decodes each picture as the captioner does, and measures the decoder's time and memory."""

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.append(str(Path(__file__).parents[2] / "functions" / "captioner"))

from captioning import Picture
from pillow_pictures import decode

from musicgenerator.errors import MusicgeneratorError, PictureError
from tests.pictures.corpus import Sample
from tests.pictures.leftovers import leftovers

# A decoder that hangs computes for all of its 30 seconds.
_STARVED_SECONDS: Final = 4.0


@dataclass(frozen=True)
class Run:
    """The outcome of one file: ``ok``, a PictureError's code, or ``crashed``, ``unnamed`` or ``leaking``.

    ``seconds`` is wall time, ``computing`` is CPU time in seconds, and ``megabytes`` is the peak memory.
    """

    sample: Sample
    outcome: str
    detail: str
    seconds: float
    computing: float
    megabytes: int


def run_all(samples: Iterable[Sample]) -> Iterator[Run]:
    """Decode all samples, one per processor at a time; yield each run when it ends.

    On a busy machine, a decoder may run out of time before it has had a processor for long. Such samples are decoded
    again at the end, one by one.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    # One task per process, so that RUSAGE_CHILDREN measures this one picture's decoder.
    with context.Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        late = []
        for each in pool.imap_unordered(run, samples, chunksize=1):
            if "no picture within" in each.detail and each.computing < _STARVED_SECONDS:
                late.append(each.sample)
            else:
                yield each
        yield from (pool.apply(run, (sample,)) for sample in late)


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
        left = _leftovers(decode(data))
    except PictureError as error:
        # The captioner survives a crash of the decoder, but the report must show it.
        return ("crashed" if "crashed" in str(error) else error.code), str(error)
    except (MusicgeneratorError, ValueError, LookupError) as error:
        return "unnamed", repr(error)
    return ("leaking", left) if left else ("ok", "")


def _leftovers(picture: Picture) -> str:
    return " ".join(leftovers(picture.jpeg))
