import json
import re
import socket
from typing import Any

import pytest
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient
from google.cloud.aiplatform_v1.types import CreatePipelineJobRequest, PipelineJob
from google.protobuf import struct_pb2

from musicgenerator.errors import LaunchRefusedError, LaunchUnavailableError
from musicgenerator.jobs import JobFacts, JobRequest, JobState, job_labels
from musicgenerator_google.vertex_pipelines import VertexPipelines
from tests.contracts.recorded import JOB, TRACK
from tests.support.fakes import HOME
from tests.support.scripted_http import Answer, ScriptedServer

JOBS = "/v1/projects/musicgenerator-prod/locations/us-central1/pipelineJobs"
WANTED = JobRequest(
    job=JOB,
    spec={"root": {}, "pipelineInfo": {"name": "musicgenerator"}, "schemaVersion": "2.1.0"},
    parameters={"job": JOB, "seconds": 30, "seed": 2**32 - 1, "brief": {"moods": ["calm"], "valence": 0.4}},
    labels=job_labels(TRACK, 1),
    root="gs://musicgenerator-pipeline/runs",
    account="pipeline@musicgenerator-prod.iam.gserviceaccount.com",
)


@pytest.fixture
def pipelines(server: ScriptedServer) -> VertexPipelines:
    """The adapter at a server that creates every job."""
    server.script(f"POST {JOBS}", Answer({"name": f"{JOBS[4:]}/{JOB}", "state": "PIPELINE_STATE_PENDING"}))
    return VertexPipelines(AuthorizedSession(AnonymousCredentials()), server.url, "musicgenerator-prod", "us-central1")


def google_error(code: int, status: str) -> Answer:
    return Answer({"error": {"code": code, "message": f"{status} it is", "status": status}}, code)


def test_a_job_is_created_under_its_id(server: ScriptedServer, pipelines: VertexPipelines) -> None:
    """Spec, parameters, labels, root and account as wanted."""
    assert pipelines.create(WANTED, HOME) is True
    (asked,) = server.heard_at(JOBS)
    assert f"pipelineJobId={JOB}" in asked.path
    body = asked.json()
    assert body["pipelineSpec"] == WANTED.spec
    assert body["labels"] == WANTED.labels
    assert body["serviceAccount"] == WANTED.account
    assert body["runtimeConfig"]["gcsOutputDirectory"] == WANTED.root
    assert body["runtimeConfig"]["parameterValues"] == WANTED.parameters


def test_a_taken_id_is_told(server: ScriptedServer, pipelines: VertexPipelines) -> None:
    """Whose job it is the launcher finds out."""
    server.script(f"POST {JOBS}", google_error(409, "ALREADY_EXISTS"))
    assert pipelines.create(WANTED, HOME) is False


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (400, "INVALID_ARGUMENT", LaunchRefusedError),
        (429, "RESOURCE_EXHAUSTED", LaunchUnavailableError),
        (500, "INTERNAL", LaunchUnavailableError),
        (503, "UNAVAILABLE", LaunchUnavailableError),
        (504, "DEADLINE_EXCEEDED", LaunchUnavailableError),
    ],
)
def test_what_vertex_refuses_is_told_apart(
    server: ScriptedServer, pipelines: VertexPipelines, code: int, status: str, kind: type[Exception]
) -> None:
    """What no repetition mends ends the track; for what one may it waits."""
    server.script(f"POST {JOBS}", google_error(code, status))
    with pytest.raises(kind) as caught:
        pipelines.create(WANTED, HOME)
    assert f"{status} it is" in str(caught.value)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("QUEUED", JobState.UNDER_WAY),
        ("PENDING", JobState.UNDER_WAY),
        ("RUNNING", JobState.UNDER_WAY),
        ("CANCELLING", JobState.UNDER_WAY),
        ("PAUSED", JobState.UNDER_WAY),
        ("SUCCEEDED", JobState.SUCCEEDED),
        ("FAILED", JobState.FAILED),
        ("CANCELLED", JobState.CANCELLED),
    ],
)
def test_a_job_s_state_is_read(server: ScriptedServer, pipelines: VertexPipelines, said: str, state: JobState) -> None:
    """With its labels, and its error in Google's words where there is one."""
    error = {"error": {"code": 9, "message": "The DAG failed"}} if said == "FAILED" else {}
    body: dict[str, Any] = {"state": f"PIPELINE_STATE_{said}", "labels": job_labels(TRACK, 1)} | error
    server.script(f"GET {JOBS}/{JOB}", Answer(body))
    expected = JobFacts(state, job_labels(TRACK, 1), "The DAG failed" if error else "")
    assert pipelines.facts(JOB, HOME) == expected


def test_a_job_that_is_not_there_is_none(pipelines: VertexPipelines) -> None:
    """A value, not an error."""
    assert pipelines.facts(JOB, HOME) is None


def test_google_s_own_client_sends_the_same(server: ScriptedServer, pipelines: VertexPipelines) -> None:
    """Creating, looking and cancelling: the same methods, paths and bodies, but for the wished form of answers."""
    job = {"name": f"{JOBS[4:]}/{JOB}", "state": "PIPELINE_STATE_RUNNING"}
    for path in (f"GET {JOBS}/{JOB}", f"POST {JOBS}/{JOB}:cancel"):
        server.script(path, Answer(job if path.startswith("GET") else {}))
    options = ClientOptions(api_endpoint=server.url)
    google = PipelineServiceClient(transport="rest", client_options=options, credentials=AnonymousCredentials())
    spec = struct_pb2.Struct()
    spec.update(WANTED.spec)
    config = PipelineJob.RuntimeConfig(gcs_output_directory=WANTED.root, parameter_values=dict(WANTED.parameters))
    google.create_pipeline_job(
        CreatePipelineJobRequest(
            parent="projects/musicgenerator-prod/locations/us-central1",
            pipeline_job=PipelineJob(
                display_name=JOB,
                pipeline_spec=spec,
                runtime_config=config,
                labels=dict(WANTED.labels),
                service_account=WANTED.account,
            ),
            pipeline_job_id=JOB,
        )
    )
    google.get_pipeline_job(name=f"{JOBS[4:]}/{JOB}")
    google.cancel_pipeline_job(name=f"{JOBS[4:]}/{JOB}")
    pipelines.create(WANTED, HOME)
    pipelines.facts(JOB, HOME)
    pipelines.cancel(JOB, HOME)
    sent = [(each.method, _plain(each.path), json.loads(each.body or b"{}")) for each in server.heard]
    assert sent[3:] == sent[:3]
    assert len(sent) == 6


def test_a_connection_that_breaks_is_told_as_an_outage() -> None:
    """Nobody listens: the region is spared for a while."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        nobody = VertexPipelines(AuthorizedSession(AnonymousCredentials()), url, "p", "us-central1")
        with pytest.raises(LaunchUnavailableError):
            nobody.create(WANTED, HOME)


def _plain(path: str) -> str:
    """Leave out what asks for enums as numbers."""
    return re.sub(r"[?&]%24alt=[^&]*", "", path)
