"""Compare IAM policies with the grants of `roles.md`: ``policies RESOURCE FILE [--write OUT] [--none]``.

RESOURCE is a kind and a name as in the table (``bucket results``), FILE its policy in gcloud's JSON.
Prints ``same`` if the policy has the table's grants, otherwise ``change`` and one line per binding to add (+) or
remove (-). ``--write`` writes the corrected policy to OUT.
Bindings of other principals stay. A binding of this project's accounts that the table does not have is removed.
``--none`` removes all bindings of this project's accounts and of the deployer. It keeps those of Google's agents on the
project, because other triggers and jobs may need them.
``policies --resources`` lists the resources, ``--custom`` the custom roles, ``--custom ROLE`` a role's permissions.
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

TABLE: Final = Path(__file__).with_name("roles.md")
ACCOUNTS: Final = (
    "upload_handler",
    "captioner",
    "pipeline_launcher",
    "result_notifier",
    "upload_signer",
    "pipeline",
    "model",
    "eventarc_trigger",
    "push",
    "builder",
)
# keyless.sh grants its roles; a deployment does not change them.
DEPLOYER: Final = "deployer"

Binding = tuple[str, str, str]  # role, condition, member


@dataclass(frozen=True)
class Grant:
    """One row of the table."""

    principal: str
    role: str
    resource: str
    reason: str


@dataclass(frozen=True)
class Names:
    """Translates the table's words into one installation's names."""

    environ: Mapping[str, str]

    def member(self, principal: str) -> str:
        """Return a principal in the form of an IAM member."""
        number = self.environ["NUMBER"]
        agents = {
            "everyone": "allUsers",
            "storage_agent": f"serviceAccount:service-{number}@gs-project-accounts.iam.gserviceaccount.com",
            "pubsub_agent": f"serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com",
            "eventarc_agent": f"serviceAccount:service-{number}@gcp-sa-eventarc.iam.gserviceaccount.com",
            "vertex_agent": f"serviceAccount:service-{number}@gcp-sa-aiplatform.iam.gserviceaccount.com",
            "sink_writer": self.environ.get("SINK_WRITER", ""),
        }
        if principal in agents:
            return agents[principal]
        if principal not in ACCOUNTS:
            raise ValueError(f"roles.md has the unknown principal {principal}")
        return self.account(principal)

    def account(self, name: str) -> str:
        """Return one of this project's accounts in the form of an IAM member."""
        short = name.replace("_", "-")
        return f"serviceAccount:{self.environ['ACCOUNT']}-{short}@{self.environ['PROJECT']}.iam.gserviceaccount.com"

    def role(self, role: str) -> str:
        """Return the full name of a role."""
        return role if role.startswith("roles/") else f"projects/{self.environ['PROJECT']}/roles/{self.custom(role)}"

    def custom(self, role: str) -> str:
        """Return the id of a custom role."""
        return f"{self.environ['ROLE']}.{role}"

    def condition(self, resource: str) -> str:
        """Return the IAM condition that limits a grant on the resource's home to this resource."""
        project, database = self.environ["PROJECT"], self.environ["DATABASE"]
        # A request to list objects names the bucket, so the condition also accepts the bucket.
        orders = f"projects/_/buckets/{self.environ['PIPELINE_BUCKET']}/objects/orders/"
        return {
            "database": f'resource.name == "projects/{project}/databases/{database}"',
            "function_sources": 'resource.name.startsWith("projects/_/buckets/gcf-v2-sources-")',
            "orders": f'resource.type == "storage.googleapis.com/Bucket" || resource.name.startsWith("{orders}")',
        }.get(resource, "")


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
    return {"database": "project", "function_sources": "project", "orders": "bucket pipeline"}.get(resource, resource)


def bindings(policy: Mapping[str, Any]) -> set[Binding]:
    """Return a policy's bindings, one per member."""
    return {
        (binding["role"], (binding.get("condition") or {}).get("expression", ""), member)
        for binding in policy.get("bindings") or []
        for member in binding.get("members") or []
    }


def wanted(resource: str, names: Names) -> set[Binding]:
    """Return the table's bindings on a resource."""
    return {
        (names.role(grant.role), names.condition(grant.resource), names.member(grant.principal))
        for grant in grants()
        if home(grant.resource) == resource
    }


def policy_of(wanted_bindings: set[Binding], old: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy with these bindings, in the form of a gcloud policy file."""
    titles = {
        (binding.get("condition") or {}).get("expression", ""): binding.get("condition")
        for binding in old.get("bindings") or []
    }
    found = []
    for role, expression in sorted({(role, expression) for role, expression, _ in wanted_bindings}):
        members = sorted(member for r, e, member in wanted_bindings if (r, e) == (role, expression))
        binding: dict[str, Any] = {"role": role, "members": members}
        if expression:
            binding["condition"] = titles.get(expression) or {"title": "musicgenerator", "expression": expression}
        found.append(binding)
    has_conditions = any(expression for _, expression, _ in wanted_bindings)
    policy: dict[str, Any] = {"bindings": found, "version": 3 if has_conditions else old.get("version", 1)}
    if old.get("etag"):
        policy["etag"] = old["etag"]
    return policy


def main(arguments: list[str]) -> int:
    """Print a comparison or a list."""
    names = Names(os.environ)
    if arguments[0] == "--resources":
        print("\n".join(dict.fromkeys(home(grant.resource) for grant in grants())))
        return 0
    if arguments[0] == "--custom":
        roles = custom_roles()
        print("\n".join(roles) if len(arguments) == 1 else ",".join(roles[arguments[1]]))
        return 0
    resource, file, *options = arguments
    path = Path(file)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    old = json.loads(text or "{}")
    present = bindings(old)
    none = "--none" in options
    accounts = {names.account(name) for name in (*ACCOUNTS, *([DEPLOYER] if none else []))}
    wanted_bindings = set() if none else wanted(resource, names)
    surplus = {binding for binding in present - wanted_bindings if binding[2] in accounts}
    missing = wanted_bindings - present
    if not surplus and not missing:
        print("same")
        return 0
    print("change")
    for mark, some in (("+", missing), ("-", surplus)):
        for role, expression, member in sorted(some):
            print(f"{mark} {role} {member}{f' if {expression}' if expression else ''}")
    if "--write" in options:
        new = policy_of((present - surplus) | missing, old)
        Path(options[options.index("--write") + 1]).write_text(json.dumps(new, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
