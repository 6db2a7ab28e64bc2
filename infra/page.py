"""The built page for one installation: ``python -m infra.page BUILT OUT --api URL …``.

Writes ``config.json`` and puts the Content-Security-Policy into every document: a bucket answers with no headers of
one's own. The policy is the local page server's, with the deployed addresses. `frame-ancestors` works only as a header
and is left out; ``docs/operations.md`` says what that means.
"""

import argparse
import html
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud.addresses import Addresses
from localcloud.servers.page import security_headers

_STORAGE: Final = "https://storage.googleapis.com"
_FIRESTORE: Final = "https://firestore.googleapis.com"
_ONLY_AS_HEADER: Final = "frame-ancestors"


@dataclass(frozen=True)
class Deployed(Addresses):
    """Where the parts are that the page works with."""

    api: str = ""

    def url(self, part: str) -> str:
        """Return the base address of a part."""
        return {"upload_handler": self.api, "storage": _STORAGE, "firestore": _FIRESTORE}[part]


def policy(api: str) -> str:
    """Return the policy that holds the page to its own scripts and these addresses."""
    headers = security_headers(Deployed(api=api))
    directives = headers["Content-Security-Policy"].split("; ")
    return "; ".join(directive for directive in directives if not directive.startswith(_ONLY_AS_HEADER))


def with_policy(page: str, api: str) -> str:
    """Return a page with the policy in its head, before anything that it governs."""
    meta = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy(api))}" />'
    head, mark, rest = page.partition('<meta charset="utf-8" />')
    if not mark:
        raise ValueError("a document of the page does not start with its charset")
    return f"{head}{mark}\n    {meta}{rest}"


def main(arguments: Sequence[str]) -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m infra.page", description=main.__doc__)
    parser.add_argument("built", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--api", required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--results-bucket", required=True)
    parser.add_argument("--key", default="")
    parser.add_argument("--drop-session", default="")
    asked = parser.parse_args(arguments)
    shutil.rmtree(asked.out, ignore_errors=True)
    shutil.copytree(asked.built, asked.out)
    for document in asked.out.glob("*.html"):
        document.write_text(with_policy(document.read_text(encoding="utf-8"), asked.api), encoding="utf-8")
    config = {
        "apiUrl": asked.api,
        "projectId": asked.project,
        "databaseId": asked.database,
        "firestoreApiKey": asked.key or None,
        "firestoreEmulator": None,
        "dropSession": asked.drop_session or None,
        "resultsUrl": f"{_STORAGE}/{asked.results_bucket}",
    }
    (asked.out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
