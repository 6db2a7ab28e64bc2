"""What an organisation forbids: read its effective policies before a deployment needs what they may forbid.

Organisations made since May 2024 enforce domain-restricted sharing, so nothing in them may be public.
An administrator of the organisation's policies can make an exception for one project.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from infra.engine import Line
from infra.installation import Installation
from infra.resources import Mark
from infra.state import query
from infra.stops import CommandFailedError

_DOMAINS: Final = "iam.allowedPolicyMemberDomains"
_PREVENTION: Final = "storage.publicAccessPrevention"
_LOCATIONS: Final = "gcp.resourceLocations"
_ACCOUNTS: Final = "iam.disableServiceAccountCreation"
# Value groups of locations that are named after a continent; the meaning of other groups is not known here.
_CONTINENTS: Final = {"us": "us", "eu": "europe", "europe": "europe", "asia": "asia", "australia": "australia"}


@dataclass(frozen=True)
class Obstacle:
    """A policy that is in the way, what it forbids, and the command that makes an exception for this project."""

    constraint: str
    forbids: str
    command: str

    def __str__(self) -> str:
        return f"  {self.constraint}: {self.forbids}\n    {self.command}"


def obstacles(at: Installation, plan: Sequence[Line]) -> list[Obstacle]:
    """Return the policies that are in the way of a plan. A policy does not undo what exists, so only changes count."""
    pending = [line for line in plan if line.mark in {Mark.CREATE, Mark.CHANGE}]
    public = any(line.name in {"bucket results", "bucket page"} and "allUsers" in line.details for line in pending)
    new = {line.description for line in pending if line.mark is Mark.CREATE}
    checks: dict[str, Callable[[Any], Iterable[Obstacle]]] = {}
    if public:
        checks[_DOMAINS] = lambda policy: _domains(at, policy)
        checks[_PREVENTION] = lambda policy: _boolean(at, _PREVENTION, policy, "no bucket may be public")
    if "bucket" in new:
        checks[_LOCATIONS] = lambda policy: _locations(at, policy)
    if "account" in new:
        checks[_ACCOUNTS] = lambda policy: _boolean(at, _ACCOUNTS, policy, "no service account may be created")
    return [obstacle for constraint, check in checks.items() for obstacle in check(_effective(at, constraint))]


def explained(at: Installation, found: Iterable[Obstacle]) -> str:
    """Return the obstacles for the operator, and for the administrator who can lift them."""
    listed = "\n".join(map(str, found))
    return (
        f"The organisation of {at.names.project} has policies that are in the way:\n{listed}\n"
        "Somebody with the role roles/orgpolicy.policyAdmin in the organisation can run these commands, which make an"
        " exception\nfor this project alone. Wait a few minutes, then run the same command again. Nothing was changed."
    )


def _effective(at: Installation, constraint: str) -> Any:
    """Return a policy as it holds for the project, or nothing if this account may not read it."""
    kind = f"policy {constraint}"
    words = f"resource-manager org-policies describe {constraint} --project={at.names.project} --effective"
    try:
        return at.gcloud.json(*query(kind, words).words)
    except CommandFailedError:
        print(f"The policy {constraint} cannot be read, so this plan does not know if it is in the way.")
        return {}


def _domains(at: Installation, policy: Any) -> Iterator[Obstacle]:
    if policy.get("listPolicy", {}).get("allowedValues"):
        lifted = json.dumps({"constraint": f"constraints/{_DOMAINS}", "listPolicy": {"allValues": "ALLOW"}})
        yield Obstacle(
            _DOMAINS,
            "only members of the organisation may have a role, so music and page cannot be public",
            f"echo '{lifted}' > policy.json && gcloud resource-manager org-policies set-policy policy.json"
            f" --project={at.names.project}",
        )


def _boolean(at: Installation, constraint: str, policy: Any, forbids: str) -> Iterator[Obstacle]:
    if policy.get("booleanPolicy", {}).get("enforced"):
        command = f"gcloud resource-manager org-policies disable-enforce {constraint} --project={at.names.project}"
        yield Obstacle(constraint, forbids, command)


def _locations(at: Installation, policy: Any) -> Iterator[Obstacle]:
    allowed, region = policy.get("listPolicy", {}).get("allowedValues", []), at.names.region
    if allowed and not any(_contains(value, region) for value in allowed):
        yield Obstacle(
            _LOCATIONS,
            f"{region} is not among {', '.join(allowed)}; another REGION may be",
            f"gcloud resource-manager org-policies allow {_LOCATIONS} in:{region}-locations"
            f" --project={at.names.project}",
        )


def _contains(value: str, region: str) -> bool:
    """Return True if a value of the policy contains a region, or may contain it."""
    group = re.fullmatch(r"in:(.*)-locations", value)
    if group is None:
        return value.removeprefix("is:") == region
    name = group[1]
    if name in _CONTINENTS:
        return region.startswith(f"{_CONTINENTS[name]}-")
    return name == region or not re.fullmatch(r"[a-z]+-[a-z]+[0-9]+", name)
