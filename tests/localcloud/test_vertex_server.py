import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
import requests
import yaml
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient
from google.cloud.aiplatform_v1.types import PipelineJob, PipelineState
from google.oauth2.credentials import Credentials
from kfp import compiler, dsl

from localcloud.addresses import HOST, PIPELINE_EVENTS_TOPIC, PROJECT, REPOSITORY, Addresses
from localcloud.servers.serving import listen
from localcloud.vertex import specs
from localcloud.vertex.api import app
from localcloud.vertex.job_events import log_entry
from localcloud.vertex.jobs import Jobs, Run
from localcloud.vertex.jobs import PipelineJob as Job
from localcloud.vertex.local_runner import KfpRunner, last_words
from localcloud.vertex.models import Models
from localcloud.vertex.specs import PipelineRequest
from musicgenerator.ids import new_track_id, pipeline_job_id
from musicgenerator.messages import PipelineMessage

PARENT = f"projects/{PROJECT}/locations/us-central1"
SUCCEEDED = PipelineState.PIPELINE_STATE_SUCCEEDED
FAILED = PipelineState.PIPELINE_STATE_FAILED
CANCELLED = PipelineState.PIPELINE_STATE_CANCELLED
PENDING = PipelineState.PIPELINE_STATE_PENDING
RUNNING = PipelineState.PIPELINE_STATE_RUNNING


@dsl.component(base_image="python:3.11-slim", install_kfp_package=False)  # type: ignore[untyped-decorator]
def act(mode: str, count: int, brief: dict, marks: str) -> None:  # type: ignore[type-arg]
    import json
    import time
    from pathlib import Path

    if mode == "fail":
        raise ValueError("the engine broke")
    Path(marks).write_text(json.dumps([count, brief]), encoding="utf-8")
    if mode == "hang":
        time.sleep(600)


@dsl.pipeline(name="trial")  # type: ignore[untyped-decorator]
def trial(mode: str, marks: str, count: int = 1, brief: dict = {}) -> None:  # type: ignore[type-arg]  # noqa: B006
    act(mode=mode, count=count, brief=brief, marks=marks).set_caching_options(enable_caching=False)


@pytest.fixture(scope="session")
def spec(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("compiled") / "trial.yaml"
    compiler.Compiler().compile(trial, str(file))
    loaded: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return loaded


@dataclass
class HeldRun:
    """A run that ends when the test ends or kills it."""

    ending: "Queue[str | None]" = field(default_factory=Queue)

    def wait(self) -> str | None:
        return self.ending.get(timeout=60)

    def kill(self) -> None:
        self.ending.put("killed")


@dataclass
class HeldRunner:
    """Keeps every run it starts, in order."""

    started: "Queue[tuple[str, HeldRun]]" = field(default_factory=Queue)

    def start(self, job_id: str, pipeline: PipelineRequest) -> Run:
        assert pipeline.parameters
        run = HeldRun()
        self.started.put((job_id, run))
        return run

    def next(self) -> tuple[str, HeldRun]:
        return self.started.get(timeout=60)


class Server:
    """A Vertex AI server that runs one job at a time, and Google's client of it."""

    def __init__(self, runner: Any) -> None:
        self.ended: Queue[Job] = Queue()
        self.jobs = Jobs(runner, 1, lambda job: self.ended.put(job) if job.state.is_end else None)
        self._server = listen(app(self.jobs, Models()), 0)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://{HOST}:{self._server.port}"
        self.client = client_of(self.url)

    def wait(self) -> Job:
        return self.ended.get(timeout=60)

    def state(self, job_id: str) -> PipelineState:
        state: PipelineState = self.client.get_pipeline_job(name=f"{PARENT}/pipelineJobs/{job_id}").state
        return state

    def close(self) -> None:
        self.jobs.close()
        self._server.shutdown()
        self._thread.join()


def client_of(url: str) -> PipelineServiceClient:
    options = {"api_endpoint": url}
    return PipelineServiceClient(transport="rest", client_options=options, credentials=Credentials("worthless"))


@pytest.fixture
def runner() -> HeldRunner:
    return HeldRunner()


@pytest.fixture
def server(runner: HeldRunner) -> Iterator[Server]:
    server = Server(runner)
    yield server
    server.close()


@pytest.fixture(scope="module")
def kfp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    home = tmp_path_factory.mktemp("home")
    server = Server(KfpRunner(home))
    yield server, home
    server.close()


Create = Callable[..., PipelineJob]


@pytest.fixture
def create(spec: dict[str, Any], tmp_path: Path) -> Create:
    """Return a function that creates a job on a server with Google's client."""

    def create_job(
        server: "Server | Remote", job_id: str, parameters: dict[str, Any] | None = None, **fields: Any
    ) -> PipelineJob:
        job = PipelineJob(**fields)
        job.pipeline_spec = spec
        given = {"mode": "succeed", "marks": str(tmp_path / "marks"), **(parameters or {})}
        job.runtime_config = PipelineJob.RuntimeConfig(gcs_output_directory="gs://b/root", parameter_values=given)
        return server.client.create_pipeline_job(
            parent=PARENT, pipeline_job=job, pipeline_job_id=job_id, timeout=10, retry=None
        )

    return create_job


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


def test_a_pipeline_is_run_with_its_parameters(kfp_server: tuple[Server, Path], create: Create, tmp_path: Path) -> None:
    """The local runner of kfp passes the parameters to the step with their types; only the log stays."""
    server, home = kfp_server
    create(server, "job-ok", {"count": 30, "brief": {"title": "바다", "moods": ["calm"]}})
    assert server.wait().state.name == "PIPELINE_STATE_SUCCEEDED"
    assert yaml.safe_load((tmp_path / "marks").read_text("utf-8")) == [30, {"title": "바다", "moods": ["calm"]}]
    assert not list((home / "jobs").iterdir())
    assert (home / "logs" / "jobs" / "job-ok.log").stat().st_size > 0


def test_a_step_that_raises_is_the_jobs_error(kfp_server: tuple[Server, Path], create: Create) -> None:
    """The last line of the step's traceback is the job's error."""
    server, _ = kfp_server
    create(server, "job-bad", {"mode": "fail"})
    error = server.wait().error
    assert error is not None
    assert error["message"].endswith("ValueError: the engine broke")


def test_cancelling_ends_the_steps_own_process(kfp_server: tuple[Server, Path], create: Create, tmp_path: Path) -> None:
    """All processes of a cancelled job end, including the step's."""
    server, home = kfp_server
    create(server, "job-hang", {"mode": "hang"})
    while not (tmp_path / "marks").exists():  # the step itself runs
        threading.Event().wait(0.02)
    server.client.cancel_pipeline_job(name=f"{PARENT}/pipelineJobs/job-hang")
    assert server.wait().state.name == "PIPELINE_STATE_CANCELLED"
    while str(home / "jobs" / "job-hang") in everyone():
        threading.Event().wait(0.02)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", "It printed nothing."),
        ("    one\n    two\n", "two"),
        ('    Traceback (most recent call last):\n      File "x"\n    OSError: disk\n    full\n', "OSError: disk full"),
        ("    said\n    Timeout (0:15:00)!\n    Thread 0x1:\n      File x\n", "Timeout (0:15:00)!"),
    ],
)
def test_a_jobs_error_is_the_steps_last_output(tmp_path: Path, log: str, words: str) -> None:
    """Of all that a step printed, the job shows the error itself."""
    (tmp_path / "log").write_text(log)
    assert last_words(tmp_path / "log") == words


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


@pytest.mark.cloud
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_publishes_every_end_and_leaves_no_process(
    pubsub: str, create: Create, tmp_path: Path, end: signal.Signals
) -> None:
    """Started as the local cloud starts it, it publishes each job's end; when it ends, its pipelines end with it."""
    port = int(pubsub.rpartition(":")[2]) - Addresses(0).ports["pubsub"]
    path = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "src")))
    environ = os.environ | {"PORT": str(port), "LOCALCLOUD_HOME": str(tmp_path), "PYTHONPATH": path}
    topic, subscription = f"projects/{PROJECT}/topics/{PIPELINE_EVENTS_TOPIC}", f"projects/{PROJECT}/subscriptions/ends"
    with pubsub_v1.PublisherClient() as publisher, pubsub_v1.SubscriberClient() as subscriber:
        with suppress(exceptions.AlreadyExists):
            publisher.create_topic(name=topic)
        with suppress(exceptions.AlreadyExists):
            subscriber.create_subscription(name=subscription, topic=topic)
        process = subprocess.Popen([sys.executable, "-m", "localcloud.vertex"], env=environ, cwd=REPOSITORY)
        try:
            server = Remote(Addresses(port).url("vertex"))
            ours = {pipeline_job_id(new_track_id(), 1): mode for mode in ("succeed", "fail")}
            for job_id, mode in ours.items():
                create(server, job_id, {"mode": mode})
            create(server, "job-hang", {"mode": "hang", "marks": str(tmp_path / "hangs")})
            told: set[str] = set()
            while not told.issuperset(ours):
                pulled = subscriber.pull(subscription=subscription, max_messages=2, timeout=60).received_messages
                told |= {PipelineMessage.from_bytes(received.message.data).job for received in pulled}
            while not (tmp_path / "hangs").exists():
                threading.Event().wait(0.02)
        finally:
            process.send_signal(end)
        assert (0 if end is signal.SIGTERM else -end) == process.wait(30)
    while str(tmp_path / "jobs") in everyone():
        threading.Event().wait(0.02)


def everyone() -> str:
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


class Remote:
    """A server in another process, once it answers."""

    def __init__(self, url: str) -> None:
        self.client = client_of(url)
        while True:
            with suppress(requests.ConnectionError):
                requests.get(f"{url}/healthz", timeout=10)
                return
            threading.Event().wait(0.05)
