"""Compare IAM policies with the grants of `roles.md`, and write what differs.

Bindings of other principals stay. A binding of this installation's accounts that the table does not have is removed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from infra.content import written
from infra.gcloud import Patience
from infra.installation import Installation
from infra.jobs import Job
from infra.resources import CHANGE, Action, Mark, Resource, Verdict
from infra.state import Query

TABLE: Final = Path(__file__).with_name("roles.md")
ACCOUNTS: Final[dict[str, str]] = {
    "upload_handler": "takes commands",
    "captioner": "describes pictures",
    "sketcher": "sketches music",
    "pipeline_launcher": "launches pipelines",
    "result_notifier": "settles tracks",
    "upload_signer": "signs uploads, nobody runs as it",
    "pipeline": "the pipeline's step",
    "model": "the model server",
    "eventarc_trigger": "delivers storage events",
    "push": "delivers messages",
    "builder": "builds images",
}
# keyless.py grants its roles; a deployment does not change them.
DEPLOYER: Final = "deployer"
_EARLY: Final = Patience(
    "Service account .*does not exist|Unknown service account|concurrent policy changes",
    120,
    "IAM does not see a new account yet, or Google changes the policy at the same time",
)

Binding = tuple[str, str, str]  # role, condition, member


@dataclass(frozen=True)
class Grant:
    """One row of the table."""

    principal: str
    role: str
    resource: str
    reason: str


@dataclass(frozen=True)
class Kind:
    """A kind of resource in the table: gcloud's commands, its list, and the request that reads its policy.

    ``needs`` is a path that the resource must have in its list: a function whose deployments failed has no service.
    """

    group: str
    listed: str
    api: str
    version: str = "v1"
    method: str = "GET"
    needs: str = ""


_KINDS: Final = {
    "project": Kind("projects", "", "cloudresourcemanager", method="POST"),
    "account": Kind("iam service-accounts", "accounts", "iam", method="POST"),
    "bucket": Kind("storage buckets", "buckets", "storage", "storage/v1"),
    "topic": Kind("pubsub topics", "topics", "pubsub"),
    "subscription": Kind("pubsub subscriptions", "subscriptions", "pubsub"),
    "secret": Kind("secrets", "secrets", "secretmanager"),
    "repository": Kind("artifacts repositories", "repositories", "artifactregistry"),
    "function": Kind("run services", "functions", "run", needs="serviceConfig/service"),
}


@dataclass(frozen=True)
class Home:
    """A resource that has a policy: its name in gcloud's commands and in Google's API, and how a list names it."""

    resource: str
    name: str
    path: str
    parent: tuple[str, str] | None = None
    flags: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """What the resource's commands and requests have in common."""
        return _KINDS[self.resource.partition(" ")[0]]

    @property
    def query(self) -> Query:
        """The query for the policy. It is a request, because a gcloud process for each policy would take minutes."""
        return Query(f"policy of {self.resource}", (), parent=self.parent, needs=self.kind.needs, request=self.request)

    @property
    def request(self) -> tuple[str, str, str, Any]:
        """The request that reads the policy with its conditions, which only version 3 has."""
        kind = self.kind
        body = {"options": {"requestedPolicyVersion": 3}} if kind.api == "cloudresourcemanager" else {}
        return kind.method, kind.api, f"{kind.version}/{self.path}", body if kind.method == "POST" else None

    def write_words(self, file: Path) -> tuple[str, ...]:
        """Return the call of gcloud that writes the policy."""
        return (*self.kind.group.split(), "set-iam-policy", self.name, str(file), *self.flags, "--format=none")


def rows(title: str) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table in one section of roles.md."""
    text = TABLE.read_text(encoding="utf-8")
    part = re.split(r"^## ", text, flags=re.MULTILINE)
    section = next(section for section in part if section.startswith(title))
    lines = [line for line in section.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield tuple(cell.strip() for cell in line.strip("|").split("|"))


def grants() -> list[Grant]:
    """Return all grants."""
    return [Grant(*row) for row in rows("Grants")]


def custom_roles() -> dict[str, list[str]]:
    """Return the custom roles' permissions, by role."""
    return {name: permissions.split() for name, permissions, _ in rows("Custom roles")}


def home(resource: str) -> str:
    """Return the resource whose policy holds the grants of this one."""
    parts = {
        "database": "project",
        "function_sources": "project",
        "orders": "bucket pipeline",
        "pipeline_root": "bucket pipeline",
    }
    return parts.get(resource, resource)


def homes() -> list[str]:
    """Return the resources whose policies have grants of the table."""
    return list(dict.fromkeys(home(grant.resource) for grant in grants()))


def home_of(at: Installation, resource: str) -> Home:
    """Translate the table's words for a resource into this installation's names."""
    names, (kind, _, short) = at.names, resource.partition(" ")
    project = f"projects/{names.project}"
    name = {
        "project": names.project,
        "account": names.account(short),
        "bucket": names.bucket(short),
        "topic": names.topic(short),
        "subscription": uploads_subscription(at) if short == "uploads" else names.topic(short),
        "secret": f"{names.app}-{short}",
        "repository": names.app,
        "function": names.function(short),
    }[kind]
    path = {
        "project": project,
        "account": f"{project}/serviceAccounts/{name}",
        "bucket": f"b/{name}/iam?optionsRequestedPolicyVersion=3",
        "topic": f"{project}/topics/{name}",
        "subscription": f"{project}/subscriptions/{name}",
        "secret": f"{project}/secrets/{name}",
        "repository": names.repository,
        "function": f"{names.place}/services/{name}",
    }[kind]
    if kind != "bucket":
        path += ":getIamPolicy" if kind == "project" else ":getIamPolicy?options.requestedPolicyVersion=3"
    place = {"repository": (f"--location={names.region}",), "function": (f"--region={names.region}",)}.get(kind, ())
    parent = (_KINDS[kind].listed, name) if _KINDS[kind].listed else None
    return Home(resource, f"gs://{name}" if kind == "bucket" else name, path, parent, place)


def uploads_subscription(at: Installation) -> str:
    """Return the name of the subscription that Eventarc created for the trigger, or an empty text."""
    path = at.fact("triggers", at.names.topic("uploads"), "transport/pubsub/subscription")
    return path.rpartition("/")[2]


def account_member(at: Installation, name: str) -> str:
    """Return one of this installation's accounts in the form of an IAM member."""
    return f"serviceAccount:{at.names.account(name)}"


def agents(at: Installation) -> dict[str, str]:
    """Return the addresses of Google's service agents in this project, by the table's words."""
    domains = {
        "storage_agent": "gs-project-accounts",
        "pubsub_agent": "gcp-sa-pubsub",
        "eventarc_agent": "gcp-sa-eventarc",
        "vertex_agent": "gcp-sa-aiplatform",
    }
    return {name: f"service-{at.number}@{domain}.iam.gserviceaccount.com" for name, domain in domains.items()}


def member(at: Installation, principal: str) -> str:
    """Return a principal in the form of an IAM member."""
    if principal == "everyone":
        return "allUsers"
    if principal == "sink_writer":
        return at.sink_writer
    if principal in ACCOUNTS:
        return account_member(at, principal)
    return f"serviceAccount:{agents(at)[principal]}"


def condition(at: Installation, resource: str) -> str:
    """Return the IAM condition that limits a grant on the resource's home to this resource."""
    names = at.names
    # A request to list objects names the bucket, so the conditions also accept the bucket.
    listing, objects = 'resource.type == "storage.googleapis.com/Bucket"', f"{names.bucket('pipeline')}/objects"
    orders, root = f"projects/_/buckets/{objects}/orders/", f"projects/_/buckets/{objects}/root"
    return {
        "database": f'resource.name == "projects/{names.project}/databases/{names.app}"',
        "function_sources": 'resource.name.startsWith("projects/_/buckets/gcf-v2-sources-")',
        "orders": f'{listing} || resource.name.startsWith("{orders}")',
        # Cloud Storage FUSE also looks for an object with the folder's name.
        "pipeline_root": f'{listing} || resource.name == "{root}" || resource.name.startsWith("{root}/")',
    }.get(resource, "")


def wanted(at: Installation, resource: str) -> frozenset[Binding]:
    """Return the table's bindings on a resource."""

    def role(name: str) -> str:
        full = f"projects/{at.names.project}/roles/{at.names.custom_role(name)}"
        return name if name.startswith("roles/") else full

    return frozenset(
        (role(grant.role), condition(at, grant.resource), member(at, grant.principal))
        for grant in grants()
        if home(grant.resource) == resource
    )


def bindings(policy: Mapping[str, Any]) -> set[Binding]:
    """Return a policy's bindings, one per member."""
    return {
        (binding["role"], (binding.get("condition") or {}).get("expression", ""), member)
        for binding in policy.get("bindings") or []
        for member in binding.get("members") or []
    }


def policy_of(new: set[Binding], old: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy with these bindings, in the form of a gcloud policy file."""
    titles = {
        (binding.get("condition") or {}).get("expression", ""): binding.get("condition")
        for binding in old.get("bindings") or []
    }
    made = []
    for role, expression in sorted({(role, expression) for role, expression, _ in new}):
        members = sorted(member for r, e, member in new if (r, e) == (role, expression))
        binding: dict[str, Any] = {"role": role, "members": members}
        if expression:
            binding["condition"] = titles.get(expression) or {"title": "musicgenerator", "expression": expression}
        made.append(binding)
    has_conditions = any(expression for _, expression, _ in new)
    policy: dict[str, Any] = {"bindings": made, "version": 3 if has_conditions else old.get("version", 1)}
    if old.get("etag"):
        policy["etag"] = old["etag"]
    return policy


@dataclass(frozen=True)
class Wish:
    """The bindings that a policy must have, and the members that may have no others."""

    bindings: frozenset[Binding]
    members: frozenset[str]

    def surplus(self, present: set[Binding]) -> set[Binding]:
        """Return the bindings to remove."""
        return {binding for binding in present - self.bindings if binding[2] in self.members}

    def verdict(self, policy: Any) -> Verdict:
        """Compare a policy, which is an empty list if its resource does not exist."""
        present = bindings(policy or {})
        marked = (("+", self.bindings - present), ("-", self.surplus(present)))
        lines = tuple(
            f"{mark} {role} {member}{f' if {expression}' if expression else ''}"
            for mark, some in marked
            for role, expression, member in sorted(some)
        )
        if not lines:
            return Verdict(Mark.SAME)
        return Verdict(Mark.CHANGE if policy else Mark.CREATE, lines)


def table_wish(at: Installation, resource: str) -> Wish:
    """Return what the table says about a resource."""
    return Wish(wanted(at, resource), frozenset(account_member(at, name) for name in ACCOUNTS))


def nothing(at: Installation) -> Wish:
    """Return a wish that removes all bindings of this installation's accounts and of the deployer."""
    return Wish(frozenset(), frozenset(account_member(at, name) for name in (*ACCOUNTS, DEPLOYER)))


def on(at: Installation, resource: str, wish: Wish, write: Action | None = None) -> Resource:
    """Return a resource's policy as it should be; ``write`` replaces the action that writes it.

    A policy that a command of this run may have changed is read again before it is written, and only then compared.
    """
    place = home_of(at, resource)
    at.state.add(place.query)
    policy = at.state.known(place.query.kind)
    write = write or partial(rewrite, at, resource, wish)
    verdict = CHANGE if policy is None else wish.verdict(policy)
    return Resource(place.query.kind, resource, "grants on", verdict=verdict, create=write, change=write)


def granted(at: Installation, resource: str) -> Resource:
    """Return a resource's policy as the table says."""
    return on(at, resource, table_wish(at, resource))


def read(at: Installation, *resources: str) -> None:
    """Read the policies of these resources, in parallel."""
    asked = [home_of(at, resource).query for resource in resources]
    at.state.add(*asked)
    at.state.read(query.kind for query in asked)


def rewrite(at: Installation, resource: str, wish: Wish, job: Job) -> None:
    """Read the policy, merge, and write it with the etag that was read; retry all of this while it is too early."""
    place = home_of(at, resource)
    job.patiently([_EARLY], partial(_rewrite, at, place, wish, job))


def _rewrite(at: Installation, place: Home, wish: Wish, job: Job) -> None:
    old = at.google.call(*place.request)
    job.note(json.dumps(old))
    present = bindings(old)
    new = (present - wish.surplus(present)) | wish.bindings
    if new != present:
        short = place.resource.replace(" ", "-")
        file = at.engine.log / f"policy-{short}.json"
        job.run(*place.write_words(written(file, json.dumps(policy_of(new, old), indent=2))))
