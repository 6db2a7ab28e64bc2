import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from localcloud.addresses import HOST
from localcloud.servers.serving import listen
from pipeline.model_server.http_api import app
from pipeline.model_server.predicting import Predictor

PLACES = 5


@dataclass
class HeldModel:
    """Waits for ``let_go`` before it makes anything, and records its arguments."""

    name: str = "held"
    longest_seconds: float = 30.0
    let_go: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, float, int]] = field(default_factory=list)

    def make(self, prompt: str, seconds: float, seed: int) -> bytes:
        assert self.let_go.wait(60)
        self.asked.append((prompt, seconds, seed))
        return prompt.encode()


@dataclass
class Server:
    """A prediction server in a thread; ``ending`` tells it to stop."""

    model: HeldModel
    ending: threading.Event
    predictor: Predictor
    url: str = ""

    def predict(self, *instances: Any) -> requests.Response:
        return requests.post(f"{self.url}/predict", json={"instances": list(instances)}, timeout=60)

    def health(self) -> int:
        return requests.get(f"{self.url}/health", timeout=10).status_code


@pytest.fixture
def server() -> Iterator[Server]:
    ending = threading.Event()
    served = Server(HeldModel(), ending, Predictor(PLACES, ending.is_set))
    listening = listen(app(served.predictor, "/health", "/predict"), 0)
    served.url = f"http://{HOST}:{listening.port}"
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
    thread.start()
    yield served
    served.model.let_go.set()
    listening.shutdown()
    thread.join()
    listening.server_close()


def ready(server: Server) -> Server:
    server.predictor.ready(server.model)
    return server


def test_the_server_is_healthy_once_its_model_is_loaded(server: Server) -> None:
    """Before that, health checks and predictions answer 503."""
    assert server.health() == 503
    early = server.predict({"prompt": "calm"})
    assert (early.status_code, early.headers["Retry-After"]) == (503, "5")
    assert ready(server).health() == 200


def test_predictions_are_in_the_order_of_their_instances(server: Server) -> None:
    """Each instance has its own prompt, length (up to the model's limit) and seed."""
    ready(server).model.let_go.set()
    answered = server.predict({"prompt": "a", "seconds": 12.5, "seed": 3}, {"prompt": "b", "seconds": 180}).json()
    sounds = [base64.b64decode(made["bytesBase64Encoded"]) for made in answered["predictions"]]
    assert sounds == [b"a", b"b"]
    assert {(made["model"], made["mimeType"]) for made in answered["predictions"]} == {("held", "audio/flac")}
    assert server.model.asked == [("a", 12.5, 3), ("b", 30.0, 0)]


def test_twenty_concurrent_requests_are_all_answered(server: Server) -> None:
    """One for each place is served in turn; the others are refused at once."""
    ready(server)
    with ThreadPoolExecutor(20) as people:
        calls = [people.submit(server.predict, {"prompt": f"p{number}"}) for number in range(20)]
        answers = as_completed(calls)
        refused = [next(answers).result() for _ in range(20 - PLACES - 1)]
        assert {(answer.status_code, answer.headers["Retry-After"], answer.json()["error"]) for answer in refused} == {
            (429, "5", "the queue is full")
        }
        assert server.health() == 200
        server.model.let_go.set()
        served = [call.result() for call in answers]
    assert [answer.status_code for answer in served] == [200] * (PLACES + 1)
    prompts = {base64.b64decode(answer.json()["predictions"][0]["bytesBase64Encoded"]) for answer in served}
    assert PLACES + 1 == len(prompts) == len(server.model.asked)
    assert server.predict({"prompt": "later"}).status_code == 200


def test_a_stopping_server_finishes_its_request(server: Server) -> None:
    """The current request is answered with music, the waiting ones with 503."""
    ready(server)
    with ThreadPoolExecutor(3) as people:
        calls = [people.submit(server.predict, {"prompt": f"p{number}"}) for number in range(3)]
        while server.predictor._places._value > PLACES - 2:  # noqa: SLF001  nothing public tells how many wait
            threading.Event().wait(0.01)
        server.ending.set()
        server.model.let_go.set()
        assert sorted(call.result().status_code for call in calls) == [200, 503, 503]
    assert server.health() == 503


@pytest.mark.parametrize(
    ("instance", "field"),
    [
        ("calm", "instances[0]"),
        ({}, "instances[0].prompt"),
        ({"prompt": " "}, "instances[0].prompt"),
        ({"prompt": "a" * 4001}, "instances[0].prompt"),
        ({"prompt": "a", "seconds": 0}, "instances[0].seconds"),
        ({"prompt": "a", "seconds": 10_000}, "instances[0].seconds"),
        ({"prompt": "a", "seconds": "30"}, "instances[0].seconds"),
        ({"prompt": "a", "seed": -1}, "instances[0].seed"),
        ({"prompt": "a", "seed": True}, "instances[0].seed"),
    ],
)
def test_an_invalid_field_is_named(server: Server, instance: Any, field: str) -> None:
    """The whole request is refused with the name of the field."""
    answer = ready(server).predict(instance)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{field} must")


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"instances": []}', '{"instances": {}}'])
def test_a_body_without_instances_is_refused(server: Server, body: str) -> None:
    """So is a request with too many instances."""
    answer = requests.post(f"{ready(server).url}/predict", data=body, timeout=10)
    assert answer.status_code == 400
    assert server.predict(*[{"prompt": "a"}] * 9).status_code == 400
