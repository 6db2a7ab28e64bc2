"""Content credentials (C2PA) as Lyria 3 gives them: its MP3s say, signed, that a model made them.

The certificate is made by each process for itself, with an authority of its own, so no one trusts it.
"""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ISSUER: Final = "Local Vertex AI server"

_MP3: Final = "audio/mpeg"
_DAY: Final = timedelta(days=1)
_CREATED: Final = {
    "action": "c2pa.created",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
}
_MANIFEST: Final = {
    "claim_generator_info": [{"name": ISSUER}],
    "title": "music.mp3",
    "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [_CREATED]}}],
}


def signed(mp3: bytes) -> bytes:
    """Return the MP3 with content credentials in its ID3 tag."""
    import c2pa

    certificates, key = _certificates()
    info = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=certificates, private_key=key, ta_url=None)
    out = BytesIO()
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder.from_json(json.dumps(_MANIFEST)) as builder:
        builder.sign(signer, _MP3, BytesIO(mp3), out)
    return out.getvalue()


def altered(mp3: bytes) -> bytes:
    """Return the MP3 with another last byte, to which the signature does not apply."""
    return mp3[:-1] + bytes([mp3[-1] ^ 1])


@cache
def _certificates() -> tuple[bytes, bytes]:
    """Return the signer's certificate with its authority's, and the signer's key; each as PEM."""
    authority_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    authority = _certificate("authority", authority_key, "authority", authority_key)
    signer = _certificate("Lyria", key, "authority", authority_key)
    chain = b"".join(each.public_bytes(Encoding.PEM) for each in (signer, authority))
    return chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate(
    name: str, key: EllipticCurvePrivateKey, issuer: str, issuer_key: EllipticCurvePrivateKey
) -> x509.Certificate:
    is_authority, now = key is issuer_key, datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder(_name(issuer), _name(name), key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + 365 * _DAY)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not is_authority:
        # C2PA asks for a purpose; this is one of those that it lists.
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, ISSUER)
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
