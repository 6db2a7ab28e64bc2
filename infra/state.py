"""What the project has: the output of gcloud's lists, read once and forgotten when a command may have changed it."""

import shlex
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from infra.gcloud import Gcloud
from infra.resources import Json, found, spelled, value_at
from infra.rest.google import Google
from infra.stops import CommandFailedError, StoppedError


@dataclass(frozen=True)
class Query:
    """One reading of a project: a kind of resources, or something inside one resource.

    Without its API, or without its parent (a kind and a name), the project has no such resources, and nothing is read.
    ``needs`` is a path at which the parent must have a value.
    ``request`` replaces the call of gcloud by a request: HTTP method, API, path and body.
    ``key`` is the field that names a resource.
    """

    kind: str
    words: tuple[str, ...]
    api: str = ""
    parent: tuple[str, str] | None = None
    key: str = "name"
    needs: str = ""
    request: tuple[str, str, str, Any] | None = None


def query(kind: str, command: str, api: str = "", *, parent: tuple[str, str] | None = None, key: str = "name") -> Query:
    """Return a query: ``query("topics", "pubsub topics list", "pubsub")``."""
    return Query(kind, tuple(command.split()), api, parent, key)


class State:
    """The resources of a project by kind. It reads a kind when it is needed, and reads it again after ``forget``."""

    def __init__(self, gcloud: Gcloud, google: Google, queries: Iterable[Query], jobs: int) -> None:
        self._gcloud, self._google = gcloud, google
        self._queries = {query.kind: query for query in queries}
        self._jobs = jobs
        self._values: dict[str, Any] = {}
        # Kinds that were not read, because their API is not enabled or their parent does not exist.
        self._assumed: set[str] = set()

    def add(self, *queries: Query) -> None:
        """Add queries whose words depend on what other queries return."""
        self._queries |= {query.kind: query for query in queries}

    def read(self, kinds: Iterable[str]) -> None:
        """Read the kinds that are not known, in parallel."""
        wanted = [self._queries[kind] for kind in kinds if kind not in self._values]
        # These decide what else can be read, so they are read before the threads start.
        for query in wanted:
            if query.api:
                self.of("apis")
            if query.parent:
                self.of(query.parent[0])
        unknown = [query.kind for query in wanted if query.kind not in self._values]
        with ThreadPoolExecutor(self._jobs) as threads:
            for kind, value in zip(unknown, threads.map(self._value, unknown), strict=True):
                self._values[kind] = value

    def of(self, kind: str) -> Any:
        """Return what a query returns: for most kinds, a list of resources."""
        if kind not in self._values:
            self.read([kind])
        return self._values[kind]

    def known(self, kind: str) -> Any:
        """Return what a query returned, or None if it is not known or may have changed."""
        return self._values.get(kind)

    def find(self, kind: str, name: str) -> Json | None:
        """Return one resource, or None if it does not exist."""
        return found(self.of(kind), name, self._queries[kind].key)

    def exists(self, kind: str, name: str) -> bool:
        """Return True if a resource exists."""
        return self.find(kind, name) is not None

    def fact(self, kind: str, name: str, path: str) -> str:
        """Return the value at a path of a resource as text, or an empty text."""
        return spelled(value_at(self.find(kind, name) or {}, path))

    def names(self, kind: str, start: str = "") -> list[str]:
        """Return the short names of the resources whose short names start so."""
        key = self._queries[kind].key
        short = [str(resource.get(key, "")).rpartition("/")[2] for resource in self.of(kind)]
        return [name for name in short if name.startswith(start)]

    def forget(self, kinds: Iterable[str]) -> None:
        """Forget kinds that a command may have changed, and everything inside their resources.

        A new API may have resources of every kind that could not be read without it.
        """
        gone = set(kinds)
        if "apis" in gone:
            gone |= self._assumed
        while inside := {
            kind for kind in self._values.keys() - gone if (parent := self._queries[kind].parent) and parent[0] in gone
        }:
            gone |= inside
        for kind in gone:
            self._values.pop(kind, None)
            self._assumed.discard(kind)

    def _has(self, parent: tuple[str, str], needs: str) -> bool:
        return self.fact(*parent, needs) != "" if needs else self.exists(*parent)

    def _value(self, kind: str) -> Any:
        wanted = self._queries[kind]
        if (wanted.api and not self.exists("apis", f"{wanted.api}.googleapis.com")) or (
            wanted.parent and not self._has(wanted.parent, wanted.needs)
        ):
            self._assumed.add(kind)
            return []
        try:
            return self._google.call(*wanted.request) if wanted.request else self._gcloud.json(*wanted.words)
        except CommandFailedError as error:
            said = "".join(f"    {line}\n" for line in error.output.splitlines())
            command = " ".join(wanted.request[:3]) if wanted.request else shlex.join(("gcloud", *wanted.words))
            raise StoppedError(f"Cannot read the {kind} of the project: {command}\n{said}") from error
