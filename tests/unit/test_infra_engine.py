import threading
from pathlib import Path

import pytest

from infra.engine import Engine, Mode
from infra.gcloud import gcloud
from infra.jobs import Job
from infra.resources import BARRIER, SAME, Mark, Resource, Step, Unwanted
from infra.state import query
from infra.stops import StoppedError
from tests.unit.infra_fakes import FakeGcloud, engine_of

TOPICS = query("topics", "topics list")
GRANTS = query("grants on a", "topics get-iam-policy a", parent=("topics", "a"))


def topic(name: str, **want: object) -> Resource:
    """Return a topic that can be created and changed."""
    return Resource(
        "topics", name, "topic", want=want, create=gcloud("topics create", name), change=gcloud("topics update", name)
    )


def marks(engine: Engine) -> dict[str, str]:
    return {line.name: line.mark.value for line in engine.plan}


@pytest.fixture
def project() -> FakeGcloud:
    """A project with two topics."""
    return FakeGcloud({"topics list": [{"name": "projects/p/topics/same", "days": 7}, {"name": "old", "days": 1}]})


def three(_: object = None) -> Step:
    for name in ("same", "old", "new"):
        yield topic(name, days=7)


def test_a_plan_lists_what_differs_and_runs_nothing(project: FakeGcloud, tmp_path: Path) -> None:
    """Its lines name the differences."""
    engine = engine_of(project, tmp_path, TOPICS)
    engine.converge({"01-topics": three}, Mode.PLAN)
    assert marks(engine) == {"same": "=", "old": "~", "new": "+"}
    assert str(engine.plan[1]) == "  ~ topic              old   (days: 1 -> 7)"
    assert project.calls == ["topics list"]


def test_applying_creates_what_is_missing_and_changes_what_differs(project: FakeGcloud, tmp_path: Path) -> None:
    """A resource that is as it should be gets no command; each command has a log file."""
    engine = engine_of(project, tmp_path, TOPICS)
    engine.converge({"01-topics": three}, Mode.APPLY)
    assert sorted(project.calls) == ["topics create new", "topics list", "topics update old"]
    assert (tmp_path / "log" / "01-topics-topic-new.log").read_text().startswith("+ gcloud topics create new\n")


def test_a_resource_that_cannot_be_changed_stops_the_run(project: FakeGcloud, tmp_path: Path) -> None:
    """A plan marks it; the commands that have started end first."""

    def step() -> Step:
        yield topic("new")
        yield Resource("topics", "old", "topic", want={"days": 7}, create=gcloud("topics create old"))

    engine = engine_of(project, tmp_path, TOPICS)
    engine.converge({"01-topics": step}, Mode.PLAN)
    assert marks(engine)["old"] == "!"
    with pytest.raises(StoppedError, match=r"topic old cannot be changed in place: days: 1 -> 7"):
        engine.converge({"01-topics": step}, Mode.APPLY)
    assert "topics create new" in project.calls


def test_one_failure_stops_the_run_at_the_barrier_and_no_other_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands before the barrier all run; the end of the failed one's log is shown."""
    project = FakeGcloud(refused={"topics create a": "\n".join(f"line {number}" for number in range(20))})

    def step() -> Step:
        yield from map(topic, "abc")
        yield BARRIER
        yield topic("later")

    engine = engine_of(project, tmp_path, TOPICS, jobs=1)
    with pytest.raises(StoppedError):
        engine.converge({"01-topics": step, "02-more": three}, Mode.APPLY)
    assert project.calls == ["topics list", "topics create a", "topics create b", "topics create c"]
    assert engine.step == "01-topics"
    shown = capsys.readouterr().err
    assert "Failed: topic a\n" in shown
    assert "    line 19\n" in shown
    assert "line 4\n" not in shown


def test_a_mistake_in_an_action_is_a_failure_with_its_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It does not pass for a success, and it does not stop the others."""

    def broken(job: Job) -> None:
        raise KeyError(str(job))

    def step() -> Step:
        yield Resource("topics", "a", "topic", create=broken)
        yield topic("b")

    project = FakeGcloud()
    with pytest.raises(StoppedError):
        engine_of(project, tmp_path, TOPICS).converge({"01-topics": step}, Mode.APPLY)
    assert "topics create b" in project.calls
    assert "KeyError" in capsys.readouterr().err


def test_commands_between_two_barriers_run_at_the_same_time(tmp_path: Path) -> None:
    """Each waits here until all have started."""
    together = threading.Barrier(3, timeout=30)

    def step() -> Step:
        for name in "abc":
            yield Resource("topics", name, "topic", create=lambda _: together.wait())

    engine_of(FakeGcloud(), tmp_path, TOPICS).converge({"01-topics": step}, Mode.APPLY)


def test_commands_of_one_lane_run_one_after_another(tmp_path: Path) -> None:
    """The order is that of the step, whatever the number of threads."""
    order: list[str] = []
    begun = threading.Event()

    def slow(_: Job) -> None:
        begun.wait(0.2)
        order.append("a")

    def step() -> Step:
        yield Resource("topics", "a", "topic", create=slow, lane="fields")
        yield Resource("topics", "b", "topic", create=lambda _: order.append("b"), lane="fields")

    engine_of(FakeGcloud(), tmp_path, TOPICS).converge({"01-topics": step}, Mode.APPLY)
    assert order == ["a", "b"]


def test_what_a_command_may_have_changed_is_read_again(tmp_path: Path) -> None:
    """After the barrier a step sees the project as it is now, not as the plan found it."""
    project = FakeGcloud({"topics list": []})
    project.effects["topics create a"] = lambda: project.lists.update({"topics list": [{"name": "a", "url": "u"}]})
    seen = []

    def step() -> Step:
        yield topic("a")
        yield BARRIER
        seen.append(engine.state.fact("topics", "a", "url"))
        yield topic("a")

    engine = engine_of(project, tmp_path, TOPICS)
    engine.converge({"01-topics": step}, Mode.APPLY)
    assert seen == ["u"]
    assert [line.mark for line in engine.plan] == [Mark.CREATE, Mark.SAME]
    assert project.times("topics list") == 2


def test_a_change_of_a_resource_makes_what_is_inside_it_unknown(tmp_path: Path) -> None:
    """Gcloud may have changed its policy, as `functions deploy` does; what was not touched stays known."""
    project = FakeGcloud({"topics list": [{"name": "a", "days": 1}], "topics get-iam-policy a": {"etag": "1"}})
    engine = engine_of(project, tmp_path, TOPICS, GRANTS, query("sinks", "sinks list"))
    engine.state.read(["topics", "grants on a", "sinks"])

    def step() -> Step:
        yield topic("a", days=7)

    engine.converge({"01-topics": step}, Mode.APPLY)
    assert engine.state.known("grants on a") is None
    assert engine.state.known("topics") is None
    assert engine.state.known("sinks") == []


def test_only_the_named_steps_run(project: FakeGcloud, tmp_path: Path) -> None:
    """The others are compared, because later steps need what they find."""
    seen: list[str] = []

    def first() -> Step:
        yield topic("first")
        seen.append("first")

    engine = engine_of(project, tmp_path, TOPICS)
    engine.converge({"01-first": first, "02-three": three}, Mode.APPLY, only=["02-three"])
    assert seen == ["first"]
    assert sorted(project.calls) == ["topics create new", "topics list", "topics update old"]


def test_a_verdict_replaces_the_comparison(project: FakeGcloud, tmp_path: Path) -> None:
    """It is for what no list shows."""

    def step() -> Step:
        yield Resource("rules", "missing", "rules", verdict=SAME, create=gcloud("rules create"))

    engine_of(project, tmp_path, TOPICS).converge({"01-rules": step}, Mode.APPLY)
    assert project.calls == []


def test_only_an_unwanted_resource_that_exists_is_deleted(project: FakeGcloud, tmp_path: Path) -> None:
    """The plan lists nothing else, so an empty plan means that nothing is left."""

    def step() -> Step:
        for name in ("old", "gone"):
            yield Unwanted("topics", name, "topic", gcloud("topics delete", name))

    engine = engine_of(project, tmp_path, TOPICS)
    engine.converge({"topics": step}, Mode.APPLY)
    assert marks(engine) == {"old": "-"}
    assert project.calls == ["topics list", "topics delete old"]


def test_a_warning_is_kept_for_the_end(tmp_path: Path) -> None:
    """An action that succeeds only in part warns, and the run goes on."""

    def step() -> Step:
        yield Resource("topics", "a", "topic", create=lambda job: job.warn("run it again"))

    engine = engine_of(FakeGcloud(), tmp_path, TOPICS)
    engine.converge({"01-topics": step}, Mode.APPLY)
    assert engine.warnings == ["run it again"]
