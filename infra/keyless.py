"""Let one environment of a GitHub repository deploy this installation without a key file.

GITHUB=owner/name GITHUB_ID=number [GITHUB_ENVIRONMENT=production] [BRANCH=main] make deploy-keyless PROJECT=…

Workload Identity Federation trusts the repository's id, because somebody else may get its name after a deletion.
The environment has the rules that say who approves a deployment.
The deployer releases an installation that an owner has deployed. It changes neither accounts nor custom roles, and
grants on the project only the roles of ``GRANTABLE``: with more rights it could make itself an owner.
"""

import re
from collections.abc import Iterable
from functools import partial
from typing import Final

from infra import policies
from infra.engine import Mode
from infra.gcloud import gcloud
from infra.installation import Installation
from infra.resources import BARRIER, CHANGE, Resource, Step
from infra.state import query
from infra.stops import StoppedError

# Releases need these roles. None of them is owner or editor, or can become that.
ROLES: Final = {
    "roles/serviceusage.serviceUsageAdmin": "enables the APIs",
    "roles/iam.serviceAccountViewer": "compares the accounts and their policies",
    "roles/iam.roleViewer": "compares the custom roles",
    "roles/storage.admin": "makes the buckets, uploads template and page",
    "roles/pubsub.admin": "makes topics, subscriptions and their policies",
    "roles/datastore.owner": "makes the database, its TTL policies and the drop session",
    "roles/firebaserules.admin": "publishes the rules",
    "roles/secretmanager.admin": "makes the secrets and reads the drop session's",
    "roles/artifactregistry.admin": "makes the repository and its policy",
    "roles/cloudbuild.builds.editor": "builds the images",
    "roles/logging.logWriter": "writes the log of a release that Cloud Build runs",
    "roles/cloudfunctions.admin": "deploys the functions",
    "roles/run.admin": "says who may call them",
    "roles/eventarc.admin": "makes the trigger",
    "roles/cloudscheduler.admin": "makes the tick",
    "roles/logging.configWriter": "makes the sink and the metrics",
    "roles/monitoring.editor": "makes alerts and dashboard",
    "roles/serviceusage.apiKeysAdmin": "makes the browser's key",
    "roles/aiplatform.user": "runs the canary",
}
# The deployer may grant and revoke these on the project, and no role that grants others, acts as an account or can be
# changed by one of its own roles. Google accepts ten in a condition.
IAM_ADMIN: Final = "roles/resourcemanager.projectIamAdmin"
GRANTABLE: Final = (
    "roles/datastore.user",
    "roles/eventarc.eventReceiver",
    "roles/logging.logWriter",
    "roles/pubsub.publisher",
    "roles/storage.objectViewer",
    "roles/telemetry.tracesWriter",
)
# The deployer deploys functions and triggers that run as these accounts; it can act as no other account.
ACTS_AS: Final = (
    *("upload_handler", "captioner", "sketcher", "pipeline_launcher", "result_notifier", "pipeline"),
    *("eventarc_trigger", "push", "builder"),
)
_APIS: Final = ("iamcredentials", "sts", "iam", "cloudresourcemanager")


def deploy_keyless(at: Installation) -> None:
    """Create the pool, the provider, the deployer and its grants, and print what the repository needs."""
    repository, number = at.option("GITHUB"), at.option("GITHUB_ID")
    if not repository:
        raise StoppedError("Set the repository: GITHUB=owner/name")
    if not re.fullmatch(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", repository):
        raise StoppedError(f"GITHUB must have the form owner/name, not '{repository}'.")
    if not re.fullmatch(r"[0-9]+", number):
        raise StoppedError(f"Set the repository's number: GITHUB_ID=$(gh api repos/{repository} --jq .id)")
    environment, branch = at.option("GITHUB_ENVIRONMENT", "production"), at.option("BRANCH", "main")
    for name, value in {"GITHUB_ENVIRONMENT": environment, "BRANCH": branch}.items():
        if not re.fullmatch(r"[A-Za-z0-9_./-]+", value):
            raise StoppedError(f"{name} may have letters, digits and _./-, not '{value}'.")
    condition = " && ".join(
        f"assertion.{claim} == '{value}'"
        for claim, value in {
            "repository_id": number,
            "repository": repository,
            "ref": f"refs/heads/{branch}",
            "environment": environment,
        }.items()
    )
    pool = f"projects/{at.number}/locations/global/workloadIdentityPools/{at.names.app}"
    at.engine.converge(
        {
            "apis": _apis,
            "pool": partial(_pool, at, condition),
            "deployer": partial(_deployer, at, f"principalSet://iam.googleapis.com/{pool}", number),
        },
        Mode.APPLY,
    )
    print(f"\nSet these variables in the repository's environment {environment} (they are not secret):")
    print(f"  WORKLOAD_IDENTITY_PROVIDER  {pool}/providers/github")
    print(f"  DEPLOYER                    {at.names.account(policies.DEPLOYER)}")


def _apis() -> Step:
    for api in (f"{short}.googleapis.com" for short in _APIS):
        yield Resource("apis", api, "API", create=gcloud("services enable", api))


def _pool(at: Installation, condition: str) -> Step:
    name, place = at.names.app, "--location=global"
    # A deleted pool's name stays reserved for a month, so the step restores the pool with its provider.
    at.state.add(
        query("pools", f"iam workload-identity-pools list {place} --show-deleted"),
        query(
            "providers",
            f"iam workload-identity-pools providers list {place} --workload-identity-pool={name}",
            parent=("pools", name),
        ),
    )
    at.state.forget(["pools"])
    yield Resource(
        "pools",
        name,
        "identity pool",
        verdict=CHANGE if at.fact("pools", name, "state") == "DELETED" else None,
        create=gcloud("iam workload-identity-pools create", name, place, f"--display-name={name}", "--format=none"),
        change=gcloud("iam workload-identity-pools undelete", name, place, "--format=none"),
    )
    yield BARRIER
    provider = (
        *("github", place, f"--workload-identity-pool={name}"),
        "--issuer-uri=https://token.actions.githubusercontent.com",
        "--attribute-mapping=google.subject=assertion.sub,attribute.repository_id=assertion.repository_id",
        *(f"--attribute-condition={condition}", "--format=none"),
    )
    yield Resource(
        "providers",
        "github",
        "identity provider",
        want={
            "attributeCondition": condition,
            "attributeMapping": {
                "google.subject": "assertion.sub",
                "attribute.repository_id": "assertion.repository_id",
            },
        },
        create=gcloud("iam workload-identity-pools providers create-oidc", *provider),
        change=gcloud("iam workload-identity-pools providers update-oidc", *provider),
    )


def _deployer(at: Installation, principals: str, number: str) -> Step:
    names, deployer = at.names, at.names.account(policies.DEPLOYER)
    title = f"{names.app}: deploys from GitHub"
    account, who = f"account {policies.DEPLOYER}", f"{principals}/attribute.repository_id/{number}"
    earlier = _earlier(at, account, principals) if at.exists("accounts", deployer) else frozenset()
    yield Resource(
        "accounts",
        deployer,
        "account",
        create=gcloud(
            "iam service-accounts create",
            *(names.account_id(policies.DEPLOYER), f"--display-name={title}", "--format=none"),
        ),
    )
    yield BARRIER
    member = policies.account_member(at, policies.DEPLOYER)
    # Another repository that could act as the deployer before cannot any more.
    yield policies.on(at, account, policies.Wish(frozenset({("roles/iam.workloadIdentityUser", "", who)}), earlier))
    roles = frozenset({*((role, "", member) for role in ROLES), (IAM_ADMIN, grants_only(GRANTABLE), member)})
    yield policies.on(at, "project", policies.Wish(roles, frozenset({member})))
    for name in ACTS_AS:
        if at.exists("accounts", names.account(name)):
            yield _also(at, f"account {name}", ("roles/iam.serviceAccountUser", "", member))


def grants_only(roles: Iterable[str]) -> str:
    """Return the IAM condition under which a principal may grant and revoke only these roles."""
    listed = ", ".join(f"'{role}'" for role in roles)
    return f"api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([{listed}])"


def _earlier(at: Installation, account: str, principals: str) -> frozenset[str]:
    """Return the principals of this pool that an account's policy names."""
    query = policies.home_of(at, account).query
    at.state.add(query)
    policy = at.state.of(query.kind) or {}
    return frozenset(who for _, _, who in policies.bindings(policy) if who.startswith(principals))


def _also(at: Installation, resource: str, *bindings: policies.Binding) -> Resource:
    """Return a policy that has these bindings besides its own."""
    return policies.on(at, resource, policies.Wish(frozenset(bindings), frozenset()))
