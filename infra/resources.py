"""A resource as it should be, and its comparison with the output of `gcloud … list`."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from infra.gcloud import Call
from infra.jobs import Job

Json = dict[str, Any]
# What creates, changes or deletes a resource: one call of gcloud, or a function for everything else.
Action = Call | Callable[[Job], object]


class Mark(Enum):
    """What a plan says about a resource; the value is the first character of its line."""

    CREATE = "+"
    CHANGE = "~"
    SAME = "="
    STUCK = "!"
    DELETE = "-"


@dataclass(frozen=True)
class Verdict:
    """The result of a comparison, with a line for each difference."""

    mark: Mark
    differences: tuple[str, ...] = ()


SAME: Final = Verdict(Mark.SAME)
CREATE: Final = Verdict(Mark.CREATE)
CHANGE: Final = Verdict(Mark.CHANGE)


@dataclass(frozen=True)
class Resource:
    """One resource: what `gcloud … list` must show, and the actions that make it so.

    ``want`` has the required values by path, as in ``pushConfig/oidcToken/serviceAccountEmail``; None means no value.
    A resource that differs and has no ``change`` cannot be changed in place.
    ``verdict`` replaces the comparison for a resource that a listing does not show.
    ``touches`` are the kinds that the actions may change, besides ``kind``.
    Actions with the same ``lane`` run one after another.
    """

    kind: str
    name: str
    description: str
    want: Mapping[str, object] = field(default_factory=dict)
    create: Action | None = None
    change: Action | None = None
    verdict: Verdict | None = None
    touches: tuple[str, ...] = ()
    lane: str = ""


@dataclass(frozen=True)
class Unwanted:
    """One resource that must not exist, and the action that deletes it; ``exists`` replaces the comparison."""

    kind: str
    name: str
    description: str
    delete: Action
    exists: bool | None = None


def calls(*some: Call) -> Action:
    """Return an action that runs calls one after another."""
    return lambda job: job.call(*some)


class Barrier:
    """Waits for all actions that a step has started; the run stops here if one of them failed."""


BARRIER: Final = Barrier()
Step = Iterator[Resource | Unwanted | Barrier]


def found(resources: Sequence[Json], name: str, key: str) -> Json | None:
    """Return the resource whose ``key`` is the name, or ends with it after a slash; or None."""
    for resource in resources:
        full_name = str(resource.get(key, ""))
        if name in {full_name, full_name.rpartition("/")[2]}:
            return resource
    return None


def value_at(resource: Any, path: str) -> Any:
    """Return the value at a path such as ``restrictions/apiTargets/0/service``, or None."""
    for part in path.split("/"):
        if isinstance(resource, list) and part.isdecimal() and int(part) < len(resource):
            resource = resource[int(part)]
        elif isinstance(resource, dict):
            resource = resource.get(part)
        else:
            return None
    return resource


def spelled(value: Any) -> str:
    """Return a value in one notation, because gcloud prints some numbers as text and leaves out empty values."""
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return str(value)


def compared(present: Json | None, want: Mapping[str, object]) -> Verdict:
    """Compare a resource, or None if it does not exist, with the required values."""
    if present is None:
        return CREATE
    differences = []
    for path, value in want.items():
        is_now, should_be = spelled(value_at(present, path)), spelled(value)
        if is_now != should_be:
            differences.append(f"{path}: {is_now or '(nothing)'} -> {should_be or '(nothing)'}")
    return Verdict(Mark.CHANGE, tuple(differences)) if differences else SAME
