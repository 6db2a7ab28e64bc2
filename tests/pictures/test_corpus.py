import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pictures.__main__ import report
from tests.pictures.corpus import REPOSITORY, Sample
from tests.pictures.runs import Run


# A minute on two idle processors, which other tests may be using.
@pytest.mark.timeout(900)
def test_the_sample_of_the_corpus_is_decoded_as_expected() -> None:
    """Every file has its known outcome without a crash, within 4 s of CPU time and 450 MB, and keeps no metadata."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.pictures", "--sample"],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": "src:."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"(\d+) files, (\d+) of them with a known outcome", done.stdout)
    assert found
    assert int(found[2]) >= 300


GOOD = Run(Sample("0" * 16, "bombs/one.png", Path("one.png")), "ok", "", 1.0, 1.0, 100)


@pytest.mark.parametrize(
    "run",
    [
        Run(GOOD.sample, "damaged", "", 1.0, 1.0, 100),
        Run(GOOD.sample, "ok", "", 5.0, 4.1, 100),
        Run(GOOD.sample, "ok", "", 1.0, 1.0, 450),
        Run(GOOD.sample, "crashed", "", 1.0, 1.0, 100),
        Run(GOOD.sample, "leaking", "", 1.0, 1.0, 100),
        Run(GOOD.sample, "unnamed", "", 1.0, 1.0, 100),
    ],
    ids=["another outcome", "slow", "large", "crashed", "leaking", "unnamed"],
)
def test_the_report_fails_for_one_bad_file(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The report names the file and returns 1."""
    known = {GOOD.sample.hash: frozenset({"ok"})}
    assert report([GOOD], known) == 0
    assert report([GOOD, run], known) == 1
    assert "one.png" in capsys.readouterr().out


def test_an_unknown_file_does_not_fail_the_report() -> None:
    """Another version of a package has other files; they fail only by a crash, a leak or an unnamed error."""
    unknown = Run(Sample("f" * 16, "pillow/new.png", Path("new.png")), "damaged", "", 1.0, 1.0, 100)
    assert report([unknown], {}) == 0
