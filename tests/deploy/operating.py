"""What the tests of the operator's commands share."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from google.cloud import firestore

from tests.deploy.conftest import Installation
from tests.deploy.expected import PROJECT

SESSION = "s" + "a" * 26
LAUNCHER = f"projects/{PROJECT}/locations/us-central1/functions/musicgenerator-pipeline-launcher"


def output(installation: Installation, target: str, **variables: str) -> str:
    """Run a target, check that it succeeds, and return its output."""
    done = installation.make(target, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def appeared(look: Callable[[], Any], seconds: float = 120) -> Any:
    """Call ``look`` until it returns something, and return that."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until
        time.sleep(0.1)
    return found


def write_track(database: firestore.Client, track: str, session: str = SESSION, **fields: Any) -> None:
    """Write a track that was announced today, and its private track."""
    document = {"createdAt": datetime.now(UTC), "error": None, "describer": None, "music": None}
    database.document("sessions", session, "tracks", track).set(document | fields)
    database.document("work", track).set({"session": session, "parked": False, "dueAt": None})
