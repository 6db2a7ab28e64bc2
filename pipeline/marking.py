"""Mark MP3 and WAV files with content credentials (C2PA); docs/decisions/0037.

The same file, facts and signer give the same bytes.
"""

import hashlib
from collections.abc import Callable
from io import BytesIO
from typing import Final

from mutagen import id3

from musicgenerator import logs
from musicgenerator.marks.facts import Facts
from musicgenerator.marks.manifests import Draft, Parent, UnreadableParentError
from musicgenerator.marks.signers import Signer
from pipeline.credentials import Credentials

MP3: Final = "audio/mpeg"
WAV: Final = "audio/wav"
_FRAME_TYPE: Final = "application/c2pa"
_FRAME_TYPES: Final = frozenset({_FRAME_TYPE, "application/x-c2pa-manifest-store"})
_CHUNK: Final = b"C2PA"
_HEADER: Final = 8
_RIFF_HEADER: Final = 12
_PADDING: Final = 1024
_BINDING: Final = "c2pa.hash.data"
_MAX_TRIES: Final = 4


def mark(data: bytes, mime: str, facts: Facts, signer: Signer | None, parent: Parent | None = None) -> bytes:
    """Return the file with its mark; without a signer, return it as it is.

    ``mime`` is ``audio/mpeg`` or ``audio/wav``. A mark that the file has is replaced.
    Raise KeyError for another type.
    """
    if signer is None:
        return data
    place = _PLACES[mime]
    draft = Draft(facts, facts.music_type, parent)
    # The manifest states where it is and how long it is, which may change its own length.
    length = 0
    for _ in range(_MAX_TRIES):
        file, start, gap = place(data, bytes(length))
        binding = _BINDING, _binding(file, start, gap)
        store = draft.signed(binding, signer)
        if len(store) == length:
            return place(data, store)[0]
        length = len(store)
    raise ValueError("the length of a manifest does not settle")


def parent_of(answer: bytes | None, found: Credentials | None) -> Parent | None:
    """Return the content credentials ``found`` in an engine's answer as a parent.

    Return None if they are not valid or cannot be repeated: the music is made, and marked, all the same.
    """
    if answer is None or found is None or not found.valid:
        return None
    mime = WAV if answer.startswith(b"RIFF") else MP3
    store = store_in(answer, mime)
    try:
        return None if store is None else Parent.of_store(store, mime, found.results)
    except UnreadableParentError as error:
        logs.warning("content credentials cannot be repeated", reason=str(error))
        return None


def store_in(data: bytes, mime: str) -> bytes | None:
    """Return the store of manifests inside an MP3 or a WAV, or None if there is none."""
    if mime == WAV:
        return next((data[at + _HEADER : end] for kind, at, end in _chunks(data) if kind == _CHUNK), None)
    try:
        frames = id3.ID3(BytesIO(data)).getall("GEOB")
    except id3.error:
        return None
    return next((bytes(frame.data) for frame in frames if frame.mime in _FRAME_TYPES), None)


def _binding(file: bytes, start: int, length: int) -> dict[str, object]:
    """Return the assertion about all bytes but those of the store."""
    digest = hashlib.sha256(file[:start])
    digest.update(file[start + length :])
    return {
        "exclusions": [{"start": start, "length": length}],
        "name": "jumbf manifest",
        "alg": "sha256",
        "hash": digest.digest(),
        "pad": b"",
    }


def _in_mp3(data: bytes, store: bytes) -> tuple[bytes, int, int]:
    """Return an MP3 with the store in its ID3 tag, and where the store is in it."""
    out = BytesIO(data)
    try:
        header = id3.ID3(out, translate=False)
    except id3.ID3NoHeaderError:
        header = id3.ID3()
    for frame in header.getall("GEOB"):
        if frame.mime in _FRAME_TYPES:
            header.delall(frame.HashKey)
    encoding = id3.Encoding.LATIN1
    header.add(id3.GEOB(encoding=encoding, mime=_FRAME_TYPE, filename="c2pa", desc="c2pa manifest store", data=store))
    out.seek(0)
    # Always the same room for later tags, so that a mark that is replaced leaves no trace.
    header.save(out, v1=0, v2_version=3, padding=lambda _: _PADDING)
    file = out.getvalue()
    description = b"c2pa manifest store\0"
    return file, file.index(description) + len(description), len(store)


def _in_wav(data: bytes, store: bytes) -> tuple[bytes, int, int]:
    """Return a WAV with the store as its last chunk, and where this chunk is in it."""
    kept = b"".join(data[at:end] + bytes((end - at) % 2) for kind, at, end in _chunks(data) if kind != _CHUNK)
    chunk = _CHUNK + len(store).to_bytes(4, "little") + store
    start = _RIFF_HEADER + len(kept)
    size = start + len(chunk) - _HEADER
    return b"RIFF" + size.to_bytes(4, "little") + b"WAVE" + kept + chunk, start, len(chunk)


def _chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """Return name, start and end of each chunk of a RIFF file, header included and padding not."""
    found, at = [], _RIFF_HEADER
    while at + _HEADER <= len(data):
        end = at + _HEADER + int.from_bytes(data[at + 4 : at + _HEADER], "little")
        found.append((data[at : at + 4], at, min(end, len(data))))
        at = end + end % 2
    return found


_PLACES: Final[dict[str, Callable[[bytes, bytes], tuple[bytes, int, int]]]] = {MP3: _in_mp3, WAV: _in_wav}
