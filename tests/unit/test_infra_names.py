import subprocess
import sys

import pytest

from infra.names import Names, exports
from infra.stops import StoppedError

WRONG = [
    ({}, "Set the Google Cloud project"),
    ({"PROJECT": "Capitals"}, "PROJECT must be"),
    ({"PROJECT": "a-project", "REGION": "us"}, "REGION must"),
    ({"PROJECT": "a-project", "PREFIX": "toolong99"}, "PREFIX must"),
    ({"PROJECT": "a-project", "PREFIX": "a-b"}, "PREFIX must"),
]


@pytest.mark.parametrize(("environ", "message"), WRONG)
def test_a_malformed_setting_is_refused(environ: dict[str, str], message: str) -> None:
    """The message names the variable."""
    with pytest.raises(StoppedError, match=message):
        Names.of(environ)


def test_a_prefix_separates_every_name() -> None:
    """No name of one installation is a name of the other."""
    first, second = (dict(exports(Names("a-project", prefix=prefix))) for prefix in ("", "second"))
    shared = {"GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT", "CLOUDSDK_CORE_DISABLE_PROMPTS", "REGION"}
    assert {name for name in first if first[name] == second[name]} == shared
    assert Names("a-project", prefix="second").account("pipeline_launcher") == (
        "second-mg-pipeline-launcher@a-project.iam.gserviceaccount.com"
    )


def test_the_longest_account_name_fits() -> None:
    """A service account's name has at most 30 characters."""
    assert len(Names("a-project", prefix="abcdefgh").account_id("pipeline_launcher")) <= 30


def test_dead_letters_go_back_to_the_topic_of_their_source() -> None:
    """An upload has no topic that can be published to, so it becomes an announcement of its picture."""
    pairs = dict(pair.split(":") for pair in dict(exports(Names("a-project")))["DEAD_LETTERS"].split())
    assert pairs["musicgenerator-uploads-dead-letters"] == "musicgenerator-pictures"
    assert pairs["musicgenerator-captions-dead-letters"] == "musicgenerator-captions"


def test_the_exports_need_no_package() -> None:
    """The operator's commands start them with `python -S`; a shell can read the output."""
    environ = {"PROJECT": "a-project", "PYTHONPATH": ".:src", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-S", "-m", "infra.names"]
    printed = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    script = f'{printed}printf %s "$DEAD_LETTERS"'
    shown = subprocess.run(
        ["bash", "-eu", "-c", script], env=environ, capture_output=True, text=True, check=True
    ).stdout
    assert shown == dict(exports(Names("a-project")))["DEAD_LETTERS"]
