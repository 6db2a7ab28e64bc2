"""Calls of gcloud, and retries while Google's services are eventually consistent."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from infra.stops import CommandFailedError, StillEarlyError

Result = TypeVar("Result")

# Seconds between the tries of a command, together two minutes.
PAUSES: Final = (2, 4, 8, 16, 30, 60)


@dataclass(frozen=True)
class Call:
    """One call of gcloud; while it fails with output that matches ``early``, it is retried."""

    words: tuple[str, ...]
    early: str = ""


def gcloud(command: str, *words: str, early: str = "") -> Call:
    """Return a call: ``gcloud("pubsub topics create", name, "--labels=app=a")``."""
    return Call((*command.split(), *words), early)


class Gcloud:
    """The program gcloud, for one project and without prompts."""

    def __init__(self, project: str) -> None:
        self._environ = os.environ | {"CLOUDSDK_CORE_PROJECT": project, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}

    def run(self, *words: str, stdin: str = "") -> tuple[str, str]:
        """Return what a call prints on both streams; raise CommandFailedError with all of it if the call fails."""
        done = subprocess.run(
            ["gcloud", *words], env=self._environ, input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise CommandFailedError(done.stdout + done.stderr)
        return done.stdout, done.stderr

    def show(self, *words: str) -> None:
        """Run a call whose output the operator sees; raise CommandFailedError if it fails."""
        if subprocess.run(["gcloud", *words], env=self._environ, stdin=subprocess.DEVNULL, check=False).returncode != 0:
            raise CommandFailedError(f"Failed: gcloud {shlex.join(words)}")

    def text(self, *words: str) -> str:
        """Return a call's standard output without the white space at its ends."""
        return self.run(*words)[0].strip()

    def json(self, *words: str) -> Any:
        """Return the JSON that a call prints, or an empty list if it prints nothing."""
        return json.loads(self.run(*words, "--format=json")[0] or "[]")


def patiently(early: str, action: Callable[[], Result], note: Callable[[str], object]) -> Result:
    """Return what an action returns; while it fails with output that matches ``early``, retry it for two minutes.

    Raises StillEarlyError if the last try fails with such output.
    """
    pauses = list(PAUSES)
    while True:
        try:
            return action()
        except CommandFailedError as error:
            if not early or not re.search(early, error.output):
                raise
            note(error.output)
            if not pauses:
                raise StillEarlyError(error.output) from error
        pause = pauses.pop(0)
        note(f"Again in {pause} seconds.\n")
        # A program, so that a test of a whole deployment can put another one in its place.
        subprocess.run(["sleep", str(pause)], check=True)
