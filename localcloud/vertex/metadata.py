"""What Vertex ML Metadata keeps of each pipeline run: a context with the job's id, and two executions in it.

The metadata outlives the job's record, as at Google.
"""

import threading
from collections.abc import Iterator
from typing import Any

from localcloud.servers.google_errors import GoogleError


class Metadata:
    """The contexts and executions of one server, by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executions: dict[str, set[str]] = {}

    def record(self, parent: str, job: str) -> None:
        """Add the records of a new run."""
        store = f"{parent}/metadataStores/default"
        with self._lock:
            run = self._executions.setdefault(f"{store}/contexts/{job}", set())
            run.update(f"{store}/executions/{job}-{kind}" for kind in ("run", "make-music"))

    def lineage(self, context: str) -> dict[str, Any]:
        """Return the executions of a context; raise NOT_FOUND if it does not exist."""
        with self._lock:
            found = self._executions.get(context)
            if found is None:
                raise GoogleError("NOT_FOUND", f"The Context does not exist: {context}.")
            return {"executions": [{"name": name} for name in sorted(found)]}

    def delete(self, name: str) -> None:
        """Delete a context or an execution; raise NOT_FOUND if it does not exist."""
        with self._lock:
            if self._executions.pop(name, None) is not None:
                return
            for executions in self._executions.values():
                if name in executions:
                    executions.remove(name)
                    return
        raise GoogleError("NOT_FOUND", f"The resource does not exist: {name}.")

    def names(self) -> Iterator[str]:
        """Yield the names of all contexts and executions."""
        with self._lock:
            for context, executions in self._executions.items():
                yield context
                yield from executions
