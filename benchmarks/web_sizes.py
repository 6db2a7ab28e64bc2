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
_LOADED: Final = ("src/main.js", "src/shared.js", "src/privacy.js", "src/firestore.js")


@dataclass(frozen=True)
class Sizes:
    """Bytes of all scripts as Cloud Storage sends them, of the project's own code in them, and of its first part.

    ``first`` is the own code that a visit loads without being asked: by a document, as the service worker, or as the
    live listener.
    """

    all: int
    own: int
    first: int


def measure() -> Sizes:
    """Read the bundler's metafile; a script's bytes on the wire are divided among its sources like its bytes."""
    outputs = json.loads(META.read_text())["outputs"]
    worker = sent("service-worker.js")
    total, own, first = worker, float(worker), float(worker)
    unasked = _unasked(outputs)
    for name, output in outputs.items():
        if not name.endswith(".js"):
            continue
        bytes_sent = sent(f"{FOLDER}/{Path(name).name}")
        source = sum(part["bytesInOutput"] for path, part in output["inputs"].items() if path.startswith("src/"))
        # Bytes that belong to no source, such as imports and exports, count as the project's.
        rest = output["bytes"] - sum(part["bytesInOutput"] for part in output["inputs"].values())
        total += bytes_sent
        share = bytes_sent * (source + rest) / output["bytes"]
        own += share
        first += share if name in unasked else 0
    return Sizes(total, round(own), round(first))


def _unasked(outputs: dict[str, Any]) -> set[str]:
    """Return the scripts that the documents and the live listener import, directly or through others."""
    found: set[str] = set()
    entries = [name for name, output in outputs.items() if output.get("entryPoint") in _LOADED]
    while entries:
        name = entries.pop()
        if name not in found:
            found.add(name)
            imports = outputs[name]["imports"]
            entries += [part["path"] for part in imports if part["kind"] == "import-statement"]
    return found


def sent(path: str) -> int:
    """Return the bytes that Cloud Storage sends for a file of the built page."""
    data = (BUILT / path).read_bytes()
    return len(gzip.compress(data, compresslevel=9, mtime=0)) if is_compressed(path) else len(data)
