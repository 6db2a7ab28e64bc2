"""The conditions that an upload's headers set for its length and for the existing object."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import IO, Final, Self

from localcloud.storage_front.refusals import RefusalError

LENGTH_RANGE: Final = "x-goog-content-length-range"
GENERATION_MATCH: Final = "x-goog-if-generation-match"


@dataclass(frozen=True)
class UploadConditions:
    """The allowed length in bytes, and the object's required generation: 0 for a missing object, None for any."""

    least: int = 0
    most: int | None = None
    generation: int | None = None

    @classmethod
    def parse(cls, headers: Mapping[str, str]) -> Self:
        """Parse the conditions; raise InvalidArgument for malformed ones."""
        lengths = re.fullmatch(r"([0-9]+),([0-9]+)", headers.get(LENGTH_RANGE, "0,0"))
        generation = re.fullmatch(r"[0-9]+", headers.get(GENERATION_MATCH, "0"))
        if lengths is None or int(lengths[1]) > int(lengths[2]):
            raise RefusalError("InvalidArgument", f"{LENGTH_RANGE} must be LEAST,MOST in bytes.")
        if generation is None:
            raise RefusalError("InvalidArgument", f"{GENERATION_MATCH} must be a generation's number.")
        return cls(
            int(lengths[1]),
            int(lengths[2]) if LENGTH_RANGE in headers else None,
            int(generation[0]) if GENERATION_MATCH in headers else None,
        )

    def check_length(self, length: int) -> None:
        """Raise EntityTooSmall or EntityTooLarge for a body of ``length`` bytes."""
        if length < self.least:
            raise RefusalError("EntityTooSmall", f"{length} bytes are fewer than {self.least}.")
        self._check_most(length)

    def check_generation(self, present: int) -> None:
        """Raise PreconditionFailed unless the object has the required generation; ``present`` is its own, or 0."""
        if self.generation not in (None, present):
            raise RefusalError("PreconditionFailed", f"The object's generation is {present}, not {self.generation}.")

    async def keep(self, body: AsyncIterator[bytes], file: IO[bytes]) -> int:
        """Write a body to a file and return its length.

        Raises EntityTooLarge at the first byte too many, EntityTooSmall at the end.
        """
        length = 0
        async for block in body:
            length += len(block)
            self._check_most(length)
            file.write(block)
        self.check_length(length)
        return length

    def _check_most(self, length: int) -> None:
        if self.most is not None and length > self.most:
            raise RefusalError("EntityTooLarge", f"{length} bytes or more are too many: {self.most} are allowed.")
