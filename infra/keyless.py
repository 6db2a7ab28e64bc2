"""Let one GitHub repository deploy this installation without a key file, by Workload Identity Federation.

GITHUB=owner/name [BRANCH=main] make deploy-keyless PROJECT=…
"""

import re
from functools import partial
from typing import Final

from infra import policies
from infra.engine import Mode
from infra.gcloud import gcloud
from infra.installation import Installation
from infra.resources import BARRIER, CHANGE, Resource, Step
from infra.state import query
from infra.stops import StoppedError

# The steps of a deployment need these roles; none of them is owner or editor.
ROLES: Final = {
    "roles/serviceusage.serviceUsageAdmin": "enables the APIs",
    "roles/iam.serviceAccountAdmin": "makes the accounts and their policies",
    "roles/iam.roleAdmin": "makes the custom roles",
    "roles/resourcemanager.projectIamAdmin": "grants what roles.md grants on the project",
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
# The deployer deploys functions and triggers that run as these accounts; it can act as no other account.
ACTS_AS: Final = (
    *("upload_handler", "captioner", "pipeline_launcher", "result_notifier", "pipeline"),
    *("eventarc_trigger", "push", "builder"),
)
_APIS: Final = ("iamcredentials", "sts", "iam", "cloudresourcemanager")


def deploy_keyless(at: Installation) -> None:
    """Create the pool, the provider, the deployer and its grants, and print what the repository needs."""
    repository, branch = at.option("GITHUB"), at.option("BRANCH", "main")
    if not repository:
        raise StoppedError("Set the repository: GITHUB=owner/name")
    if not re.fullmatch(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", repository):
        raise StoppedError(f"GITHUB must have the form owner/name, not '{repository}'.")
    pool = f"projects/{at.number}/locations/global/workloadIdentityPools/{at.names.app}"
    at.engine.converge(
        {
            "apis": _apis,
            "pool": partial(_pool, at, repository, branch),
            "deployer": partial(_deployer, at, f"principalSet://iam.googleapis.com/{pool}", repository),
        },
        Mode.APPLY,
    )
    print("\nSet these variables in the repository's settings (they are not secret):")
    print(f"  WORKLOAD_IDENTITY_PROVIDER  {pool}/providers/github")
    print(f"  DEPLOYER                    {at.names.account(policies.DEPLOYER)}")


def _apis() -> Step:
    for api in (f"{short}.googleapis.com" for short in _APIS):
        yield Resource("apis", api, "API", create=gcloud("services enable", api))


def _pool(at: Installation, repository: str, branch: str) -> Step:
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
    condition = f"assertion.repository == '{repository}' && assertion.ref == 'refs/heads/{branch}'"
    provider = (
        *("github", place, f"--workload-identity-pool={name}"),
        "--issuer-uri=https://token.actions.githubusercontent.com",
        "--attribute-mapping=google.subject=assertion.sub,attribute.repository=assertion.repository",
        *(f"--attribute-condition={condition}", "--format=none"),
    )
    yield Resource(
        "providers",
        "github",
        "identity provider",
        want={"attributeCondition": condition},
        create=gcloud("iam workload-identity-pools providers create-oidc", *provider),
        change=gcloud("iam workload-identity-pools providers update-oidc", *provider),
    )


def _deployer(at: Installation, principals: str, repository: str) -> Step:
    names, deployer = at.names, at.names.account(policies.DEPLOYER)
    title = f"{names.app}: deploys from GitHub"
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
    who = f"{principals}/attribute.repository/{repository}"
    yield _also(at, f"account {policies.DEPLOYER}", ("roles/iam.workloadIdentityUser", "", who))
    yield _also(at, "project", *((role, "", member) for role in ROLES))
    for name in ACTS_AS:
        if at.exists("accounts", names.account(name)):
            yield _also(at, f"account {name}", ("roles/iam.serviceAccountUser", "", member))


def _also(at: Installation, resource: str, *bindings: policies.Binding) -> Resource:
    """Return a policy that has these bindings besides its own."""
    return policies.on(at, resource, policies.Wish(frozenset(bindings), frozenset()))
