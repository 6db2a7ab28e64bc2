import base64
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import soundfile

from musicgenerator.briefs import DURATION_SECONDS, Brief
from pipeline.engines import Cloud, Engine, prompts
from pipeline.engines.errors import (
    EngineError,
    EngineNotConfiguredError,
    EngineUnavailableError,
    NoAudioError,
    RecitationBlockedError,
    RequestRefusedError,
    SafetyBlockedError,
)
from pipeline.engines.interactions import Interactions, signed_in
from pipeline.engines.lyria import LYRIA_3_CLIP, LYRIA_3_PRO, Lyria2, Lyria3, lyria_2_url
from pipeline.engines.vertex import base_url
from tests.support.local_vertex import CREDENTIALS, LocalVertex, patience

MODELS = {"lyria-002": "lyria-002", "lyria-3-clip": "lyria-3-clip-preview", "lyria-3-pro": "lyria-3-pro-preview"}
PRICES = {0.06, 0.04, 0.08}
SEED = 41
PICTURE = b"\xff\xd8\xff\xe0 a picture"

Make = Callable[[LocalVertex], Engine]


def lyria_2(vertex: LocalVertex, patience_seconds: float = 30.0) -> Engine:
    return Lyria2(lyria_2_url(vertex.cloud), vertex.vertex(patience_seconds))


def lyria_3_clip(vertex: LocalVertex, patience_seconds: float = 30.0) -> Engine:
    return Lyria3(LYRIA_3_CLIP, Interactions(signed_in(vertex.cloud, CREDENTIALS), patience(patience_seconds)))


def lyria_3_pro(vertex: LocalVertex, patience_seconds: float = 30.0) -> Engine:
    return Lyria3(LYRIA_3_PRO, Interactions(signed_in(vertex.cloud, CREDENTIALS), patience(patience_seconds)))


ALL = pytest.mark.parametrize("engine", [lyria_2, lyria_3_clip, lyria_3_pro])


def contents_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what an interaction sends; the client puts it into one step of the user's."""
    (step,) = body["input"]
    contents: list[dict[str, Any]] = step["content"]
    return contents


def prompt_of(body: dict[str, Any]) -> str:
    text: str = body["instances"][0]["prompt"] if "instances" in body else contents_of(body)[0]["text"]
    return text


def is_complete(body: dict[str, Any]) -> bool:
    """Say whether a request to Lyria 3 has the picture's own bytes and is not stored; Lyria 2 takes no picture."""
    if "instances" in body:
        return "image" not in str(body)
    (image,) = [content for content in contents_of(body) if content["type"] == "image"]
    return base64.b64decode(image["data"]) == PICTURE and body["store"] is False


@pytest.mark.parametrize("shape", ["music", "music in the other shape"])
@pytest.mark.parametrize(
    ("engine", "model", "rate", "usd"),
    [
        (lyria_2, "lyria-002", 48_000, 0.06),
        (lyria_3_clip, "lyria-3-clip-preview", 44_100, 0.04),
        (lyria_3_pro, "lyria-3-pro-preview", 44_100, 0.08),
    ],
)
def test_music_comes_back_with_its_provenance_and_cost(
    vertex: LocalVertex, sea: Brief, engine: Make, model: str, rate: int, usd: float, shape: str
) -> None:
    """Both shapes of an answer are read; the take has the model, the seed and the price."""
    take = engine(vertex.script(model, shape)).make(sea, 10, SEED, PICTURE)
    assert (take.audio.rate, take.audio.samples.shape[1]) == (rate, 2)
    assert take.audio.seconds == pytest.approx(10 if "pro" in model else 1, abs=0.1)  # the test's clips last a second
    assert (take.model, take.seed, take.cost_usd, take.midi) == (model, SEED, usd, None)
    assert take.engine in MODELS
    assert len(vertex.asked(model)) == 1


def test_lyria_2_receives_prompt_negative_prompt_and_seed(vertex: LocalVertex, sea: Brief) -> None:
    """The prompt has the whole brief in English; what to avoid has its own field."""
    lyria_2(vertex.script("lyria-002")).make(sea, 10, SEED, PICTURE)
    (asked,) = vertex.asked("lyria-002")
    prompt = (
        "Calm sea at dawn. Instrumental ambient music. Mood: calm, warm. Instruments: piano, harp. Tempo: 84 BPM. "
        "Key: D major."
    )
    instance = {"prompt": prompt, "negative_prompt": "drums, vocals", "seed": SEED}
    assert asked == {"instances": [instance], "parameters": {}}


def test_lyria_3_receives_only_a_prompt(vertex: LocalVertex, sea: Brief) -> None:
    """The prompt also says what to avoid, since the model takes no negative prompt; Google stores nothing."""
    lyria_3_clip(vertex.script("lyria-3-clip-preview")).make(sea, 30, SEED)
    (asked,) = vertex.asked("lyria-3-clip-preview")
    prompt = prompts.full(sea) + " Intensity: low. No vocals, no lyrics. Avoid: drums, vocals."
    assert contents_of(asked) == [{"type": "text", "text": prompt}]
    assert (asked["model"], asked["store"], len(asked)) == ("lyria-3-clip-preview", False, 3)


@pytest.mark.parametrize(
    ("engine", "model"), [(lyria_3_clip, "lyria-3-clip-preview"), (lyria_3_pro, "lyria-3-pro-preview")]
)
def test_lyria_3_receives_the_picture(vertex: LocalVertex, sea: Brief, engine: Make, model: str) -> None:
    """The JPEG's own bytes follow the prompt; Google stores neither."""
    engine(vertex.script(model)).make(sea, 10, SEED, PICTURE)
    (asked,) = vertex.asked(model)
    text, image = contents_of(asked)
    assert (text["type"], image["type"], image["mime_type"]) == ("text", "image", "image/jpeg")
    assert base64.b64decode(image["data"]) == PICTURE
    assert asked["store"] is False


def test_three_minutes_are_one_piece_of_pro(vertex: LocalVertex, sea: Brief) -> None:
    """Pro takes length, intensity and sections as words. It is asked once; its limit, 184 s, is above any wish."""
    take = lyria_3_pro(vertex.script("lyria-3-pro-preview")).make(replace(sea, energy=0.9), DURATION_SECONDS[1], SEED)
    (asked,) = vertex.asked("lyria-3-pro-preview")
    assert prompt_of(asked) == (
        f"{prompts.full(sea)} Intensity: high. Length: 3:00. Sections: intro, theme, contrasting theme, theme, bridge, "
        "full return of the theme, ending. No vocals, no lyrics. Avoid: drums, vocals."
    )
    assert "Instrumental ambient music." in prompt_of(asked)
    assert "Tempo: 84 BPM." in prompt_of(asked)
    assert take.audio.seconds == pytest.approx(180, abs=0.1)


def test_three_minutes_are_one_clip_of_the_others(vertex: LocalVertex, sea: Brief) -> None:
    """A clip has always the same length, so its prompt names none, and the mastering repeats it. One is paid."""
    for engine in (lyria_2, lyria_3_clip):
        model = MODELS[engine(vertex).name]
        take = engine(vertex.script(model)).make(sea, DURATION_SECONDS[1], SEED)
        (asked,) = vertex.asked(model)
        assert "Length" not in prompt_of(asked)
        assert take.audio.seconds == pytest.approx(1, abs=0.1)


@ALL
def test_an_answer_that_is_too_long_is_cut_off(vertex: LocalVertex, sea: Brief, engine: Make) -> None:
    """Four minutes of it are read, so no answer needs more memory than a track may use."""
    out = BytesIO()
    tone = 0.3 * np.sin(np.arange(300 * 8_000) / 5)
    soundfile.write(out, tone, 8_000, format="FLAC")
    data = base64.b64encode(out.getvalue()).decode()
    body = {"predictions": [{"bytesBase64Encoded": data}], "outputs": [{"type": "audio", "data": data}]}
    take = engine(vertex.script(MODELS[engine(vertex).name], {"status": 200, "body": body})).make(sea, 30, SEED)
    assert (take.audio.seconds, take.answer) == (240, out.getvalue())


def test_korean_never_reaches_lyria(vertex: LocalVertex, sea: Brief) -> None:
    """If a person edited the brief in Korean, only its English vocabulary is sent."""
    korean = replace(sea, prompt="새벽의 고요한 바다", avoid="드럼")
    lyria_2(vertex.script("lyria-002")).make(korean, 30, SEED)
    (asked,) = vertex.asked("lyria-002")
    assert prompt_of(asked).startswith("Instrumental ambient music.")
    assert "negative_prompt" not in asked["instances"][0]


@ALL
@pytest.mark.parametrize("blocks", [1, 2])
def test_a_recitation_block_is_answered_with_another_seed_and_then_a_plainer_prompt(
    vertex: LocalVertex, sea: Brief, engine: Make, blocks: int
) -> None:
    """The second request has the same prompt, the third a plain one; the take costs one clip."""
    model = MODELS[engine(vertex).name]
    take = engine(vertex.script(model, *["recitation"] * blocks)).make(sea, 10, SEED, PICTURE)
    asked = vertex.asked(model)
    assert len(asked) == blocks + 1
    assert all(map(is_complete, asked))
    assert prompt_of(asked[1]) == prompt_of(asked[0])
    assert prompt_of(asked[-1]).startswith(prompts.plain(sea) if blocks == 2 else prompts.full(sea))
    assert take.cost_usd in PRICES
    if model == "lyria-002":
        assert [body["instances"][0]["seed"] for body in asked] == [SEED, *[SEED + 1] * blocks]
        assert take.seed == SEED + 1


def test_the_seed_after_the_largest_is_0(vertex: LocalVertex, sea: Brief) -> None:
    """The seed after the largest is in bounds, too."""
    assert lyria_2(vertex.script("lyria-002", "recitation")).make(sea, 30, 2**32 - 1).seed == 0


@ALL
def test_a_third_recitation_block_ends_the_take(vertex: LocalVertex, sea: Brief, engine: Make) -> None:
    """There is no fourth request."""
    model = MODELS[engine(vertex).name]
    with pytest.raises(RecitationBlockedError, match="recitation checks"):
        engine(vertex.script(model, *["recitation"] * 3)).make(sea, 10, SEED, PICTURE)
    assert len(vertex.asked(model)) == 3


@ALL
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("safety", SafetyBlockedError),
        ("filtered", SafetyBlockedError),
        ("failed", SafetyBlockedError),
        ("language", RequestRefusedError),
        ("forbidden", RequestRefusedError),
        ({"status": 404, "body": {}}, RequestRefusedError),
        ({"status": 400, "body": {"error": "plain words"}}, RequestRefusedError),
    ],
)
def test_a_refusal_is_not_repeated(
    vertex: LocalVertex, sea: Brief, engine: Make, answer: Any, error: type[EngineError]
) -> None:
    """There is one request; a safety block, in an error or in an answer of 200, has its own class."""
    model = MODELS[engine(vertex).name]
    with pytest.raises(RequestRefusedError) as caught:
        engine(vertex.script(model, answer)).make(sea, 10, SEED, PICTURE)
    assert error is type(caught.value)
    assert len(vertex.asked(model)) == 1


@ALL
@pytest.mark.parametrize("answer", ["no audio", "not audio", {"status": 200, "body": {"predictions": "x", "steps": 5}}])
def test_an_answer_without_audio_is_repeated_once(vertex: LocalVertex, sea: Brief, engine: Make, answer: Any) -> None:
    """The same request is sent once more; a second such answer is an error."""
    model = MODELS[engine(vertex).name]
    assert engine(vertex.script(model, answer)).make(sea, 10, SEED, PICTURE).audio.seconds > 0
    first, second = vertex.asked(model)
    assert second == first
    assert is_complete(first)
    with pytest.raises(NoAudioError):
        engine(vertex.script(model, answer, answer)).make(sea, 10, SEED, PICTURE)
    assert len(vertex.asked(model)) == 2


@ALL
def test_failures_that_may_pass_are_retried(vertex: LocalVertex, sea: Brief, engine: Make) -> None:
    """Quota and server errors are retried until there is music."""
    model = MODELS[engine(vertex).name]
    broken = {"status": 502, "body": {}}
    take = engine(vertex.script(model, "quota", "internal", "unavailable", broken)).make(sea, 10, SEED, PICTURE)
    assert take.audio.seconds > 0
    assert [is_complete(body) for body in vertex.asked(model)] == [True] * 5


@ALL
def test_patience_ends_before_the_step_does(
    vertex: LocalVertex, sea: Brief, engine: Callable[[LocalVertex, float], Engine]
) -> None:
    """An engine that stays busy becomes an error with the API's words."""
    model = MODELS[engine(vertex, 1).name]
    vertex.script(model, *["quota"] * 500)
    with pytest.raises(EngineUnavailableError, match="Quota exceeded"):
        engine(vertex, 0.3).make(sea, 10, SEED, PICTURE)
    vertex.script(model)


@ALL
def test_a_wait_longer_than_the_patience_is_not_started(vertex: LocalVertex, sea: Brief, engine: Make) -> None:
    """If ``Retry-After`` is longer than the patience, the engine is unavailable at once."""
    model = MODELS[engine(vertex).name]
    busy = {"status": 429, "body": {}, "headers": {"Retry-After": "3600"}}
    with pytest.raises(EngineUnavailableError):
        engine(vertex.script(model, busy)).make(sea, 10, SEED, PICTURE)
    assert len(vertex.asked(model)) == 1


def test_an_address_without_a_server_is_unavailable(vertex: LocalVertex, sea: Brief) -> None:
    """A refused connection is retried; then the error names it."""
    nobody = Cloud("p", "http://127.0.0.1:9")
    engines = (
        Lyria2(lyria_2_url(nobody), vertex.vertex(patience_seconds=0.1)),
        Lyria3(LYRIA_3_CLIP, Interactions(signed_in(nobody, CREDENTIALS), patience(0.1))),
    )
    for engine in engines:
        with pytest.raises(EngineUnavailableError, match="ConnectionError"):
            engine.make(sea, 10, SEED, PICTURE)


def test_the_addresses_are_googles_by_default() -> None:
    """Lyria 2 answers in its region, Lyria 3 globally; without a project neither is configured."""
    root = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1"
    assert lyria_2_url(Cloud("p")) == f"{root}/publishers/google/models/lyria-002:predict"
    assert base_url(Cloud("p"), "global") == "https://aiplatform.googleapis.com"
    for configure in (lyria_2_url, signed_in):
        with pytest.raises(EngineNotConfiguredError, match="GOOGLE_CLOUD_PROJECT"):
            configure(Cloud())
