import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests
from google.cloud import firestore

from localcloud.addresses import HOST, REPOSITORY, Addresses
from localcloud.parts import foundations
from localcloud.prerequisites import find_tools
from localcloud.supervisor import Supervisor
from tests.deploy.control_plane import Project
from tests.deploy.expected import PROJECT, fresh_project
from tests.deploy.recorder import Recorder

HERE = Path(__file__).parent
DEPLOY_TIMEOUT_SECONDS = 900
DATA_PORT = 22_080


def sdk_root() -> Path:
    """Return the folder of the installed Google Cloud SDK."""
    root = Path(str(shutil.which("gcloud"))).resolve().parent.parent
    if (root / "lib" / "gcloud.py").is_file():
        return root
    shown = subprocess.run(
        ["gcloud", "info", "--format=value(installation.sdk_root)"], capture_output=True, text=True, check=True
    )
    return Path(shown.stdout.strip())


def sdk_python(root: Path) -> str:
    """Return gcloud's Python."""
    bundled = root / "platform" / "bundledpythonunix" / "bin" / "python3"
    return str(bundled) if bundled.is_file() else "python3"


@pytest.fixture(scope="session")
def warm_gcloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The server of warm_gcloud.py; yields the variables with which `gcloud` calls it."""
    room = tmp_path_factory.mktemp("warm")
    socket, program = room / "socket", room / "bin" / "gcloud"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{HERE / "warm_gcloud_call.py"}" "$@"\n')
    program.chmod(0o755)
    root = sdk_root()
    environ = {"PATH": os.environ["PATH"], "HOME": str(room), "CLOUDSDK_CONFIG": str(room / "gcloud")}
    server = subprocess.Popen(
        [sdk_python(root), "-S", str(HERE / "warm_gcloud.py"), str(root), str(socket)],
        env=environ,
        stdout=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 120
        while not socket.exists():
            assert server.poll() is None, "the server of warm_gcloud.py ended"
            assert time.monotonic() < until
            time.sleep(0.1)
        yield {"PATH": f"{program.parent}:{os.environ['PATH']}", "WARM_GCLOUD": str(socket), "HOME": str(room)}
    finally:
        server.kill()
        server.wait()


@dataclass(frozen=True)
class Installation:
    """One recorded project, and commands that a person runs for it."""

    project: Project
    environ: dict[str, str]

    def make(self, target: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a target of the Makefile for the recorded project; the key is in the environment, as it has to be."""
        key = {name: variables.pop(name) for name in ("OPENAI_API_KEY",) if name in variables}
        settings = [
            f"{name}={value}" for name, value in {"PROJECT": PROJECT, "REGION": "us-central1", **variables}.items()
        ]
        return subprocess.run(
            ["make", "--silent", target, *settings],
            cwd=REPOSITORY,
            env=self.environ | key,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=DEPLOY_TIMEOUT_SECONDS,
        )

    def deploy(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Deploy without a confirmation."""
        return self.make("deploy", YES="1", OPENAI_API_KEY="worthless", ALERT_EMAIL="operator@example.com", **variables)

    def record(self, project: Project) -> list[str]:
        """Return the mutating requests since the last call, and forget all requests."""
        changes = project.mutations()
        project.requests.clear()
        return changes


Installer = Callable[[Project], Installation]


@pytest.fixture(scope="session")
def installer(warm_gcloud: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installer]:
    """A function that creates installations, each with its own recorder."""
    recorders: list[Recorder] = []

    def install(project: Project) -> Installation:
        recorder = Recorder(project)
        recorders.append(recorder.__enter__())
        room = tmp_path_factory.mktemp("installation")
        inherited = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
        environ = inherited | recorder.environ(room) | warm_gcloud
        environ |= {
            "DEPLOY_WORK": str(room / "work"),
            "JOBS": "3",
            "CANARY": "no",
            "STAGED": "1",
            "PYTHON": sys.executable,
        }
        return Installation(project, environ)

    yield install
    for recorder in recorders:
        recorder.__exit__(None, None, None)


@pytest.fixture(scope="session")
def deployed(installer: Installer) -> Installation:
    """An installation deployed into an empty project."""
    installation = installer(fresh_project())
    done = installation.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Done. The page: https://" in done.stdout
    return installation


@pytest.fixture(scope="session")
def operated(deployed: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The deployed installation with data in the emulators of Firestore and Pub/Sub, under the deployed names.

    Its subscriptions push to no function, so a test can pull the published messages.
    """
    addresses = Addresses(DATA_PORT, tmp_path_factory.mktemp("data"))
    emulators = [part for part in foundations(addresses, find_tools()) if part.name in {"firestore", "pubsub"}]
    with Supervisor(addresses.home / "logs", show=lambda _: None) as supervisor:
        supervisor.start(emulators)
        known = deployed.project.of("pubsub")
        for name, body in sorted(known.items(), key=lambda item: "/subscriptions/" in item[0]):
            topic = body.get("topic")
            if topic is None or topic in known:
                url, wanted = f"{addresses.url('pubsub')}/v1/{name}", {"topic": topic} if topic else {}
                requests.put(url, json=wanted, timeout=30).raise_for_status()
        hosts = {f"{name.upper()}_EMULATOR_HOST": addresses.host(name) for name in ("firestore", "pubsub")}
        yield replace(deployed, environ=deployed.environ | hosts | {"no_proxy": HOST})


@pytest.fixture
def no_request_leaves_google(operated: Installation) -> Iterator[None]:
    """Fail a test that sends a request to another host than Google's."""
    operated.record(operated.project)
    yield
    assert operated.project.mistakes == []


@pytest.fixture
def database(operated: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[firestore.Client]:
    """The installation's database; the fixture deletes all documents at the end."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", operated.environ["FIRESTORE_EMULATOR_HOST"])
    client = firestore.Client(project=PROJECT, database="musicgenerator")
    yield client
    for collection in client.collections():
        client.recursive_delete(collection)
