"""Audio in memory, as engines return it and the mastering takes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Audio:
    """Audio; ``samples`` is float32 of shape (frames, 2) with full scale at 1.0, ``rate`` is in Hz."""

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        """Return the duration in seconds."""
        return len(self.samples) / self.rate
