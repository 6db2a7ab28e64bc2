"""The size of the page's scripts on the wire, and the project's share of it."""

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
    """Gzipped bytes of all scripts, and of the project's own code in them."""

    all: int
    own: int


def measure() -> Sizes:
    """Read the bundler's metafile; a script's gzipped bytes are divided among its sources like its bytes."""
    outputs = json.loads(META.read_text())["outputs"]
    worker = _compressed(BUILT / "service-worker.js")
    total, own = worker, float(worker)
    for name, output in outputs.items():
        if not name.endswith(".js"):
            continue
        compressed = _compressed(BUILT / "assets" / Path(name).name)
        source = sum(part["bytesInOutput"] for path, part in output["inputs"].items() if path.startswith("src/"))
        # Bytes that belong to no source, such as imports and exports, count as the project's.
        rest = output["bytes"] - sum(part["bytesInOutput"] for part in output["inputs"].values())
        total += compressed
        own += compressed * (source + rest) / output["bytes"]
    return Sizes(total, round(own))


def _compressed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), compresslevel=9, mtime=0))
