"""The empty project that the deployment tests start with, and the readable description of a project's resources."""

import re
from typing import Any

import yaml

from tests.deploy.control_plane import NUMBER, Project

PROJECT = "recorded-project"


def fresh_project() -> Project:
    """Return a project with one bucket, topic and role of another owner, in which only Cloud Storage is enabled."""
    project = Project()
    project.of("cloudresourcemanager")[f"projects/{PROJECT}"] = {
        "projectId": PROJECT,
        "projectNumber": NUMBER,
        "lifecycleState": "ACTIVE",
        "name": "recorded",
    }
    api = f"projects/{NUMBER}/services/storage.googleapis.com"
    project.of("serviceusage")[api] = {"name": api, "config": {"name": "storage.googleapis.com"}, "state": "ENABLED"}
    project.of("storage")["b/somebody-elses"] = {"name": "somebody-elses", "location": "US", "storageClass": "STANDARD"}
    topic = f"projects/{PROJECT}/topics/somebody-elses"
    project.of("pubsub")[topic] = {"name": topic}
    project.policies["cloudresourcemanager"] = {
        f"projects/{PROJECT}": {
            "version": 1,
            "etag": "BwX00000",
            "bindings": [{"role": "roles/owner", "members": ["user:somebody@example.com"]}],
        }
    }
    return project


_VOLATILE = re.compile(
    r"^(name|etag|id|uid|uniqueId|createTime|generation|metageneration|kind|size|createdAt|mutationRecord|md5Hash|crc32c)$"
)
_HASH = re.compile(r"\b[0-9a-f]{40}\b")


def described(project: Project) -> dict[str, dict[str, Any]]:
    """Return a project's resources without volatile fields; hashes and random ids become words such as `(hash)`.

    Grants are listed by resource, as `role: members`.
    """
    found: dict[str, dict[str, Any]] = {}
    for service, resources in sorted(project.resources.items()):
        if "operations" in service or not resources:
            continue
        words: dict[str, dict[str, Any]] = {}
        for name, body in sorted(resources.items()):
            shown = _shown(service, name, body)
            words.setdefault(_word(name), {})[str(shown)] = shown
        # Resources whose names are Google's numbers have the same word and no order.
        found[service] = {
            word: [alike[text] for text in sorted(alike)] if len(alike) > 1 else next(iter(alike.values()))
            for word, alike in words.items()
        }
    found["grants"] = {
        f"{service} {_word(name)}": {
            _word(binding["role"] + (" if " + binding["condition"]["expression"] if "condition" in binding else "")): [
                _word(member) for member in sorted(binding["members"])
            ]
            for binding in policy["bindings"]
        }
        for service, policies in sorted(project.policies.items())
        for name, policy in sorted(policies.items())
        if policy["bindings"]
    }
    return found


def _shown(service: str, name: str, body: Any) -> Any:
    if service == "cloudbuild":
        return {"images": [_word(image) for image in body["images"]], "serviceAccount": body["serviceAccount"]}
    if service == "serviceusage":
        return body["state"]
    if service == "monitoring" or "/metrics/" in name:
        return _word(body.get("displayName") or body.get("filter", ""))
    return _plain(body)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _plain(inner) for key, inner in value.items() if not _VOLATILE.match(key)}
        if "storageSource" in kept:
            kept["storageSource"] = "(staged directory)"
        if "secretHash" in kept:
            return dict.fromkeys(kept, "(value)")
        return kept
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return _word(value) if isinstance(value, str) else value


def _word(text: str) -> str:
    text = _HASH.sub("(hash)", text)
    text = re.sub(r"-[0-9A-Z]{8}\.(js|css)", r"-(hash).\1", text)
    text = re.sub(r"\b[sk][a-z2-7]{26,52}\b", "(random)", text)
    text = re.sub(r"(builds/)(?:[\d.]+-[0-9a-f]+\.tgz|[0-9a-f-]{36})", r"\1(number)", text)
    return re.sub(
        r"(rulesets/|/indexes/|alertPolicies/|dashboards/|notificationChannels/|/keys/)\d+", r"\1(number)", text
    )


def written(project: Project) -> str:
    """Return the description in the format of expected.yaml."""
    return yaml.safe_dump(described(project), sort_keys=True, allow_unicode=True, width=120)
