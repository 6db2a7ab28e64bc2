"""Dropping pictures into the images bucket, by Google's own client or by the real gcloud."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud.addresses import IMAGES_BUCKET
from localcloud.provision import storage_client
from musicgenerator import ids

_CREATED: Final = re.compile(r"gs://([^/]+)/(.+)#(\d+)$")


class DropError(Exception):
    """A picture could not be dropped; the message says why."""


@dataclass(frozen=True)
class Drop:
    """A picture on its way: the file it was, its name in the bucket and the track that it becomes."""

    path: Path
    name: str
    track: str


def named(paths: list[Path]) -> dict[str, Path]:
    """Return the pictures by a name that is each one's own; raise DropError for a file that is not there."""
    names: dict[str, Path] = {}
    for path in paths:
        if not path.is_file():
            raise DropError(f"There is no file {path}.")
        name, number = path.name, 1
        while name in names:
            number += 1
            name = f"{path.stem}-{number}{path.suffix}"
        names[name] = path
    return names


def drop(name: str, path: Path, metadata: dict[str, str]) -> Drop:
    """Upload a picture with google-cloud-storage."""
    blob = storage_client().bucket(IMAGES_BUCKET).blob(name)
    blob.metadata = metadata
    blob.upload_from_filename(str(path))
    return Drop(path, name, ids.dropped_track_id(IMAGES_BUCKET, name, int(blob.generation)))


def drop_with_gcloud(name: str, path: Path, metadata: dict[str, str], bucket: str = IMAGES_BUCKET) -> Drop:
    """Upload a picture with ``gcloud storage cp``, pointed by the environment; by default into the local cloud."""
    custom = ",".join(f"{key}={value}" for key, value in metadata.items())
    command = ["gcloud", "storage", "cp", "--print-created-message", str(path), f"gs://{bucket}/{name}"]
    if custom:
        command.insert(3, f"--custom-metadata={custom}")
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    created = next((match for line in _lines(done) if (match := _CREATED.search(line.strip()))), None)
    if done.returncode or created is None:
        raise DropError(f"gcloud could not copy {path}:\n{done.stderr.strip()}")
    return Drop(path, name, ids.dropped_track_id(created[1], created[2], int(created[3])))


def _lines(done: "subprocess.CompletedProcess[str]") -> list[str]:
    return (done.stdout + "\n" + done.stderr).splitlines()
