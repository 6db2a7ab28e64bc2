"""Everybody may call the API: by a grant, or without a check if the organisation allows no grant for everyone."""

import json
from typing import Any, Final

from infra import policies
from infra.gcloud import gcloud
from infra.installation import Installation
from infra.jobs import Job
from infra.policies import Wish
from infra.resources import Resource
from infra.state import Query
from infra.stops import CommandFailedError

RESOURCE: Final = "function upload_handler"
# From gcloud's api_lib/run/container_resource.py.
_ANNOTATION: Final = "run.googleapis.com/invoker-iam-disabled"
_REFUSED: Final = "do not belong to a permitted customer"


def opened(at: Installation) -> Resource:
    """Return the API's grants as the table says, without everyone's if the service checks no grants."""
    name, region = at.names.function("upload_handler"), f"--region={at.names.region}"
    service = Query("service of the API", ("run", "services", "describe", name, region), parent=("functions", name))
    at.state.add(service)
    wish, policy = policies.table_wish(at, RESOURCE), at.state.known(policies.home_of(at, RESOURCE).query.kind)
    closed = Wish(frozenset(each for each in wish.bindings if each[2] != "allUsers"), wish.members)
    # Only a policy without everyone's grant makes this one more call.
    if policy and wish.bindings - policies.bindings(policy) and _is_open(at.state.of(service.kind)):
        wish = closed

    def open_api(job: Job) -> None:
        try:
            policies.rewrite(at, RESOURCE, wish, job)
        except CommandFailedError as error:
            if _REFUSED not in error.output:
                raise
            job.note(f"{error.output}\nThe organisation allows no grant for everyone, so the check is turned off.")
            policies.rewrite(at, RESOURCE, closed, job)
            if not _is_open(json.loads(job.run(*service.words, "--format=json"))):
                job.call(gcloud("run services update", name, region, "--no-invoker-iam-check", "--format=none"))

    return policies.on(at, RESOURCE, wish, open_api)


def _is_open(service: Any) -> bool:
    annotations = service.get("metadata", {}).get("annotations", {}) if service else {}
    return str(annotations.get(_ANNOTATION, "")).lower() == "true"
