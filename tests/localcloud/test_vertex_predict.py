import base64
import threading
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import requests
import soundfile
from google.cloud.aiplatform_v1.services.prediction_service import PredictionServiceClient
from google.protobuf import json_format, struct_pb2

from localcloud.addresses import HOST, PROJECT
from localcloud.servers.serving import listen
from localcloud.vertex import musicians
from localcloud.vertex.models import SCRIPT_PATH, Models
from localcloud.vertex.musicians import brief_of, compose
from localcloud.vertex.scripts import FAILURES
from pipeline import credentials
from pipeline.engines.errors import EngineUnavailableError
from pipeline.engines.vertex import Vertex
from pipeline.model_server.http_api import app as model_server
from pipeline.model_server.predicting import Predictor
from tests.support.local_vertex import CREDENTIALS, ENDPOINT, LocalVertex, hum, patience, serving, signed_in

LYRIA_2 = f"/v1/projects/{PROJECT}/locations/us-central1/publishers/google/models/lyria-002:predict"
LYRIA_3 = f"/v1beta1/projects/{PROJECT}/locations/global/interactions"
PREDICT = f"/v1/{ENDPOINT}:predict"
INTERACTION = {"model": "lyria-3-clip-preview", "input": [{"type": "text", "text": "calm"}]}


@pytest.fixture(scope="module")
def vertex() -> Iterator[LocalVertex]:
    with serving(Models(hum, seconds=1.0)) as server:
        yield server


def post(vertex: LocalVertex, path: str, body: Any) -> requests.Response:
    headers = {"Authorization": "Bearer t"}
    return requests.post(vertex.url + path, json=body, headers=headers, timeout=60)


def wish(**fields: Any) -> dict[str, Any]:
    return {"instances": [{"prompt": "calm"} | fields], "parameters": {}}


def predict(vertex: LocalVertex, instance: dict[str, Any]) -> dict[str, Any]:
    """Ask Lyria 2 with Google's own client."""
    client = PredictionServiceClient(
        transport="rest", credentials=CREDENTIALS, client_options={"api_endpoint": vertex.url}
    )
    instances = [json_format.ParseDict(instance, struct_pb2.Value())]
    name = LYRIA_2.removeprefix("/v1/").removesuffix(":predict")
    answer = client.predict(endpoint=name, instances=instances, parameters={}, retry=None, timeout=60)
    answered: dict[str, Any] = json_format.MessageToDict(type(answer).pb(answer))
    return answered


def heard(text: str) -> tuple[int, tuple[int, ...]]:
    samples, rate = soundfile.read(BytesIO(base64.b64decode(text)))
    return rate, samples.shape


def sound_of(interaction: dict[str, Any]) -> str:
    contents = interaction["steps"][-1]["content"]
    (sound,) = [str(content["data"]) for content in contents if content["type"] == "audio"]
    return sound


def test_lyria_2_answers_a_wav_at_48_khz(vertex: LocalVertex) -> None:
    """The same seed gives the same music, another seed other music, and no seed new music each time."""
    first, again, other, *unseeded = (
        post(vertex, LYRIA_2, body).json()["predictions"][0]
        for body in (wish(seed=1), wish(seed=1), wish(seed=2**31), wish(), wish())
    )
    assert heard(first["bytesBase64Encoded"]) == (48_000, (48_000, 2))
    assert first["mimeType"] == "audio/wav"
    assert again == first
    assert first != other
    assert unseeded[1] != unseeded[0]


def test_lyria_3_answers_an_mp3_in_its_steps(vertex: LocalVertex) -> None:
    """The prompt is a step, too; the older shape has no steps."""
    steps = post(vertex, LYRIA_3, INTERACTION).json()["steps"]
    assert [step["type"] for step in steps] == ["user_input", "model_output"]
    (sound,) = [content for content in steps[1]["content"] if content["type"] == "audio"]
    assert sound["mime_type"] == "audio/mpeg"
    assert heard(sound["data"])[0] == 44_100
    vertex.script("lyria-3-clip-preview", "music in the other shape")
    flat = post(vertex, LYRIA_3, INTERACTION).json()
    assert "steps" not in flat
    assert [content["type"] for content in flat["outputs"]] == ["text", "audio"]


@pytest.mark.parametrize("model", ["lyria-3-clip-preview", "lyria-3-pro-preview"])
def test_lyria_3_signs_its_music(vertex: LocalVertex, model: str) -> None:
    """c2pa-python finds who made it and that a model did; a script asks for none, or for one that does not fit."""
    vertex.script(model, "music", "music without credentials", "music that was altered")
    wish = {"model": model, "input": "Length: 0:01"}
    files = [base64.b64decode(sound_of(post(vertex, LYRIA_3, wish).json())) for _ in range(3)]
    found = [credentials.read(file, "audio/mpeg") for file in files]
    assert [(each.present, each.valid) for each in found] == [(True, True), (False, False), (True, False)]
    assert (found[0].issuer, found[0].source_type) == ("Local Vertex AI server", "trainedAlgorithmicMedia")
    assert found[2].problems == ("assertion.dataHash.mismatch",)


def test_the_input_of_an_interaction_is_a_text_or_contents_or_steps(vertex: LocalVertex) -> None:
    """All three are the same request, and the answer repeats it as a step."""
    content = {"type": "text", "text": "calm"}
    for given in ("calm", [content], [{"type": "user_input", "content": [content]}]):
        asked, _ = post(vertex, LYRIA_3, INTERACTION | {"input": given}).json()["steps"]
        assert asked == {"type": "user_input", "content": [content]}


def test_googles_prediction_client_sends_the_engines_request(vertex: LocalVertex) -> None:
    """Path and body equal those of the engines' REST request."""
    vertex.script("lyria-002")
    instance = {"prompt": "calm", "negative_prompt": "drums", "seed": 2**32 - 1}
    answered = predict(vertex, instance)
    assert heard(answered["predictions"][0]["bytesBase64Encoded"]) == (48_000, (48_000, 2))
    Vertex(signed_in(), patience(30)).post(vertex.url + LYRIA_2, {"instances": [instance], "parameters": {}})
    by_client, by_rest = vertex.asked("lyria-002")
    assert by_client == by_rest


def test_googles_prediction_client_loses_an_error_in_plain_words(vertex: LocalVertex) -> None:
    """It loses the status and the message of ``{"error": "text"}``, which is why decision 0021 keeps REST."""
    vertex.script("lyria-002", {"status": 503, "body": {"error": "loading"}})
    with pytest.raises(AttributeError):
        predict(vertex, {"prompt": "calm"})
    vertex.script("lyria-002", {"status": 503, "body": {"error": "loading"}})
    with pytest.raises(EngineUnavailableError, match="503: loading"):
        Vertex(signed_in(), patience(0)).post(vertex.url + LYRIA_2, wish())


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        (LYRIA_2, {}, "prompt"),
        (LYRIA_2, {"instances": [{"prompt": " "}]}, "prompt"),
        (LYRIA_2, wish(prompt="바다"), "Unsupported language"),
        (LYRIA_2, wish(seed=1) | {"parameters": {"sample_count": 1}}, "cannot be used together"),
        (LYRIA_2, wish(seed="1"), "seed"),
        (LYRIA_2, wish(seed=1.5), "seed"),
        (LYRIA_2, [], "Root element"),
        (LYRIA_3, {"model": "lyria-3-clip-preview"}, "input"),
        (SCRIPT_PATH, {"model": "lyria-9", "answers": []}, "lyria-002"),
        (SCRIPT_PATH, {"model": "lyria-002", "answers": ["tea"]}, "recitation"),
    ],
)
def test_a_request_that_google_would_refuse_is_refused(vertex: LocalVertex, path: str, body: Any, problem: str) -> None:
    """The error has Google's format and says why."""
    answer = post(vertex, path, body)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert problem in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (LYRIA_2.replace("lyria-002", "lyria-001"), wish()),
        (LYRIA_3, INTERACTION | {"model": "lyria-4"}),
        (LYRIA_3.replace("global", "us-central1"), INTERACTION),
        (PREDICT, wish()),
    ],
)
def test_a_missing_model_is_not_found(vertex: LocalVertex, path: str, body: Any) -> None:
    """Lyria 3 exists in the global location alone, and an endpoint needs a model server."""
    answer = post(vertex, path, body)
    assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")


def test_a_models_failures_are_answered_in_their_order(vertex: LocalVertex) -> None:
    """Each scripted answer serves one request of its model; after the last one it makes music again."""
    custom = {"status": 418, "body": {"tea": True}, "headers": {"Retry-After": "7"}}
    vertex.script("lyria-002", *FAILURES, custom)
    answers = [post(vertex, LYRIA_2, wish()) for _ in range(len(FAILURES) + 2)]
    expected = [status for status, _ in FAILURES.values()]
    assert [answer.status_code for answer in answers] == [*expected, 418, 200]
    assert (answers[-2].json(), answers[-2].headers["Retry-After"]) == ({"tea": True}, "7")
    assert vertex.asked("lyria-002") == [wish()] * len(answers)


class HeldPredictions:
    """A model whose audio is the text of its arguments."""

    name = "named"
    longest_seconds = 30.0

    def make(self, prompt: str, seconds: float, seed: int) -> bytes:
        return f"{prompt} {seconds} {seed}".encode()


def test_an_endpoint_passes_on_its_model_servers_answers() -> None:
    """Predictions pass unchanged; refusals get Google's format and keep their code and Retry-After."""
    predictor = Predictor(places=1)
    server = listen(model_server(predictor, "/health", "/predict"), 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    with serving(Models(model_server_url=f"http://{HOST}:{server.port}")) as vertex:
        loading = post(vertex, PREDICT, wish())
        assert (
            loading.status_code,
            loading.json()["error"]["status"],
            loading.headers["Retry-After"],
        ) == (503, "UNAVAILABLE", "5")
        predictor.ready(HeldPredictions())
        wrong = post(vertex, PREDICT, wish(seconds=0))
        assert (wrong.status_code, wrong.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
        assert "instances[0].seconds" in wrong.json()["error"]["message"]
        answered = post(vertex, PREDICT, wish(seconds=3, seed=4)).json()
        (made,) = answered["predictions"]
        assert (made["model"], base64.b64decode(made["bytesBase64Encoded"])) == ("named", b"calm 3.0 4")
        assert answered["deployedModelId"]
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_model_server_that_is_gone_is_a_bad_gateway() -> None:
    """The endpoint exists, but its model server does not answer."""
    with serving(Models(model_server_url="http://127.0.0.1:9")) as vertex:
        answer = post(vertex, PREDICT, wish())
    assert (answer.status_code, answer.json()["error"]["status"]) == (502, "UNAVAILABLE")
    assert "does not answer" in answer.json()["error"]["message"]


def test_a_request_without_credentials_is_refused(vertex: LocalVertex) -> None:
    """The models and the script require a token."""
    for path in (LYRIA_2, LYRIA_3, PREDICT, SCRIPT_PATH):
        assert requests.post(vertex.url + path, json={}, timeout=10).status_code == 401


def test_the_musician_reads_the_prompt() -> None:
    """The piece has the genre, instruments, tempo and key that the prompt names."""
    brief = brief_of(
        "Calm sea. Instrumental bossa nova music. Instruments: nylon guitar. Tempo: 132 BPM. Key: F# minor."
    )
    assert (brief.genre, brief.tempo_bpm, brief.key) == ("bossa nova", 132, "F# minor")
    assert "nylon guitar" in brief.instruments
    assert (
        brief_of("x").genre,
        brief_of("x").tempo_bpm,
        brief_of("x").key,
        brief_of("x").instruments,
    ) == ("ambient", 100, "C major", ("piano",))


def test_the_local_lyria_is_the_composer() -> None:
    """The music has the requested length and the model's rate, and is the same for the same seed."""
    audio = compose("Instrumental ambient music. Key: D minor.", 7, 10)
    assert audio.seconds == pytest.approx(10, abs=0.01)
    samples, rate = soundfile.read(BytesIO(musicians.wav(audio)))
    assert (rate, len(samples)) == (48_000, 480_000)
    assert np.array_equal(audio.samples, compose("Instrumental ambient music. Key: D minor.", 7, 10).samples)
