"""Sign marks with the operator's certificates and key."""

from collections.abc import Sequence
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from musicgenerator.marks.signers import SigningKeyError

_END: Final = "-----END CERTIFICATE-----"
_ED25519: Final = -8
# By curve: the algorithm's number in COSE, its hash, and the bytes of one half of a signature.
_ECDSA: Final[dict[str, tuple[int, hashes.HashAlgorithm, int]]] = {
    "secp256r1": (-7, hashes.SHA256(), 32),
    "secp384r1": (-35, hashes.SHA384(), 48),
    "secp521r1": (-36, hashes.SHA512(), 66),
}


class PemSigner:
    """A key of Ed25519, P-256, P-384 or P-521 with its certificates, the signer's first.

    Signatures of ECDSA are deterministic (RFC 6979). RSA is refused: C2PA asks for PSS, whose signatures are random, so
    a second run of the step would make other files.
    """

    def __init__(self, chain: Sequence[bytes], key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> None:
        """``chain`` holds certificates as DER; raise SigningKeyError for a curve that C2PA does not allow."""
        self.chain = tuple(chain)
        self._key = key
        self._hash: hashes.HashAlgorithm | None = None
        if isinstance(key, ed25519.Ed25519PrivateKey):
            self.algorithm, half = _ED25519, 32
        elif key.curve.name in _ECDSA:
            self.algorithm, self._hash, half = _ECDSA[key.curve.name]
        else:
            raise SigningKeyError(f"the key's curve must be one of {', '.join(_ECDSA)}, or the key Ed25519")
        self.signature_bytes = 2 * half

    @classmethod
    def from_pem(cls, text: str) -> Self:
        """Read certificates and a key in PEM, in any order; raise SigningKeyError if they are not a pair."""
        try:
            certificates = x509.load_pem_x509_certificates(text.encode())
            key = serialization.load_pem_private_key(text[text.index("-----BEGIN", _after(text)) :].encode(), None)
        except (ValueError, TypeError):
            # The library's message may show a part of the key.
            raise SigningKeyError(
                "it must hold the certificates and then the key, as PEM, without a password"
            ) from None
        if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
            raise SigningKeyError("the key must be one of Ed25519 or of a curve: RSA's signatures are random")
        if certificates[0].public_key() != key.public_key():
            raise SigningKeyError("the first certificate must be that of the key")
        chain = [each.public_bytes(serialization.Encoding.DER) for each in certificates]
        # C2PA leaves the root out: who verifies has it.
        is_root = len(chain) > 1 and certificates[-1].subject == certificates[-1].issuer
        return cls(chain[:-1] if is_root else chain, key)

    def sign(self, data: bytes) -> bytes:
        """Return the signature as COSE stores it; the same data has the same one."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(data)
        if self._hash is None:
            raise SigningKeyError("an elliptic curve needs a hash")
        der = self._key.sign(data, ec.ECDSA(self._hash, deterministic_signing=True))
        half = self.signature_bytes // 2
        return b"".join(number.to_bytes(half) for number in utils.decode_dss_signature(der))


def _after(text: str) -> int:
    return text.rindex(_END) + len(_END)
