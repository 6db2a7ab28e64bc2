"""Build a signed store of manifests (C2PA 2.x, claim version 2) around the hash of a file."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from musicgenerator.marks import jumbf
from musicgenerator.marks.cbor import Tagged, encoded
from musicgenerator.marks.facts import PRODUCT, Facts
from musicgenerator.marks.signers import Signer

ORIGIN: Final = "musicgenerator.origin"
_STORE, _MANIFEST, _ASSERTIONS, _CLAIM, _SIGNATURE, _CBOR = b"c2pa", b"c2ma", b"c2as", b"c2cl", b"c2cs", b"cbor"
_SIGN1_TAG: Final = 18
_ALGORITHM_HEADER, _CHAIN_HEADER = 1, 33
_MAX_TRIES: Final = 4


class TooLargeError(Exception):
    """The manifest needs more bytes than there are for it."""


class UnreadableParentError(Exception):
    """The content credentials of a parent have a form that this module cannot repeat."""


@dataclass(frozen=True)
class Parent:
    """The content credentials of the file from which a file was made.

    ``manifests`` are those of its store, the active one last, and ``assertion`` is what a mark says of them.
    """

    manifests: tuple[bytes, ...]
    assertion: bytes

    @classmethod
    def of_store(cls, store: bytes, mime: str, results: Mapping[str, Any]) -> Self:
        """Return the parent with this store of manifests, as it is embedded in a file of the type ``mime``.

        ``results`` are the validation results of the reader that has checked them.
        Raise UnreadableParentError for a store that this module cannot repeat.
        """
        try:
            manifests = list(jumbf.read(store).inside())
            active = manifests[-1]  # by C2PA's rule
            signature = {box.label: box for box in active.inside()}["c2pa.signature"]
            assertion = {
                "relationship": "parentOf",
                "dc:format": mime,
                "validationResults": results,
                "activeManifest": _hashed(f"self#jumbf=/c2pa/{active.label}", active.data),
                "claimSignature": _hashed(f"self#jumbf=/c2pa/{active.label}/c2pa.signature", signature.data),
            }
            told = jumbf.cbor_box(_CBOR, "c2pa.ingredient.v3", assertion)
        except (ValueError, LookupError, TypeError) as error:
            raise UnreadableParentError(repr(error)) from error
        return cls(tuple(manifest.data for manifest in manifests), told)


@dataclass(frozen=True)
class Draft:
    """What a manifest says, without the hash that binds it to a file; ``source_type`` is a term of IPTC."""

    facts: Facts
    source_type: str
    parent: Parent | None = None

    def signed(self, binding: tuple[str, Mapping[str, Any]], signer: Signer, length: int | None = None) -> bytes:
        """Return the store of manifests; ``binding`` is the label and the content of the assertion about the bytes.

        The store is padded to ``length`` bytes if that is given; otherwise its length is even, and depends only on the
        lengths of what is in it. Raise TooLargeError if it does not fit.
        """
        unpadded = self._store(binding, signer, (0, 0))
        if length is None:
            length = len(unpadded) + 2 - len(unpadded) % 2
        missing = length - len(unpadded)
        if missing < 0:
            raise TooLargeError(f"a manifest of {len(unpadded):,} bytes does not fit into {length:,}")
        # A longer pad may need a longer prefix; the second pad fills what one pad cannot reach.
        for second in range(min(missing, 5) + 1):
            for first in range(max(0, missing - second - _MAX_TRIES), missing - second + 1):
                store = self._store(binding, signer, (first, second), sign=False)
                if len(store) == length:
                    return self._store(binding, signer, (first, second))
        raise TooLargeError(f"a manifest cannot be padded to {length:,} bytes")

    def _store(
        self, binding: tuple[str, Mapping[str, Any]], signer: Signer, pads: tuple[int, int], *, sign: bool = True
    ) -> bytes:
        label, content = binding
        digest = hashlib.sha256(
            encoded([content, self.facts.origin(), self.facts.title, self.source_type, *signer.chain])
        ).digest()
        # Named by its content, so a second run gives the same name.
        name = f"urn:c2pa:{uuid.UUID(bytes=digest[:16], version=4)}"
        parents, ingredients = (self.parent.manifests, [self.parent.assertion]) if self.parent else ((), [])
        assertions = [
            jumbf.cbor_box(_CBOR, label, content),
            *ingredients,
            jumbf.cbor_box(_CBOR, "c2pa.actions.v2", self._actions(ingredients)),
            jumbf.cbor_box(_CBOR, ORIGIN, self.facts.origin()),
        ]
        claim = encoded(
            {
                "instanceID": f"xmp:iid:{uuid.UUID(bytes=digest[16:], version=4)}",
                "claim_generator_info": PRODUCT,
                "signature": f"self#jumbf=/c2pa/{name}/c2pa.signature",
                "created_assertions": [_reference(assertion) for assertion in assertions],
                "dc:title": self.facts.title,
                "alg": "sha256",
            }
        )
        manifest = jumbf.superbox(
            _MANIFEST,
            name,
            jumbf.superbox(_ASSERTIONS, "c2pa.assertions", *assertions),
            jumbf.superbox(_CLAIM, "c2pa.claim.v2", jumbf.box(b"cbor", claim)),
            jumbf.cbor_box(_SIGNATURE, "c2pa.signature", _signature(claim, signer, pads, sign=sign)),
        )
        return jumbf.superbox(_STORE, "c2pa", *parents, manifest)

    def _actions(self, ingredients: Sequence[bytes]) -> dict[str, Any]:
        agent = {"name": self.facts.engine, "version": self.facts.model}
        made = {"digitalSourceType": self.source_type, "softwareAgent": agent}
        if not ingredients:
            return {"actions": [{"action": "c2pa.created"} | made], "allActionsIncluded": True}
        # The engine's file is the parent; this product has mastered and encoded what is in it.
        opened = {"action": "c2pa.opened", "parameters": {"ingredients": [_reference(ingredients[0])]}}
        mastered = {"action": "c2pa.edited", "softwareAgent": PRODUCT}
        return {"actions": [opened | made, mastered], "allActionsIncluded": True}


def _reference(assertion: bytes) -> dict[str, Any]:
    return _hashed(f"self#jumbf=c2pa.assertions/{jumbf.read(assertion).label}", assertion)


def _hashed(url: str, superbox: bytes) -> dict[str, Any]:
    return {"url": url, "alg": "sha256", "hash": hashlib.sha256(jumbf.payload(superbox)).digest()}


def _signature(claim: bytes, signer: Signer, pads: tuple[int, int], *, sign: bool) -> Tagged:
    """Return a COSE_Sign1 (RFC 9052) whose payload is the claim, which is stored beside it."""
    chain = signer.chain[0] if len(signer.chain) == 1 else list(signer.chain)
    protected = encoded({_ALGORITHM_HEADER: signer.algorithm, _CHAIN_HEADER: chain})
    signature = signer.sign(encoded(["Signature1", protected, b"", claim])) if sign else b"\0" * signer.signature_bytes
    padding = {"pad": bytes(pads[0]), "pad2": bytes(pads[1])}
    return Tagged(_SIGN1_TAG, [protected, padding, None, signature])
