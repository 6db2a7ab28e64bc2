import pytest

from musicgenerator.briefs import Brief
from pipeline.engines import Cloud, prompts
from pipeline.engines.endpoint import Endpoint, predict_url
from pipeline.engines.errors import (
    EngineNotConfiguredError,
    EngineUnavailableError,
    NoAudioError,
    RequestRefusedError,
)
from tests.support.local_vertex import ENDPOINT, LocalVertex

SEED = 41


def endpoint(vertex: LocalVertex, patience_seconds: float = 30.0) -> Endpoint:
    return Endpoint(predict_url(vertex.cloud), vertex.vertex(patience_seconds))


def sounding(sound: str, **fields: str) -> dict[str, object]:
    return {"status": 200, "body": {"predictions": [{"bytesBase64Encoded": sound, **fields}]}}


def test_the_endpoint_receives_the_brief_as_one_instance(vertex: LocalVertex, sea: Brief, tone: str) -> None:
    """The instance has prompt, negative prompt, length and seed; the take names the model that answered."""
    vertex.script("endpoint", sounding(tone, model="musicgen-small"))
    take = endpoint(vertex).make(sea, 45, SEED)
    (asked,) = vertex.asked("endpoint")
    instance = {"prompt": prompts.full(sea), "negative_prompt": "drums, vocals", "seconds": 45, "seed": SEED}
    assert asked == {"instances": [instance], "parameters": {}}
    assert (take.engine, take.model, take.seed, take.cost_usd) == ("endpoint", "musicgen-small", SEED, 0.0)
    assert (take.audio.rate, take.audio.samples.shape) == (32_000, (32_000, 2))


def test_a_busy_model_server_is_retried(vertex: LocalVertex, sea: Brief, tone: str) -> None:
    """A model server that is just starting is retried, too."""
    full = {"status": 429, "body": {}, "headers": {"Retry-After": "0"}}
    vertex.script("endpoint", full, "unavailable", sounding(tone))
    assert endpoint(vertex).make(sea, 30, SEED).model == "unnamed"
    assert len(vertex.asked("endpoint")) == 3


def test_a_model_server_that_stays_busy_is_unavailable(vertex: LocalVertex, sea: Brief) -> None:
    """The retries end with the patience."""
    vertex.script("endpoint", *["quota"] * 500)
    with pytest.raises(EngineUnavailableError):
        endpoint(vertex, patience_seconds=0.2).make(sea, 30, SEED)
    vertex.script("endpoint")


def test_a_request_that_the_model_refuses_is_not_repeated(vertex: LocalVertex, sea: Brief) -> None:
    """A request to an endpoint that does not exist is not repeated either."""
    vertex.script("endpoint", {"status": 400, "body": {"error": {"message": "seconds must be at most 30"}}})
    with pytest.raises(RequestRefusedError, match="at most 30"):
        endpoint(vertex).make(sea, 45, SEED)
    assert len(vertex.asked("endpoint")) == 1
    with pytest.raises(RequestRefusedError, match="404"):
        endpoint(vertex).make(sea, 30, SEED)


@pytest.mark.parametrize("answer", ["no audio", "not audio"])
def test_an_answer_without_audio_is_an_error(vertex: LocalVertex, sea: Brief, answer: str) -> None:
    """A custom model without audio is broken, so the request is not repeated."""
    vertex.script("endpoint", answer)
    with pytest.raises(NoAudioError):
        endpoint(vertex).make(sea, 30, SEED)
    assert len(vertex.asked("endpoint")) == 1


def test_the_endpoint_has_its_name_in_vertex_ai() -> None:
    """The endpoint is reached in its region, or on the host of a dedicated endpoint."""
    assert (
        predict_url(Cloud(endpoint=ENDPOINT)) == f"https://us-central1-aiplatform.googleapis.com/v1/{ENDPOINT}:predict"
    )
    own = f"https://123.us-central1-9.prediction.vertexai.goog/v1/{ENDPOINT}"
    assert predict_url(Cloud(endpoint=own)) == f"{own}:predict"


@pytest.mark.parametrize("name", ["", "123", "projects/p/endpoints/1", "http://h/v1/" + ENDPOINT, ENDPOINT + "/x"])
def test_an_invalid_endpoint_name_is_an_error_of_the_setting(name: str) -> None:
    """The error names the setting that is missing or misspelt."""
    with pytest.raises(EngineNotConfiguredError, match="MODEL_ENDPOINT"):
        predict_url(Cloud("p", endpoint=name))
