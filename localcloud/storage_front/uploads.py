"""The conditions that an upload's headers set for its length, its checksum and the existing object."""

import base64
import binascii
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import IO, Final, Self

from localcloud.storage_front.refusals import RefusalError

LENGTH_RANGE: Final = "x-goog-content-length-range"
GENERATION_MATCH: Final = "x-goog-if-generation-match"
CONTENT_MD5: Final = "Content-MD5"

_MD5_BYTES: Final = 16


@dataclass(frozen=True)
class UploadConditions:
    """The allowed length in bytes, and the object's required generation: 0 for a missing object, None for any.

    ``md5`` is the checksum that the body must have, None for any.
    """

    least: int = 0
    most: int | None = None
    generation: int | None = None
    md5: bytes | None = None

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
            _digest(headers[CONTENT_MD5]) if CONTENT_MD5 in headers else None,
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
        """Write a body to a file, as it was sent, and return its length.

        Raises EntityTooLarge at the first byte too many, EntityTooSmall and BadDigest at the end.
        """
        length, md5 = 0, hashlib.md5(usedforsecurity=False)
        async for block in body:
            length += len(block)
            self._check_most(length)
            md5.update(block)
            file.write(block)
        self.check_length(length)
        if self.md5 not in {None, md5.digest()}:
            raise RefusalError("BadDigest", f"The body does not have the MD5 that {CONTENT_MD5} says.")
        return length

    def _check_most(self, length: int) -> None:
        if self.most is not None and length > self.most:
            raise RefusalError("EntityTooLarge", f"{length} bytes or more are too many: {self.most} are allowed.")


def _digest(text: str) -> bytes:
    try:
        digest = base64.b64decode(text, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != _MD5_BYTES:
        raise RefusalError("InvalidDigest", f"{CONTENT_MD5} must be an MD5 in Base64.")
    return digest
