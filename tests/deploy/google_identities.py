"""IAM, workload identity pools, API keys and Secret Manager."""

import base64
import hashlib

from infra.policies import custom_roles
from tests.deploy.control_plane import (
    CREATED_AT,
    Json,
    Project,
    RefusedError,
    Request,
    created,
    done,
    listed,
    not_found,
)


def iam(project: Project, request: Request) -> Json | None:  # noqa: C901, PLR0911  one branch per case
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


def secret_manager(project: Project, request: Request) -> Json | None:
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
            {"name": name, "state": "ENABLED", "createTime": CREATED_AT, "clientSpecifiedPayloadChecksum": True},
        )
    if request.verb == "access":
        if request.name not in project.contents:
            raise not_found(request.name)
        data = base64.b64encode(project.contents[request.name]).decode()
        return {"name": request.name, "payload": {"data": data}}
    return None


def api_keys(_: Project, request: Request) -> Json | None:
    if request.verb == "getKeyString":
        return {"keyString": "browser-key-" + request.name.rpartition("/")[2]}
    return None


def credentials(_: Project, request: Request) -> Json | None:
    if request.verb == "signBlob":
        signed = hashlib.sha256(base64.b64decode(request.body["payload"])).digest()
        return {"keyId": "1", "signedBlob": base64.b64encode(signed).decode()}
    return None


def fill_key(_: Project, name: str, key: Json) -> None:
    key.setdefault("uid", name.rpartition("/")[2])
