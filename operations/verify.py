"""Print what marks a file: ``python -m operations.verify FILE``.

A file is an MP3, a WAV, an MP4 or a ZIP of these; of a MIDI or MusicXML file, the text is printed.
Content credentials (C2PA) are read by the library of the C2PA's members, without any request.
``TRUST`` names a file of certificates (PEM) that are trusted; `make verify` names that of this folder's local cloud.
Exits with 0 if every file has valid credentials, and with 1 otherwise.
"""

import os
import sys
import zipfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import soundfile
from mutagen.id3 import ID3, ID3NoHeaderError
from mutagen.mp4 import MP4, MP4StreamInfoError

from operations import statements
from pipeline import credentials
from pipeline.credentials import Credentials

# By the first bytes of a file, because names are often wrong.
_KINDS: Final = ((b"ID3", "audio/mpeg"), (b"\xff", "audio/mpeg"), (b"RIFF", "audio/wav"))
_FTYP: Final = (4, 8)
_ZIP: Final = b"PK\x03\x04"
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
        return [f"{name}: neither an MP3 nor a WAV nor an MP4"], False
    found = credentials.read(data, mime, anchors)
    return [f"{name} ({mime})", *_credential_lines(found), *_tag_lines(data, mime)], found.valid


def _credential_lines(found: Credentials) -> list[str]:
    if not found.present:
        return ["  content credentials: none"]
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
    shown = [f"  content credentials: {state}"]
    shown += [f"    problem: {problem}" for problem in found.problems]
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
        shown.append(
            f"    made from: {ingredient.get('relationship')} ({ingredient.get('format', '?')}), with credentials"
        )
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
    told = {"audio/mpeg": _id3, "audio/wav": _info, "video/mp4": _mp4}[mime](data)
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
    try:
        with soundfile.SoundFile(BytesIO(data)) as file:
            return {name: str(text) for name, text in file.copy_metadata().items()}
    except soundfile.LibsndfileError:
        return {}


def _mp4(data: bytes) -> dict[str, str]:
    try:
        tags: Any = MP4(BytesIO(data)).tags or {}
    except MP4StreamInfoError:
        return {}
    names = {"\xa9nam": "title", "\xa9ART": "artist", "\xa9cmt": "comment"}
    return {shown: str(tags[name][0]) for name, shown in names.items() if name in tags}


def _mime(data: bytes) -> str | None:
    if data[slice(*_FTYP)] == b"ftyp":
        return "video/mp4"
    return next((mime for magic, mime in _KINDS if data.startswith(magic)), None)


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the file, or those of a ZIP that can have marks."""
    data = path.read_bytes()
    if not data.startswith(_ZIP):
        yield path.name, data
        return
    with zipfile.ZipFile(path) as folder:
        for name in folder.namelist():
            inner = folder.read(name)
            if _mime(inner):
                yield f"{path.name}: {name}", inner


def main(arguments: Sequence[str]) -> int:
    """Print the marks of the file that the arguments name."""
    if len(arguments) != 1 or not arguments[0]:
        print("Name a file: make verify FILE=music.mp3", file=sys.stderr)
        return 1
    trust = os.environ.get("TRUST")
    try:
        anchors = Path(trust).expanduser().read_text() if trust else ""
        found = [lines(name, data, anchors) for name, data in _files(Path(arguments[0]).expanduser())]
    except (OSError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(line for shown, _ in found for line in shown) or "The ZIP has no music.")
    return 0 if found and all(valid for _, valid in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
