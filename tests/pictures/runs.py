"""Each picture decoded as the captioner decodes it, in a process of its own whose time and memory are measured."""

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
    """What became of one file: ``ok``, a PictureError's code, or what should never be; and what it took.

    ``seconds`` went by, on a machine that may have been busy; for ``computing`` of them a processor worked on it.
    """

    sample: Sample
    outcome: str
    detail: str
    seconds: float
    computing: float
    megabytes: int


def run_all(samples: Iterable[Sample]) -> Iterator[Run]:
    """Decode every sample, as many at once as there are processors; yield them as they end."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    # One task a process: what the children of a process used at most is then what this one picture used.
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
        # Contained, and yet nothing that may happen unseen.
        return ("crashed" if "crashed" in str(error) else error.code), str(error)
    except (MusicgeneratorError, ValueError, LookupError) as error:
        return "unnamed", repr(error)
    return ("leaking", left) if left else ("ok", "")


def _wrong(picture: Picture) -> str:
    return " ".join(leftovers(picture.jpeg))
