from collections.abc import Callable
from pathlib import Path

import pytest

from infra.gcloud import LATE_API, Gcloud, Patience, patiently
from infra.jobs import Job
from infra.stops import CommandFailedError, StillEarlyError

EARLY = Patience("does not exist", 120, "it is early")


@pytest.fixture
def pauses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `sleep` that writes down its seconds and returns at once."""
    notes = tmp_path / "pauses"
    notes.touch()
    _program(tmp_path, monkeypatch, "sleep", f'echo "$1" >> "{notes}"')
    return notes


def _program(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    program = folder / "bin" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def failing(*outputs: str) -> tuple[list[str], Callable[[], str]]:
    """Return the outputs that are left, and an action that fails with each of them in turn."""
    left = list(outputs)

    def action() -> str:
        if left:
            raise CommandFailedError(left.pop(0))
        return "done"

    return left, action


def test_an_early_command_is_tried_again(pauses: Path) -> None:
    """The pauses grow, and a short wait is not worth a line."""
    notes: list[str] = []
    told: list[str] = []
    _, action = failing("does not exist", "does not exist")
    assert patiently([EARLY], action, notes.append, told.append) == "done"
    assert pauses.read_text().split() == ["2", "4"]
    assert "Again in 4 seconds: it is early.\n" in notes
    assert told == []


def test_another_error_is_not_retried(pauses: Path) -> None:
    """It is not a matter of time."""
    left, action = failing("does not exist", "PERMISSION_DENIED", "does not exist")
    with pytest.raises(CommandFailedError, match="PERMISSION_DENIED"):
        patiently([EARLY], action, print, print)
    assert left == ["does not exist"]
    assert pauses.read_text().split() == ["2"]


def test_the_last_error_says_that_it_is_still_early(pauses: Path) -> None:
    """The caller may then warn instead of failing; the operator has read the reason once."""
    told: list[str] = []
    _, action = failing(*["does not exist"] * 50)
    with pytest.raises(StillEarlyError, match="does not exist"):
        patiently([EARLY], action, print, told.append)
    assert sum(int(line) for line in pauses.read_text().split()) == 120
    assert told == ["it is early"]


def test_each_reason_has_its_own_patience(pauses: Path) -> None:
    """A command that waited for its API may then wait for its grant."""
    other = Patience("denied", 60, "the grant is new")
    _, action = failing("does not exist", "denied", "does not exist", "denied")
    assert patiently([EARLY, other], action, print, print) == "done"
    assert pauses.read_text().split() == ["2", "2", "4", "4"]


def test_without_patience_a_call_is_made_once(pauses: Path) -> None:
    """Its error is the operator's."""
    left, action = failing("a", "b")
    with pytest.raises(CommandFailedError):
        patiently([], action, print, print)
    assert left == ["b"]
    assert pauses.read_text() == ""


def test_every_call_waits_for_a_new_api(pauses: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading calls, too; Google says that an API answers after some minutes."""
    error = "ERROR: API [pubsub.googleapis.com] has not been used in project 1 before or it is disabled."
    _program(
        pauses.parent,
        monkeypatch,
        "gcloud",
        f'test "$(wc -l < "{pauses}")" = 3 && echo "[1]" || {{ echo "{error}" >&2; exit 1; }}',
    )
    assert Gcloud("a-project").json("pubsub", "topics", "list") == [1]
    assert sum(LATE_API.pauses()) >= 300


def test_the_log_has_the_call_and_its_output_but_not_its_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret is passed on standard input."""
    _program(tmp_path, monkeypatch, "gcloud", 'wc -c; echo "warning" >&2; echo "$CLOUDSDK_CORE_PROJECT"')
    job = Job(Gcloud("a-project"), tmp_path / "log", [])
    assert job.run("secrets", "versions", "add", "a b", stdin="a secret").split() == ["8", "a-project"]
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0] == "+ gcloud secrets versions add 'a b'"
    assert lines[-1] == "warning"
    assert "a secret" not in (tmp_path / "log").read_text()


def test_a_failed_call_says_all_that_gcloud_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some commands print their reason on standard output."""
    _program(tmp_path, monkeypatch, "gcloud", 'echo "reason"; echo "ERROR" >&2; exit 1')
    with pytest.raises(CommandFailedError, match="reason\nERROR"):
        Gcloud("a-project").json("topics", "list")


@pytest.fixture
def babbling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gcloud:
    """A gcloud that prints its standard input on both streams, prints a token, and fails if its first word says so."""
    script = 'input=$(cat); echo "token-of-mine $input"; echo "ERROR: bad value $input" >&2; [ "$1" != fail ]'
    _program(tmp_path, monkeypatch, "gcloud", script)
    return Gcloud("a-project")


@pytest.mark.parametrize(
    "secret", ["ollama", "sk-proj-abc_DEF123", '{"session": "sabcdefghij", "secret": "kabcdefghij"}']
)
@pytest.mark.parametrize("word", ["add", "fail"])
def test_a_secret_input_is_in_no_output_and_no_log(babbling: Gcloud, tmp_path: Path, secret: str, word: str) -> None:
    """A command may print what it got, and a failed command's output is shown to the operator."""
    job = Job(babbling, tmp_path / "log", [])
    told = ""
    try:
        told = job.run(word, "--data-file=-", stdin=secret)
    except CommandFailedError as error:
        told = f"{error} {error.output}"
    shown = told + (tmp_path / "log").read_text()
    assert "(secret)" in shown
    for part in ("ollama", "sk-proj-abc_DEF123", "sabcdefghij", "kabcdefghij"):
        assert part not in shown


def test_a_secret_output_is_in_no_error(babbling: Gcloud) -> None:
    """The error has only what gcloud says about it."""
    assert babbling.secret("versions", "access") == "token-of-mine"
    with pytest.raises(CommandFailedError, match="bad value") as failed:
        babbling.secret("fail", "versions", "access")
    assert "token-of-mine" not in failed.value.output
