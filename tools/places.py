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

_PIN: Final = ".pin"
_PATIENCE_SECONDS: Final = 20


def uv() -> str:
    """Return the path of uv, which the Makefile installs if the machine has none."""
    return on_path("uv") or str(TOOLS / "uv" / "bin" / "uv")


def is_pinned(folder: Path, pin: str) -> bool:
    """Return True if what is in a folder was fetched for this pin, such as a hash."""
    file = folder / _PIN
    return file.is_file() and file.read_text(encoding="utf-8") == pin


def install(draft: Path, folder: Path, pin: str) -> None:
    """Let a complete draft take the place of a folder, and note its pin."""
    (draft / _PIN).write_text(pin, encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)


def on_path(name: str) -> str | None:
    """Return the path of a program of this machine, not of one that was fetched."""
    folders = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(folder) != BIN]
    return shutil.which(name, path=os.pathsep.join(folders))


def said(*command: str) -> str:
    """Return what a command prints, or an empty string if it fails or does not end."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=_PATIENCE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout + done.stderr


def link(name: str, program: Path) -> None:
    """Let commands find a fetched program by its name."""
    BIN.mkdir(parents=True, exist_ok=True)
    script = BIN / name
    script.unlink(missing_ok=True)
    script.symlink_to(os.path.relpath(program, BIN))
