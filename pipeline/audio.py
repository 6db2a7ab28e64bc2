"""Sound as a value: what every engine gives and the mastering takes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Audio:
    """Sound in memory; ``samples`` is float32 of shape (frames, 2), full scale at 1.0, and ``rate`` is in Hz."""

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        """Return the duration in seconds."""
        return len(self.samples) / self.rate
