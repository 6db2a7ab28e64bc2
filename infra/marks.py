"""The operator's certificate and key, by which music and videos are marked (C2PA), from the files that are given.

The secret's labels have the certificate's hash and last day, which are not secret.
"""

import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from infra.content import short_hash
from infra.installation import Installation
from infra.stops import StoppedError

_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
# Inside a certificate, two times follow each other only where its validity is: UTCTime or GeneralizedTime.
_VALIDITY: Final = re.compile(rb"\x30.(?:\x17\x0d|\x18\x0f)\d{12,14}Z(\x17\x0d|\x18\x0f)(\d{12,14})Z", re.DOTALL)
_KEY: Final = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.+?-----END \1PRIVATE KEY-----", re.DOTALL)
# How a certificate states its key, of P-256, P-384, P-521 or Ed25519: those that the functions can sign with.
_CURVE: Final = "06072a8648ce3d0201"
_ALLOWED: Final = tuple(
    bytes.fromhex(each)
    for each in (
        f"{_CURVE}06082a8648ce3d030107",
        f"{_CURVE}06052b81040022",
        f"{_CURVE}06052b81040023",
        "300506032b657003",
    )
)
_CENTURY: Final = 2000
_NONE: Final = (
    "  marks        none: music and videos are not signed (C2PA). Set C2PA_CERTIFICATE and C2PA_KEY; plain tags still"
    "\n               say that the music is AI-generated (docs/operations.md)\n"
)


@dataclass(frozen=True)
class Signing:
    """Certificates and key as one text, the hash of the certificates, and the last day of the first one."""

    text: str
    digest: str
    expires: str


def given(at: Installation) -> Signing | None:
    """Read the files that C2PA_CERTIFICATE and C2PA_KEY name, or return None if they are not given.

    Raise StoppedError if they cannot sign: the functions would refuse them, and no music would be made.
    """
    paths = at.option("C2PA_CERTIFICATE"), at.option("C2PA_KEY")
    if not any(paths):
        return None
    if not all(paths):
        raise StoppedError("C2PA_CERTIFICATE and C2PA_KEY are files that belong together: give both.")
    certificate, key = (Path(path).expanduser() for path in paths)
    try:
        # Without this, a key with a password would ask for it.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
        chain = _CERTIFICATE.findall(certificate.read_text(encoding="utf-8"))
        # The file may also have certificates or parameters. After the certificates, the functions expect only the key.
        text = "\n".join([*chain, next(_KEY.finditer(key.read_text(encoding="utf-8")))[0], ""])
    except (OSError, ValueError, StopIteration) as error:
        raise StoppedError(
            f"{certificate} must have certificates in PEM, yours first, and {key} its key without a password: {error}"
        ) from None
    first = ssl.PEM_cert_to_DER_cert(chain[0])
    if not any(each in first for each in _ALLOWED):
        raise StoppedError(
            "C2PA_KEY must be a key of P-256, P-384, P-521 or Ed25519: C2PA allows no other curves, "
            "and RSA's signatures are random."
        )
    expires = _last_day(first)
    if expires < datetime.now(UTC).date().isoformat():
        raise StoppedError(f"{certificate} expired on {expires}.")
    return Signing(text, short_hash("".join(chain).encode()), expires)


def is_new(at: Installation, signing: Signing | None) -> bool:
    """Return True if files are given whose certificate the project does not have."""
    kept = at.fact("secrets", at.names.marks_secret, "labels/certificate")
    return signing is not None and signing.digest != kept


def listed(at: Installation) -> str:
    """Return the line of a plan that says whether music is signed, and until when the certificate is valid."""
    signing = given(at)
    expires = signing.expires if signing else at.fact("secrets", at.names.marks_secret, "labels/expires")
    if not expires or not (signing or at.state.of(f"versions of {at.names.marks_secret}")):
        return _NONE
    return f"  marks        music and videos are signed (C2PA); the certificate is valid until {expires}\n"


def _last_day(der: bytes) -> str:
    found = _VALIDITY.search(der)
    if found is None:
        raise StoppedError("The certificate has no dates.")
    digits = found[2].decode()
    year, rest = (int(digits[:2]) + _CENTURY, digits[2:]) if found[1] == b"\x17\x0d" else (int(digits[:4]), digits[4:])
    return f"{year}-{rest[:2]}-{rest[2:4]}"
