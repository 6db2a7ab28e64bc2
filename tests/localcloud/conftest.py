import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from google.cloud.aiplatform_v1.types import PipelineJob
from kfp import compiler

from localcloud.addresses import HOST, PROJECT, Addresses
from localcloud.prerequisites import find_tools
from tests.localcloud.vertex_jobs import PARENT, Create, Remote, Server, trial
from tests.support.ports import free_port, free_ports

RESULTS_BUCKET = "results"
STORAGE_TOPIC = "storage-notifications"
START_TIMEOUT_SECONDS = 120


def started(command: list[str], health: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        try:
            if requests.get(health, timeout=5).ok:
                return process
        except requests.RequestException:
            assert process.poll() is None, f"{command[0]} ended"
        time.sleep(0.05)
    process.kill()
    raise TimeoutError(health)


@pytest.fixture(scope="module")
def pubsub() -> Iterator[str]:
    """Start a Pub/Sub emulator, set clients' environment to it, and return its ``host:port``."""
    # The vertex server's tests derive its port from this one, so all ports of a local cloud are reserved.
    host = Addresses(free_ports(len(Addresses().ports))).host("pubsub")
    tools = find_tools()
    arguments = [f"--host={HOST}", f"--port={host.partition(':')[2]}"]
    process = started([str(tools.java), "-Xmx512m", "-jar", str(tools.pubsub_jar), *arguments], f"http://{host}/")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", host)
        patch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
        yield host
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def storage(pubsub: str) -> Iterator[str]:
    """Start a storage emulator that notifies a topic, set clients' environment to it, and return its URL."""
    url = f"http://{HOST}:{free_port()}"
    requests.put(f"http://{pubsub}/v1/projects/{PROJECT}/topics/{STORAGE_TOPIC}", json={}, timeout=10)
    process = started(
        [
            str(find_tools().storage_binary),
            "-scheme=http",
            f"-host={HOST}",
            f"-port={url.rpartition(':')[2]}",
            "-backend=memory",
            f"-external-url={url}",
            f"-public-host={url.removeprefix('http://')}",
            f"-event.pubsub-project-id={PROJECT}",
            f"-event.pubsub-topic={STORAGE_TOPIC}",
        ],
        f"{url}/_internal/healthcheck",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", url)
        requests.post(f"{url}/storage/v1/b", json={"name": RESULTS_BUCKET}, timeout=10)
        yield url
    process.kill()
    process.wait()


@pytest.fixture(scope="session")
def spec(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("compiled") / "trial.yaml"
    compiler.Compiler().compile(trial, str(file))
    loaded: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def create(spec: dict[str, Any], tmp_path: Path) -> Create:
    """Return a function that creates a job on a server with Google's client."""

    def create_job(
        server: Server | Remote, job_id: str, parameters: dict[str, Any] | None = None, **fields: Any
    ) -> PipelineJob:
        job = PipelineJob(**fields)
        job.pipeline_spec = spec
        given = {"mode": "succeed", "marks": str(tmp_path / "marks"), **(parameters or {})}
        job.runtime_config = PipelineJob.RuntimeConfig(gcs_output_directory="gs://b/root", parameter_values=given)
        return server.client.create_pipeline_job(
            parent=PARENT, pipeline_job=job, pipeline_job_id=job_id, timeout=10, retry=None
        )

    return create_job
