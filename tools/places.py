"""Where the tools are."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent
TOOLS: Final = REPOSITORY / ".tools"
# The Makefile puts this folder first on the PATH.
BIN: Final = TOOLS / "bin"
DOWNLOADS: Final = TOOLS / "downloads"


def uv() -> str:
    """Return the path of uv, which the Makefile installs if the machine has none."""
    return shutil.which("uv") or str(TOOLS / "uv" / "bin" / "uv")


def on_path(name: str) -> str | None:
    """Return the path of a program of this machine, not of one that was fetched."""
    folders = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(folder) != BIN]
    return shutil.which(name, path=os.pathsep.join(folders))


def said(*command: str) -> str:
    """Return what a command prints, or an empty string if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError:
        return ""
    return "" if done.returncode else done.stdout + done.stderr


def link(name: str, program: Path) -> None:
    """Let commands find a fetched program by its name."""
    BIN.mkdir(parents=True, exist_ok=True)
    script = BIN / name
    script.unlink(missing_ok=True)
    script.symlink_to(os.path.relpath(program, BIN))
