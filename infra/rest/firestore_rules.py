"""Deploy Firestore's security rules, for which gcloud has no command: ``compare|publish|remove DATABASE [FILE]``."""

import sys
from http import HTTPStatus
from os import environ
from pathlib import Path
from typing import Any

from infra.rest.rest import GoogleRefusedError, call, token


def released(bearer: str, release: str) -> Any:
    """Return the release of a database's rules, or None if it does not exist."""
    try:
        return call(bearer, "GET", "firebaserules", f"v1/{release}")
    except GoogleRefusedError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise


def main(arguments: list[str]) -> int:
    """Print create, change or same; publish the file; or remove the release."""
    command, database, *file = arguments
    bearer, project = token(), environ["PROJECT"]
    release = f"projects/{project}/releases/cloud.firestore/{database}"
    current = released(bearer, release)
    if command == "remove":
        if current:
            call(bearer, "DELETE", "firebaserules", f"v1/{release}")
            call(bearer, "DELETE", "firebaserules", f"v1/{current['rulesetName']}")
        return 0
    text = Path(file[0]).read_text(encoding="utf-8")
    if command == "compare":
        if current is None:
            print("create")
            return 0
        ruleset = call(bearer, "GET", "firebaserules", f"v1/{current['rulesetName']}")
        print("same" if ruleset["source"]["files"][0]["content"] == text else "change")
        return 0
    source = {"source": {"files": [{"name": "firestore.rules", "content": text}]}}
    ruleset = call(bearer, "POST", "firebaserules", f"v1/projects/{project}/rulesets", source)
    body = {"name": release, "rulesetName": ruleset["name"]}
    if current is None:
        call(bearer, "POST", "firebaserules", f"v1/projects/{project}/releases", body)
    else:
        call(bearer, "PATCH", "firebaserules", f"v1/{release}", {"release": body})
        call(bearer, "DELETE", "firebaserules", f"v1/{current['rulesetName']}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except GoogleRefusedError as error:
        sys.exit(str(error))
