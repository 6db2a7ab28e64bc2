"""The machines that are kept running for pipelines: one persistent resource of Vertex AI, named by number and type.

A step on such a machine starts in seconds instead of minutes. The machines cost by the hour, also while they wait.
"""

import subprocess
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from infra.gcloud import gcloud, tell
from infra.installation import Installation
from infra.jobs import Job
from infra.resources import Json, Resource, Step, Unwanted, value_at
from infra.settings import setting
from infra.stops import CommandFailedError, StoppedError

KIND: Final = "persistent_resources"
_POLL_SECONDS: Final = 10
_START_SECONDS: Final = 1200
_STOP_SECONDS: Final = 600
# A step ends after 15 minutes; its job may have waited before.
_JOBS_SECONDS: Final = 1500
_JOBS_AGE: Final = timedelta(hours=1)
_MACHINES_OF_JOB: Final = "runtimeConfig/defaultRuntime/persistentResourceRuntimeDetail/persistentResourceName"
_ENDED: Final = frozenset(f"PIPELINE_STATE_{end}" for end in ("SUCCEEDED", "FAILED", "CANCELLED"))
_STOPPING: Final = "STOPPING"
_WHAT_TO_DO: Final = (
    "What to do: deploy with WARM=0, which deletes these machines, or raise Vertex AI's quota of training CPUs of this"
    " type in this region. While WARM or WARM_MACHINE changes, the quota counts the old machines and the new ones."
    " Only roles/aiplatform.admin and roles/owner may create and delete machines."
)


def new_machines(at: Installation) -> Step:
    """Create the wanted machines, before the launcher names them."""
    name = warm_name(at)
    if name:
        yield Resource(
            KIND,
            name,
            "warm machines",
            want={"state": "RUNNING"},
            create=partial(_create, at, name),
            change=partial(_restore, at, name),
        )


def _create(at: Installation, name: str, job: Job) -> None:
    machine, number = setting(at, "WARM_MACHINE"), setting(at, "WARM")
    create = gcloud(
        "ai persistent-resources create",
        f"--persistent-resource-id={name}",
        f"--display-name={name}",
        f"--region={at.names.region}",
        f"--resource-pool-spec=replica-count={number},machine-type={machine}",
        # Without it, Google refuses jobs that run as an account of this installation.
        "--enable-custom-service-account",
        f"--labels=app={at.names.app}",
    )
    try:
        job.call(create)
    except CommandFailedError as error:
        raise StoppedError(f"{error.output}\n{_WHAT_TO_DO}") from error
    _await_start(at, name, job)


def _restore(at: Installation, name: str, job: Job) -> None:
    """Wait until machines that exist run. Create machines again that are being deleted."""
    if _found(at, name).get("state") == _STOPPING:
        for _ in _pauses(_STOP_SECONDS):
            if not _found(at, name):
                break
        _create(at, name, job)
    else:
        _await_start(at, name, job)


def _await_start(at: Installation, name: str, job: Job) -> None:
    """Wait until the machines run, because gcloud does not wait."""
    found: Json = {}
    for _ in _pauses(_START_SECONDS):
        found = _found(at, name)
        if found.get("state") == "RUNNING":
            return
        if found.get("state") == "ERROR":
            break
        job.note(f"{name} is in the state {found.get('state')}\n")
    reason = value_at(found, "error/message") or "Google gives no reason"
    raise StoppedError(f"The machines {name} are in the state {found.get('state')}: {reason}.\n{_WHAT_TO_DO}")


def old_machines(at: Installation) -> Step:
    """Delete the machines that are not wanted any more, after the launcher has stopped naming them."""
    # Reading the list takes a second, and most installations never had any. Settings keep WARM once it was given.
    if "WARM" not in at.settings:
        return
    for name in living(at):
        if name != warm_name(at):
            yield Unwanted(KIND, name, "warm machines", partial(_delete_idle, at, name))


def living(at: Installation) -> list[str]:
    """Return the ids of this installation's persistent resources that are not being deleted."""
    names = at.state.names(KIND, f"{at.names.app}-warm-")
    return [name for name in names if at.fact(KIND, name, "state") != _STOPPING]


def removal(at: Installation, name: str) -> Unwanted:
    """Return machines that must not exist, with the jobs that run on them."""
    delete = gcloud("ai persistent-resources delete", name, f"--region={at.names.region}")
    return Unwanted(KIND, name, "warm machines", delete)


def _delete_idle(at: Installation, name: str, job: Job) -> None:
    """Delete machines when no job runs on them, because their deletion cancels the jobs that do."""
    for count, _ in enumerate(_pauses(_JOBS_SECONDS)):
        if not _has_jobs(at, name):
            break
        if count == 0:
            tell(f"{name} is deleted when the jobs on it have ended")
    job.run("ai", "persistent-resources", "delete", name, f"--region={at.names.region}")


def _has_jobs(at: Installation, name: str) -> bool:
    """Return True if a job that names these machines has not ended. Only v1beta1 shows which machines a job names."""
    since = (datetime.now(UTC) - _JOBS_AGE).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = {"filter": f'create_time>"{since}"', "pageSize": "100"}
    while True:
        path = f"v1beta1/{at.names.place}/pipelineJobs?{urllib.parse.urlencode(query)}"
        page = at.google.call("GET", _api(at), path)
        for job in page.get("pipelineJobs", []):
            machines = str(value_at(job, _MACHINES_OF_JOB) or "")
            if job.get("state") not in _ENDED and machines.endswith(f"/{name}"):
                return True
        query["pageToken"] = page.get("nextPageToken", "")
        if not query["pageToken"]:
            return False


def _found(at: Installation, name: str) -> Json:
    """Return a persistent resource, empty if it does not exist."""
    found: Json = at.google.find(_api(at), f"v1/{at.names.place}/persistentResources/{name}") or {}
    return found


def _api(at: Installation) -> str:
    return f"{at.names.region}-aiplatform"


def _pauses(seconds: int) -> Iterator[None]:
    """Yield before each pause, until the pauses add up to ``seconds``."""
    for _ in range(seconds // _POLL_SECONDS):
        yield
        subprocess.run(["sleep", str(_POLL_SECONDS)], check=True)


def warm_name(at: Installation) -> str:
    """Return the id of the wanted persistent resource, empty if no machines are kept."""
    number = setting(at, "WARM")
    return "" if number in {"", "0"} else f"{at.names.app}-warm-{number}-{setting(at, 'WARM_MACHINE')}"


def warm_path(at: Installation) -> str:
    """Return the full name of the wanted persistent resource."""
    return f"projects/{at.number}/locations/{at.names.region}/persistentResources/{warm_name(at)}"
