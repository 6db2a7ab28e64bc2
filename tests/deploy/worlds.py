"""What a recorded project may be besides a project in which everything works at once: the worlds of the tests.

Each is a property of `Project` and off by default: `project.organisation = Organisation()` puts a project into one.
The modules `google_*.py` implement them, with the sources of Google's behaviour and texts.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Delay:
    """How long a change stays invisible: ``seconds`` on the project's clock, and ``requests`` refused because of it."""

    seconds: float = 0
    requests: int = 0


@dataclass(frozen=True)
class RunQuota:
    """What one Cloud Run service may ask for in a region: its maximal instances times their vCPUs and memory.

    ``cpu`` is in milli-vCPU, ``memory`` in bytes; the defaults are those of a new project.
    By default the request is refused; with ``in_operation`` it is accepted, and its operation fails.
    """

    cpu: int = 20_000
    memory: int = 40 * 2**30
    in_operation: bool = False


@dataclass(frozen=True)
class FieldChanges:
    """How long Firestore works on one field; until then it accepts no other change of this field."""

    exemption: Delay = Delay()
    ttl: Delay = Delay()


def _boolean(constraint: str) -> dict[str, Any]:
    return {"constraint": f"constraints/{constraint}", "booleanPolicy": {"enforced": True}}


def _list(constraint: str, values: tuple[str, ...]) -> dict[str, Any]:
    return {"constraint": f"constraints/{constraint}", "listPolicy": {"allowedValues": list(values)}}


@dataclass
class Organisation:
    """The organisation that owns a project; by default with the policies of one that was made since 3 May 2024.

    ``domains`` are the domains of ``customer``, its Cloud Identity account.
    ``policies`` are effective on the project, in the format of Resource Manager v1, by constraint.
    ``excepted`` are services, such as `storage`, whose resources have a tag that lifts domain-restricted sharing; the
    policy that is effective on the project does not show this.
    """

    customer: str = "C01abc2de"
    domains: frozenset[str] = frozenset({"example.com"})
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    excepted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.policies:
            # https://cloud.google.com/resource-manager/docs/secure-by-default-organizations, as far as it matters here
            self.allow("iam.allowedPolicyMemberDomains", self.customer)
            self.enforce("iam.automaticIamGrantsForDefaultServiceAccounts")
            self.enforce("iam.disableServiceAccountKeyCreation")
            self.enforce("iam.disableServiceAccountKeyUpload")
            self.enforce("storage.uniformBucketLevelAccess")

    def enforce(self, constraint: str) -> None:
        """Enforce a boolean constraint, such as ``storage.publicAccessPrevention``."""
        self.policies[constraint] = _boolean(constraint)

    def allow(self, constraint: str, *values: str) -> None:
        """Allow only these values of a list constraint, such as ``in:us-locations`` of ``gcp.resourceLocations``."""
        self.policies[constraint] = _list(constraint, values)
