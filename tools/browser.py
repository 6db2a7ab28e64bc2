"""A Chromium for the tests, and a font with Korean letters.

``CHROMIUM`` names the browser; otherwise it is the machine's Chromium or Chrome, Debian's package if this user may
install it, or Playwright's own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tools.manifest import ToolError
from tools.places import TOOLS, said

_NAMES: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_PLAYWRIGHT: Final = TOOLS / "playwright"
_APT_LINES: Final = 5


def find() -> Path | None:
    """Return a browser's path, or None; raise ToolError if ``CHROMIUM`` names no program."""
    named = os.environ.get("CHROMIUM")
    if named:
        if not os.access(named, os.X_OK):
            raise ToolError(f"CHROMIUM={named} is not an executable file.")
        return Path(named)
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return Path(found) if found else _playwrights()


def fetch() -> Path:
    """Install a browser; raise ToolError if that is not possible."""
    if _may_install():
        _install_package("chromium")
        found = find()
        if found:
            return found
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    environ = os.environ | {"PLAYWRIGHT_BROWSERS_PATH": str(_PLAYWRIGHT)}
    subprocess.run(command, env=environ, check=False)
    found = find()
    if found is None:
        raise ToolError(
            "Playwright could not download a Chromium; the reason is above. Install one by hand:\n"
            "    sudo apt-get install chromium    (Debian, Ubuntu)\n"
            "    brew install --cask chromium     (macOS)\n"
            "or set CHROMIUM to the browser's path."
        )
    return found


def ensure_korean_font() -> None:
    """Install a font with Korean letters, or say how. Without one, screenshots show empty boxes and no test fails."""
    if _has_korean_font():
        return
    if _may_install():
        _install_package("fonts-noto-cjk")
    if not _has_korean_font():
        print(
            "No font with Korean letters was found, so screenshots show empty boxes: sudo apt-get install"
            " fonts-noto-cjk (Debian, Ubuntu), google-noto-sans-cjk-fonts (Fedora), noto-fonts-cjk (Arch)",
            file=sys.stderr,
        )


def _playwrights() -> Path | None:
    patterns = ("chromium-*/chrome-linux*/chrome", "chromium-*/chrome-mac*/*.app/Contents/MacOS/*")
    return next((path for pattern in patterns for path in sorted(_PLAYWRIGHT.glob(pattern))), None)


def _has_korean_font() -> bool:
    # macOS has Korean fonts, and usually no fc-list.
    return sys.platform == "darwin" or bool(said("fc-list", ":lang=ko").strip())


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install_package(name: str) -> None:
    """Install a Debian package; print the end of apt-get's output if it fails."""
    print(f"Installing {name}")
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", name]):
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            print("\n".join((done.stdout + done.stderr).splitlines()[-_APT_LINES:]), file=sys.stderr)
            return
