"""Vertex AI: pipeline jobs, models and endpoints."""

from tests.deploy.control_plane import (
    CREATED_AT,
    Json,
    Project,
    RefusedError,
    Request,
    changed,
    created,
    done,
    read,
)
from tests.deploy.google_delays import failed_job


def vertex_ai(project: Project, request: Request) -> Json | None:
    if "/persistentResources" in request.name:
        return _persistent_resource(project, request)
    if request.name.endswith("/pipelineJobs") and request.method == "POST":
        name = f"{request.name}/{request.query['pipelineJobId']}"
        job = {"name": name, **request.body, "state": "PIPELINE_STATE_PENDING", "createTime": CREATED_AT}
        job |= failed_job(project, request) or {}
        return created(project, request, name, job)
    if "/pipelineJobs/" in request.name and request.method == "DELETE":
        return _delete_job(project, request)
    return _serve_models(project, request)


def _delete_job(project: Project, request: Request) -> Json:
    """Delete a job's record; Google's Python client reads the operation, and knows only real types."""
    del project.of("aiplatform")[request.name]
    metadata = {"@type": "type.googleapis.com/google.cloud.aiplatform.v1.DeleteOperationMetadata"}
    return {"name": f"{request.name.partition('/pipelineJobs/')[0]}/operations/1", "metadata": metadata}


def _serve_models(project: Project, request: Request) -> Json | None:
    vertex = project.of("aiplatform")
    split = request.body.get("trafficSplit", {}) if isinstance(request.body, dict) else {}
    if split and sum(split.values()) != 100:
        raise RefusedError(400, "INVALID_ARGUMENT", f"the traffic of {split} does not sum to 100")
    if request.method == "DELETE":
        used = {model["model"] for body in vertex.values() for model in body.get("deployedModels", [])}
        if vertex.get(request.name, {}).get("deployedModels") or request.name in used:
            raise RefusedError(400, "FAILED_PRECONDITION", f"{request.name} has a deployed model, or is one")
    if request.verb == "upload":
        return _upload_model(project, request)
    if request.verb == "deployModel":
        endpoint = vertex[request.name]
        number = str(100 + project.next_number())
        deployed = {**request.body["deployedModel"], "id": number}
        deployed["modelVersionId"] = vertex[deployed["model"]]["versionId"]
        endpoint.setdefault("deployedModels", []).append(deployed)
        endpoint["trafficSplit"] = {number if key == "0" else key: value for key, value in split.items()}
        return done(project, request, {"deployedModel": deployed})
    if request.verb == "undeployModel":
        endpoint, gone = vertex[request.name], request.body["deployedModelId"]
        endpoint["trafficSplit"] = split or endpoint["trafficSplit"]
        if endpoint["trafficSplit"].get(gone) and len(endpoint["deployedModels"]) > 1:
            raise RefusedError(400, "FAILED_PRECONDITION", f"{gone} still has traffic")
        endpoint["deployedModels"] = [model for model in endpoint["deployedModels"] if model["id"] != gone]
        endpoint["trafficSplit"].pop(gone, None)
        return done(project, request, {})
    if request.method == "PATCH":
        found = read(project, request)
        changed(found, request.query.get("updateMask", ""), request.body)
        return found
    return None


def _upload_model(project: Project, request: Request) -> Json:
    """Add a version to a model; the model's name alone means its default version, which is at first the first one."""
    vertex = project.of("aiplatform")
    parent = request.body.get("parentModel") or f"{request.name}/{100 + project.next_number()}"
    uploaded = project.of("model versions")
    number = 1 + sum(name.startswith(f"{parent}@") for name in uploaded)
    version = {**request.body["model"], "name": parent, "versionId": str(number)}
    version["supportedDeploymentResourcesTypes"] = ["DEDICATED_RESOURCES"]
    if number == 1 or "default" in version.pop("versionAliases", []):
        vertex[parent] = version
    uploaded[f"{parent}@{number}"] = version
    return done(project, request, {"model": parent, "modelVersionId": version["versionId"]})


def _persistent_resource(project: Project, request: Request) -> Json | None:
    """Machines start, and stop, between two looks at them."""
    vertex = project.of("aiplatform")
    if request.method == "POST":
        name = f"{request.name}/{request.query['persistentResourceId']}"
        made = created(project, request, name, {"name": name, **request.body, "state": "PROVISIONING"})
        return done(project, request, made)
    if request.name.endswith("/persistentResources"):
        return None
    found = dict(read(project, request))
    if request.method == "DELETE":
        if found["state"] == "STOPPING":
            raise RefusedError(400, "FAILED_PRECONDITION", f"{request.name} is being deleted")
        vertex[request.name]["state"] = "STOPPING"
        return done(project, request, {})
    if found["state"] == "STOPPING":
        del vertex[request.name]
    else:
        vertex[request.name]["state"] = "RUNNING"
    return found
