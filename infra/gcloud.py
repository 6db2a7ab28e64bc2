"""Calls of gcloud, and retries while Google's services are eventually consistent."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from typing import Any, Final, TypeVar

from infra.stops import CommandFailedError, StillEarlyError

Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """Errors that end by themselves: how they read, for how many seconds a command is retried, and why."""

    errors: str
    seconds: int
    why: str

    def pauses(self) -> Iterator[int]:
        """Yield the seconds between the tries."""
        waited = 0
        for pause in chain((2, 4, 8, 16, 30), repeat(60)):
            if waited >= self.seconds:
                return
            waited += pause
            yield pause


# Shorter words, such as the names of a JSON object, are not secret by themselves.
_WORD: Final = r"[\w.-]{8,}"
# The operator learns the reason of a pause of so many seconds.
_LONG_PAUSE: Final = 30
LATE_API: Final = Patience(
    "SERVICE_DISABLED|has not been used in project .* before or it is disabled",
    600,
    "an API that has just been enabled answers everywhere only after some minutes",
)


@dataclass(frozen=True)
class Call:
    """One call of gcloud, and the errors after which it is retried."""

    words: tuple[str, ...]
    patience: tuple[Patience, ...] = ()


def gcloud(command: str, *words: str, patience: tuple[Patience, ...] = ()) -> Call:
    """Return a call: ``gcloud("pubsub topics create", name, "--labels=app=a")``."""
    return Call((*command.split(), *words), patience)


class Gcloud:
    """The program gcloud, for one project and without prompts."""

    def __init__(self, project: str) -> None:
        self._environ = os.environ | {"CLOUDSDK_CORE_PROJECT": project, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}

    def run(self, *words: str, stdin: str = "") -> tuple[str, str]:
        """Return what a call prints on both streams; raise CommandFailedError with all of it if the call fails.

        ``stdin`` may be secret: its words are replaced in what the call prints.
        In a new project every call may have to wait for its API.
        """
        return patiently([LATE_API], partial(self._run, *words, stdin=stdin), lambda _: None, tell)

    def secret(self, *words: str) -> str:
        """Return a call's standard output, which is secret and therefore in no error."""
        return patiently([LATE_API], partial(self._run, *words, stdin="", prints_secret=True), lambda _: None, tell)[
            0
        ].strip()

    def _run(self, *words: str, stdin: str, prints_secret: bool = False) -> tuple[str, str]:
        done = subprocess.run(
            ["gcloud", *words], env=self._environ, input=stdin, capture_output=True, text=True, check=False
        )
        out, errors = _without(stdin, done.stdout), _without(stdin, done.stderr)
        if done.returncode != 0:
            raise CommandFailedError(errors if prints_secret else out + errors)
        return out, errors

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


def _without(secret: str, text: str) -> str:
    """Return a text without the words of a secret, which may be a JSON object."""
    words = {secret.strip(), *re.findall(_WORD, secret)} - {""}
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "(secret)")
    return text


def tell(text: str) -> None:
    """Tell the operator why a command waits."""
    print(f"    waiting: {text}", flush=True)


def patiently(
    patience: Sequence[Patience],
    action: Callable[[], Result],
    note: Callable[[str], object],
    tell: Callable[[str], object],
) -> Result:
    """Return what an action returns, and retry it while its error is one that ends by itself.

    ``note`` gets each error; ``tell`` gets the reason of a long wait, once. Raises StillEarlyError after the last try.
    """
    pauses = {each: each.pauses() for each in patience}
    told: set[Patience] = set()
    while True:
        try:
            return action()
        except CommandFailedError as error:
            matching = next((each for each in patience if re.search(each.errors, error.output)), None)
            if matching is None:
                raise
            note(error.output)
            pause = next(pauses[matching], 0)
            if not pause:
                raise StillEarlyError(error.output) from error
        note(f"Again in {pause} seconds: {matching.why}.\n")
        if pause >= _LONG_PAUSE and matching not in told:
            told.add(matching)
            tell(matching.why)
        # A program, so that a test of a whole deployment can put another one in its place.
        subprocess.run(["sleep", str(pause)], check=True)
