"""Signers of marks, and files with marks that are not this project's."""

import json
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import mkdtemp

import c2pa

from localcloud.servers.mark_certificates import signer_of
from musicgenerator_google.mark_signer import PemSigner


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
