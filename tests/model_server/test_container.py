"""The server as its container starts it, with a tiny MusicGen of random weights."""

import base64
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
import soundfile

from localcloud.addresses import HOST, REPOSITORY
from localcloud.vertex.models import Models
from musicgenerator.briefs import Brief
from pipeline.engines.endpoint import Endpoint, predict_url
from tests.contracts.recorded import recorded
from tests.support.local_vertex import serving
from tests.support.ports import free_port

PYTHON = REPOSITORY / ".venvs" / "model_server" / "bin" / "python"

pytestmark = pytest.mark.model_server


def run(*arguments: str, **environ: str) -> "subprocess.Popen[bytes]":
    assert PYTHON.exists(), "install it first: make setup-model-server"
    path = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "src")))
    # Tiny weights gain nothing from a second thread; the server must not download anything.
    quiet = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": path, "HOST": HOST}
    return subprocess.Popen([PYTHON, *arguments], env=os.environ | quiet | environ, stderr=subprocess.PIPE)


@dataclass
class Container:
    """A running server and its address."""

    process: "subprocess.Popen[bytes]"
    url: str

    def predict(self, *instances: Any) -> requests.Response:
        return requests.post(f"{self.url}/v1/predict", json={"instances": list(instances)}, timeout=120)


@contextmanager
def started(storage_uri: str, places: int) -> Iterator[Container]:
    port = free_port()
    environ = {
        "AIP_HTTP_PORT": str(port),
        "AIP_HEALTH_ROUTE": "/v1/health",
        "AIP_PREDICT_ROUTE": "/v1/predict",
        "AIP_STORAGE_URI": storage_uri,
        "MODEL_NAME": "tiny-musicgen",
        "QUEUE_PLACES": str(places),
    }
    container = Container(run("-m", "pipeline.model_server", **environ), f"http://{HOST}:{port}")
    # Read its output, or a full pipe would block it.
    reader = threading.Thread(target=container.process.communicate)
    reader.start()
    try:
        while container.process.poll() is None and not is_healthy(container.url):
            threading.Event().wait(0.1)
        yield container
    finally:
        container.process.terminate()
        reader.join()


def is_healthy(url: str) -> bool:
    try:
        return requests.get(f"{url}/v1/health", timeout=10).ok
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):  # it ended, perhaps within an answer
        return False


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny-musicgen")
    process = run(str(Path(__file__).with_name("tiny_musicgen.py")), str(folder))
    said = process.communicate()[1]
    assert process.returncode == 0, said.decode()
    return folder


@pytest.fixture(scope="module")
def container(weights: Path) -> Iterator[Container]:
    with started(str(weights), places=3) as running:
        yield running


def sound_of(prediction: dict[str, Any]) -> tuple[bytes, float, int]:
    data = base64.b64decode(prediction["bytesBase64Encoded"])
    samples, rate = soundfile.read(BytesIO(data))
    return data, len(samples) / rate, rate


def insist(
    container: Container, instance: dict[str, Any], refused: Callable[[requests.Response], None] = lambda _: None
) -> requests.Response:
    """Repeat the request until the queue has a place."""
    while True:
        answer = container.predict(instance)
        if answer.status_code != 429:
            return answer
        refused(answer)
        threading.Event().wait(0.2)


def test_music_has_the_requested_length(container: Container) -> None:
    """So has each instance of one request; the same seed gives the same music, another seed other music."""
    asked = [{"prompt": "calm piano music", "seconds": seconds, "seed": seed} for seconds, seed in ((1, 7), (2, 8))]
    first, second = (sound_of(made) for made in container.predict(*asked).json()["predictions"])
    assert first[1:] == (1.0, 32_000)
    assert second[1:] == (2.0, 32_000)
    again, other = container.predict(asked[0], asked[0] | {"seed": 9}).json()["predictions"]
    assert sound_of(again) == first
    assert sound_of(other)[0] != first[0]
    assert again["model"] == "tiny-musicgen"


def test_twenty_concurrent_requests_are_all_served(container: Container) -> None:
    """Each is served or refused because the queue is full; retries are served in the end."""
    refusals: list[requests.Response] = []
    asked = [{"prompt": "drums", "seconds": 1, "seed": number} for number in range(20)]
    with ThreadPoolExecutor(20) as people:
        answers = list(people.map(lambda instance: insist(container, instance, refusals.append), asked))
    assert len({sound_of(answer.json()["predictions"][0])[0] for answer in answers}) == 20
    assert {(refusal.status_code, refusal.headers["Retry-After"]) for refusal in refusals} == {(429, "5")}


def test_the_engine_reaches_the_model_through_vertex_ai(container: Container) -> None:
    """The engine calls the local Vertex AI, which calls the server; the take is the model's music."""
    brief = Brief.from_mapping(recorded("track_captioned")["brief"])
    with serving(Models(model_server_url=f"{container.url}/v1")) as vertex:
        take = Endpoint(predict_url(vertex.cloud), vertex.vertex(60)).make(brief, 1.0, 7)
    assert (
        take.engine,
        take.model,
        take.audio.rate,
        take.audio.seconds,
    ) == ("endpoint", "tiny-musicgen", 32_000, 1.0)


def test_a_stopping_server_finishes_its_request(weights: Path) -> None:
    """After SIGTERM the current request is answered, new ones are refused, and the status is 0."""
    with started(str(weights), places=0) as ending, ThreadPoolExecutor(1) as person:
        under_way = person.submit(insist, ending, {"prompt": "dawn", "seconds": 12})
        while ending.predict({"prompt": "drums", "seconds": 1}).status_code != 429:
            assert not under_way.done(), "it was too fast to be interrupted"
        ending.process.send_signal(signal.SIGTERM)
        answer = under_way.result()
        assert (answer.status_code, sound_of(answer.json()["predictions"][0])[1]) == (200, 12.0)
        assert ending.process.wait(30) == 0
        with pytest.raises(requests.ConnectionError):
            ending.predict({"prompt": "drums", "seconds": 1})


def test_a_container_without_a_model_does_not_start(tmp_path: Path) -> None:
    """The process ends with an error status, so that a deployment fails instead of waiting."""
    with started(str(tmp_path / "nothing"), places=0) as container:
        assert container.process.wait(60) not in {0, -signal.SIGTERM}
