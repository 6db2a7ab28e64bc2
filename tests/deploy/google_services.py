"""The exceptions of single APIs: ids, Google's default values and resources that create other resources."""

import copy
import re
from collections.abc import Callable
from typing import Any

from tests.deploy import (
    google_delays,
    google_identities,
    google_organisation,
    google_run,
    google_storage,
    google_vertex,
)
from tests.deploy.control_plane import (
    CREATED_AT,
    NUMBER,
    Json,
    Project,
    RefusedError,
    Request,
    changed,
    created,
    deleted,
    done,
    failed,
    listed,
    not_found,
    policy,
    read,
    renamed,
)

# These APIs return a long-running operation, which the client then reads.
_LONG_RUNNING = {
    "apikeys",
    "artifactregistry",
    "cloudfunctions",
    "eventarc",
    "firestore",
    "aiplatform",
    "iam workloadIdentityPools",
}


def answer(project: Project, request: Request) -> Json:
    """Apply a request and return the response's JSON; raise RefusedError for an error response."""
    if request.name.startswith("projects/-/serviceAccounts/"):
        owner = request.name.partition("@")[2].partition(".")[0]
        request = renamed(request, name=request.name.replace("projects/-/", f"projects/{owner}/", 1))
    google_delays.refuse_a_late_api(project, request)
    google_organisation.refuse_by_policy(project, request)
    special = _SPECIAL.get(request.service)
    if special is not None:
        result = special(project, request)
        if result is not None:
            return result
    if request.verb in {"getIamPolicy", "setIamPolicy"}:
        return policy(project, request)
    if request.verb:
        raise RefusedError(400, "INVALID_ARGUMENT", f"{request.service} has no {request.verb} here")
    if re.search(r"(^|/)operations/", request.name):
        return read(project, renamed(request, service=f"{request.service} operations"))
    return _plain(project, request)


def _plain(project: Project, request: Request) -> Json:
    is_collection = request.name.count("/") % 2 == 0
    if request.method == "GET":
        return listed(project, request) if is_collection else read(project, request)
    if request.method == "DELETE":
        deleted(project, request)
        return _ended(project, request, {})
    if request.method in {"POST", "PUT"} and (is_collection or request.name not in project.of(request.service)):
        name = f"{request.name}/{_new_id(project, request)}" if is_collection else request.name
        resource = {**request.body, "name": name}
        resource.pop("etag", None)
        if request.service in _FILL:
            _FILL[request.service](project, name, resource)
        return _ended(project, request, created(project, request, name, resource))
    if request.method == "PUT" and request.service == "pubsub":
        raise RefusedError(409, "ALREADY_EXISTS", f"{request.name} exists already")
    found = read(project, request)
    if request.service == "pubsub":
        kind = next(iter(set(request.body) - {"updateMask"}))
        changed(found, request.body["updateMask"], request.body[kind])
    else:
        changed(found, request.query.get("updateMask", ""), {k: v for k, v in request.body.items() if k != "name"})
    return _ended(project, request, found)


def _ended(project: Project, request: Request, response: Any) -> Json:
    long = request.service in _LONG_RUNNING or (request.service == "iam" and "workloadIdentityPools" in request.name)
    # A running operation on an index does not contain the index.
    response = {} if "/indexes" in request.name and request.service == "firestore" else response
    return done(project, request, response) if long else response


def _new_id(project: Project, request: Request) -> str:
    for name, value in request.query.items():
        if name.endswith("Id"):
            return value
    named = str(request.body.get("name") or request.body.get("id") or "").rpartition("/")[2]
    return named or str(1000 + project.next_number())


def _resource_manager(project: Project, request: Request) -> Json | None:
    if request.method == "GET" and request.name == "projects":
        return {"projects": list(project.of("cloudresourcemanager").values())}
    if request.verb.endswith("OrgPolicy"):
        return google_organisation.organisation_policies(project, request)
    return None


def _service_usage(project: Project, request: Request) -> Json | None:
    services = project.of("serviceusage")
    root = f"projects/{NUMBER}/services"

    def enable(api: str) -> None:
        if f"{root}/{api}" not in services:
            project.mark(f"api {api}")
        services[f"{root}/{api}"] = {"name": f"{root}/{api}", "config": {"name": api}, "state": "ENABLED"}

    if request.verb == "batchEnable":
        if len(request.body["serviceIds"]) > 20:
            raise RefusedError(400, "INVALID_ARGUMENT", "must not exceed the maximum batch size (20)")
        for api in request.body["serviceIds"]:
            enable(api)
        return done(project, request, {})
    if request.verb == "enable":
        enable(request.name.rpartition("/")[2])
        return done(project, request, {})
    if request.verb == "generateServiceIdentity":
        api = request.name.rpartition("/")[2].partition(".")[0]
        email = f"service-{NUMBER}@gcp-sa-{api}.iam.gserviceaccount.com"
        project.agents.add(email)
        return done(project, request, {"email": email, "uniqueId": NUMBER})
    if request.method == "GET" and request.name.endswith("/services"):
        return {"services": list(services.values())}
    if request.method == "GET" and "/services/" in request.name:
        api = request.name.rpartition("/")[2]
        return services.get(f"{root}/{api}", {"name": f"{root}/{api}", "config": {"name": api}, "state": "DISABLED"})
    return None


def _functions(project: Project, request: Request) -> Json | None:
    if request.name.endswith("/runtimes"):
        return {"runtimes": [{"name": "python311", "environment": "GEN_2", "stage": "GA"}]}
    if request.verb == "generateUploadUrl":
        number = project.next_number()
        source = {"bucket": f"gcf-v2-uploads-{NUMBER}-us-central1", "object": f"{number}.zip"}
        return {"uploadUrl": f"http://storage.googleapis.com/{number}.zip", "storageSource": source}
    functions, service = project.of("cloudfunctions"), request.name.replace("/functions/", "/services/")
    if request.method == "DELETE" and request.name in functions:
        project.policies.setdefault("run", {}).pop(service, None)
        project.of("run").pop(service, None)
    if request.method == "POST" and request.name.endswith("/functions"):
        return _deployed(project, request, f"{request.name}/{request.query['functionId']}", dict(request.body))
    if request.method == "PATCH" and request.name in functions:
        wanted = copy.deepcopy(functions[request.name])
        changed(wanted, request.query.get("updateMask", ""), {k: v for k, v in request.body.items() if k != "name"})
        return _deployed(project, request, request.name, wanted)
    return None


def _deployed(project: Project, request: Request, name: str, function: Json) -> Json:
    """Deploy a function; one that has never been deployed successfully is FAILED, and has no service and no address."""
    violation = google_run.quota_violation(project, name, function["serviceConfig"])
    if violation and project.quota and not project.quota.in_operation:
        raise RefusedError(400, "INVALID_ARGUMENT", violation)
    functions = project.of("cloudfunctions")
    if request.method == "POST":
        created(project, request, name, {"name": name, "state": "DEPLOYING"})
    failure = google_delays.failed_deployment(project, name, function) or violation
    code = 13 if failure.startswith("Build failed") else 3
    if failure and functions[name]["state"] == "ACTIVE":
        return failed(project, request, code, failure)
    functions[name] = {**function, "name": name, "environment": "GEN_2", "state": "FAILED"}
    if failure:
        return failed(project, request, code, failure)
    if project.resets_services:
        project.of("run").pop(name.replace("/functions/", "/services/"), None)
    _fill_function(project, name, functions[name])
    return done(project, request, functions[name])


def _fill_function(project: Project, name: str, function: Json) -> None:
    short, scheme = name.rpartition("/")[2], "http" if project.serves_functions else "https"
    function.update({"state": "ACTIVE", "url": f"https://{short}.example.run.app"})
    function["serviceConfig"].setdefault("service", name.replace("/functions/", "/services/"))
    function["serviceConfig"].setdefault("uri", f"{scheme}://{short}-a1b2c3d4e5-uc.a.run.app")


def _fill_trigger(project: Project, name: str, trigger: Json) -> None:
    root, short = "/".join(name.split("/")[:2]), name.rpartition("/")[2]
    topic = f"{root}/topics/eventarc-us-central1-{short}-123"
    subscription = f"{root}/subscriptions/eventarc-us-central1-{short}-sub-123"
    trigger["transport"] = {"pubsub": {"topic": topic, "subscription": subscription}}
    trigger["uid"] = f"uid-{short}"
    project.of("pubsub")[subscription] = {
        "name": subscription,
        "topic": topic,
        "ackDeadlineSeconds": 10,
        "messageRetentionDuration": "86400s",
        "expirationPolicy": {"ttl": "2678400s"},
        "pushConfig": {"pushEndpoint": "https://captioner"},
        "state": "ACTIVE",
    }


def _eventarc(project: Project, request: Request) -> Json | None:
    if request.method == "POST" and request.name.endswith("/triggers"):
        google_delays.refuse_a_late_trigger(project, request)
    found = project.of("eventarc").get(request.name)
    if request.method == "DELETE" and found:
        project.of("pubsub").pop(found["transport"]["pubsub"]["subscription"], None)
        project.policies.get("pubsub", {}).pop(found["transport"]["pubsub"]["subscription"], None)
    return None


def _fill_sink(project: Project, name: str, sink: Json) -> None:
    writer = f"service-{NUMBER}@gcp-sa-logging.iam.gserviceaccount.com"
    project.agents.add(writer)
    sink["name"] = name.rpartition("/")[2]
    sink["writerIdentity"] = f"serviceAccount:{writer}"
    sink.setdefault("createTime", CREATED_AT)


def _logging(project: Project, request: Request) -> Json | None:
    if request.name == "entries" and request.verb == "list":
        return {"entries": [*project.of("logging entries").values()]}
    return None


def _monitoring(project: Project, request: Request) -> Json | None:
    if not request.name.endswith("/timeSeries"):
        return None
    chosen = re.search(r'metric\.type ?= ?"([^"]+)"', request.query.get("filter", ""))
    if chosen is None or "interval.endTime" not in request.query:
        raise RefusedError(400, "INVALID_ARGUMENT", "a filter by one metric's type and the interval's end are required")
    found = [series for series in project.of("monitoring series").values() if series["metric"]["type"] == chosen[1]]
    return {"timeSeries": found} if found else {}


def _firestore(project: Project, request: Request) -> Json | None:
    fields = request.name.endswith("/fields") and request.method == "GET"
    if fields:
        root = request.name.split("/collectionGroups/")[0]
        found = [field for name, field in sorted(project.of("firestore").items()) if name.startswith(root + "/coll")]
        by_ttl = "ttlConfig" in request.query.get("filter", "")
        return {"fields": [field for field in found if ("ttlConfig" if by_ttl else "indexConfig") in field]}
    if request.name.endswith("/collectionGroups/-/indexes"):
        root = request.name.removesuffix("/collectionGroups/-/indexes")
        indexes = [body for name, body in sorted(project.of("firestore").items()) if "/indexes/" in name]
        return {"indexes": [index for index in indexes if index["name"].startswith(root)]}
    if request.method == "PATCH" and "/fields/" in request.name:
        return _change_field(project, request)
    operation = project.of("firestore operations").get(request.name, {})
    if "field" in operation.get("metadata", {}):
        return _field_operation(project, operation)
    if "/documents" in request.name:
        return _document(project, request)
    if request.method == "DELETE":
        for store in (project.of("firestore documents"), project.of("firebaserules")):
            for name in [name for name in store if name.startswith(request.name + "/")]:
                del store[name]
    return None


# The parts of a field, in an update mask, and of the metadata of an operation that changes them.
_FIELD_PARTS = {"exemption": ("indexConfig", "indexConfigDeltas"), "ttl": ("ttlConfig", "ttlConfigDelta")}


def _change_field(project: Project, request: Request) -> Json:
    """Change a field's TTL policy, its index exemption, or both at once.

    Until Firestore has finished a change of a field, it refuses another one with the text of
    https://github.com/hashicorp/terraform-provider-google/issues/16329 (Google's provider for Terraform retries it).
    """
    if any([_is_busy(project, request.name, kind) for kind in _FIELD_PARTS]):  # noqa: C419  each of them counts
        raise RefusedError(409, "ABORTED", "Please retry, underlying data changed")
    mask = request.query.get("updateMask", "")
    field = project.of("firestore").setdefault(request.name, {"name": request.name})
    changed(field, mask, request.body)
    if "ttlConfig" in field:
        field["ttlConfig"]["state"] = "ACTIVE"
    operation = done(project, request, field)
    operation["metadata"]["field"] = request.name
    for kind, (part, delta) in _FIELD_PARTS.items():
        if not mask or part in mask:
            project.mark(f"field {request.name} {kind}")
            operation["metadata"][delta] = {}
    return _running(operation) if project.field_changes else operation


def _field_operation(project: Project, operation: Json) -> Json:
    """Return an operation on a field as it is now: running, or finished."""
    metadata = operation["metadata"]
    kinds = [kind for kind, (_, delta) in _FIELD_PARTS.items() if delta in metadata]
    if not any([_is_busy(project, metadata["field"], kind) for kind in kinds]):  # noqa: C419  each of them counts
        return operation
    return _running(operation)


def _running(operation: Json) -> Json:
    return {"name": operation["name"], "metadata": {**operation["metadata"], "state": "PROCESSING"}}


def _is_busy(project: Project, field: str, kind: str) -> bool:
    changes = project.field_changes
    return changes is not None and project.is_late(f"field {field} {kind}", getattr(changes, kind))


def _document(project: Project, request: Request) -> Json:
    plain = renamed(request, service="firestore documents")
    if request.method == "POST":
        name = f"{request.name}/{request.query['documentId']}"
        return created(project, plain, name, {"name": name, **request.body, "createTime": CREATED_AT})
    return read(project, plain)


def _fill_database(_: Project, name: str, database: Json) -> None:
    database.setdefault("uid", name.rpartition("/")[2])
    database.setdefault("concurrencyMode", "PESSIMISTIC")


def _builds(project: Project, request: Request) -> Json | None:
    if request.method == "POST" and request.name.endswith("/builds"):
        number = f"00000000-0000-0000-0000-{project.next_number():012d}"
        build = {**request.body, "id": number, "name": f"{request.name}/{number}", "status": "SUCCESS"}
        build |= google_delays.failed_build(project, request) or {}
        build |= {"createTime": CREATED_AT, "projectId": request.name.split("/")[1], "logUrl": "https://console"}
        project.of("cloudbuild")[f"{request.name}/{number}"] = build
        return {"name": f"operations/build/{number}", "metadata": {"build": build}, "done": True}
    if request.name.endswith("/defaultServiceAccount"):
        return {"serviceAccountEmail": f"projects/p/serviceAccounts/{NUMBER}@cloudbuild.gserviceaccount.com"}
    return None


def _rules(project: Project, request: Request) -> Json | None:
    rules = project.of("firebaserules")
    if request.name.endswith("/rulesets") and request.method == "POST":
        number = project.next_number()
        name = f"{request.name}/{number:08d}"
        return created(project, request, name, {"name": name, **request.body, "createTime": CREATED_AT})
    release = re.fullmatch(r"projects/[^/]+/releases/(.+)", request.name)
    if request.name.endswith("/releases") and request.method == "POST":
        return created(project, request, request.body["name"], dict(request.body))
    if release and request.method == "GET":
        if request.name not in rules:
            raise not_found(request.name)
        return rules[request.name]
    if release and request.method == "PATCH":
        rules[request.name].update(request.body["release"])
        return rules[request.name]
    if release and request.method == "DELETE":
        del rules[request.name]
        return {}
    return None


_SPECIAL: dict[str, Callable[[Project, Request], Json | None]] = {
    "aiplatform": google_vertex.vertex_ai,
    "apikeys": google_identities.api_keys,
    "cloudbuild": _builds,
    "cloudfunctions": _functions,
    "cloudresourcemanager": _resource_manager,
    "eventarc": _eventarc,
    "firebaserules": _rules,
    "firestore": _firestore,
    "iam": google_identities.iam,
    "iamcredentials": google_identities.credentials,
    "logging": _logging,
    "monitoring": _monitoring,
    "run": google_run.services,
    "secretmanager": google_identities.secret_manager,
    "serviceusage": _service_usage,
    "storage": google_storage.storage,
}
_FILL: dict[str, Callable[[Project, str, Json], None]] = {
    "apikeys": google_identities.fill_key,
    "eventarc": _fill_trigger,
    "firestore": _fill_database,
    "logging": lambda project, name, it: _fill_sink(project, name, it) if "/sinks/" in name else _short(name, it),
}


def _short(name: str, resource: Json) -> None:
    resource["name"] = name.rpartition("/")[2]
