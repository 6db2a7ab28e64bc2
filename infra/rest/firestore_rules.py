"""Firestore's security rules of one database."""

from typing import Any

from infra.resources import CHANGE, CREATE, SAME, Verdict
from infra.rest.google import Google

_API = "firebaserules"


def verdict(google: Google, database: str, text: str) -> Verdict:
    """Compare the published rules with a text."""
    current = _released(google, database)
    if current is None:
        return CREATE
    ruleset = google.call("GET", _API, f"v1/{current['rulesetName']}")
    return SAME if ruleset["source"]["files"][0]["content"] == text else CHANGE


def publish(google: Google, database: str, text: str) -> None:
    """Publish a text as the rules."""
    current, release = _released(google, database), _release(google, database)
    source = {"source": {"files": [{"name": "firestore.rules", "content": text}]}}
    ruleset = google.call("POST", _API, f"v1/projects/{google.project}/rulesets", source)
    body = {"name": release, "rulesetName": ruleset["name"]}
    if current is None:
        google.call("POST", _API, f"v1/projects/{google.project}/releases", body)
    else:
        google.call("PATCH", _API, f"v1/{release}", {"release": body})
        google.call("DELETE", _API, f"v1/{current['rulesetName']}")


def remove(google: Google, database: str) -> None:
    """Remove the rules, if they exist."""
    current = _released(google, database)
    if current:
        google.call("DELETE", _API, f"v1/{_release(google, database)}")
        google.call("DELETE", _API, f"v1/{current['rulesetName']}")


def _release(google: Google, database: str) -> str:
    return f"projects/{google.project}/releases/cloud.firestore/{database}"


def _released(google: Google, database: str) -> Any:
    return google.find(_API, f"v1/{_release(google, database)}")
