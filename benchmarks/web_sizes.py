"""How large the page's scripts are on the wire, and how much of them is the project's own."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud.addresses import REPOSITORY

BUILT: Final = REPOSITORY / "build" / "web"
META: Final = REPOSITORY / "build" / "web-meta.json"


@dataclass(frozen=True)
class Sizes:
    """Bytes after gzip: of all scripts together, and of the project's own."""

    all: int
    ours: int


def measure() -> Sizes:
    """Read the bundler's own account; a script's compressed bytes belong to its sources as its bytes do."""
    outputs = json.loads(META.read_text())["outputs"]
    worker = _compressed(BUILT / "service-worker.js")
    total, ours = worker, float(worker)
    for name, output in outputs.items():
        if not name.endswith(".js"):
            continue
        compressed = _compressed(BUILT / "assets" / Path(name).name)
        own = sum(part["bytesInOutput"] for path, part in output["inputs"].items() if path.startswith("src/"))
        # What no source accounts for, imports and exports, counts as the project's own.
        rest = output["bytes"] - sum(part["bytesInOutput"] for part in output["inputs"].values())
        total += compressed
        ours += compressed * (own + rest) / output["bytes"]
    return Sizes(total, round(ours))


def _compressed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), compresslevel=9, mtime=0))
