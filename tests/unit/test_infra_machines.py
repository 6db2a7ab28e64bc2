"""The warm machines: wait until they run, say why they do not, and delete them when no job runs on them."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from infra.engine import Mode
from infra.installation import Installation
from infra.settings import SETTINGS, merged
from infra.steps.machines import new_machines, old_machines
from infra.stops import StoppedError
from tests.deploy.slept_time import SleptTime
from tests.unit.infra_fakes import FakeGcloud, FakeGoogle

PLACE = "projects/a-project/locations/us-central1"
NAME = "musicgenerator-warm-1-e2-standard-4"
OLD = "musicgenerator-warm-2-n1-highmem-16"
LIST = "ai persistent-resources list --region=us-central1"
CREATE = (
    f"ai persistent-resources create --persistent-resource-id={NAME} --display-name={NAME} --region=us-central1"
    " --resource-pool-spec=replica-count=1,machine-type=e2-standard-4 --enable-custom-service-account"
    " --labels=app=musicgenerator"
)
DELETE = f"ai persistent-resources delete {OLD} --region=us-central1"


class VertexAI(FakeGoogle):
    """Answers one request for machines or jobs after another, the last answer from then on."""

    def __init__(self, gcloud: FakeGcloud, *answers: dict[str, Any]) -> None:
        super().__init__(gcloud)
        self.answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    def call(self, method: str, api: str, path: str, body: Any = None) -> Any:
        """Answer one request."""
        assert (method, body) == ("GET", None)
        self.asked.append((api, path))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SleptTime:
    """A `sleep` that returns at once."""
    room = tmp_path / "sleep"
    room.mkdir()
    slept = SleptTime(room)
    monkeypatch.setenv("PATH", slept.environ({"PATH": os.environ["PATH"]})["PATH"])
    return slept


def installed(
    work: Path, listed: list[dict[str, str]], *answers: dict[str, Any], **settings: str
) -> tuple[Installation, FakeGcloud, VertexAI]:
    """Return an installation with these machines, and what Vertex AI answers."""
    gcloud = FakeGcloud({"services list --enabled": [{"name": "aiplatform.googleapis.com"}], LIST: listed})
    google = VertexAI(gcloud, *answers)
    at = Installation({"PROJECT": "a-project", "DEPLOY_WORK": str(work)}, gcloud, google)
    at.settings = settings
    return at, gcloud, google


def machines(name: str, state: str) -> dict[str, str]:
    return {"name": f"{PLACE}/persistentResources/{name}", "state": state}


def running(name: str, state: str = "PIPELINE_STATE_RUNNING") -> dict[str, Any]:
    """Return a page with one job that names these machines."""
    detail = {"persistentResourceName": f"projects/7/locations/us-central1/persistentResources/{name}"}
    runtime = {"defaultRuntime": {"persistentResourceRuntimeDetail": detail}}
    return {"pipelineJobs": [{"state": state, "runtimeConfig": runtime}, {"state": "PIPELINE_STATE_RUNNING"}]}


def create(at: Installation) -> None:
    at.engine.converge({"machines": lambda: new_machines(at)}, Mode.APPLY)


def delete_old(at: Installation) -> None:
    at.engine.converge({"machines": lambda: old_machines(at)}, Mode.APPLY)


def test_new_machines_are_awaited(tmp_path: Path, slept: SleptTime) -> None:
    """The launcher names them only when they run, because gcloud does not wait."""
    at, gcloud, google = installed(
        tmp_path,
        [],
        machines(NAME, "PROVISIONING"),
        machines(NAME, "PROVISIONING"),
        machines(NAME, "RUNNING"),
        WARM="1",
    )
    create(at)
    assert gcloud.times(CREATE) == 1
    assert slept.pauses() == [10, 10]
    assert google.asked[-1] == ("us-central1-aiplatform", f"v1/{PLACE}/persistentResources/{NAME}")


def test_machines_that_fail_stop_the_deployment_with_the_reason(
    tmp_path: Path, slept: SleptTime, capsys: pytest.CaptureFixture[str]
) -> None:
    """The operator learns what to do, and the launcher keeps what it has."""
    failed = machines(NAME, "ERROR") | {"error": {"message": "the quota of 8 CPUs is used up"}}
    at, _, _ = installed(tmp_path, [machines(NAME, "ERROR")], failed, WARM="1")
    with pytest.raises(StoppedError):
        create(at)
    told = capsys.readouterr().err
    assert "in the state ERROR: the quota of 8 CPUs is used up" in told
    assert "WARM=0" in told
    assert slept.pauses() == []


def test_machines_that_never_start_stop_the_deployment(
    tmp_path: Path, slept: SleptTime, capsys: pytest.CaptureFixture[str]
) -> None:
    """After twenty minutes."""
    at, _, _ = installed(tmp_path, [], machines(NAME, "PROVISIONING"), WARM="1")
    with pytest.raises(StoppedError):
        create(at)
    assert sum(slept.pauses()) == 1200
    assert "in the state PROVISIONING" in capsys.readouterr().err


def test_a_refused_creation_says_what_to_do(
    tmp_path: Path, slept: SleptTime, capsys: pytest.CaptureFixture[str]
) -> None:
    """For example the deployer of a repository may not create machines."""
    at, gcloud, _ = installed(tmp_path, [], {}, WARM="1")
    gcloud.refused[CREATE] = "PERMISSION_DENIED: aiplatform.persistentResources.create"
    with pytest.raises(StoppedError):
        create(at)
    told = capsys.readouterr().err
    assert "PERMISSION_DENIED" in told
    assert "roles/aiplatform.admin" in told
    assert slept.pauses() == []


def test_machines_that_are_being_deleted_are_created_again(tmp_path: Path, slept: SleptTime) -> None:
    """WARM=1 soon after WARM=0: the name is free when Google has deleted the old machines."""
    stopping = machines(NAME, "STOPPING")
    at, gcloud, _ = installed(tmp_path, [stopping], stopping, stopping, {}, machines(NAME, "RUNNING"), WARM="1")
    create(at)
    assert gcloud.times(CREATE) == 1
    assert slept.pauses() == [10]


def test_old_machines_are_deleted_when_their_jobs_have_ended(tmp_path: Path, slept: SleptTime) -> None:
    """A deletion cancels the jobs that run on them. Jobs on other machines do not matter."""
    pages = (running("another") | {"nextPageToken": "2"}, running(OLD), running(OLD, "PIPELINE_STATE_SUCCEEDED"))
    at, gcloud, google = installed(tmp_path, [machines(OLD, "RUNNING")], *pages, WARM="0")
    waited: list[list[float]] = []
    gcloud.effects[DELETE] = lambda: waited.append(slept.pauses())
    delete_old(at)
    assert waited == [[10]]
    assert {api for api, _ in google.asked} == {"us-central1-aiplatform"}
    assert urlsplit(google.asked[0][1]).path == f"v1beta1/{PLACE}/pipelineJobs"
    assert [parse_qs(urlsplit(path).query).get("pageToken") for _, path in google.asked] == [None, ["2"], None]


def test_old_machines_are_deleted_at_last(tmp_path: Path, slept: SleptTime) -> None:
    """A step ends after 15 minutes, so a job that still runs after 25 is stuck."""
    at, gcloud, _ = installed(tmp_path, [machines(OLD, "RUNNING")], running(OLD), WARM="0")
    delete_old(at)
    assert gcloud.times(DELETE) == 1
    assert sum(slept.pauses()) == 1500


def test_the_wanted_machines_and_those_that_are_being_deleted_are_left_alone(tmp_path: Path) -> None:
    """Machines of another installation have other names."""
    listed = [machines(NAME, "RUNNING"), machines(OLD, "STOPPING"), machines(f"x-{OLD}", "RUNNING")]
    at, gcloud, _ = installed(tmp_path, listed, {}, WARM="1")
    delete_old(at)
    assert gcloud.calls == ["services list --enabled", LIST]


def test_the_default_is_remembered_once_machines_were_kept() -> None:
    """Otherwise a deployment that stopped before it deleted the machines would leave them for ever."""
    assert merged({"WARM": "2"}, {"WARM": "default"}) == {"WARM": "0"}
    assert merged({}, {"WARM": "default"}) == {}


def test_the_longest_name_fits() -> None:
    """An id of Vertex AI has at most 63 characters."""
    machine = "m" * 30
    assert merged({}, {"WARM_MACHINE": machine}) == {"WARM_MACHINE": machine}
    with pytest.raises(StoppedError):
        merged({}, {"WARM_MACHINE": machine + "m"})
    assert len(f"abcdefgh-musicgenerator-warm-99-{machine}") <= 63
    assert SETTINGS["WARM"].keeps_default
