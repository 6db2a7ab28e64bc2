"""The size of the page's scripts on the wire, the project's share of it, and what of that every visit loads."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from localcloud.addresses import REPOSITORY
from web.compression import FOLDER, is_compressed

BUILT: Final = REPOSITORY / "build" / "web"
META: Final = REPOSITORY / "build" / "web-meta.json"
# Both documents, and the live listener, which every visit with a session loads. All else is loaded on demand.
_FIRST: Final = ("src/main.js", "src/shared.js", "src/firestore.js")


@dataclass(frozen=True)
class Sizes:
    """Bytes of all scripts as Cloud Storage sends them, of the project's own code in them, and of what is loaded first.

    ``first`` is the project's own code that is loaded without being asked for, with the service worker.
    """

    all: int
    own: int
    first: int


def measure() -> Sizes:
    """Read the bundler's metafile; a script's bytes on the wire are divided among its sources like its bytes."""
    outputs = {name: output for name, output in json.loads(META.read_text())["outputs"].items() if name.endswith(".js")}
    worker = sent("service-worker.js")
    own = {name: _own(name, output) for name, output in outputs.items()}
    first: set[str] = set()
    wanted = [name for name, output in outputs.items() if output.get("entryPoint") in _FIRST]
    while wanted:
        name = wanted.pop()
        if name not in first:
            first.add(name)
            imports = outputs[name]["imports"]
            wanted += [found["path"] for found in imports if found["kind"] == "import-statement"]
    return Sizes(
        all=worker + sum(sent(f"{FOLDER}/{Path(name).name}") for name in outputs),
        own=worker + round(sum(own.values())),
        first=worker + round(sum(own[name] for name in first)),
    )


def _own(name: str, output: dict[str, Any]) -> float:
    """Return the bytes of a script that are the project's; those that belong to no source, such as imports, count."""
    source = sum(part["bytesInOutput"] for path, part in output["inputs"].items() if path.startswith("src/"))
    rest = output["bytes"] - sum(part["bytesInOutput"] for part in output["inputs"].values())
    return sent(f"{FOLDER}/{Path(name).name}") * float((source + rest) / output["bytes"])


def sent(path: str) -> int:
    """Return the bytes that Cloud Storage sends for a file of the built page."""
    data = (BUILT / path).read_bytes()
    return len(gzip.compress(data, compresslevel=9, mtime=0)) if is_compressed(path) else len(data)
