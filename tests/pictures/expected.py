"""The known outcomes in ``expected.tsv``: content hash, outcome, ``*`` if sampled, and name of each file.

A file that takes about as long as the limit has two outcomes, ``ok|too_complex``; the machine's speed decides.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.pictures.corpus import Sample
from tests.pictures.runs import Run

EXPECTED: Final = Path(__file__).with_name("expected.tsv")
# The sample holds all bombs, one in so many of the other files by their hashes, and the slowest and largest.
_ONE_OF: Final = {"pillow": 8, "pillow-heif": 4, "gdk-pixbuf-tests": 12, "librsvg2-tests": 40}
_WORST: Final = 10
_RARE: Final = 15
# In CPU seconds: a slow or busy machine may take three times as long.
_NEAR_THE_LIMIT: Final = 1.0


@dataclass(frozen=True)
class Known:
    """The outcomes that a file may have, and whether `make test` runs it."""

    outcomes: frozenset[str]
    sampled: bool


@dataclass(frozen=True)
class Outcomes:
    """Known outcomes by hash and, for generated files, by name, because versions of zlib deflate differently."""

    by_hash: dict[str, Known]
    by_name: dict[str, Known]

    def of(self, sample: Sample) -> Known | None:
        """Return the known outcomes of a file, or None."""
        return self.by_hash.get(sample.hash) or self.by_name.get(sample.name)


def read() -> Outcomes:
    """Read the committed outcomes."""
    outcomes = Outcomes({}, {})
    if EXPECTED.exists():
        for line in EXPECTED.read_text(encoding="utf-8").splitlines():
            key, outcome, sampled, name = line.split("\t")
            outcomes.by_hash[key] = Known(frozenset(outcome.split("|")), bool(sampled))
            if name.startswith("bombs/"):
                outcomes.by_name[name] = outcomes.by_hash[key]
    return outcomes


def accept(runs: Iterable[Run]) -> None:
    """Write the outcomes of these runs as the expected ones."""
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
    chosen = [run for run in runs if int(run.sample.hash, 16) % _ONE_OF.get(run.sample.name.split("/")[0], 1) == 0]
    return worst + chosen + [run for run in runs if outcomes.count(run.outcome) < _RARE]
