"""Write and read JUMBF boxes (ISO 19566-5), of which a store of manifests consists."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from musicgenerator.marks.cbor import encoded

# The last 12 bytes of the types of C2PA's boxes and of the types of content.
_TYPE_END: Final = bytes.fromhex("00110010800000aa00389b71")
_REQUESTABLE_LABELLED: Final = b"\x03"
_HEADER: Final = 8
_TYPE: Final = 16


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box: its length, its four letters and its content."""
    return (_HEADER + len(content)).to_bytes(4) + kind + content


def superbox(kind: bytes, label: str, *boxes: bytes) -> bytes:
    """Return a labelled superbox of these boxes."""
    description = kind + _TYPE_END + _REQUESTABLE_LABELLED + label.encode() + b"\0"
    return box(b"jumb", box(b"jumd", description) + b"".join(boxes))


def cbor_box(kind: bytes, label: str, value: object) -> bytes:
    """Return a labelled superbox whose content is a value as CBOR."""
    return superbox(kind, label, box(b"cbor", encoded(value)))


def payload(data: bytes) -> bytes:
    """Return what the hash of a superbox covers: everything but its header."""
    return data[_HEADER:]


@dataclass(frozen=True)
class Superbox:
    """A superbox inside a store: its label, all its bytes, and the superboxes in it."""

    label: str
    data: bytes

    def inside(self) -> Iterator["Superbox"]:
        """Yield the superboxes in this one; raise ValueError if a box is longer than what is around it."""
        for kind, data in _boxes(payload(self.data)):
            if kind == b"jumb":
                yield read(data)


def read(data: bytes) -> Superbox:
    """Read one superbox; raise ValueError if the bytes are none."""
    if data[4:8] != b"jumb":
        raise ValueError("not a JUMBF superbox")
    for kind, description in _boxes(payload(data)):
        if kind == b"jumd":
            label, _, _ = description[_HEADER + _TYPE + 1 :].partition(b"\0")
            return Superbox(label.decode(), data)
    raise ValueError("a superbox without description")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4])
        if not _HEADER <= length <= len(data) - at:
            raise ValueError("a JUMBF box of an impossible length")
        yield data[at + 4 : at + 8], data[at : at + length]
        at += length
