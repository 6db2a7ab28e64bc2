"""The session of dropped pictures: ``new`` prints a new one, ``compare|write DATABASE`` reads one from standard input.

It is a JSON object with ``session`` and ``secret``. The session's document has only the secret's hash.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from os import environ
from typing import Final

from infra.rest.rest import GoogleRefusedError, call, token
from musicgenerator import ids

_LIFETIME: Final = timedelta(days=3650)


def main(arguments: list[str]) -> int:
    """Print a new session, or compare or write the session's document."""
    if arguments == ["new"]:
        print(json.dumps({"session": ids.new_session_id(), "secret": ids.new_secret()}))
        return 0
    command, database = arguments
    drop_session = json.loads(sys.stdin.read())
    documents = f"v1/projects/{environ['PROJECT']}/databases/{database}/documents/sessions"
    bearer = token()
    if command == "compare":
        try:
            call(bearer, "GET", "firestore", f"{documents}/{drop_session['session']}")
        except GoogleRefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            print("create")
        else:
            print("same")
        return 0
    now = datetime.now(UTC)
    fields = {
        "secretHash": {"stringValue": ids.secret_hash(drop_session["secret"])},
        "createdAt": {"timestampValue": now.isoformat()},
        "expiresAt": {"timestampValue": (now + _LIFETIME).isoformat()},
    }
    call(bearer, "POST", "firestore", f"{documents}?documentId={drop_session['session']}", {"fields": fields})
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except GoogleRefusedError as error:
        sys.exit(str(error))
