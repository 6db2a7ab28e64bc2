import socket
from dataclasses import replace
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import TransportError

from musicgenerator.errors import LaunchBlockedError, LaunchRefusedError, LaunchUnavailableError, RegionBusyError
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
    labels=job_labels([(TRACK, 1)]),
    root="gs://musicgenerator-pipeline/runs",
    account="pipeline@musicgenerator-prod.iam.gserviceaccount.com",
)


@pytest.fixture
def pipelines(server: ScriptedServer) -> VertexPipelines:
    """The adapter, whose Vertex AI creates every job."""
    server.script(f"POST {JOBS}", Answer({"name": f"{JOBS[4:]}/{JOB}", "state": "PIPELINE_STATE_PENDING"}))
    return VertexPipelines(server.url, "musicgenerator-prod", "us-central1", SteadyCredentials())


class SteadyCredentials(AnonymousCredentials):  # type: ignore[misc]  # google-auth has no types
    """Credentials that can be refreshed, as the client does after a 401."""

    def refresh(self, request: object) -> None:
        del request


def google_error(code: int, status: str) -> Answer:
    return Answer({"error": {"code": code, "message": f"{status} it is", "status": status}}, code)


def test_a_job_is_created_under_its_id(server: ScriptedServer, pipelines: VertexPipelines) -> None:
    """The request carries spec, parameters, labels, root and account."""
    assert pipelines.create(WANTED, HOME) is True
    (asked,) = server.heard_at(JOBS)
    assert f"pipelineJobId={JOB}" in asked.path
    body = asked.json()
    assert body["pipelineSpec"] == WANTED.spec
    assert body["labels"] == WANTED.labels
    assert body["serviceAccount"] == WANTED.account
    assert body["runtimeConfig"]["gcsOutputDirectory"] == WANTED.root
    assert body["runtimeConfig"]["parameterValues"] == WANTED.parameters


def test_a_job_on_warm_machines_takes_a_new_one_if_none_is_free(
    server: ScriptedServer, pipelines: VertexPipelines
) -> None:
    """Only v1beta1 of the API has persistent resources of pipelines."""
    beta = JOBS.replace("/v1/", "/v1beta1/")
    server.script(f"POST {beta}", Answer({"name": f"{JOBS[4:]}/{JOB}", "state": "PIPELINE_STATE_PENDING"}))
    machines = "projects/musicgenerator-prod/locations/us-central1/persistentResources/musicgenerator"
    assert pipelines.create(replace(WANTED, machines=machines), HOME) is True
    (asked,) = server.heard_at(beta)
    config = asked.json()["runtimeConfig"]
    assert config["defaultRuntime"] == {
        "persistentResourceRuntimeDetail": {
            "persistentResourceName": machines,
            "taskResourceUnavailableWaitTimeMs": "30000",
            "taskResourceUnavailableTimeoutBehavior": 2,  # FALL_BACK_TO_ON_DEMAND
        }
    }
    assert config["parameterValues"] == WANTED.parameters


def test_a_taken_id_is_no_error(server: ScriptedServer, pipelines: VertexPipelines) -> None:
    """The launcher looks whose job it is."""
    server.script(f"POST {JOBS}", google_error(409, "ALREADY_EXISTS"))
    assert pipelines.create(WANTED, HOME) is False


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (400, "INVALID_ARGUMENT", LaunchRefusedError),
        (400, "FAILED_PRECONDITION", LaunchRefusedError),
        (401, "UNAUTHENTICATED", LaunchBlockedError),
        (402, "PAYMENT_REQUIRED", LaunchBlockedError),
        (403, "PERMISSION_DENIED", LaunchBlockedError),
        (404, "NOT_FOUND", LaunchBlockedError),
        (405, "METHOD_NOT_ALLOWED", LaunchBlockedError),
        (408, "REQUEST_TIMEOUT", LaunchUnavailableError),
        (409, "ABORTED", LaunchUnavailableError),
        (413, "REQUEST_TOO_LARGE", LaunchRefusedError),
        (425, "TOO_EARLY", LaunchUnavailableError),
        (499, "CANCELLED", LaunchUnavailableError),
        (429, "RESOURCE_EXHAUSTED", RegionBusyError),
        (500, "INTERNAL", LaunchUnavailableError),
        (503, "UNAVAILABLE", LaunchUnavailableError),
        (504, "DEADLINE_EXCEEDED", LaunchUnavailableError),
    ],
)
def test_refusals_and_outages_are_different_errors(
    server: ScriptedServer, pipelines: VertexPipelines, code: int, status: str, kind: type[Exception]
) -> None:
    """A refused job ends the track, a refused project parks it; after an outage or a full quota it waits."""
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
    """The facts hold the state, the labels and, for a failed job, the error's message."""
    error = {"error": {"code": 9, "message": "The DAG failed"}} if said == "FAILED" else {}
    body: dict[str, Any] = {"state": f"PIPELINE_STATE_{said}", "labels": job_labels([(TRACK, 1)])} | error
    server.script(f"GET {JOBS}/{JOB}", Answer(body))
    expected = JobFacts(state, job_labels([(TRACK, 1)]), "The DAG failed" if error else "")
    assert pipelines.facts(JOB, HOME) == expected


def test_a_missing_job_is_none(pipelines: VertexPipelines) -> None:
    """404 is an answer, not an error."""
    assert pipelines.facts(JOB, HOME) is None


def test_a_job_is_looked_up_and_cancelled_by_its_name(server: ScriptedServer, pipelines: VertexPipelines) -> None:
    """One request each, in the project and region of the job."""
    job = {"name": f"{JOBS[4:]}/{JOB}", "state": "PIPELINE_STATE_RUNNING"}
    server.script(f"GET {JOBS}/{JOB}", Answer(job))
    server.script(f"POST {JOBS}/{JOB}:cancel", Answer({}))
    pipelines.facts(JOB, HOME)
    pipelines.cancel(JOB, HOME)
    heard = [(each.method, each.path.partition("?")[0]) for each in server.heard]
    assert heard == [("GET", f"{JOBS}/{JOB}"), ("POST", f"{JOBS}/{JOB}:cancel")]


STORE = "/v1/projects/musicgenerator-prod/locations/us-central1/metadataStores/default"
CONTEXT = f"{STORE}/contexts/{JOB}"
RUN = {
    "executions": [{"name": f"{STORE[4:]}/executions/{name}"} for name in ("dag", "step")],
    "artifacts": [{"name": f"{STORE[4:]}/artifacts/output"}],
}
OPERATION = Answer({"name": "projects/1/locations/us-central1/operations/2", "done": False})
METADATA = [f"{STORE}/executions/dag", f"{STORE}/executions/step", f"{STORE}/artifacts/output", CONTEXT]


def deletions(server: ScriptedServer) -> list[str]:
    return [each.path.partition("?")[0] for each in server.heard if each.method == "DELETE"]


@pytest.mark.parametrize("job", [OPERATION, google_error(404, "NOT_FOUND")])
def test_a_job_is_deleted_with_its_run_s_metadata(
    server: ScriptedServer, pipelines: VertexPipelines, job: Answer
) -> None:
    """First the job, then what the context leads to, then the context: a repetition continues where one has failed."""
    server.script(f"DELETE {JOBS}/{JOB}", job)
    server.script(f"GET {CONTEXT}:queryContextLineageSubgraph", Answer(RUN))
    for name in METADATA:
        server.script(f"DELETE {name}", OPERATION)
    # One of them is gone already.
    server.script(f"DELETE {METADATA[1]}", google_error(404, "NOT_FOUND"))
    assert pipelines.delete(JOB, HOME) is True
    assert deletions(server) == [f"{JOBS}/{JOB}", *METADATA]


def test_a_job_without_metadata_is_deleted(server: ScriptedServer, pipelines: VertexPipelines) -> None:
    """The second deletion finds neither."""
    for answer in (OPERATION, google_error(404, "NOT_FOUND")):
        server.script(f"DELETE {JOBS}/{JOB}", answer)
        server.script(f"GET {CONTEXT}:queryContextLineageSubgraph", google_error(404, "NOT_FOUND"))
        assert pipelines.delete(JOB, HOME) is True


def test_a_job_that_has_not_ended_is_not_deleted(server: ScriptedServer, pipelines: VertexPipelines) -> None:
    """Its metadata stays too, because the run still writes it."""
    server.script(f"DELETE {JOBS}/{JOB}", google_error(400, "FAILED_PRECONDITION"))
    assert pipelines.delete(JOB, HOME) is False
    assert len(server.heard) == 1


@pytest.mark.parametrize(("code", "status"), [(403, "PERMISSION_DENIED"), (429, "RESOURCE_EXHAUSTED"), (500, "X")])
def test_a_deletion_that_is_refused_for_now_is_an_outage(
    server: ScriptedServer, pipelines: VertexPipelines, code: int, status: str
) -> None:
    """A role may have no effect yet; the deletion is repeated."""
    server.script(f"DELETE {JOBS}/{JOB}", google_error(code, status))
    with pytest.raises(LaunchUnavailableError):
        pipelines.delete(JOB, HOME)
    assert len(server.heard) == 1


def test_metadata_that_cannot_be_deleted_keeps_no_track(
    server: ScriptedServer, pipelines: VertexPipelines, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names only the job; a line says so. An outage is repeated."""
    server.script(f"DELETE {JOBS}/{JOB}", OPERATION)
    server.script(f"GET {CONTEXT}:queryContextLineageSubgraph", google_error(403, "PERMISSION_DENIED"))
    assert pipelines.delete(JOB, HOME) is True
    assert "metadata not deleted" in capsys.readouterr().out
    server.script(f"GET {CONTEXT}:queryContextLineageSubgraph", google_error(503, "UNAVAILABLE"))
    with pytest.raises(LaunchUnavailableError):
        pipelines.delete(JOB, HOME)


def test_a_state_that_is_newer_than_the_client_is_not_an_end(
    server: ScriptedServer, pipelines: VertexPipelines
) -> None:
    """Only the three final states end a track."""
    server.script(f"GET {JOBS}/{JOB}", Answer({"state": 77, "labels": job_labels([(TRACK, 1)])}))
    with pytest.warns(UserWarning, match="Unrecognized PipelineState"):
        facts = pipelines.facts(JOB, HOME)
    assert facts == JobFacts(JobState.UNDER_WAY, job_labels([(TRACK, 1)]))


@pytest.mark.parametrize(
    "answer",
    [
        *(Answer(status=503), Answer(status=429), Answer(status=408), google_error(409, "ABORTED")),
        *(Answer(cut=True), Answer(silent=True)),
    ],
)
def test_a_call_is_made_once_and_ends_in_time(server: ScriptedServer, answer: Answer) -> None:
    """The client does not retry, and a server that never answers is an outage when the time is used up."""
    impatient = VertexPipelines(server.url, "musicgenerator-prod", "us-central1", AnonymousCredentials(), 0.5)
    server.script(f"POST {JOBS}", answer)
    server.script(f"GET {JOBS}/{JOB}", answer)
    server.script(f"POST {JOBS}/{JOB}:cancel", answer)
    server.script(f"DELETE {JOBS}/{JOB}", answer)
    calls = (("create", WANTED), ("facts", JOB), ("cancel", JOB), ("delete", JOB))
    for count, (call, subject) in enumerate(calls, 1):
        with pytest.raises(LaunchUnavailableError):
            getattr(impatient, call)(subject, HOME)
        assert len(server.heard) == count


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b'{"labels": 7}', b'{"state": {}}'])
def test_an_answer_that_cannot_be_read_is_an_outage(
    server: ScriptedServer, pipelines: VertexPipelines, body: bytes
) -> None:
    """A proxy answered instead of Vertex AI, or the answer broke off: the job may have been created."""
    for call in (f"POST {JOBS}", f"GET {JOBS}/{JOB}"):
        server.script(call, Answer(body))
    with pytest.raises(LaunchUnavailableError):
        pipelines.create(WANTED, HOME)
    with pytest.raises(LaunchUnavailableError):
        pipelines.facts(JOB, HOME)


@pytest.mark.parametrize("code", [401, 402, 403, 405])
def test_a_refused_project_is_no_outage_of_a_job(server: ScriptedServer, pipelines: VertexPipelines, code: int) -> None:
    """Its state is unknown until the operator has fixed the cause; a cancellation is repeated."""
    for method, path in (("GET", f"{JOBS}/{JOB}"), ("POST", f"{JOBS}/{JOB}:cancel")):
        server.script(f"{method} {path}", google_error(code, "REFUSED"))
    with pytest.raises(LaunchBlockedError, match="REFUSED it is"):
        pipelines.facts(JOB, HOME)
    with pytest.raises(LaunchUnavailableError, match="REFUSED it is"):
        pipelines.cancel(JOB, HOME)


class UnreachableCredentials(AnonymousCredentials):  # type: ignore[misc]  # google-auth has no types
    """Credentials whose token server does not answer."""

    def before_request(self, *_: object) -> None:
        raise TransportError("no token server")


def test_a_token_server_that_does_not_answer_is_an_outage(server: ScriptedServer) -> None:
    """As if Vertex AI itself did not answer; nothing is sent without a token."""
    pipelines = VertexPipelines(server.url, "musicgenerator-prod", "us-central1", UnreachableCredentials())
    with pytest.raises(LaunchUnavailableError, match="no token server"):
        pipelines.create(WANTED, HOME)
    assert not server.heard


def test_a_refused_connection_is_an_outage() -> None:
    """Nobody listens at the address."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        nobody = VertexPipelines(url, "p", "us-central1", AnonymousCredentials())
        with pytest.raises(LaunchUnavailableError):
            nobody.create(WANTED, HOME)


@pytest.mark.parametrize("url", ["{url}", "{url}/{{region}}"])
def test_each_region_has_its_own_address(server: ScriptedServer, url: str) -> None:
    """The setting has a placeholder for it; an empty region is the installation's."""
    address = url.format(url=server.url)
    pipelines = VertexPipelines(address, "p", HOME, AnonymousCredentials())
    for region, asked in (("", HOME), (HOME, HOME), ("europe-west4", "europe-west4")):
        path = f"{address.removeprefix(server.url)}/v1/projects/p/locations/{{region}}/pipelineJobs/{JOB}"
        there = path.replace("{region}", asked)
        server.script(f"GET {there}", Answer({"labels": {"asked": asked}}))
        assert pipelines.facts(JOB, region) == JobFacts(JobState.UNDER_WAY, {"asked": asked})
        pipelines.cancel(JOB, region)
        assert server.heard[-1].path.partition("?")[0] == f"{there}:cancel"
