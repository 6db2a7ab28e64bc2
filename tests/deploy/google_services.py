"""The exceptions of single APIs: ids, Google's default values and resources that create other resources."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from infra.policies import custom_roles
from tests.deploy.control_plane import (
    Json,
    Project,
    RefusedError,
    Request,
    changed,
    created,
    deleted,
    done,
    listed,
    not_found,
    policy,
    read,
)

NUMBER = "123456789012"

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
        request = _renamed(request, name=request.name.replace("projects/-/", f"projects/{owner}/", 1))
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
        return read(project, _renamed(request, service=f"{request.service} operations"))
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


def _renamed(request: Request, **changes: Any) -> Request:
    return Request(**{**request.__dict__, **changes})


def _resource_manager(project: Project, request: Request) -> Json | None:
    if request.method == "GET" and request.name == "projects":
        return {"projects": list(project.of("cloudresourcemanager").values())}
    return None


def _service_usage(project: Project, request: Request) -> Json | None:
    services = project.of("serviceusage")
    root = f"projects/{NUMBER}/services"

    def enable(api: str) -> None:
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


def _iam(project: Project, request: Request) -> Json | None:  # noqa: C901, PLR0911  one branch per case
    if "/workloadIdentityPools" in request.name:
        return _identity_pools(project, request)
    roles = project.of("iam")
    if request.method == "POST" and request.name.endswith("/serviceAccounts"):
        email = f"{request.body['accountId']}@{request.name.split('/')[1]}.iam.gserviceaccount.com"
        account = {"email": email, "uniqueId": f"1{project.next_number():020d}", **request.body["serviceAccount"]}
        return created(project, request, f"{request.name}/{email}", {"name": f"{request.name}/{email}", **account})
    if request.method == "POST" and request.name.endswith("/roles") and not request.verb:
        name = f"{request.name}/{request.body['roleId']}"
        if roles.get(name, {}).get("deleted"):
            raise RefusedError(400, "FAILED_PRECONDITION", f"{name} is deleted: undelete it")
        return created(project, request, name, {"name": name, **request.body["role"], "etag": "BwRoles="})
    if request.method == "DELETE" and "/roles/" in request.name:
        roles[request.name]["deleted"] = True
        return roles[request.name]
    if request.verb == "queryTestablePermissions":
        names = sorted({name for permissions in custom_roles().values() for name in permissions})
        return {"permissions": [{"name": name, "stage": "GA"} for name in names]}
    if request.verb == "undelete":
        roles[request.name].pop("deleted")
        return roles[request.name]
    if request.method == "GET" and request.name.endswith("/roles"):
        deleted_too = request.query.get("showDeleted", "").lower() == "true"
        found = [role for role in listed(project, request).get("roles", []) if deleted_too or not role.get("deleted")]
        if request.query.get("view") != "FULL":
            found = [{k: v for k, v in role.items() if k != "includedPermissions"} for role in found]
        return {"roles": found}
    if request.method == "GET" and request.name.endswith("/serviceAccounts"):
        return {"accounts": listed(project, request).get("serviceAccounts", [])}
    return None


def _identity_pools(project: Project, request: Request) -> Json | None:
    pools = project.of("iam")
    if request.method == "GET" and request.name.endswith("/providers"):
        return {"workloadIdentityPoolProviders": listed(project, request).get("providers", [])}
    if request.method == "GET" and request.name.endswith("/workloadIdentityPools"):
        deleted_too = request.query.get("showDeleted", "").lower() == "true"
        found = listed(project, request).get("workloadIdentityPools", [])
        return {"workloadIdentityPools": [pool for pool in found if deleted_too or pool.get("state") != "DELETED"]}
    if request.method == "DELETE" and request.name.rpartition("/")[0].endswith("/workloadIdentityPools"):
        pools[request.name]["state"] = "DELETED"
        return done(project, request, {})
    if request.verb == "undelete":
        pools[request.name].pop("state")
        return done(project, request, pools[request.name])
    return None


def _storage(project: Project, request: Request) -> Json | None:
    buckets, (kind, *rest) = project.of("storage"), request.name.split("/")
    bucket = rest[0] if rest else str((request.body or {}).get("name", "")) if isinstance(request.body, dict) else ""
    if kind != "b":
        return _storage_agent(project) if request.name.endswith("/serviceAccount") else {}
    if not rest and request.method == "POST":
        made = {"kind": "storage#bucket", "id": bucket, "metageneration": "1", **request.body}
        made.setdefault("storageClass", "STANDARD")
        made["location"] = made["location"].upper()
        return created(project, request, f"b/{bucket}", made)
    if not rest:
        return {"kind": "storage#buckets", "items": [item for name, item in buckets.items() if name.count("/") == 1]}
    if f"b/{bucket}" not in buckets:
        raise not_found(bucket)
    if len(rest) > 1 and rest[1] == "iam":
        verb = "getIamPolicy" if request.method == "GET" else "setIamPolicy"
        kept = policy(project, _renamed(request, name=f"b/{bucket}", verb=verb, body={"policy": request.body}))
        return {"kind": "storage#policy", **kept}
    if len(rest) == 1:
        return _bucket(project, request)
    return _object(project, request, bucket, unquote("/".join(rest[2:])))


def _storage_agent(project: Project) -> Json:
    email = f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
    project.agents.add(email)
    return {"kind": "storage#serviceAccount", "email_address": email}


def _bucket(project: Project, request: Request) -> Json:
    found = read(project, request)
    if request.method == "PATCH":
        for name, value in request.body.items():
            if name == "labels" and value is not None:
                labels = {**found.get("labels", {}), **value}
                found["labels"] = {label: text for label, text in labels.items() if text is not None}
            elif value is None:
                found.pop(name, None)
            else:
                found[name] = value
        return found
    if request.method == "DELETE":
        if any(name.startswith(f"{request.name}/o/") for name in project.of("storage")):
            raise RefusedError(409, "CONFLICT", "the bucket is not empty")
        deleted(project, request)
        return {}
    return found


def _object(project: Project, request: Request, bucket: str, name: str) -> Json:
    objects = project.of("storage")
    if request.method in {"POST", "PUT"} and not name:
        described, content = request.body
        name = described.get("name") or request.query["name"]
        path = f"b/{bucket}/o/{name}"
        made = {"kind": "storage#object", **described, "bucket": bucket, "name": name, "size": str(len(content))}
        made["generation"] = made["metageneration"] = str(project.next_number())
        made["md5Hash"] = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        project.contents[path] = content
        objects[path] = made
        return made
    path = f"b/{bucket}/o/{name}"
    if request.method == "GET" and not name:
        prefix = f"b/{bucket}/o/{request.query.get('prefix', '')}"
        return {"kind": "storage#objects", "items": [value for key, value in objects.items() if key.startswith(prefix)]}
    if path not in objects:
        raise not_found(path)
    if request.method == "DELETE":
        del objects[path]
        project.contents.pop(path, None)
        return {}
    if request.method in {"PATCH", "PUT"}:
        objects[path].update(request.body)
    return objects[path]


def xml_object(project: Project, method: str, path: str, content: bytes) -> bytes:
    """Apply a request to Cloud Storage's XML API: an upload to a signed URL, or a download of a public result."""
    bucket, _, name = unquote(path).strip("/").partition("/")
    # The functions' sources go to a bucket that Google owns.
    if f"b/{bucket}" not in project.of("storage"):
        return b""
    if method == "PUT":
        put = Request("POST", "storage", path, f"b/{bucket}/o", "", {}, ({"name": name}, content))
        _object(project, put, bucket, "")
        return b""
    if f"b/{bucket}/o/{name}" not in project.contents:
        raise not_found(name)
    return project.contents[f"b/{bucket}/o/{name}"]


def _secrets(project: Project, request: Request) -> Json | None:
    secrets = project.of("secretmanager")
    if request.verb == "addVersion":
        if request.name not in secrets:
            raise not_found(request.name)
        number = 1 + sum(1 for name in secrets if name.startswith(f"{request.name}/versions/"))
        name = f"{request.name}/versions/{number}"
        project.contents[name] = base64.b64decode(request.body["payload"]["data"])
        return created(
            project,
            request,
            name,
            {"name": name, "state": "ENABLED", "createTime": _TIME, "clientSpecifiedPayloadChecksum": True},
        )
    if request.verb == "access":
        if request.name not in project.contents:
            raise not_found(request.name)
        data = base64.b64encode(project.contents[request.name]).decode()
        return {"name": request.name, "payload": {"data": data}}
    return None


def _functions(project: Project, request: Request) -> Json | None:
    if request.name.endswith("/runtimes"):
        return {"runtimes": [{"name": "python311", "environment": "GEN_2", "stage": "GA"}]}
    if request.verb == "generateUploadUrl":
        number = project.next_number()
        source = {"bucket": f"gcf-v2-uploads-{NUMBER}-us-central1", "object": f"{number}.zip"}
        return {"uploadUrl": f"http://storage.googleapis.com/{number}.zip", "storageSource": source}
    if request.method == "DELETE" and request.name in project.of("cloudfunctions"):
        project.policies.setdefault("run", {}).pop(request.name.replace("/functions/", "/services/"), None)
    return None


def _fill_function(_: Project, name: str, function: Json) -> None:
    short = name.rpartition("/")[2]
    function.update({"environment": "GEN_2", "state": "ACTIVE", "url": f"https://{short}.example.run.app"})
    function["serviceConfig"] |= {
        "service": name.replace("/functions/", "/services/"),
        "uri": f"https://{short}-a1b2c3d4e5-uc.a.run.app",
    }


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
    sink.setdefault("createTime", _TIME)


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
        field = project.of("firestore").setdefault(request.name, {"name": request.name})
        changed(field, request.query.get("updateMask", ""), request.body)
        if "ttlConfig" in field:
            field["ttlConfig"]["state"] = "ACTIVE"
        return done(project, request, field)
    if "/documents" in request.name:
        return _document(project, request)
    if request.method == "DELETE":
        for store in (project.of("firestore documents"), project.of("firebaserules")):
            for name in [name for name in store if name.startswith(request.name + "/")]:
                del store[name]
    return None


def _document(project: Project, request: Request) -> Json:
    plain = _renamed(request, service="firestore documents")
    if request.method == "POST":
        name = f"{request.name}/{request.query['documentId']}"
        return created(project, plain, name, {"name": name, **request.body, "createTime": _TIME})
    return read(project, plain)


def _fill_database(_: Project, name: str, database: Json) -> None:
    database.setdefault("uid", name.rpartition("/")[2])
    database.setdefault("concurrencyMode", "PESSIMISTIC")


def _builds(project: Project, request: Request) -> Json | None:
    if request.method == "POST" and request.name.endswith("/builds"):
        number = f"00000000-0000-0000-0000-{project.next_number():012d}"
        build = {**request.body, "id": number, "name": f"{request.name}/{number}", "status": "SUCCESS"}
        build |= {"createTime": _TIME, "projectId": request.name.split("/")[1], "logUrl": "https://console"}
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
        return created(project, request, name, {"name": name, **request.body, "createTime": _TIME})
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


def _keys(_: Project, request: Request) -> Json | None:
    if request.verb == "getKeyString":
        return {"keyString": "browser-key-" + request.name.rpartition("/")[2]}
    return None


def _credentials(_: Project, request: Request) -> Json | None:
    if request.verb == "signBlob":
        signed = hashlib.sha256(base64.b64decode(request.body["payload"])).digest()
        return {"keyId": "1", "signedBlob": base64.b64encode(signed).decode()}
    return None


def _fill_key(_: Project, name: str, key: Json) -> None:
    key.setdefault("uid", name.rpartition("/")[2])


def _vertex(project: Project, request: Request) -> Json | None:
    vertex = project.of("aiplatform")
    if request.name.endswith("/pipelineJobs") and request.method == "POST":
        name = f"{request.name}/{request.query['pipelineJobId']}"
        job = {"name": name, **request.body, "state": "PIPELINE_STATE_PENDING", "createTime": _TIME}
        return created(project, request, name, job)
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


_TIME = "2026-01-01T00:00:00Z"

_SPECIAL: dict[str, Callable[[Project, Request], Json | None]] = {
    "aiplatform": _vertex,
    "apikeys": _keys,
    "cloudbuild": _builds,
    "cloudfunctions": _functions,
    "cloudresourcemanager": _resource_manager,
    "eventarc": _eventarc,
    "firebaserules": _rules,
    "firestore": _firestore,
    "iam": _iam,
    "iamcredentials": _credentials,
    "logging": _logging,
    "monitoring": _monitoring,
    "secretmanager": _secrets,
    "serviceusage": _service_usage,
    "storage": _storage,
}
_FILL: dict[str, Callable[[Project, str, Json], None]] = {
    "apikeys": _fill_key,
    "cloudfunctions": _fill_function,
    "eventarc": _fill_trigger,
    "firestore": _fill_database,
    "logging": lambda project, name, it: _fill_sink(project, name, it) if "/sinks/" in name else _short(name, it),
}


def _short(name: str, resource: Json) -> None:
    resource["name"] = name.rpartition("/")[2]


def multipart(content_type: str, body: bytes) -> tuple[Json, bytes]:
    """Split a multipart upload into the object's metadata and its bytes."""
    mark = b"--" + content_type.partition("boundary=")[2].strip("'\"").encode()
    _, first, second, *_ = body.split(mark)
    return json.loads(first.partition(b"\n\n")[2] or first.partition(b"\r\n\r\n")[2]), _part(second)


def _part(part: bytes) -> bytes:
    for gap, end in ((b"\r\n\r\n", b"\r\n"), (b"\n\n", b"\n")):
        head, found, content = part.partition(gap)
        if found and b"content" in head.lower():
            return content.removesuffix(end)
    return part
