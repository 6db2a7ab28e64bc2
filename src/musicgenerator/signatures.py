"""Say what a file is by its first bytes: names, types and encodings are only claims.

Formats that are not accepted, such as TIFF, raw photos or SVG, count as pictures too: the decoder names what is wrong.
"""

import re
from enum import StrEnum
from typing import Final

HEAD_BYTES: Final = 4096


class Kind(StrEnum):
    """What a file is; ``UNKNOWN`` includes damaged files whose first bytes are lost."""

    PICTURE = "picture"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    ARCHIVE = "archive"
    TEXT = "text"
    EMPTY = "empty"
    UNKNOWN = "unknown"


def kind_of(head: bytes) -> Kind:
    """Return what a file is; ``head`` has its first ``HEAD_BYTES`` bytes or more."""
    head = head[:HEAD_BYTES]
    if not head:
        return Kind.EMPTY
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    for found, pattern in _PATTERNS:
        if pattern.match(head):
            return found
    return _text(head)


_HEIF_BRANDS: Final = {b"mif1", b"mif2", b"mif3", b"msf1", b"miaf", b"avci", b"avcs", b"j2ki", b"jpeg"}
_HEVC_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_IMAGE_BRANDS: Final = _HEIF_BRANDS | _HEVC_BRANDS | {b"avif", b"avis", b"crx "}
_AUDIO_BRANDS: Final = frozenset((b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "))
_PATTERNS: Final = tuple(
    (found, re.compile(pattern, re.DOTALL))
    for found, pattern in (
        # JPEG, PNG, GIF, WEBP, JPEG XL, JPEG 2000, TIFF and raw photos, Photoshop, GIMP, icons and rarer formats.
        (Kind.PICTURE, rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|[\x8a\x8b][MJ]NG\r\n|GIF8[79]a|RIFF....WEBP"),
        (Kind.PICTURE, rb"\xff\x0a|\0\0\0\x0cJXL |\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
        (Kind.PICTURE, rb"II[*+]\0|MM\0[*+]|IIR[OS]|IIU\0|FUJIFILMCCD-RAW|FOVb|\0MRM"),
        (Kind.PICTURE, rb"8BPS\0|gimp xcf |qoif|DDS |\x76\x2f\x31\x01|#\?RADIANCE|BPG\xfb|FLIF|SIMPLE  =|.{128}DICM"),
        (
            Kind.PICTURE,
            rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0|\0\0[\x01\x02]\0[^\0]\0|P[1-6][ \t\r\n]+[#0-9]|P7\n",
        ),
        (Kind.VIDEO, rb"RIFF....AVI |\x1aE\xdf\xa3|FLV\x01|\x30\x26\xb2\x75\x8e\x66\xcf\x11|\0\0\x01[\xb3\xba]"),
        (Kind.VIDEO, rb"....(moov|mdat|wide|free|skip|pnot)|G.{187}G"),
        (Kind.AUDIO, rb"ID3|fLaC|OggS|MThd|RIFF....WAVE|FORM....AIF[FC]|caff\0|#!AMR|\.snd|\xff[\xe2-\xfb]"),
        (Kind.DOCUMENT, rb".{0,1023}%PDF-|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|\{\\rtf|%!PS|AT&TFORM|\xc5\xd0\xd3\xc6"),
        (
            Kind.ARCHIVE,
            rb"PK(\x03\x04|\x05\x06|\x07\x08)|\x1f\x8b|BZh[1-9]|\xfd7zXZ\0|7z\xbc\xaf\x27\x1c|Rar!\x1a|\x28\xb5\x2f\xfd",
        ),
        (Kind.ARCHIVE, rb"MSCF\0|.{257}ustar"),
    )
)
_SVG: Final = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


def _by_brand(head: bytes) -> Kind:
    """Return the kind of an ISO media file by the brands of its ``ftyp`` box: HEIC, AVIF, MP4, MOV or M4A."""
    end = min(len(head), max(16, int.from_bytes(head[:4])))
    major, compatible = head[8:12], {head[at : at + 4] for at in range(16, end, 4)}
    if major in _IMAGE_BRANDS or not _IMAGE_BRANDS.isdisjoint(compatible):
        return Kind.PICTURE
    return Kind.AUDIO if major in _AUDIO_BRANDS else Kind.VIDEO


def _text(head: bytes) -> Kind:
    if head.startswith(_UTF16):
        return Kind.TEXT
    if _SVG.search(head):
        return Kind.PICTURE
    return Kind.UNKNOWN if _CONTROLS.search(head) else Kind.TEXT
