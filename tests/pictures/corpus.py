"""The corpus: test images of other projects, fetched as packages, and the files that `bombs` generates."""

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.pictures import bombs

REPOSITORY: Final = Path(__file__).parents[2]
FOLDER: Final = REPOSITORY / ".corpus"
SDISTS: Final = ("pillow", "pillow-heif")
DEBIAN: Final = ("gdk-pixbuf-tests", "librsvg2-tests")
BYTES_OF_HASH: Final = 8


@dataclass(frozen=True)
class Sample:
    """A file of the corpus; ``hash`` is the first 8 bytes of its SHA-256 in hex, ``name`` is for reports."""

    hash: str
    name: str
    path: Path


def fetch() -> list[str]:
    """Fetch the packages that are missing in ``FOLDER``; return the names of those that are not available.

    Raise CalledProcessError if a source distribution cannot be fetched.
    """
    for package in SDISTS:
        _once(package, _fetch_sdist)
    if not (FOLDER / _bombs()).is_dir():
        for former in FOLDER.glob("bombs-*"):
            shutil.rmtree(former)
    _once(_bombs(), _make_bombs)
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return list(DEBIAN)
    missing = []
    for package in DEBIAN:
        try:
            _once(package, _fetch_deb)
        except subprocess.CalledProcessError:
            missing.append(package)
    return missing


def samples() -> list[Sample]:
    """Return each distinct file once, sorted by hash."""
    found = {sample.hash: sample for sample in reversed(list(_files()))}
    return [found[key] for key in sorted(found)]


def _files() -> Iterator[Sample]:
    for package in (*SDISTS, *DEBIAN, _bombs()):
        folder = FOLDER / package
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                name = f"{'bombs' if package == _bombs() else package}/{path.name}"
                yield Sample(_digest(path.read_bytes()), name, path)


def _bombs() -> str:
    # A change of `bombs.py` changes the name, so the files are generated again.
    return f"bombs-{_digest(Path(bombs.__file__).read_bytes())}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[: 2 * BYTES_OF_HASH]


def _once(name: str, fetch_into: Callable[[str, Path], None]) -> None:
    done = FOLDER / name
    if done.is_dir():
        return
    part = FOLDER / f"{name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    fetch_into(name, part)
    # An interruption before this line leaves no folder of this name, so the next run fetches it again.
    part.rename(done)


def _fetch_sdist(package: str, folder: Path) -> None:
    """Unpack the tests of the source distribution that the captioner's lock pins by hash, without building it."""
    lock = (REPOSITORY / "functions" / "captioner" / "requirements.txt").read_text(encoding="utf-8")
    pinned = re.search(rf"^{package}==(?:.*\\\n)*.*\n", lock, re.MULTILINE)
    assert pinned, f"{package} is not in the captioner's lock"
    requirement = folder / "requirement.txt"
    requirement.write_text(pinned[0].rstrip("\\\n"), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", package, "--require-hashes", "--requirement", requirement.name]
    subprocess.run(command, cwd=folder, check=True)
    for archive in folder.glob("*.tar.gz"):
        with tarfile.open(archive) as tar:
            inside = [member for member in tar if member.isfile() and member.name.split("/")[1].lower() == "tests"]
            tar.extractall(folder, inside, filter="data")
        archive.unlink()
    requirement.unlink()


def _fetch_deb(package: str, folder: Path) -> None:
    subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True, capture_output=True)
    for archive in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)
        archive.unlink()


def _make_bombs(_: str, folder: Path) -> None:
    for name, data in bombs.all_of_them():
        (folder / name).write_bytes(data)
