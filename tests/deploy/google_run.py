"""Cloud Run: the quota that a function's service must fit, services as gcloud reads and replaces them, invocations."""

import re
from decimal import Decimal
from typing import Any

from tests.deploy.control_plane import CREATED_AT, Json, Project, RefusedError, Request, members, not_found
from tests.deploy.google_delays import has_no_effect_yet
from tests.deploy.google_organisation import is_enforced

# googlecloudsdk/api_lib/run/container_resource.py
INVOKER_IAM_DISABLED = "run.googleapis.com/invoker-iam-disabled"
INVOKER = "roles/run.invoker"
# https://cloud.google.com/functions/docs/configuring/memory: the vCPUs of a function that names only its memory.
_CPU_BY_MEBIBYTES = {128: 83, 256: 167, 512: 333, 1024: 583, 2048: 1000, 4096: 2000, 8192: 2000, 16384: 4000}
_MAX_INSTANCES = 100
_UNITS = {"k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "": 1}


def quota_violation(project: Project, name: str, config: Json) -> str:
    """Return Cloud Run's message if a function's service asks for more than the quota, or "".

    Cloud Run multiplies one service's maximal instances with its vCPUs and memory. The text is from
    https://github.com/googlecodelabs/feedback/issues/1856, its beginning from
    https://github.com/firebase/firebase-tools/issues/5692, where the API answers the function's creation with it.
    """
    if project.quota is None:
        return ""
    instances = int(config.get("maxInstanceCount") or _MAX_INSTANCES)
    memory = _bytes(str(config.get("availableMemory") or "256Mi"))
    cpu = int(Decimal(config["availableCpu"]) * 1000) if config.get("availableCpu") else _default_cpu(memory)
    wanted = {"Cpu": instances * cpu, "Mem": instances * memory}
    allowed = {"Cpu": project.quota.cpu, "Mem": project.quota.memory}
    violated = [kind for kind in wanted if wanted[kind] > allowed[kind]]
    if not violated:
        return ""
    fitting = min(allowed["Cpu"] // cpu, allowed["Mem"] // memory)
    what = "CPU" if "Cpu" in violated else "memory"
    lines = [f"{kind}AllocPerProjectRegion requested: {wanted[kind]} allowed: {allowed[kind]}" for kind in violated]
    doing = "update" if name in project.of("cloudfunctions") else "create"
    return (
        f"Could not {doing} Cloud Run service {name.rpartition('/')[2]}."
        f" spec.template.metadata.annotations[autoscaling.knative.dev/maxScale]: Max instances must be set to {fitting}"
        f" or fewer to set the requested total {what}.\nConsider running your workload in a region with greater"
        " capacity, or requesting an increase in quota for this region if you are seeing sustained usage near this"
        " limit, see https://cloud.google.com/run/quotas.\n\nQuota violated:\n" + "\n".join(lines)
    )


def _bytes(quantity: str) -> int:
    found = re.fullmatch(r"([\d.]+)([kMG]i?|)", quantity)
    if found is None:
        raise ValueError(f"{quantity} is not an amount of memory")
    return int(Decimal(found[1]) * _UNITS[found[2]])


def _default_cpu(memory: int) -> int:
    return next((cpu for size, cpu in _CPU_BY_MEBIBYTES.items() if memory <= size * 2**20), 8000)


def services(project: Project, request: Request) -> Json | None:
    """Serve the functions' services in the Knative format, and keep what a replacement says of the invoker check."""
    found = re.fullmatch(r"(?:apis/serving\.knative\.dev/v1/)?namespaces/[^/]+/services(?:/([^/]+))?", request.name)
    everywhere = re.fullmatch(r"projects/[^/]+/locations/(-|[^/]+)/services", request.name)
    if everywhere or (found and not found[1]):
        names = sorted(name for name, body in project.of("cloudfunctions").items() if _service(body))
        return {"items": [_knative(project, name.rpartition("/")[2]) for name in names]}
    if not found:
        return None
    if request.method == "PUT":
        annotations = request.body["metadata"].get("annotations", {})
        disabled = str(annotations.get(INVOKER_IAM_DISABLED, "")).lower() == "true"
        if disabled and is_enforced(project, "run.managed.requireInvokerIam"):
            raise RefusedError(400, "FAILED_PRECONDITION", "invoker_iam_disabled is not currently available")
        kept = project.of("run").setdefault(_full_name(project, found[1]), {})
        kept["invokerIamDisabled"] = disabled
    return _knative(project, found[1])


def _service(function: Json) -> str:
    return str(function.get("serviceConfig", {}).get("service", ""))


def _full_name(project: Project, short: str) -> str:
    for function in project.of("cloudfunctions").values():
        if _service(function).endswith(f"/services/{short}"):
            return _service(function)
    raise not_found(f"services/{short}")


def _knative(project: Project, short: str) -> Json:
    name = _full_name(project, short)
    function = project.of("cloudfunctions")[name.replace("/services/", "/functions/")]
    config = function["serviceConfig"]
    annotations = {"run.googleapis.com/ingress": "all", "serving.knative.dev/creator": "somebody@example.com"}
    if name in project.of("run"):
        annotations[INVOKER_IAM_DISABLED] = str(project.of("run")[name]["invokerIamDisabled"]).lower()
    metadata = {
        "name": short,
        "namespace": name.split("/")[1],
        "generation": 1,
        "resourceVersion": "AAY",
        "creationTimestamp": CREATED_AT,
        "labels": {"cloud.googleapis.com/location": name.split("/")[3], "goog-managed-by": "cloudfunctions"},
        "annotations": annotations,
    }
    container = {"image": "image", "resources": {"limits": {"cpu": "1", "memory": "512Mi"}}}
    template = {"spec": {"containers": [container], "serviceAccountName": config.get("serviceAccountEmail", "")}}
    ready = [
        {"type": kind, "status": "True", "lastTransitionTime": CREATED_AT}
        for kind in ("Ready", "ConfigurationsReady", "RoutesReady")
    ]
    traffic = [{"percent": 100, "latestRevision": True}]
    status = {"observedGeneration": 1, "conditions": ready, "url": config["uri"], "traffic": traffic}
    status |= {"latestReadyRevisionName": f"{short}-00001-abc", "latestCreatedRevisionName": f"{short}-00001-abc"}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"template": template, "traffic": traffic},
        "status": status,
    }


def service_at(project: Project, host: str) -> str:
    """Return the name of the service that has this host as its address, or "" if there is none."""
    for function in project.of("cloudfunctions").values():
        if re.sub(r"^https?://", "", function.get("serviceConfig", {}).get("uri", "")) == host:
            return _service(function)
    return ""


def admits_everyone(project: Project, service: str) -> bool:
    """Return True if Cloud Run permits requests without credentials: everyone has a grant, or the check is disabled."""
    if project.of("run").get(service, {}).get("invokerIamDisabled"):
        return True
    granted: Any = members(project.policies.get("run", {}).get(service, {}))
    return (INVOKER, "allUsers") in granted and not has_no_effect_yet(project, "allUsers", ("run", service))
