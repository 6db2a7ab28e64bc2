"""Name pictures, and copy them into the images bucket with gcloud."""

import base64
import glob
import os
import re
import shlex
import subprocess
import tempfile
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import google_crc32c

from musicgenerator import drops
from musicgenerator.errors import EmptyPictureError, NotAnImageError, PictureError
from musicgenerator.events import ObjectFinalized
from musicgenerator.signatures import HEAD_BYTES, Kind, kind_of
from musicgenerator.track_requests import DEFAULT_LANGUAGE

_CREATED: Final = re.compile(r"gs://([^/]+)/(.+)#(\d+)$")
# gcloud reads a number sign and digits at the end as a generation; Cloud Storage refuses control characters.
_NOT_IN_NAMES: Final = re.compile(r"#(?=\d+$)|[\x00-\x1f\x7f]")
_MAX_WORDS_IN_NAME: Final = 20
_BLOCK_BYTES: Final = 2**20


class DropError(Exception):
    """A picture could not be dropped; the message says why."""


@dataclass(frozen=True)
class Drop:
    """A dropped picture: its object's name in the bucket and the id of its first track."""

    name: str
    track: str


def listed(text: str) -> list[Path]:
    """Return the pictures that ``IMAGES`` lists, separated by spaces.

    The name of an existing file is taken as it is, with any characters.
    Otherwise quotes, backslashes and wildcards mean what they mean in a shell.
    """
    paths = _existing(text)
    if paths is None:
        try:
            words = shlex.split(text)
        except ValueError:
            words = text.split()
        paths = [path for word in words for path in _matching(word)]
    return paths


def named(paths: Iterable[Path]) -> dict[str, Path]:
    """Return the pictures by object name, each name once; raise DropError for a missing file or none at all."""
    names: dict[str, Path] = {}
    for path in paths:
        if not path.is_file():
            raise DropError(f"There is no file {path}.")
        if not os.access(path, os.R_OK):
            raise DropError(f"{path} cannot be read: permission denied.")
        plain = Path(_NOT_IN_NAMES.sub("_", path.name.encode(errors="replace").decode()))
        name, number = plain.name, 1
        while name in names:
            number += 1
            name = f"{plain.stem}-{number}{plain.suffix}"
        names[name] = path
    if not names:
        raise DropError("Say which pictures: make drop IMAGES='a.jpg b.png'")
    return names


def folders(pictures: Mapping[str, Path]) -> dict[str, str]:
    """Return a folder for the results of each picture: the file's stem, with a number if another one has it already.

    Some file systems ignore case and Unicode's forms of composition, so names differ by more than these.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name, path in pictures.items():
        folder, number = path.stem, 1
        while (key := unicodedata.normalize("NFC", folder).casefold()) in taken:
            number += 1
            folder = f"{path.stem}-{number}"
        taken.add(key)
        found[name] = folder
    return found


def no_pictures(files: Mapping[str, Path], language: str) -> dict[str, dict[str, Any]]:
    """Return the files that the captioner would ignore, by object name, each with what a track would say of it."""
    language = language or DEFAULT_LANGUAGE
    errors = {name: error for name, path in files.items() if (error := _no_picture(name, path))}
    return {name: {"status": error.status, "error": error.to_mapping(language)} for name, error in errors.items()}


def facts(bucket: str, name: str, path: Path, metadata: Mapping[str, str]) -> ObjectFinalized:
    """Return what the captioner knows of a dropped file before it looks at it, without a generation."""
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            checksum = google_crc32c.extend(checksum, block)
    crc32c = base64.b64encode(checksum.to_bytes(4)).decode()
    return ObjectFinalized(bucket, name, 0, path.stat().st_size, "", metadata, crc32c)


def drop_with_gcloud(bucket: str, name: str, path: Path, metadata: dict[str, str]) -> Drop:
    """Upload a picture with ``gcloud storage cp``; the environment names the Cloud Storage server."""
    custom = ",".join(f"{key}={value}" for key, value in metadata.items())
    # gcloud takes `[`, `*` and `?` in both of its arguments as wildcards and cannot escape them. It takes the names
    # that a wildcard matches as they are, so the picture is the only file of a folder.
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).symlink_to(path.resolve())
        only = f"{folder}/{'.' if name.startswith('.') else ''}*"
        command = ["gcloud", "storage", "cp", "--print-created-message", only, f"gs://{bucket}/"]
        if custom:
            command.insert(3, f"--custom-metadata={custom}")
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    lines = (done.stdout + "\n" + done.stderr).splitlines()
    created = next((match for line in lines if (match := _CREATED.search(line.strip()))), None)
    if done.returncode or created is None:
        raise DropError(f"gcloud could not copy {path}:\n{done.stderr.strip()}")
    return Drop(name, drops.track_of(facts(created[1], created[2], path, metadata)))


def _no_picture(name: str, path: Path) -> PictureError | None:
    if reason := drops.unwanted(name):
        return NotAnImageError(reason)
    with path.open("rb") as file:
        kind = kind_of(file.read(HEAD_BYTES))
    if kind is Kind.PICTURE:
        return None
    return EmptyPictureError("0 bytes") if kind is Kind.EMPTY else NotAnImageError(kind)


def _existing(text: str) -> list[Path] | None:
    """Return the files that the text names, or None if a part of it names none; a name may contain spaces."""
    words = list(re.finditer(r"\S+", text))
    paths: list[Path] = []
    at = 0
    while at < len(words):
        for end in range(min(len(words), at + _MAX_WORDS_IN_NAME), at, -1):
            path = _file(text[words[at].start() : words[end - 1].end()])
            if path is not None:
                paths.append(path)
                at = end
                break
        else:
            return None
    return paths


def _matching(word: str) -> list[Path]:
    """Return the file that a word names, or those that it matches; a word that matches none is returned as it is."""
    if path := _file(word):
        return [path]
    pattern = os.path.expanduser(word)  # noqa: PTH111  Path.expanduser() raises an error for an unknown person
    matches = glob.glob(pattern)  # noqa: PTH207  Path.glob() takes no absolute pattern
    return [Path(match) for match in sorted(matches)] or [Path(pattern)]


def _file(name: str) -> Path | None:
    """Return the path of an existing file; None for any other text, which may be too long for a name."""
    path = os.path.expanduser(name)  # noqa: PTH111  as above
    return Path(path) if os.path.isfile(path) else None  # noqa: PTH113  Path.is_file() raises an error if it is too long
