"""Verify V4 signed URLs: https://cloud.google.com/storage/docs/authentication/canonical-requests."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self
from urllib.parse import quote, unquote_to_bytes

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from multidict import MultiMapping

from localcloud.storage_front.refusals import RefusalError
from localcloud.storage_front.targets import Target

_ALGORITHM: Final = "GOOG4-RSA-SHA256"
_PARAMETERS: Final = (
    "X-Goog-Algorithm",
    "X-Goog-Credential",
    "X-Goog-Date",
    "X-Goog-Expires",
    "X-Goog-SignedHeaders",
    "X-Goog-Signature",
)
_CREDENTIAL: Final = re.compile(r"([^/@]+@[^/@]+)/(([0-9]{8})/[^/]+/storage/goog4_request)")
_TIME: Final = "%Y%m%dT%H%M%SZ"
_LONGEST_SECONDS: Final = 7 * 24 * 3600
# The signer's clock may be ahead by this much.
_SKEW: Final = timedelta(minutes=15)


def is_signed(target: Target) -> bool:
    """Tell whether a request has any parameter of a signature; an incomplete signature is refused."""
    return any(name in _PARAMETERS for name, _ in target.query)


@dataclass(frozen=True)
class Claim:
    """A well-formed, unexpired signature that has not been verified: the signer and the signed request."""

    signer: str
    message: bytes
    signature: bytes

    @classmethod
    def parse(cls, method: str, target: Target, headers: MultiMapping[str], now: datetime) -> Self:
        """Read the signature of a request.

        Raises InvalidArgument, RequestTimeTooSkewed, ExpiredToken and MalformedSecurityHeader.
        """
        algorithm, credential, date, expires, signed_headers, signature = (
            _only(name, target.query) for name in _PARAMETERS
        )
        if algorithm != _ALGORITHM:
            raise RefusalError("InvalidArgument", f"X-Goog-Algorithm must be {_ALGORITHM}.")
        scope = _CREDENTIAL.fullmatch(credential)
        if scope is None or scope[3] != date[:8]:
            raise RefusalError(
                "InvalidArgument", "X-Goog-Credential must be SIGNER/DATE/LOCATION/storage/goog4_request."
            )
        _check_time(date, expires, now)
        names = signed_headers.split(";")
        _check_headers(names, headers)
        canonical = "\n".join(
            (
                method,
                quote(unquote_to_bytes(target.path), safe="/~"),
                _canonical_query(target.query),
                *(f"{name}:{_canonical_value(headers.getall(name))}" for name in names),
                "",
                signed_headers,
                "UNSIGNED-PAYLOAD",
            )
        )
        message = "\n".join((_ALGORITHM, date, scope[2], hashlib.sha256(canonical.encode()).hexdigest()))
        try:
            return cls(scope[1], message.encode(), bytes.fromhex(signature))
        except ValueError as error:
            raise RefusalError("InvalidArgument", "X-Goog-Signature must be hexadecimal.") from error

    def verify(self, certificates: Iterable[str]) -> None:
        """Raise SignatureDoesNotMatch unless a key of these PEM certificates signed exactly this request."""
        for certificate in certificates:
            key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
            if not isinstance(key, rsa.RSAPublicKey):
                continue
            try:
                key.verify(self.signature, self.message, padding.PKCS1v15(), hashes.SHA256())
            except InvalidSignature:
                continue
            return
        raise RefusalError("SignatureDoesNotMatch", f"{self.signer} did not sign this request as it was sent.")


def _only(name: str, query: Iterable[tuple[str, str]]) -> str:
    values = [value for key, value in query if key == name]
    if len(values) != 1:
        raise RefusalError("InvalidArgument", f"A signed request has {name} exactly once.")
    return values[0]


def _check_time(date: str, expires: str, now: datetime) -> None:
    try:
        signed = datetime.strptime(date, _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise RefusalError("InvalidArgument", "X-Goog-Date must look like 20260131T235959Z.") from error
    if not re.fullmatch(r"[0-9]{1,6}", expires) or not 1 <= int(expires) <= _LONGEST_SECONDS:
        raise RefusalError("InvalidArgument", f"X-Goog-Expires must be 1 to {_LONGEST_SECONDS} seconds.")
    if now < signed - _SKEW:
        raise RefusalError("RequestTimeTooSkewed", f"The signature is not valid before {signed:%FT%TZ}.")
    end = signed + timedelta(seconds=int(expires))
    if now > end:
        raise RefusalError("ExpiredToken", f"The signature expired at {end:%FT%TZ}.")


def _check_headers(names: list[str], headers: MultiMapping[str]) -> None:
    if "host" not in names or names != sorted({name.lower() for name in names}):
        raise RefusalError("InvalidArgument", "X-Goog-SignedHeaders must be sorted, in lower case, and hold host.")
    for name in names:
        if name not in headers:
            raise RefusalError("MalformedSecurityHeader", f"The header {name} is signed, but was not sent.")
    for name in headers:
        # These headers change what the request does, so only the signer may add them.
        if name.lower().startswith("x-goog-") and name.lower() not in names:
            raise RefusalError("MalformedSecurityHeader", f"The header {name} was sent, but is not signed.")


def _canonical_query(query: Iterable[tuple[str, str]]) -> str:
    pairs = [(quote(name, safe=""), quote(value, safe="")) for name, value in query if name != "X-Goog-Signature"]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _canonical_value(values: Iterable[str]) -> str:
    return ",".join(" ".join(value.split()) for value in values)
