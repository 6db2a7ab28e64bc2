"""A Google Cloud project in memory: resources, their IAM policies and a record of every request.

Nearly all of Google's REST APIs follow one grammar. A collection's path has an odd number of segments, a resource's an
even one. GET lists or reads, POST (or PUT) creates, PATCH changes the fields of an `updateMask`, DELETE deletes a
resource and everything below it, and `:getIamPolicy` and `:setIamPolicy` read and write a policy.
This module implements that grammar; `google_services.py` and the modules that it imports implement the exceptions of
single APIs.
"""

import copy
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.deploy.worlds import Delay, FieldChanges, Organisation, RunQuota

Json = dict[str, Any]

NUMBER = "123456789012"
CREATED_AT = "2026-01-01T00:00:00Z"

_READING_VERBS = {
    "getIamPolicy",
    "getEffectiveOrgPolicy",
    "getOrgPolicy",
    "testIamPermissions",
    "access",
    "getKeyString",
    "list",
    "lookup",
    "queryTestablePermissions",
    "signBlob",
}
_REGION = re.compile(r"^[a-z]+-[a-z]+[0-9]+-(.+)$")


class RefusedError(Exception):
    """The response is an error in Google's format."""

    def __init__(self, status: int, reason: str, message: str, details: list[Json] | None = None) -> None:
        super().__init__(message)
        self.status = status
        error = {"code": status, "status": reason, "message": message, "errors": [{"message": message}]}
        self.body: Json = {"error": {**error, "details": details} if details else error}


def not_found(name: str) -> RefusedError:
    return RefusedError(404, "NOT_FOUND", f"{name} was not found")


@dataclass(frozen=True)
class Request:
    """One parsed request; ``name`` is the path without its version, ``verb`` is the part after a colon."""

    method: str
    service: str
    path: str
    name: str
    verb: str
    query: Mapping[str, str]
    body: Any

    @property
    def is_mutating(self) -> bool:
        return self.method != "GET" and self.verb not in _READING_VERBS

    @property
    def key(self) -> str:
        """What the request changes; equal for equal requests of different runs."""
        named = next((value for name, value in self.query.items() if name.endswith("Id") or name == "name"), "")
        inside = self.body.get("name", "") if isinstance(self.body, dict) else ""
        return " ".join(filter(None, (self.method, self.service, self.path, named or str(inside))))


def request_of(method: str, host: str, path: str, query: Mapping[str, str], body: Any) -> Request:
    """Parse an HTTP request."""
    service = host.removesuffix(".googleapis.com")
    regional = _REGION.match(service)
    service = regional[1] if regional else service
    bare = re.sub(r"^/(?:resumable/)?(?:upload/|download/)?(?:storage/)?v\d+(?:(?:alpha|beta)\d*)?/", "", path).strip(
        "/"
    )
    last = bare.rpartition("/")[2]
    verb = last.rpartition(":")[2] if re.search(r":[a-zA-Z]+$", last) else ""
    name = bare.removesuffix(f":{verb}") if verb else bare
    return Request(method, service, path, name, verb, query, body)


def renamed(request: Request, **changes: Any) -> Request:
    return Request(**{**request.__dict__, **changes})


@dataclass
class Project:
    """The state of one project, by service and resource name, and its requests.

    ``refuse`` returns an error, or True for a 403, to refuse a request before it changes anything.
    ``agents`` are the service agents that Google has created.

    The other properties put the project into one of the worlds of `worlds.py`, and are off by default:
    ``quota`` limits what a function may ask for, ``organisation`` has policies, ``late_apis`` and ``late_grants`` delay
    the effect of an enabled API and of a grant, ``field_changes`` makes changes of Firestore's fields take time, and
    with ``resets_services`` the deployment of a function undoes changes of its Cloud Run service.
    ``serves_functions`` gives functions addresses that the proxy answers; it forwards a permitted request to the base
    URL in ``functions_at`` under the service's name, and otherwise answers 200.
    """

    resources: dict[str, dict[str, Json]] = field(default_factory=dict)
    policies: dict[str, dict[str, Json]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, bytes] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    count: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    refuse: Any = None
    quota: RunQuota | None = None
    organisation: Organisation | None = None
    late_apis: Delay | None = None
    late_grants: Delay | None = None
    field_changes: FieldChanges | None = None
    resets_services: bool = False
    serves_functions: bool = False
    functions_at: dict[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    changed_at: dict[str, float] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)

    def of(self, service: str) -> dict[str, Json]:
        return self.resources.setdefault(service, {})

    def mutations(self) -> list[str]:
        return [request.key for request in self.requests if request.is_mutating]

    def next_number(self) -> int:
        self.count += 1
        return self.count

    def mark(self, change: str) -> None:
        """Remember the time of a change that takes effect late."""
        self.changed_at[change] = self.clock()
        self.refusals[change] = 0

    def is_late(self, change: str, delay: Delay) -> bool:
        """Return True while a marked change has no effect; each True counts as one refused request."""
        if change not in self.changed_at:
            return False
        passed = self.clock() - self.changed_at[change]
        if passed >= delay.seconds and self.refusals[change] >= delay.requests:
            return False
        self.refusals[change] += 1
        return True

    def snapshot(self) -> Json:
        """Return a copy of all resources and policies."""
        with self.lock:
            return copy.deepcopy({"resources": self.resources, "policies": self.policies})


def listed(project: Project, request: Request) -> Json:
    """Return the resources directly in a collection."""
    inside = request.name + "/"
    key = request.name.rpartition("/")[2]
    items = [
        resource
        for name, resource in sorted(project.of(request.service).items())
        if name.startswith(inside) and "/" not in name.removeprefix(inside)
    ]
    return {key: items} if items else {}


def read(project: Project, request: Request) -> Json:
    """Return one resource."""
    found = project.of(request.service).get(request.name)
    if found is None:
        raise not_found(request.name)
    return found


def created(project: Project, request: Request, name: str, resource: Json) -> Json:
    """Store a new resource under its name."""
    if name in project.of(request.service):
        raise RefusedError(409, "ALREADY_EXISTS", f"{name} exists already")
    made = {"name": name, **resource, "etag": f"BwX{project.next_number():05d}"} if "name" not in resource else resource
    project.of(request.service)[name] = made
    return made


def changed(resource: Json, mask: str, new: Json) -> None:
    """Write the fields of an update mask, or without a mask all fields of ``new``."""
    if not mask:
        resource.update(new)
        return
    for path in mask.split(","):
        parts = [re.sub(r"_([a-z])", lambda match: match[1].upper(), part) for part in path.split(".")]
        source: Any = new
        target = resource
        for part in parts[:-1]:
            source = source.get(part, {}) if isinstance(source, dict) else {}
            target = target.setdefault(part, {})
        if isinstance(source, dict) and parts[-1] in source:
            target[parts[-1]] = source[parts[-1]]
        else:
            target.pop(parts[-1], None)


def deleted(project: Project, request: Request) -> None:
    """Delete a resource, everything below it and their policies."""
    read(project, request)
    for store in (project.of(request.service), project.policies.setdefault(request.service, {})):
        for name in [name for name in store if name == request.name or name.startswith(request.name + "/")]:
            del store[name]


def exists(project: Project, email: str) -> bool:
    """Return True if an account or service agent has been created."""
    return email in project.agents or any(name.endswith(f"/serviceAccounts/{email}") for name in project.of("iam"))


def members(kept: Json) -> set[tuple[str, str]]:
    """Return the pairs of role and member of a policy."""
    return {(binding["role"], member) for binding in kept.get("bindings", []) for member in binding["members"]}


def grant_mark(service: str, name: str, role: str, member: str) -> str:
    """Return the key under which the time of a grant is remembered."""
    return f"grant {service} {name} {role} {member}"


def policy(project: Project, request: Request) -> Json:
    """Read or write a resource's policy; a write with an old etag is refused."""
    policies = project.policies.setdefault(request.service, {})
    name = unquote(request.name)
    if request.verb == "getIamPolicy":
        return policies.get(name, {"version": 1, "etag": "ACAB"})
    new = request.body.get("policy", request.body)
    current = policies.get(name, {}).get("etag", "ACAB")
    if new.get("etag", current) != current:
        raise RefusedError(409, "ABORTED", f"the policy of {name} has changed meanwhile")
    for binding in new.get("bindings", []):
        for kind, _, email in (member.partition(":") for member in binding["members"]):
            if kind == "serviceAccount" and not exists(project, email):
                raise RefusedError(400, "INVALID_ARGUMENT", f"Service account {email} does not exist.")
    for role, member in members(new) - members(policies.get(name, {})):
        project.mark(grant_mark(request.service, name, role, member))
    policies[name] = {
        "version": new.get("version", 1),
        "etag": f"BwX{project.next_number():05d}",
        "bindings": new.get("bindings", []),
    }
    return policies[name]


def done(project: Project, request: Request, response: Any) -> Json:
    """Return a finished long-running operation."""
    parent = re.match(r"projects/[^/]+(?:/(?:locations|databases)/[^/]+)?", request.name)
    root = "" if request.service in {"serviceusage", "apikeys"} else f"{parent[0]}/" if parent else ""
    # gcloud reads the number of an operation of Vertex AI.
    name = f"{root}operations/{'' if request.service == 'aiplatform' else 'op-'}{project.next_number()}"
    operation = {
        "name": name,
        "done": True,
        "metadata": {"@type": "type.googleapis.com/Metadata"},
        "response": {"@type": "type.googleapis.com/Resource", **response},
    }
    project.of(f"{request.service} operations")[name] = operation
    return operation


def failed(project: Project, request: Request, code: int, message: str) -> Json:
    """Return a long-running operation that has failed."""
    operation = done(project, request, {})
    del operation["response"]
    operation["error"] = {"code": code, "message": message}
    return operation


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()
