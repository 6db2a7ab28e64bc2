"""Cloud Storage: buckets, objects and uploads."""

import base64
import hashlib
import json
from urllib.parse import quote, unquote

from tests.deploy.control_plane import (
    NUMBER,
    Json,
    Project,
    RefusedError,
    Request,
    created,
    deleted,
    not_found,
    policy,
    read,
    renamed,
)

_DOWNLOADS = "storage.googleapis.com/download/storage/v1"


def storage(project: Project, request: Request) -> Json | None:
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
        kept = policy(project, renamed(request, name=f"b/{bucket}", verb=verb, body={"policy": request.body}))
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
    # The address from which gcloud downloads; its path has the object's name as one segment.
    return {**objects[path], "mediaLink": f"http://{_DOWNLOADS}/b/{bucket}/o/{quote(name, safe='')}?alt=media"}


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
