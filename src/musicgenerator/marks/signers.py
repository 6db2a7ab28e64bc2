"""What signs a mark, and why it cannot."""

from collections.abc import Sequence
from typing import Protocol

from musicgenerator.errors import TransientError


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


class SigningKeyError(TransientError):
    """The secret cannot be read, or is no certificates with their key; the message holds nothing of it."""


class SigningKeyRefusedError(SigningKeyError):
    """Secret Manager refuses this account the secret: its grant, or the API, has no effect yet, or is missing."""
