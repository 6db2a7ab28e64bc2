"""The size of the page's scripts on the wire, and the project's share of it."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from localcloud.addresses import REPOSITORY
from web.compression import FOLDER, is_compressed

BUILT: Final = REPOSITORY / "build" / "web"
META: Final = REPOSITORY / "build" / "web-meta.json"


@dataclass(frozen=True)
class Sizes:
    """Bytes of all scripts as Cloud Storage sends them, and of the project's own code.

    ``own`` leaves out the scripts that the page loads only when a person asks for what they do.
    """

    all: int
    own: int


def measure() -> Sizes:
    """Read the bundler's metafile; a script's bytes on the wire are divided among its sources like its bytes."""
    outputs = json.loads(META.read_text())["outputs"]
    at_once = _at_once(outputs)
    worker = sent("service-worker.js")
    total, own = worker, float(worker)
    for name, output in outputs.items():
        if not name.endswith(".js"):
            continue
        bytes_sent = sent(f"{FOLDER}/{Path(name).name}")
        source = sum(part["bytesInOutput"] for path, part in output["inputs"].items() if path.startswith("src/"))
        # Bytes that belong to no source, such as imports and exports, count as the project's.
        rest = output["bytes"] - sum(part["bytesInOutput"] for part in output["inputs"].values())
        total += bytes_sent
        if name in at_once:
            own += bytes_sent * (source + rest) / output["bytes"]
    return Sizes(total, round(own))


def _at_once(outputs: dict[str, Any]) -> set[str]:
    """Return the scripts that a document names, and those that they import."""
    asked = {each["path"] for output in outputs.values() for each in output["imports"] if _is_on_demand(each)}
    due = [
        name for name, output in outputs.items() if output.get("entryPoint", "").endswith(".js") and name not in asked
    ]
    found: set[str] = set()
    while due:
        name = due.pop()
        found.add(name)
        due += [
            each["path"] for each in outputs[name]["imports"] if not _is_on_demand(each) and each["path"] not in found
        ]
    return found


def _is_on_demand(imported: dict[str, str]) -> bool:
    return imported["kind"] == "dynamic-import"


def sent(path: str) -> int:
    """Return the bytes that Cloud Storage sends for a file of the built page."""
    data = (BUILT / path).read_bytes()
    return len(gzip.compress(data, compresslevel=9, mtime=0)) if is_compressed(path) else len(data)
