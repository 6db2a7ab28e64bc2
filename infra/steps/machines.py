"""The machines that are kept running for pipelines: one persistent resource of Vertex AI, named by type and number.

A step on such a machine starts in seconds instead of minutes. The machines cost by the hour, also while they wait.
"""

import subprocess
import time
from functools import partial
from typing import Final

from infra.gcloud import gcloud
from infra.installation import Installation
from infra.jobs import Job
from infra.resources import Resource, Step, Unwanted
from infra.settings import setting
from infra.stops import StoppedError

KIND: Final = "persistent_resources"
_START_SECONDS: Final = 1200.0
_POLL_SECONDS: Final = 10.0


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
            change=partial(_await_start, at, name),
        )


def _create(at: Installation, name: str, job: Job) -> None:
    machine, number = setting(at, "WARM_MACHINE"), setting(at, "WARM")
    job.call(
        gcloud(
            "ai persistent-resources create",
            f"--persistent-resource-id={name}",
            f"--display-name={name}",
            f"--region={at.names.region}",
            f"--resource-pool-spec=replica-count={number},machine-type={machine}",
            "--enable-custom-service-account",
            f"--labels=app={at.names.app}",
        )
    )
    _await_start(at, name, job)


def _await_start(at: Installation, name: str, job: Job) -> None:
    """Wait until the machines run, because gcloud does not wait."""
    until = time.monotonic() + _START_SECONDS
    state = ""
    while state != "RUNNING":
        command = (
            "ai",
            "persistent-resources",
            "describe",
            name,
            f"--region={at.names.region}",
            "--format=value(state)",
        )
        state = at.gcloud.text(*command).strip()
        if state == "ERROR" or time.monotonic() > until:
            raise StoppedError(
                f"The machines {name} are in the state {state}. Look at them with `gcloud {' '.join(command[:-1])}`,"
                " or deploy with WARM=0."
            )
        if state != "RUNNING":
            job.note(f"{name} is in the state {state}\n")
            subprocess.run(["sleep", str(_POLL_SECONDS)], check=True)


def old_machines(at: Installation) -> Step:
    """Delete the machines that are not wanted any more, after the launcher has stopped naming them."""
    # Reading the list takes a second, and most installations never had any.
    if not at.option("WARM") and "WARM" not in at.settings:
        return
    for name in at.state.names(KIND, f"{at.names.app}-warm-"):
        if name != warm_name(at):
            yield removal(at, name)


def removal(at: Installation, name: str) -> Unwanted:
    """Return machines that must not exist."""
    delete = gcloud("ai persistent-resources delete", name, f"--region={at.names.region}")
    return Unwanted(KIND, name, "warm machines", delete)


def warm_name(at: Installation) -> str:
    """Return the id of the wanted persistent resource, empty if no machines are kept."""
    number = setting(at, "WARM")
    return "" if number in {"", "0"} else f"{at.names.app}-warm-{number}-{setting(at, 'WARM_MACHINE')}"


def warm_path(at: Installation) -> str:
    """Return the full name of the wanted persistent resource."""
    return f"projects/{at.number}/locations/{at.names.region}/persistentResources/{warm_name(at)}"
