"""The smoke test and the canary of a deployed project, by `make` and the real gcloud."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from google.cloud import firestore

from localcloud.addresses import Addresses
from localcloud.parts import workers
from localcloud.servers import identity as identity_server
from localcloud.supervisor import Supervisor
from musicgenerator.orders import Order, orders_from_bytes
from operations.smoke import GRANT_SECONDS
from tests.deploy.conftest import Installation
from tests.deploy.control_plane import grant_mark
from tests.deploy.expected import PROJECT
from tests.deploy.google_run import INVOKER
from tests.deploy.operating import LAUNCHER, appeared, output
from tests.deploy.worlds import Delay

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(900), pytest.mark.usefixtures("no_request_leaves_google")]

API_PORT = 22_180


@pytest.fixture(scope="module")
def upload_handler(operated: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The staged upload_handler with its deployed environment; the deployed function has its address."""
    function = operated.project.of("cloudfunctions")[LAUNCHER.replace("pipeline-launcher", "upload-handler")]
    service, deployed_uri = function["serviceConfig"], function["serviceConfig"]["uri"]
    home = tmp_path_factory.mktemp("upload_handler")
    addresses = Addresses(API_PORT, home)
    environ = {name: value.replace("https://", "http://") for name, value in service["environmentVariables"].items()}
    environ |= {name: operated.environ[name] for name in operated.environ if name.endswith(("_HOST", "_proxy"))}
    environ["STORAGE_EMULATOR_HOST"] = "http://storage.googleapis.com"
    identity_server.prepare(addresses)
    environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(addresses.credentials_file)
    (part,) = (part for part in workers(addresses, "", "") if part.name == "upload_handler")
    with Supervisor(home / "logs", show=lambda _: None) as supervisor:
        supervisor.start([replace(part, environ=environ)])
        service["uri"] = addresses.url("upload_handler")
        yield
        service["uri"] = deployed_uri


@pytest.mark.usefixtures("upload_handler")
def test_a_smoke_run_uses_the_deployed_api_and_leaves_nothing(
    operated: Installation, database: firestore.Client
) -> None:
    """The command uploads to the signed URL, downloads the music and deletes everything."""
    storage, buckets = operated.project.of("storage"), f"b/{PROJECT}-musicgenerator"
    before = set(storage)
    with ThreadPoolExecutor(1) as threads:
        smoke = threads.submit(operated.make, "smoke")
        uploaded = appeared(lambda: sorted(set(storage) - before) or smoke.done())
        assert uploaded is not True, smoke.result()
        (work,) = database.collection("work").stream()
        assert uploaded == [f"{buckets}-images/o/uploads/{work.id}"]
        track = database.document("sessions", work.get("session"), "tracks", work.id)
        # The first job of a new installation fails, because a grant has no effect yet; the command retries the track.
        error = {"code": "pipeline_failed", "message": "…", "retryable": True}
        track.update({"status": "failed", "error": error})
        appeared(lambda: track.get().get("attempt") == 2)
        result = f"{buckets}-results/o/{work.get('token')}/music.mp3"
        storage[result] = {"name": result.partition("/o/")[2], "bucket": f"{PROJECT}-musicgenerator-results"}
        storage[result] |= {"generation": "1", "size": "5"}
        operated.project.contents[result] = b"music"
        url = f"http://storage.googleapis.com/{result.removeprefix('b/').replace('/o/', '/', 1)}"
        track.update({"status": "ready", "error": None, "music": {"url": url, "bytes": 5}})
        done = smoke.result()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"track {work.id}" in done.stdout
    assert "music made, checked and deleted" in done.stdout
    assert set(storage) == before
    assert not track.get().exists


@pytest.mark.usefixtures("upload_handler", "database")
def test_a_smoke_run_waits_until_everyone_may_invoke_the_api(operated: Installation) -> None:
    """Cloud Run answers 403 until the grant has an effect; then the API of a paused system answers 503."""
    # IAM takes seven minutes at times, which a test cannot wait.
    assert GRANT_SECONDS >= 7 * 60
    project = operated.project
    config = project.of("cloudfunctions")[LAUNCHER.replace("pipeline-launcher", "upload-handler")]["serviceConfig"]
    output(operated, "pause")
    local, name = config["uri"], "musicgenerator-upload-handler"
    project.functions_at, project.serves_functions, project.late_grants = {name: local}, True, Delay(requests=2)
    project.mark(grant_mark("run", config["service"], INVOKER, "allUsers"))
    config["uri"] = f"http://{name}-a1b2c3d4e5-uc.a.run.app"
    done = operated.make("smoke")
    config["uri"], project.serves_functions, project.late_grants = local, False, None
    output(operated, "unpause")
    assert "/v1/sessions answered 503" in done.stderr


@pytest.mark.usefixtures("upload_handler")
def test_a_smoke_run_of_a_paused_system_says_why_it_fails(operated: Installation, database: firestore.Client) -> None:
    """The API reads the switch of `make pause` and answers 503, which the command prints."""
    output(operated, "pause")
    done = operated.make("smoke")
    assert done.returncode != 0
    assert "/v1/sessions answered 503" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [*database.collection("sessions").stream()]
    assert operated.record(operated.project) == []


def settled_canary(
    operated: Installation, database: firestore.Client, status: str, state: str
) -> tuple[Any, dict[str, Any]]:
    """Deploy the pipeline while the canary's track and job end so; return the finished `make`, and the job."""
    vertex = operated.project.of("aiplatform")
    with ThreadPoolExecutor(1) as threads:
        deploying = threads.submit(operated.make, "deploy-pipeline", YES="1", CANARY="yes")
        name = appeared(lambda: next((name for name in vertex if "/pipelineJobs/" in name), None) or deploying.done())
        assert name is not True, deploying.result()
        job = vertex[name]
        track = job["labels"]["track"]
        session = database.document("work", track).get().get("session")
        database.document("sessions", session, "tracks", track).update({"status": status})
        job["state"] = f"PIPELINE_STATE_{state}"
        done = deploying.result()
        # The canary deletes the record of a job that has succeeded.
        if name in vertex:
            del vertex[name]
    assert not database.document("work", track).get().exists
    return done, job


def test_a_launcher_gets_a_new_template_only_after_a_canary_has_made_a_track(
    operated: Installation, database: firestore.Client
) -> None:
    """The canary creates its own job with the new template; if it fails, the launcher keeps its template."""
    functions, storage = operated.project.of("cloudfunctions"), operated.project.of("storage")
    template = functions[LAUNCHER]["serviceConfig"]["environmentVariables"]["PIPELINE_TEMPLATE"]
    before = f"gs://{PROJECT}-musicgenerator-pipeline/templates/before.yaml"
    functions[LAUNCHER]["serviceConfig"]["environmentVariables"]["PIPELINE_TEMPLATE"] = before
    functions[LAUNCHER]["labels"]["release"] = "before"
    storage[f"b/{PROJECT}-musicgenerator-pipeline"]["labels"]["template"] = "before"

    def used() -> str:
        return str(functions[LAUNCHER]["serviceConfig"]["environmentVariables"]["PIPELINE_TEMPLATE"])

    def switched() -> list[str]:
        changes = [request for request in operated.project.requests if request.is_mutating]
        operated.project.requests.clear()
        return [request.name for request in changes if request.service == "cloudfunctions" and not request.verb]

    done, job = settled_canary(operated, database, "failed", "FAILED")
    assert done.returncode != 0
    assert f"The canary made no track; the launcher keeps {before}." in done.stderr
    assert (used(), switched()) == (before, [])
    assert job["serviceAccount"] == f"mg-pipeline@{PROJECT}.iam.gserviceaccount.com"
    parameters = job["runtimeConfig"]["parameterValues"]
    assert parameters["order"] == f"gs://{PROJECT}-musicgenerator-pipeline/orders/{parameters['job']}.json"
    written = operated.project.contents[f"b/{parameters['order'].removeprefix('gs://').replace('/', '/o/', 1)}"]
    assert [order.engine for order in orders_from_bytes(written) if isinstance(order, Order)] == ["composer"]

    # The step published its message, but could not write what Vertex AI expects of it.
    done, _ = settled_canary(operated, database, "ready", "FAILED")
    assert done.returncode != 0
    assert (used(), switched()) == (before, [])

    done, job = settled_canary(operated, database, "ready", "SUCCEEDED")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [name for name in operated.project.of("aiplatform") if "/pipelineJobs/" in name]
    assert (used(), switched()) == (template, [LAUNCHER])
    (executor,) = job["pipelineSpec"]["deploymentSpec"]["executors"].values()
    assert executor["container"]["image"].startswith(f"us-central1-docker.pkg.dev/{PROJECT}/musicgenerator/")
    assert storage[f"b/{PROJECT}-musicgenerator-pipeline"]["labels"]["template"] in template
