import subprocess
import time
from collections.abc import Iterator

import pytest
import requests

from localcloud.addresses import HOST, PROJECT, Addresses
from localcloud.prerequisites import find_tools
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
