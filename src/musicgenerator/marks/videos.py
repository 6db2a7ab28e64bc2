"""The mark of an MP4 that a browser has made: the box that it inserts, for a hash that it has computed.

The browser leaves a hole of ``BOX_BYTES`` after the box ``ftyp`` and hashes what C2PA's BMFF hash (version 3) covers:
every other top-level box, each after its offset as eight bytes. So the box is built without the video.
"""

from typing import Any, Final

from musicgenerator.marks.facts import Facts
from musicgenerator.marks.manifests import Draft
from musicgenerator.marks.signers import Signer

BOX_BYTES: Final = 16_384
_LABEL: Final = "c2pa.hash.bmff.v3"
_UUID: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
# Version and flags, the box's purpose, and the offset of Merkle boxes, which there are none of.
_BEFORE_STORE: Final = bytes(4) + b"manifest\0" + bytes(8)
_EXCLUDED: Final = ("/ftyp", "/mfra", "/free", "/skip")
_HEADER: Final = 8


def box(facts: Facts, sha256: bytes, signer: Signer) -> bytes:
    """Return the box, which has ``BOX_BYTES``; raise TooLargeError if the signer's certificates do not fit."""
    content: dict[str, Any] = {
        "exclusions": [
            {"xpath": "/uuid", "data": [{"offset": _HEADER, "value": _UUID}]},
            *({"xpath": path} for path in _EXCLUDED),
        ],
        "alg": "sha256",
        "hash": sha256,
        "name": "jumbf manifest",
    }
    before = BOX_BYTES.to_bytes(4) + b"uuid" + _UUID + _BEFORE_STORE
    draft = Draft(facts, facts.video_type)
    return before + draft.signed((_LABEL, content), signer, BOX_BYTES - len(before))
