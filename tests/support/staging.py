"""Copies of the staged functions with crash points and, for sabotage, edits."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from localcloud.addresses import REPOSITORY, Addresses
from localcloud.parts import FUNCTIONS, Part, workers


@dataclass(frozen=True)
class Edit:
    """A change of one place in one function's source; ``file`` is relative to the staged directory."""

    function: str
    file: str
    old: str
    new: str


def short_times(lease: int, patience: int, job_record: int = 3600) -> dict[str, str]:
    """Return the environment that shortens minutes of waiting to seconds."""
    # An announced picture may be uploaded late if its client is slow.
    names = {"awaiting_upload": 2 * patience, "captioning": lease + 2}
    names |= dict.fromkeys(("captioned", "launching", "composing"), patience)
    names["job_record"] = job_record
    return {
        "CAPTION_LEASE_SECONDS": str(lease),
        "REGION_PAUSE_SECONDS": "1",
        "PATIENCE_SECONDS": " ".join(f"{name}={seconds}" for name, seconds in names.items()),
    }


class StaleEditError(Exception):
    """The text of an edit does not occur exactly once: the source has changed, and the edit must follow."""


def stage(function: str, folder: Path, edits: Sequence[Edit]) -> Path:
    """Copy a staged function with the crash points, apply its edits and return the directory."""
    copy = folder / function
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(REPOSITORY / "build" / function, copy)
    shutil.copy(Path(__file__).with_name("crashing_main.py"), copy)
    for edit in edits:
        if edit.function != function:
            continue
        file = copy / edit.file
        text = file.read_text()
        if text.count(edit.old) != 1:
            raise StaleEditError(f"{function}/{edit.file} holds {edit.old!r} {text.count(edit.old)} times")
        file.write_text(text.replace(edit.old, edit.new))
    return copy


def function_parts(
    addresses: Addresses, session: str, template: str, folder: Path, edits: Sequence[Edit], environ: dict[str, str]
) -> list[Part]:
    """Return the functions as the local cloud starts them, but edited and with more environment."""
    parts = []
    for part in workers(addresses, session, template):
        if part.name not in FUNCTIONS:
            continue
        copy = stage(part.name, folder, edits)
        command = tuple("--source=crashing_main.py" if word == "--source=main.py" else word for word in part.command)
        crash = {"CRASH_TARGET": FUNCTIONS[part.name][0]}
        parts.append(replace(part, folder=copy, command=command, environ=part.environ | environ | crash))
    return parts
