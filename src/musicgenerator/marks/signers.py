"""What signs a mark."""

from collections.abc import Sequence
from typing import Protocol


class Signer(Protocol):
    """The operator's key, with its certificates."""

    @property
    def algorithm(self) -> int:
        """The number of the algorithm in COSE."""

    @property
    def chain(self) -> Sequence[bytes]:
        """The certificates as DER, the signer's first."""

    @property
    def signature_bytes(self) -> int:
        """The length of every signature."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature; the same data has the same one."""
