"""One account per function, and accounts for the signer, the pipeline, the model server, deliveries and builds.

No account has a key.
"""

from typing import Final

from infra import policies
from infra.gcloud import gcloud
from infra.installation import Installation
from infra.jobs import Job
from infra.resources import CREATE, SAME, Resource, Step, calls
from infra.stops import CommandFailedError

_RESERVED: Final = (
    "If the role was deleted more than a week ago, its id is reserved for a month: deploy with another PREFIX."
)


def accounts(at: Installation) -> Step:
    """Create accounts, Google's service agents and custom roles."""
    names = at.names
    for name, purpose in policies.ACCOUNTS.items():
        title, address = f"{names.app}: {purpose}", names.account(name)
        yield Resource(
            "accounts",
            address,
            "account",
            want={"displayName": title},
            create=gcloud("iam service-accounts create", names.account_id(name), f"--display-name={title}"),
            change=gcloud("iam service-accounts update", address, f"--display-name={title}"),
        )
    yield from _agents(at)
    for name, permissions in policies.custom_roles().items():
        yield _role(at, name, ",".join(permissions))


def _agents(at: Installation) -> Step:
    """Create Google's service agents, which Google creates on request or at first use, because grants come earlier.

    An agent created on request has no role; roles.md grants one.
    An agent that the project's policy names already exists.
    """
    project = f"--project={at.names.project}"
    policy = str(at.state.of("policy of project"))
    for name, address in policies.agents(at).items():
        service = {"pubsub_agent": "pubsub", "eventarc_agent": "eventarc", "vertex_agent": "aiplatform"}.get(name)
        yield Resource(
            "agents",
            address,
            "service agent",
            verdict=SAME if address in policy else CREATE,
            create=gcloud("beta services identity create", f"--service={service}.googleapis.com", project)
            if service
            else gcloud("storage service-agent", project),
            touches=("policy of project",),
        )


def _role(at: Installation, name: str, permissions: str) -> Resource:
    """Return a custom role. A list does not show its permissions, so its description repeats them."""
    role, title, project = at.names.custom_role(name), f"{at.names.app} {name}", f"--project={at.names.project}"
    texts = (f"--title={title}", f"--description={permissions}", f"--permissions={permissions}")
    update = gcloud("iam roles update", role, project, *texts, "--format=none")

    def create(job: Job) -> None:
        try:
            job.call(gcloud("iam roles create", role, project, *texts, "--stage=GA"))
        except CommandFailedError as error:
            raise CommandFailedError(f"{error.output}\n{_RESERVED}") from error

    # A role deleted less than a week ago is restored.
    undelete = gcloud("iam roles undelete", role, project, "--format=none")
    deleted = at.fact("custom_roles", role, "deleted")
    return Resource(
        "custom_roles",
        role,
        "custom role",
        want={"description": permissions, "deleted": None},
        create=create,
        change=calls(undelete, update) if deleted else update,
    )
