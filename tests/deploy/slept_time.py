"""A `sleep` that notes its seconds and returns at once, and the clock that it moves.

With this clock a recorded project may be late by minutes, and a test of a whole deployment need not wait for them.
Commands that run in parallel each move the clock, so it may be ahead of the time that the deployment would take.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SleptTime:
    """The program and its notes, in an empty folder."""

    room: Path

    @property
    def _notes(self) -> Path:
        return self.room / "notes"

    def environ(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return these variables with the program `sleep` first in PATH."""
        program = self.room / "sleep"
        program.write_text(f'#!/bin/sh\necho "$1" >> "{self._notes}"\n')
        program.chmod(0o755)
        return {**inherited, "PATH": f"{self.room}:{inherited['PATH']}"}

    def pauses(self) -> list[float]:
        """Return the seconds of all sleeps so far."""
        return [float(line) for line in self._notes.read_text().split()] if self._notes.exists() else []

    def clock(self) -> float:
        """Return the seconds of all sleeps together, for `Project.clock`."""
        return sum(self.pauses())
