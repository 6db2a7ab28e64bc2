"""Decode the corpus and compare the outcomes: ``python -m tests.pictures [--sample] [--accept] [--fetch]``."""

import argparse
import sys
from collections import Counter
from typing import Final

from tests.pictures import corpus
from tests.pictures.expected import EXPECTED, accept, read
from tests.pictures.runs import Run, run_all

MAX_SECONDS: Final = 4.0
MAX_MEGABYTES: Final = 450
NEVER: Final = frozenset({"crashed", "unnamed", "leaking"})


def main() -> int:
    """Fetch the corpus, decode it and print a report; return 0 if every outcome, time and memory is as expected."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sample", action="store_true", help="only the fixed sample that `make test` runs")
    arguments.add_argument("--accept", action="store_true", help=f"write the outcomes to {EXPECTED.name}")
    arguments.add_argument("--fetch", action="store_true", help="only fetch the files")
    asked = arguments.parse_args()
    missing = corpus.fetch()
    if missing:
        say(f"Not available here, so the corpus is smaller: {', '.join(missing)}")
    if asked.fetch:
        return 0
    expected = read()
    samples = corpus.samples()
    if asked.sample:
        samples = [one for one in samples if (known := expected.of(one)) and known.sampled]
    runs = list(run_all(samples))
    if asked.accept:
        accept(runs)
        expected = read()
    return report(runs, {run.sample.hash: known.outcomes for run in runs if (known := expected.of(run.sample))})


def report(runs: list[Run], expected: dict[str, frozenset[str]]) -> int:
    """Print the outcomes; return 1 if a file has a wrong outcome or takes too much time or memory, otherwise 0."""
    different = [run for run in runs if run.outcome not in expected.get(run.sample.hash, {run.outcome})]
    broken = [run for run in runs if run.outcome in NEVER]
    slow = [run for run in runs if run.computing >= MAX_SECONDS]
    large = [run for run in runs if run.megabytes >= MAX_MEGABYTES]
    say(f"{len(runs):6} files, {len(expected)} of them with a known outcome")
    say(f"{sum(run.computing for run in runs):6.0f} s of CPU time\n")
    for outcome, count in Counter(run.outcome for run in runs).most_common():
        say(f"{count:6} {outcome}")
    say("\nslowest")
    for run in sorted(runs, key=lambda run: -run.computing)[:5]:
        say(f"{run.computing:6.2f} s   {run.outcome:16} {run.sample.name}")
    say("\nmost memory")
    for run in sorted(runs, key=lambda run: -run.megabytes)[:5]:
        say(f"{run.megabytes:6} MB  {run.outcome:16} {run.sample.name}")
    for title, wrong in (("broken", broken), ("too slow", slow), ("too large", large), ("different", different)):
        for run in wrong:
            wanted = " or ".join(sorted(expected.get(run.sample.hash, {"anything"})))
            say(f"{title}: {run.sample.name} ({run.sample.path}): {run.outcome}, expected {wanted}; {run.detail[:300]}")
    return 1 if broken or slow or large or different else 0


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
