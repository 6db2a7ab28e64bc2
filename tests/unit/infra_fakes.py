"""A gcloud that prints what a test says, and an engine that uses it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infra.engine import Engine
from infra.gcloud import Gcloud
from infra.rest.google import Google
from infra.state import Query, State
from infra.stops import CommandFailedError


class FakeGcloud(Gcloud):
    """``lists`` has what a reading call returns, by its words; all other calls succeed, or fail if ``refused`` says.

    ``calls`` has the words of all calls, in the order in which they started, and ``inputs`` their standard inputs.
    """

    def __init__(self, lists: Mapping[str, Any] | None = None, refused: Mapping[str, str] | None = None) -> None:
        super().__init__("a-project")
        self.lists = dict(lists or {})
        self.refused = dict(refused or {})
        self.calls: list[str] = []
        self.inputs: list[str] = []
        self.effects: dict[str, Callable[[], object]] = {}

    def run(self, *words: str, stdin: str = "") -> tuple[str, str]:
        """Answer one call."""
        call = " ".join(word for word in words if word != "--format=json")
        self.calls.append(call)
        self.inputs.append(stdin)
        if call in self.refused:
            raise CommandFailedError(self.refused[call])
        self.effects.get(call, list)()
        return json.dumps(self.lists.get(call, [])), ""

    def secret(self, *words: str) -> str:
        """Answer one call whose output is secret."""
        return self.run(*words)[0].strip()

    def times(self, call: str) -> int:
        """Return how often a call was made."""
        return self.calls.count(call)


class FakeGoogle(Google):
    """``policies`` has what a request returns, by its path without the query; ``requests`` has the paths."""

    def __init__(self, gcloud: Gcloud, policies: Mapping[str, Any] | None = None) -> None:
        super().__init__("a-project", gcloud)
        self.policies = dict(policies or {})
        self.requests: list[str] = []

    def call(self, method: str, api: str, path: str, body: Any = None) -> Any:
        """Answer one request."""
        assert (method == "POST") == (body is not None), f"{api} needs a body if and only if it is a POST"
        self.requests.append(path.partition("?")[0])
        return self.policies.get(path.partition("?")[0], {})


def engine_of(gcloud: FakeGcloud, work: Path, *queries: Query, jobs: int = 3) -> Engine:
    """Return an engine with these queries."""
    return Engine(gcloud, State(gcloud, FakeGoogle(gcloud), queries, jobs), work, jobs)
