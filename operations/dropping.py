"""Copy pictures into the images bucket with gcloud."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from musicgenerator import ids

_CREATED: Final = re.compile(r"gs://([^/]+)/(.+)#(\d+)$")


class DropError(Exception):
    """A picture could not be dropped; the message says why."""


@dataclass(frozen=True)
class Drop:
    """A dropped picture: its object's name in the bucket and the id of its track."""

    name: str
    track: str


def named(paths: list[Path]) -> dict[str, Path]:
    """Return the pictures by object name, each name once; raise DropError for a missing file or none at all."""
    if not paths:
        raise DropError("Say which pictures: make drop IMAGES='a.jpg b.png'")
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


def drop_with_gcloud(bucket: str, name: str, path: Path, metadata: dict[str, str]) -> Drop:
    """Upload a picture with ``gcloud storage cp``; the environment names the Cloud Storage server."""
    custom = ",".join(f"{key}={value}" for key, value in metadata.items())
    command = ["gcloud", "storage", "cp", "--print-created-message", str(path), f"gs://{bucket}/{name}"]
    if custom:
        command.insert(3, f"--custom-metadata={custom}")
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    lines = (done.stdout + "\n" + done.stderr).splitlines()
    created = next((match for line in lines if (match := _CREATED.search(line.strip()))), None)
    if done.returncode or created is None:
        raise DropError(f"gcloud could not copy {path}:\n{done.stderr.strip()}")
    return Drop(name, ids.dropped_track_id(created[1], created[2], int(created[3])))
