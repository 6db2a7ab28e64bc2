"""Signers of marks, and files with marks that are not this project's."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import c2pa
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID
from mutagen.id3 import ID3, TIT2

from localcloud.servers.mark_certificates import signer_of
from musicgenerator.marks.facts import Facts
from musicgenerator_google.mark_signer import PemSigner
from pipeline.audio import Audio
from pipeline.encoding import Tags

FACTS = Facts("달빛 산책", "composer", "composer-3", 42, "1", edited_by_person=True)
TAGS = Tags(
    title="달빛 산책",
    caption="달빛 아래 걷는 사람",
    language="ko",
    genre="bossa nova",
    key="F# minor",
    tempo_bpm=124,
    engine="composer",
    model="composer-3",
    seed=42,
    prompt_version="1",
)


def sound(seconds: float = 1.0) -> Audio:
    """Return a tone."""
    time = np.arange(int(seconds * 44_100)) / 44_100
    return Audio(np.stack([0.3 * np.sin(2 * np.pi * 220 * time)] * 2, axis=1).astype(np.float32), 44_100)


def retitled(data: bytes) -> bytes:
    """Return an MP3 with another title, written by mutagen, as a tag editor would."""
    out = BytesIO(data)
    tags = ID3(out)
    tags.setall("TIT2", [TIT2(encoding=1, text=["Another title"])])
    out.seek(0)
    tags.save(out, v2_version=3)
    return out.getvalue()


@cache
def _folder() -> Path:
    return Path(mkdtemp())


@cache
def signer() -> PemSigner:
    """The signer of a local cloud."""
    return PemSigner.from_pem(signer_of(_folder()))


def anchor() -> str:
    """The certificate of its authority."""
    signer_of(_folder())
    return (_folder() / "authority.pem").read_text()


def engines_answer(sound: bytes, mime: str = "audio/mpeg") -> bytes:
    """Return sound with the credentials of an engine, written by the C2PA library, as Lyria writes them."""
    pem = signer_of(_folder())
    info = c2pa.C2paSignerInfo(b"es256", pem[: pem.index("-----BEGIN PRIVATE")].encode(), _key(pem).encode(), None)
    source = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    actions = {"actions": [{"action": "c2pa.created", "digitalSourceType": source}]}
    definition = {
        "claim_generator_info": [{"name": "engine"}],
        "assertions": [{"label": "c2pa.actions", "data": actions}],
    }
    settings = c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    out = BytesIO()
    with (
        c2pa.Context(settings=settings, signer=c2pa.Signer.from_info(info)) as context,
        c2pa.Builder(json.dumps(definition), context) as builder,
    ):
        builder.sign(mime, BytesIO(sound), out)
    return out.getvalue()


def _key(pem: str) -> str:
    return pem[pem.index("-----BEGIN PRIVATE") :]


def pem_of(key: Any, *, of: Any = None, days: int = 1) -> str:
    """Return a self-signed certificate of a key, or of another one, with the key behind it."""
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Operator")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key((of or key).public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=9)).not_valid_after(now + timedelta(days=days))
    algorithm = None if isinstance(of or key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    certificate = made.sign(of or key, algorithm).public_bytes(serialization.Encoding.PEM)
    encodings = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private: bytes = key.private_bytes(*encodings)
    return (certificate + private).decode()


def pair() -> tuple[str, str]:
    """Return a local cloud's certificates and key."""
    pem = signer_of(_folder())
    return pem[: pem.index("-----BEGIN PRIVATE")], _key(pem)
