"""The Firestore emulator with the rules that are deployed."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from localcloud.prerequisites import find_tools
from tests.support.ports import free_port

RULES = Path(__file__).parents[2] / "infra" / "firestore.rules"
MAIN_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
START_SECONDS = 60


@pytest.fixture(scope="session")
def firestore_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start an empty emulator with the rules and return its base URL."""
    tools = find_tools()
    port = free_port()
    address = ["--host", "127.0.0.1", "--port", str(port), "--rules", str(RULES)]
    log = tmp_path_factory.mktemp("firestore") / "emulator.log"
    with log.open("wb") as output:
        command = [tools.java, "-Xmx1g", "-Duser.language=en", "-cp", tools.firestore_jar, MAIN_CLASS, *address]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        base_url = f"http://127.0.0.1:{port}"
        _wait_until_up(base_url, process, log)
        yield base_url
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_up(base_url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            requests.get(base_url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(log.read_text())
