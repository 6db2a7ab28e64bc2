"""The expected outcomes in ``expected.tsv``; its columns are hash, outcome, ``*`` if sampled, and name.

A file that takes about as much CPU time as the limit has two outcomes, ``ok|too_complex``, for fast and slow machines.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.pictures.corpus import Sample
from tests.pictures.runs import Run

EXPECTED: Final = Path(__file__).with_name("expected.tsv")
# The sample has all generated files, one in this many of a package's files (chosen by hash), and the worst files.
_SAMPLED_ONE_IN: Final = {"pillow": 16, "pillow-heif": 8, "gdk-pixbuf-tests": 24, "librsvg2-tests": 80}
_WORST: Final = 10
_RARE: Final = 15
# Seconds; a slow or busy machine takes three times as long.
_NEAR_THE_LIMIT: Final = 1.0


@dataclass(frozen=True)
class Known:
    """The allowed outcomes of a file, and whether `make test` decodes it."""

    outcomes: frozenset[str]
    sampled: bool


@dataclass(frozen=True)
class Outcomes:
    """Known outcomes by hash, and also by name for generated files: each zlib version deflates to other bytes."""

    by_hash: dict[str, Known]
    by_name: dict[str, Known]

    def of(self, sample: Sample) -> Known | None:
        """Return a file's known outcomes, or None."""
        return self.by_hash.get(sample.hash) or self.by_name.get(sample.name)


def read() -> Outcomes:
    """Read ``expected.tsv``."""
    outcomes = Outcomes({}, {})
    if EXPECTED.exists():
        for line in EXPECTED.read_text(encoding="utf-8").splitlines():
            key, outcome, sampled, name = line.split("\t")
            outcomes.by_hash[key] = Known(frozenset(outcome.split("|")), bool(sampled))
            if name.startswith("bombs/"):
                outcomes.by_name[name] = outcomes.by_hash[key]
    return outcomes


def accept(runs: Iterable[Run]) -> None:
    """Write the outcomes of these runs to ``expected.tsv``."""
    runs = sorted(runs, key=lambda run: run.sample.hash)
    sampled = {run.sample.hash for run in _sample(runs)}
    lines = (
        f"{run.sample.hash}\t{_outcomes(run)}\t{'*' * (run.sample.hash in sampled)}\t{run.sample.name}\n"
        for run in runs
    )
    EXPECTED.write_text("".join(lines), encoding="utf-8")


def _outcomes(run: Run) -> str:
    if run.detail == "time":
        return f"{run.outcome}|ok"
    return f"{run.outcome}|too_complex" if run.computing > _NEAR_THE_LIMIT else run.outcome


def _sample(runs: list[Run]) -> list[Run]:
    outcomes = [run.outcome for run in runs]
    worst = (
        sorted(runs, key=lambda run: -run.computing)[:_WORST] + sorted(runs, key=lambda run: -run.megabytes)[:_WORST]
    )
    chosen = [
        run for run in runs if int(run.sample.hash, 16) % _SAMPLED_ONE_IN.get(run.sample.name.split("/")[0], 1) == 0
    ]
    return worst + chosen + [run for run in runs if outcomes.count(run.outcome) < _RARE]
