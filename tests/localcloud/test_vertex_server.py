from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.cloud.aiplatform_v1.types import PipelineJob
from google.oauth2.credentials import Credentials

from localcloud.addresses import PROJECT
from localcloud.servers.google_errors import GoogleError
from localcloud.vertex import specs
from localcloud.vertex.job_events import log_entry
from localcloud.vertex.jobs import Starts
from localcloud.vertex.submissions import Submissions
from musicgenerator.ids import new_track_id, pipeline_job_id
from musicgenerator.settings import SettingInvalidError
from musicgenerator_google.vertex_pipelines import VertexPipelines
from tests.localcloud.vertex_jobs import CANCELLED, FAILED, PARENT, PENDING, RUNNING, Create, HeldRunner, Server


@pytest.fixture
def runner() -> HeldRunner:
    return HeldRunner()


@pytest.fixture
def server(runner: HeldRunner) -> Iterator[Server]:
    server = Server(runner)
    yield server
    server.close()


def test_a_created_job_is_answered_as_the_api_answers_it(server: Server, create: Create) -> None:
    """The resource holds what was sent, its full name, its state and its times."""
    made = create(server, "job-1", labels={"track": "t1"}, display_name="Sea", service_account="a@b")
    assert made.name == f"{PARENT}/pipelineJobs/job-1"
    assert (made.display_name, made.service_account, dict(made.labels)) == ("Sea", "a@b", {"track": "t1"})
    assert made.runtime_config.parameter_values["mode"] == "succeed"
    assert made.pipeline_spec["pipelineInfo"]["name"] == "trial"
    assert made.state == PENDING
    assert made.create_time


@pytest.mark.parametrize("words", [None, "it broke"])
def test_an_id_is_used_once(server: Server, runner: HeldRunner, create: Create, words: str | None) -> None:
    """A second job of the same id is a conflict while the first runs, and after it has succeeded or failed."""
    create(server, "job-1")
    with pytest.raises(exceptions.Conflict):
        create(server, "job-1")
    runner.next()[1].ending.put(words)
    server.wait()
    with pytest.raises(exceptions.Conflict, match="already exists"):
        create(server, "job-1")
    assert runner.started.empty()


@pytest.mark.parametrize("job_id", ["Job", "1job", "job_1", "j" * 129])
def test_an_id_must_be_well_formed(server: Server, create: Create, job_id: str) -> None:
    """An id that the API's pattern does not match is an invalid argument."""
    with pytest.raises(exceptions.BadRequest, match="pipeline_job_id"):
        create(server, job_id)


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"seed": 1}, '"seed" is not an input'),
        ({"mode": 1}, '"mode" is of type STRING'),
        ({"count": 1.5}, '"count" is of type NUMBER_INTEGER'),
        ({"brief": []}, '"brief" is of type STRUCT'),
    ],
)
def test_parameters_are_those_of_the_pipeline(
    server: Server, create: Create, parameters: dict[str, Any], problem: str
) -> None:
    """An unknown parameter, or one of another type, is an invalid argument that names it."""
    with pytest.raises(exceptions.BadRequest, match=problem):
        create(server, "job-1", parameters)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"pipelineSpec": {}}, "pipeline_spec"),
        ({"pipelineSpec": {"root": {}}}, "compiled pipeline"),
        ({"runtimeConfig": {}}, "gcs_output_directory"),
        ({"runtimeConfig": {"gcsOutputDirectory": "gs://b/r"}}, '"marks" is required'),
        ({"labels": {"Track": "T"}}, "labels"),
        ({"surprise": 1}, 'Unknown name "surprise"'),
    ],
)
def test_a_body_that_is_no_job_is_an_invalid_argument(
    server: Server, spec: dict[str, Any], change: dict[str, Any], problem: str
) -> None:
    """The error has Google's format and names the field that is missing, malformed or unknown."""
    body = {"pipelineSpec": spec, "runtimeConfig": {"gcsOutputDirectory": "gs://b/r"}} | change
    headers = {"Authorization": "Bearer t"}
    answer = requests.post(f"{server.url}/v1/{PARENT}/pipelineJobs", json=body, headers=headers, timeout=10)
    error = answer.json()["error"]
    assert (error["code"], error["status"], answer.status_code) == (400, "INVALID_ARGUMENT", 400)
    assert problem in error["message"]


def test_a_request_without_a_token_is_refused(server: Server) -> None:
    """A request without credentials is refused as Google refuses it; only the health check needs none."""
    answer = requests.get(f"{server.url}/v1/{PARENT}/pipelineJobs", timeout=10)
    assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert requests.get(f"{server.url}/healthz", timeout=10).ok


def test_missing_resources_are_not_found(server: Server) -> None:
    """An unknown job, an unknown path and an unknown model answer 404."""
    with pytest.raises(exceptions.NotFound):
        server.state("job-1")
    headers = {"Authorization": "Bearer t"}
    answer = requests.get(f"{server.url}/v1/elsewhere", headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")
    model = f"{server.url}/v1/{PARENT}/publishers/google/models/lyria-001:predict"
    answer = requests.post(model, json={}, headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")


def test_jobs_run_in_the_order_of_their_arrival(server: Server, runner: HeldRunner, create: Create) -> None:
    """As many jobs run as the server allows; the others are pending and run in the order of arrival."""
    for number in range(3):
        create(server, f"job-{number}")
    served = []
    for _ in range(3):
        job_id, run = runner.next()
        assert runner.started.empty()
        assert server.state(job_id) == RUNNING
        served.append(job_id)
        run.ending.put(None)
        server.wait()
    assert served == ["job-0", "job-1", "job-2"]


def test_a_failed_job_says_why(server: Server, runner: HeldRunner, create: Create) -> None:
    """The job's error is a google.rpc.Status with the step's last words."""
    create(server, "job-1")
    runner.next()[1].ending.put("ValueError: the engine broke")
    server.wait()
    job = server.client.get_pipeline_job(name=f"{PARENT}/pipelineJobs/job-1")
    assert job.state == FAILED
    assert job.error.code == 9
    assert "ValueError: the engine broke" in job.error.message
    assert job.end_time >= job.start_time >= job.create_time


def test_a_running_job_can_be_cancelled(server: Server, runner: HeldRunner, create: Create) -> None:
    """Its run is killed and the job ends as cancelled; it cannot be cancelled after that."""
    create(server, "job-1")
    runner.next()
    server.client.cancel_pipeline_job(name=f"{PARENT}/pipelineJobs/job-1")
    assert server.wait().state.name == "PIPELINE_STATE_CANCELLED"
    assert server.state("job-1") == CANCELLED
    with pytest.raises(exceptions.BadRequest, match="is in state"):
        server.client.cancel_pipeline_job(name=f"{PARENT}/pipelineJobs/job-1")


def test_a_waiting_job_that_is_cancelled_never_starts(server: Server, runner: HeldRunner, create: Create) -> None:
    """A pending job is cancelled at once, and the next one runs."""
    for number in range(3):
        create(server, f"job-{number}")
    _, run = runner.next()
    server.client.cancel_pipeline_job(name=f"{PARENT}/pipelineJobs/job-1")
    assert server.wait().id == "job-1"
    run.ending.put(None)
    assert runner.next()[0] == "job-2"


def test_a_job_that_has_ended_can_be_deleted(server: Server, runner: HeldRunner, create: Create) -> None:
    """Deletion answers with a finished operation; a running job is not deleted."""
    create(server, "job-1")
    name = f"{PARENT}/pipelineJobs/job-1"
    with pytest.raises(exceptions.BadRequest, match="is in state"):
        server.client.delete_pipeline_job(name=name)
    runner.next()[1].ending.put(None)
    server.wait()
    assert server.client.delete_pipeline_job(name=name).done()
    with pytest.raises(exceptions.NotFound):
        server.state("job-1")


def test_a_job_is_deleted_with_its_metadata(server: Server, runner: HeldRunner, create: Create) -> None:
    """Google keeps a run's metadata when its job is deleted; the adapter deletes both, however often it is called."""
    pipelines = VertexPipelines(server.url, PROJECT, "us-central1", Credentials("worthless"))
    create(server, "job-1")
    create(server, "job-2")
    assert pipelines.delete("job-1", "") is False
    assert len(list(server.jobs.metadata.names())) == 6
    runner.next()[1].ending.put(None)
    server.wait()
    for _ in range(2):
        assert pipelines.delete("job-1", "") is True
        assert [name for name in server.jobs.metadata.names() if "job-1" in name] == []
    assert len(list(server.jobs.metadata.names())) == 3


def test_jobs_are_listed_by_page_and_filter(server: Server, create: Create) -> None:
    """The newest job is first; a filter selects by label and state, and any other filter is refused."""

    def listed(**request: Any) -> list[str]:
        found = server.client.list_pipeline_jobs(request={"parent": PARENT, **request})
        return [job.name.rpartition("/")[2] for job in found]

    for number in range(5):
        create(server, f"job-{number}", labels={"parity": "even" if number % 2 == 0 else "odd"})
    assert listed(page_size=2) == ["job-4", "job-3", "job-2", "job-1", "job-0"]
    assert listed(filter='labels.parity="odd" AND state!="PIPELINE_STATE_FAILED"') == ["job-3", "job-1"]
    assert listed(filter="labels.absent:*") == []
    with pytest.raises(exceptions.BadRequest, match="not supported"):
        listed(filter="create_time>2026")


def test_the_accepted_fields_are_those_of_the_resource() -> None:
    """The server knows every field of Google's PipelineJob, so it refuses no client for one."""
    known = {specs._camel(name) for name in PipelineJob.meta.fields}  # noqa: SLF001  the names as JSON spells them
    assert {*specs.WRITABLE, *specs.OUTPUT_ONLY} == known


def test_the_log_entry_names_the_job(server: Server, runner: HeldRunner, create: Create) -> None:
    """The notifier reads the job from the entry, which has the shape of the pipeline_job_events log."""
    job_id = pipeline_job_id(new_track_id(), 2)
    create(server, job_id)
    runner.next()[1].ending.put("it broke")
    entry = log_entry(server.wait())
    labels = {"pipeline_job_id": job_id, "location": "us-central1", "resource_container": PROJECT}
    assert entry["resource"] == {"type": "aiplatform.googleapis.com/PipelineJob", "labels": labels}
    assert entry["logName"] == f"projects/{PROJECT}/logs/aiplatform.googleapis.com%2Fpipeline_job_events"
    assert (
        entry["jsonPayload"]["pipelineName"],
        entry["jsonPayload"]["state"],
        entry["severity"],
    ) == ("trial", "PIPELINE_STATE_FAILED", "ERROR")


def post(server: Server, version: str, job: str, spec: dict[str, Any], machines: str) -> requests.Response:
    """Create a job on the machines of a persistent resource with this version of the API."""
    config: dict[str, Any] = {
        "gcsOutputDirectory": "gs://b/root",
        "parameterValues": {"mode": "succeed", "marks": "marks"},
        "defaultRuntime": {"persistentResourceRuntimeDetail": {"persistentResourceName": machines}},
    }
    return requests.post(
        f"{server.url}/{version}/{PARENT}/pipelineJobs?pipelineJobId={job}",
        json={"pipelineSpec": spec, "runtimeConfig": config},
        headers={"Authorization": "Bearer worthless"},
        timeout=10,
    )


def test_a_job_on_warm_machines_starts_before_one_on_a_new_machine(
    runner: HeldRunner, create: Create, spec: dict[str, Any]
) -> None:
    """The local server can be told how long machines take to start. A job may be cancelled while its machine starts."""
    server = Server(runner, Starts(cold_seconds=600.0))
    try:
        create(server, "cold")
        assert post(server, "v1beta1", "warm", spec, f"{PARENT}/persistentResources/pool").ok
        name, run = runner.next()
        assert name == "warm"
        assert server.state("cold") == PENDING
        server.client.cancel_pipeline_job(name=f"{PARENT}/pipelineJobs/cold")
        assert server.state("cold") == CANCELLED
        run.ending.put(None)
    finally:
        server.close()


def test_a_start_that_is_no_number_is_refused() -> None:
    """The message names the variable."""
    assert Starts.from_environ({"COLD_START_SECONDS": "90", "WARM_START_SECONDS": ""}) == Starts(90.0, 0.0)
    with pytest.raises(SettingInvalidError, match="WARM_START_SECONDS must be a number of seconds, not 'soon'"):
        Starts.from_environ({"WARM_START_SECONDS": "soon"})


def test_the_stable_version_of_the_api_knows_no_persistent_resources(server: Server, spec: dict[str, Any]) -> None:
    """As at Google: only v1beta1 has the field."""
    answer = post(server, "v1", "job-1", spec, f"{PARENT}/persistentResources/pool")
    assert answer.status_code == 400
    assert "defaultRuntime" in answer.text


def test_submissions_beyond_the_quota_are_refused(runner: HeldRunner, create: Create) -> None:
    """The third of a minute is answered as Google answers it, for this region alone; a refused id stays free."""
    server = Server(runner, per_minute=2)
    try:
        create(server, "job-1")
        with pytest.raises(exceptions.Conflict):
            create(server, "job-1")
        with pytest.raises(exceptions.TooManyRequests, match="Quota exceeded"):
            create(server, "job-2")
        with pytest.raises(exceptions.NotFound):
            server.state("job-2")
        elsewhere = f"{server.url}/v1/projects/{PROJECT}/locations/asia-northeast3/pipelineJobs"
        answer = requests.post(elsewhere, json={}, headers={"Authorization": "Bearer worthless"}, timeout=10)
        assert answer.status_code == 400
    finally:
        server.close()


def test_a_minute_after_a_submission_there_is_room_for_another() -> None:
    """Refused submissions do not count; without the variable there is no limit."""
    now = [0.0]
    submissions = Submissions(2, lambda: now[0])
    for moment, is_taken in ((0, True), (30, True), (59, False), (60, True), (61, False), (90, True)):
        now[0] = float(moment)
        if is_taken:
            submissions.count(PARENT)
        else:
            with pytest.raises(GoogleError) as caught:
                submissions.count(PARENT)
            assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    unlimited = Submissions.from_environ({})
    for _ in range(1000):
        unlimited.count(PARENT)
