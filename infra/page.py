"""Write the built page for one installation: ``python -m infra.page BUILT OUT --api URL …``.

Writes ``config.json`` and puts the Content-Security-Policy into a ``<meta>`` element of every document,
because Cloud Storage sends no custom headers.
A ``<meta>`` element cannot hold `frame-ancestors`; ``docs/operations.md`` says what that means.
"""

import argparse
import html
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from web.policy import content_security_policy

_STORAGE: Final = "https://storage.googleapis.com"
_FIRESTORE: Final = "https://firestore.googleapis.com"


def with_policy(page: str, api: str) -> str:
    """Return a document with the policy at the start of its head, before everything that it applies to."""
    policy = content_security_policy(api=api, storage=_STORAGE, firestore=_FIRESTORE, meta=True)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}" />'
    head, mark, rest = page.partition('<meta charset="utf-8" />')
    if not mark:
        raise ValueError("a document of the page does not start with its charset")
    return f"{head}{mark}\n    {meta}{rest}"


def main(arguments: Sequence[str]) -> int:
    """Write the page for one installation."""
    parser = argparse.ArgumentParser(prog="python -m infra.page", description=main.__doc__)
    parser.add_argument("built", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--api", required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--results-bucket", required=True)
    parser.add_argument("--key", default="")
    parser.add_argument("--drop-session", default="")
    options = parser.parse_args(arguments)
    shutil.rmtree(options.out, ignore_errors=True)
    shutil.copytree(options.built, options.out)
    for document in options.out.glob("*.html"):
        document.write_text(with_policy(document.read_text(encoding="utf-8"), options.api), encoding="utf-8")
    config = {
        "apiUrl": options.api,
        "projectId": options.project,
        "databaseId": options.database,
        "firestoreApiKey": options.key or None,
        "firestoreEmulator": None,
        "dropSession": options.drop_session or None,
        "resultsUrl": f"{_STORAGE}/{options.results_bucket}",
    }
    (options.out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
