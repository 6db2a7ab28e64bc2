"""What an action of a resource may do: call gcloud, write into its log, and keep a warning for the operator."""

import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from infra.gcloud import Call, Gcloud, Patience, patiently, tell


class Job:
    """One running action with its log file."""

    def __init__(self, gcloud: Gcloud, log: Path, warnings: list[str]) -> None:
        self._gcloud = gcloud
        self._log = log
        self._warnings = warnings
        log.write_text("", encoding="utf-8")

    def note(self, text: str) -> None:
        """Write lines into the log."""
        if text:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(text if text.endswith("\n") else f"{text}\n")

    def last_lines(self, count: int) -> list[str]:
        """Return the last lines of the log."""
        return self._log.read_text(encoding="utf-8").splitlines()[-count:]

    def warn(self, text: str) -> None:
        """Keep a warning for the end of a successful deployment."""
        self._warnings.append(text)

    def call(self, *calls: Call) -> None:
        """Run calls of gcloud one after another."""
        for call in calls:
            self.patiently(call.patience, partial(self.run, *call.words))

    def patiently(self, patience: Sequence[Patience], action: Callable[[], object]) -> None:
        """Run an action, and retry it after errors that end by themselves."""
        patiently(patience, action, self.note, tell)

    def run(self, *words: str, stdin: str = "") -> str:
        """Run one call of gcloud and return its standard output; ``stdin`` may be secret and is not logged."""
        self.note(f"+ gcloud {shlex.join(words)}")
        out, errors = self._gcloud.run(*words, stdin=stdin)
        self.note(out)
        self.note(errors)
        return out
