"""The size of the page's scripts on the wire, and the project's share of it."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud.addresses import REPOSITORY
from web.compression import FOLDER, is_compressed

BUILT: Final = REPOSITORY / "build" / "web"
META: Final = REPOSITORY / "build" / "web-meta.json"


@dataclass(frozen=True)
class Sizes:
    """Bytes of all scripts as Cloud Storage sends them, and of the project's own code in them."""

    all: int
    own: int


def measure() -> Sizes:
    """Read the bundler's metafile; a script's bytes on the wire are divided among its sources like its bytes."""
    outputs = json.loads(META.read_text())["outputs"]
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
        own += bytes_sent * (source + rest) / output["bytes"]
    return Sizes(total, round(own))


def sent(path: str) -> int:
    """Return the bytes that Cloud Storage sends for a file of the built page."""
    data = (BUILT / path).read_bytes()
    return len(gzip.compress(data, compresslevel=9, mtime=0)) if is_compressed(path) else len(data)
