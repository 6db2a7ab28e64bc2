"""The pinned archives in ``manifest.toml``."""

import platform
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MANIFEST: Final = Path(__file__).with_name("manifest.toml")
ANY: Final = "any"
_ARM: Final = ("aarch64", "arm64")


class ToolError(Exception):
    """A tool is missing and cannot be fetched; the message says why, and what to do."""


@dataclass(frozen=True)
class Archive:
    """A file to download.

    ``platform`` is ``any`` or Google's name of an operating system and a processor, such as ``linux-x86_64``.
    ``size`` is in bytes; None if it is not known before the download.
    """

    name: str
    version: str
    platform: str
    address: str
    sha256: str
    size: int | None = None

    @property
    def file(self) -> str:
        """The name of the downloaded file."""
        return self.address.rpartition("/")[2]


def archives(manifest: Path = MANIFEST) -> list[Archive]:
    """Return all archives."""
    return [Archive(**row) for row in tomllib.loads(manifest.read_text(encoding="utf-8"))["archive"]]


def archive(name: str, here: str | None = None) -> Archive:
    """Return a tool's archive for this machine; raise ToolError if it exists for other platforms only."""
    here = here or machine()
    rows = [row for row in archives() if row.name == name]
    for row in rows:
        if row.platform in {ANY, here}:
            return row
    raise ToolError(f"There is no {name} for {here}, only for {', '.join(row.platform for row in rows)}.")


def machine() -> str:
    """Return this machine's platform in the words of the manifest."""
    processor = platform.machine().lower()
    return f"{platform.system().lower()}-{'arm' if processor in _ARM else processor}"
