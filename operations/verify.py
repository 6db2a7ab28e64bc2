"""Print what marks a file: ``python -m operations.verify FILE``.

A file is an MP3, a WAV, an MP4 or a ZIP of these; of a MIDI or MusicXML file, the text is printed.
Content credentials (C2PA) are read by the library of the C2PA's members, without any request.
``TRUST`` names a file of certificates (PEM) that are trusted; `make verify` names that of this folder's local cloud.
Exits with 0 if every file has valid credentials, and with 1 otherwise.
"""

import lzma
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import soundfile
from cryptography import x509
from mutagen import MutagenError
from mutagen.id3 import ID3, ID3NoHeaderError
from mutagen.mp4 import MP4

from operations import statements
from pipeline import credentials
from pipeline.credentials import Credentials

# The second byte of an MP3's frame: MPEG 1, 2 or 2.5, layer 3, with or without a checksum.
_SECOND: Final = (b"\xfb", b"\xfa", b"\xf3", b"\xf2", b"\xe3", b"\xe2")
# A ZIP with files and one without.
_ZIPS: Final = (b"PK\x03\x04", b"PK\x05\x06")
_SUFFIXES: Final = frozenset({".mp3", ".wav", ".mp4"})
_MAX_BYTES: Final = 2_000_000_000  # more than any of this project's files, and less than what fills the memory
# What mutagen and libsndfile raise for damaged tags, and `zipfile` for a damaged, encrypted or strange ZIP.
_DAMAGED_TAGS: Final = (
    *(MutagenError, soundfile.LibsndfileError),
    *(ValueError, LookupError, OverflowError, RecursionError, struct.error),
)
_DAMAGED_ZIP: Final = (
    *(OSError, EOFError, ValueError, LookupError, RuntimeError, struct.error),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
_JOINER: Final = "\u200d"  # which emojis need
_CHANGED: Final = ("assertion.dataHash.mismatch", "assertion.bmffHash.mismatch")
_EXPIRED: Final = "signingCredential.expired"
_TOLD: Final = ("TIT2", "TPE1", "TXXX:AI-generated", "TXXX:engine", "TXXX:model", "TXXX:seed")


def lines(name: str, data: bytes, anchors: str) -> tuple[list[str], bool]:
    """Return what a file says of itself, and whether its credentials are valid."""
    plain = statements.lines(name, data)
    if plain:
        return plain, False
    mime = _mime(data)
    if mime is None:
        return [f"{name}: {'none of MP3, WAV, MP4, ZIP, MIDI and MusicXML' if data else 'empty'}"], False
    found = credentials.read(data, mime, anchors)
    return [f"{name} ({mime})", *_credential_lines(found), *_tag_lines(data, mime)], found.valid


def _credential_lines(found: Credentials) -> list[str]:
    problems = [f"    problem: {problem}" for problem in found.problems]
    if not found.present:
        return [f"  content credentials: none{' that can be read' if problems else ''}", *problems]
    state = "valid" if found.valid else "NOT VALID"
    if found.valid:
        state += (
            ", and the signer is trusted"
            if found.trusted
            else ", but the signer is on none of the given trust lists (TRUST=certificates.pem)"
        )
    elif set(found.problems) & set(_CHANGED):
        state += ": the file was changed after it was signed"
    elif _EXPIRED in found.problems:
        state += ": the signer's certificate has expired"
    elif not found.manifest:
        state += ": the file or its credentials are damaged or incomplete"
    shown = [f"  content credentials: {state}", *problems]
    if not found.manifest:
        return shown
    signature = found.manifest.get("signature_info", {})
    shown += [
        f"    signed by: {found.issuer or '?'} ({signature.get('alg', '?')})",
        f"    title: {found.manifest.get('title', '')}",
    ]
    told = (each for each in found.manifest.get("assertions", ()) if not each["label"].startswith("c2pa.hash"))
    for assertion in told:
        shown.append(f"    {assertion['label']}")
        shown += [f"      {line}" for line in _flat(assertion.get("data"))]
    for ingredient in found.manifest.get("ingredients", ()):
        kind = f"{ingredient.get('relationship')} ({ingredient.get('format', '?')})"
        shown.append(f"    made from: {kind}, {'with' if 'active_manifest' in ingredient else 'without'} credentials")
    return shown


def _flat(value: Any, path: str = "") -> Iterator[str]:
    """Yield a line for each value in JSON."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _flat(inner, path)
    else:
        yield f"{path}: {value}"


def _tag_lines(data: bytes, mime: str) -> list[str]:
    try:
        told = {"audio/mpeg": _id3, "audio/wav": _info, "video/mp4": _mp4}[mime](data)
    except _DAMAGED_TAGS:
        return ["  tags: none that can be read"]
    says = any("AI-generated" in f"{name} {text}" for name, text in told.items())
    words = "they say that it is AI-generated" if says else "nothing says that it is AI-generated"
    return [f"  tags: {words if told else 'none'}", *(f"    {name}: {text}" for name, text in told.items())]


def _id3(data: bytes) -> dict[str, str]:
    try:
        tags = ID3(BytesIO(data))
    except ID3NoHeaderError:
        return {}
    return {name: str(tags[name]) for name in _TOLD if name in tags}


def _info(data: bytes) -> dict[str, str]:
    with soundfile.SoundFile(BytesIO(data)) as file:
        return {name: str(text) for name, text in file.copy_metadata().items()}


def _mp4(data: bytes) -> dict[str, str]:
    tags: Any = MP4(BytesIO(data)).tags or {}
    names = {"\xa9nam": "title", "\xa9ART": "artist", "\xa9cmt": "comment"}
    return {shown: str(tags[name][0]) for name, shown in names.items() if name in tags}


def _mime(data: bytes) -> str | None:
    """Return the type by the first bytes, because names are often wrong."""
    if data[4:8] == b"ftyp":
        return "video/mp4"
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "audio/wav"
    # Not every file with this first byte: a JPEG has another second one.
    is_frame = data[:1] == b"\xff" and data[1:2] in _SECOND
    return "audio/mpeg" if data.startswith(b"ID3") or is_frame else None


def _files(path: Path) -> Iterator[tuple[str, bytes | str]]:
    """Yield the file, or those of a ZIP that can have marks, each as its bytes or as the reason why it has none."""
    size = path.stat().st_size
    if not path.is_file():
        yield path.name, "not a file"
        return
    if size > _MAX_BYTES:
        yield path.name, f"too large: {size:,} bytes"
        return
    data = path.read_bytes()
    if not data.startswith(_ZIPS):
        yield path.name, data
        return
    with zipfile.ZipFile(BytesIO(data)) as folder:
        for entry in folder.infolist():
            inner = _unpacked(folder, entry)
            is_music = Path(entry.filename).suffix.lower() in _SUFFIXES
            if is_music or (isinstance(inner, bytes) and _mime(inner)):
                yield f"{path.name}: {entry.filename}", inner


def _unpacked(folder: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | str:
    if entry.file_size > _MAX_BYTES:
        return f"too large: {entry.file_size:,} bytes"
    try:
        return folder.read(entry)
    except _DAMAGED_ZIP as error:
        return f"cannot be unpacked: {error}"


def _anchors(trust: str) -> str:
    """Return the certificates in a file; raise ValueError if it has other things, which would look like a bad mark."""
    text = Path(trust).expanduser().read_text()
    try:
        if text.strip():
            x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise ValueError(f"{trust} has no certificates in PEM that can be read") from None
    return text


def _printable(line: str) -> str:
    """Return a line without control characters: what others wrote in a file can neither break nor colour it."""
    encoding = sys.stdout.encoding or "utf-8"
    kept = "".join(
        each if each.isprintable() or each == _JOINER else each.encode("unicode_escape").decode() for each in line
    )
    return kept.encode(encoding, "backslashreplace").decode(encoding)


def main(arguments: Sequence[str]) -> int:
    """Print the marks of the file that the arguments name."""
    if len(arguments) != 1 or not arguments[0]:
        print("Name a file: make verify FILE=music.mp3", file=sys.stderr)
        return 1
    trust = os.environ.get("TRUST")
    shown: list[str] = []
    verdicts: list[bool] = []
    try:
        anchors = _anchors(trust) if trust else ""
        for name, data in _files(Path(arguments[0]).expanduser()):
            said, valid = ([f"{name}: {data}"], False) if isinstance(data, str) else lines(name, data, anchors)
            shown += said
            verdicts.append(valid)
    except _DAMAGED_ZIP as error:
        print(_printable(str(error)), file=sys.stderr)
        return 1
    print("\n".join(map(_printable, shown)) or "The ZIP has no music.")
    return 0 if verdicts and all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
