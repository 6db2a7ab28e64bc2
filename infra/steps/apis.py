"""Enable the APIs that an installation uses. They stay enabled when it is destroyed, because others may use them."""

from typing import Final

from infra.gcloud import gcloud
from infra.installation import Installation
from infra.jobs import Job
from infra.resources import CREATE, SAME, Resource, Step

APIS: Final = (
    *("aiplatform", "apikeys", "artifactregistry", "cloudbuild", "cloudfunctions", "cloudresourcemanager"),
    *("cloudscheduler", "cloudtrace", "eventarc", "firebaserules", "firestore", "iam", "iamcredentials", "logging"),
    *("monitoring", "pubsub", "run", "secretmanager", "serviceusage", "storage", "telemetry"),
)
# Service Usage accepts at most this many APIs in one request.
_AT_ONCE: Final = 20


def apis(at: Installation) -> Step:
    """Enable what is not enabled."""
    missing = [f"{api}.googleapis.com" for api in APIS if not at.exists("apis", f"{api}.googleapis.com")]

    def enable(job: Job) -> None:
        for first in range(0, len(missing), _AT_ONCE):
            job.call(gcloud("services enable", *missing[first : first + _AT_ONCE]))

    yield Resource(
        "apis",
        f"{len(missing)} of {len(APIS)}",
        "APIs to enable",
        verdict=CREATE if missing else SAME,
        create=enable,
        # Google grants roles to its own accounts when an API is enabled.
        touches=("policy of project",),
    )
