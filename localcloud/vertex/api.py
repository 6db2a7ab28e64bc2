"""The HTTP side: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.pipelineJobs.

This server lacks: ``filter`` beyond what ``filters`` reads (INVALID_ARGUMENT), ``orderBy`` (the newest is always
first), ``readMask`` (answers are always whole) and ``jobDetail``. Of ML Metadata it has what a run's deletion needs.
The models are in ``models``.
"""

import json
import uuid
from datetime import UTC, datetime
from typing import Any, Final

from flask import Flask, Response, g, request

from localcloud.servers.google_errors import GoogleError, answer_like_google, require_bearer
from localcloud.servers.serving import HEALTH_PATH
from localcloud.vertex.filters import matches
from localcloud.vertex.jobs import Jobs, PipelineJob, timestamp
from localcloud.vertex.models import Models, routes
from localcloud.vertex.specs import PipelineRequest, checked_job_id
from localcloud.vertex.submissions import Submissions

PAGE_SIZE: Final = 100

_LOCATION: Final = "/<any(v1, v1beta1):version>/projects/<project>/locations/<location>"
_STORE: Final = f"{_LOCATION}/metadataStores/default"


def app(jobs: Jobs, models: Models, submissions: Submissions | None = None) -> Flask:  # noqa: C901  a list of routes
    """Return the WSGI app that serves these jobs and models, with a limit of submissions if there is one."""
    submissions = submissions or Submissions()
    api = Flask(__name__)
    answer_like_google(api)
    api.register_blueprint(routes(models))

    @api.before_request
    def _authenticate() -> None:
        if request.path != HEALTH_PATH:
            require_bearer()

    @api.get(HEALTH_PATH)
    def _health() -> str:
        return "ok"

    @api.url_value_preprocessor
    def _take_version(_: str | None, values: dict[str, Any] | None) -> None:
        g.version = (values or {}).pop("version", "")

    @api.post(f"{_LOCATION}/pipelineJobs")
    def _create(project: str, location: str) -> Response:
        # Google checks quotas before it looks at the request.
        submissions.count(_parent(project, location))
        job_id = request.args.get("pipelineJobId")
        pipeline = PipelineRequest.from_json(_body())
        if pipeline.machines and g.version == "v1":
            raise GoogleError(
                "INVALID_ARGUMENT",
                "Invalid JSON payload received. Unknown name \"defaultRuntime\" at 'pipeline_job.runtime_config'.",
            )
        return _answer(jobs.create(_parent(project, location), checked_job_id(job_id) if job_id else None, pipeline))

    @api.get(f"{_LOCATION}/pipelineJobs")
    def _list(project: str, location: str) -> Response:
        expression = request.args.get("filter", "")
        found = [job for job in jobs.list(_parent(project, location)) if matches(job, expression)]
        size = min(request.args.get("pageSize", 0, int) or PAGE_SIZE, PAGE_SIZE)
        # A token names the last job of the previous page, so a job that is created in between shifts nothing.
        names = [job.id for job in found]
        token = request.args.get("pageToken", "")
        if token and token not in names:
            raise GoogleError("INVALID_ARGUMENT", f"Invalid page_token: {token}.")
        start = names.index(token) + 1 if token else 0
        page = found[start : start + size]
        body: dict[str, Any] = {"pipelineJobs": [_resource(job) for job in page]}
        if len(found) > start + size:
            body["nextPageToken"] = page[-1].id
        return _json(body)

    @api.get(f"{_LOCATION}/pipelineJobs/<job_id>")
    def _get(project: str, location: str, job_id: str) -> Response:
        return _answer(jobs.get(_name(project, location, job_id)))

    @api.post(f"{_LOCATION}/pipelineJobs/<job_id>:cancel")
    def _cancel(project: str, location: str, job_id: str) -> Response:
        jobs.cancel(_name(project, location, job_id))
        return _json({})

    @api.get(f"{_STORE}/contexts/<context>:queryContextLineageSubgraph")
    def _lineage(project: str, location: str, context: str) -> Response:
        return _json(jobs.metadata.lineage(f"{_metadata(project, location)}/contexts/{context}"))

    @api.delete(f"{_STORE}/<any(contexts, executions):kind>/<name>")
    def _delete_metadata(project: str, location: str, kind: str, name: str) -> Response:
        jobs.metadata.delete(f"{_metadata(project, location)}/{kind}/{name}")
        return _json(_finished_operation(_parent(project, location)))

    @api.delete(f"{_LOCATION}/pipelineJobs/<job_id>")
    def _delete(project: str, location: str, job_id: str) -> Response:
        jobs.delete(_name(project, location, job_id))
        return _json(_finished_operation(_parent(project, location)))

    return api


def _body() -> object:
    try:
        return json.loads(request.get_data() or b"null")
    except ValueError as error:
        raise GoogleError("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from error


def _parent(project: str, location: str) -> str:
    return f"projects/{project}/locations/{location}"


def _metadata(project: str, location: str) -> str:
    return f"{_parent(project, location)}/metadataStores/default"


def _name(project: str, location: str, job_id: str) -> str:
    return f"{_parent(project, location)}/pipelineJobs/{job_id}"


def _resource(job: PipelineJob) -> dict[str, Any]:
    # Google's clients ask for numbers: $alt=json;enum-encoding=int.
    return job.to_json(enums_as_numbers="enum-encoding=int" in request.args.get("$alt", ""))


def _answer(job: PipelineJob) -> Response:
    return _json(_resource(job))


def _json(body: dict[str, Any]) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), mimetype="application/json")


def _finished_operation(parent: str) -> dict[str, Any]:
    now = timestamp(datetime.now(UTC))
    return {
        "name": f"{parent}/operations/{uuid.uuid4().int >> 64}",
        "metadata": {
            "@type": "type.googleapis.com/google.cloud.aiplatform.v1.DeleteOperationMetadata",
            "genericMetadata": {"createTime": now, "updateTime": now},
        },
        "done": True,
        "response": {"@type": "type.googleapis.com/google.protobuf.Empty"},
    }
