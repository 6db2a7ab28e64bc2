"""Read the content credentials (C2PA) of a file, without any request to another machine."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

# Neither a manifest elsewhere nor an answer about revoked certificates is fetched.
_OFFLINE: Final = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
# What the library reports about a signer that is on none of the given trust lists; it is no fault of the file.
_UNTRUSTED: Final = "signingCredential.untrusted"
# Each store of manifests is labelled so.
_LABEL: Final = b"c2pa"


@dataclass(frozen=True)
class Credentials:
    """What a file's content credentials say.

    ``valid`` means that the signature is sound and covers exactly these bytes; ``trusted`` also that the signer is
    known to the given anchors. ``issuer`` is the organisation that the signer's certificate names, empty if there is
    none. ``source_type`` is the IPTC term of how the content was made, without its address, for example
    ``trainedAlgorithmicMedia``. ``problems`` are the codes of failed checks. ``manifest`` is the active manifest, and
    ``results`` are the library's validation results, both in its JSON form.
    """

    present: bool = False
    valid: bool = False
    issuer: str = ""
    trusted: bool = False
    source_type: str = ""
    problems: tuple[str, ...] = ()
    manifest: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)


def read(data: bytes, mime: str, anchors: str = "") -> Credentials:
    """Read the credentials of a file; ``anchors`` are certificates in PEM that are trusted besides the library's own.

    Nothing is raised for a damaged file: its credentials are present and not valid, or not present.
    """
    import c2pa  # 23 MB of native code, which only a file with credentials or an operator needs

    trust = {"trust": {"user_anchors": anchors}} if anchors else {}
    try:
        with (
            c2pa.Context(settings=c2pa.Settings.from_dict(_OFFLINE | trust)) as context,
            c2pa.Reader(mime, BytesIO(data), context=context) as reader,
        ):
            store = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return Credentials()
    except c2pa.C2paError as error:
        return Credentials(present=_LABEL in data, problems=(str(error),))
    manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
    state = store.get("validation_state")
    codes = [status["code"] for status in store.get("validation_status", ())]
    return Credentials(
        present=True,
        valid=state in {"Valid", "Trusted"},
        issuer=manifest.get("signature_info", {}).get("issuer") or "",
        trusted=state == "Trusted",
        source_type=_source_type(manifest.get("assertions", ())),
        problems=tuple(code for code in dict.fromkeys(codes) if code != _UNTRUSTED),
        manifest=manifest,
        results=store.get("validation_results", {}),
    )


def _source_type(assertions: Sequence[Mapping[str, Any]]) -> str:
    for assertion in assertions:
        if assertion.get("label", "").startswith("c2pa.actions"):
            for action in assertion.get("data", {}).get("actions", ()):
                if "digitalSourceType" in action:
                    return str(action["digitalSourceType"]).rsplit("/", 1)[-1]
    return ""
