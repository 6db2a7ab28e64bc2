"""Renew ``manifest.toml``: ``python -m tools.renew [GCLOUD_VERSION]``.

The emulators become those of the newest firebase-tools. The Google Cloud SDK changes only if a version is given,
because Google publishes its archives' hashes for people alone: all archives are downloaded once.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import requests

from tools.manifest import ANY, MANIFEST, Archive, archives

_INFO: Final = "package/lib/emulator/downloadableEmulatorInfo.json"
_EMULATORS: Final = {"firestore-emulator": "firestore", "pubsub-emulator": "pubsub"}
_TIMEOUT_SECONDS: Final = 60
_BLOCK_BYTES: Final = 2**20


def main(version: str | None) -> None:
    """Renew the manifest."""
    emulators = [_emulator(name, entry) for name, entry in _emulator_info().items()]
    sdks = [archive for archive in archives() if archive.name == "gcloud"]
    if version:
        sdks = [_sdk(archive, version) for archive in sdks]
    write([*emulators, *sdks])


def write(rows: Sequence[Archive], manifest: Path = MANIFEST) -> None:
    """Write these archives into a manifest and keep its comment."""
    comment = manifest.read_text(encoding="utf-8").partition("[[archive]]")[0]
    manifest.write_text(comment + "\n".join(map(_row, rows)), encoding="utf-8")


def _emulator_info() -> dict[str, Any]:
    """Return what firebase-tools says of the emulators, by this project's names."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", "firebase-tools"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (package,) = Path(folder).glob("firebase-tools-*.tgz")
        with tarfile.open(package) as content:
            member = content.extractfile(_INFO)
            if member is None:
                raise FileNotFoundError(f"firebase-tools has no {_INFO}")
            info = json.load(member)
    return {name: info[key] for name, key in _EMULATORS.items()}


def _emulator(name: str, entry: dict[str, Any]) -> Archive:
    return Archive(
        name, entry["version"], ANY, entry["remoteUrl"], entry["expectedChecksumSHA256"], entry["expectedSize"]
    )


def _sdk(archive: Archive, version: str) -> Archive:
    """Return the archive of another version, with the hash of what Google's server sends today."""
    address = archive.address.replace(archive.version, version)
    digest, size = hashlib.sha256(), 0
    with requests.get(address, stream=True, timeout=_TIMEOUT_SECONDS) as answer:
        answer.raise_for_status()
        for block in answer.iter_content(_BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    return replace(archive, version=version, address=address, sha256=digest.hexdigest(), size=size)


def _row(archive: Archive) -> str:
    lines = [
        "[[archive]]",
        f'name = "{archive.name}"',
        f'version = "{archive.version}"',
        f'platform = "{archive.platform}"',
        f'address = "{archive.address}"',
        *([f"size = {archive.size}"] if archive.size else []),
        f'sha256 = "{archive.sha256}"',
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(next(iter(sys.argv[1:]), None))
