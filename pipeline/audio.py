"""Audio in memory, as engines return it and the mastering takes it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
_SEAM_FRAMES: Final = 2205


@dataclass(frozen=True)
class Audio:
    """Audio; ``samples`` is float32 of shape (frames, 2) with full scale at 1.0, ``rate`` is in Hz."""

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        """Return the duration in seconds."""
        return len(self.samples) / self.rate


def unrolled(samples: Samples, before: int, after: int) -> Samples:
    """Return a loop with so many frames of what comes before its start and after its end, which is the loop itself."""
    return np.pad(samples, [(before, after), *[(0, 0)] * (samples.ndim - 1)], mode="wrap")


def rolled(samples: Samples, before: int, frames: int) -> Samples:
    """Return the loop of ``frames`` frames that begins after ``before`` frames.

    Its last 50 ms fade to what comes before its start, so the last frame and the first one follow each other.
    """
    loop = samples[before : before + frames].copy()
    seam = min(_SEAM_FRAMES, before, frames)
    share = np.linspace(0, 1, seam, dtype=np.float32).reshape(-1, *[1] * (samples.ndim - 1))
    loop[-seam:] += (samples[before - seam : before] - loop[-seam:]) * share
    return loop
