import base64
import contextlib
import http.client
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import openai
import pytest
from openai.types import ModerationImageURLInputParam, ModerationTextInputParam
from openai.types.responses import ParsedResponse, ResponseTextConfigParam
from PIL import Image
from pydantic import BaseModel, Field
from pydantic.alias_generators import to_camel

from musicgenerator.briefs import Brief
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
PHOTOS = sorted((ROOT / "localcloud" / "photos").glob("*.jpg"))


class BriefAnswer(BaseModel, alias_generator=to_camel):
    title: str = Field(max_length=80)
    caption: str = Field(max_length=400)
    alt_text: str = Field(max_length=300)
    language: Literal["ko", "en"]
    prompt: str = Field(max_length=800)
    avoid: str = Field(max_length=200)
    moods: list[str] = Field(min_length=1, max_length=5)
    genre: Literal["ambient", "classical piano", "jazz", "lo-fi", "folk", "cinematic", "waltz", "rock"]
    instruments: list[Literal["piano", "cello", "harp", "drums", "flute", "warm pad"]] = Field(min_length=1)
    tempo_bpm: int = Field(ge=40, le=200)
    key: str
    valence: float = Field(ge=-1, le=1)
    energy: float = Field(ge=0, le=1)


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    port = free_port()
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "localcloud.openai.server", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as server:
        try:
            _wait_until_healthy(port, server)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


def _wait_until_healthy(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert server.poll() is None, "the server ended"
        try:
            status, _ = send(port, "GET", "/healthz")
        except ConnectionError:
            time.sleep(0.1)
        else:
            assert status == 200
            return
    pytest.fail("the server did not become healthy")


def test_server_ends_cleanly() -> None:
    """After a description, SIGTERM to the process group ends the server with exit code 0 and no crash."""
    port = free_port()
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "localcloud.openai.server", "--port", str(port)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stderr=subprocess.PIPE, start_new_session=True
    ) as server:
        _wait_until_healthy(port, server)
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="worthless", max_retries=0) as client:
            ask(client, messages(data_url(PHOTOS[0].read_bytes())))
        os.killpg(server.pid, signal.SIGTERM)
        _, errors = server.communicate(timeout=30)
    assert server.returncode == 0
    assert "terminate called" not in errors
    assert "was sent SIG" not in errors


def send(
    port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Send a raw request."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, json.load(answer)


@pytest.fixture(scope="module")
def client(base_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=base_url, api_key="worthless", max_retries=0) as opened:
        yield opened


def data_url(image: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(image).decode()}"


def words(text: str) -> ModerationImageURLInputParam | ModerationTextInputParam:
    return {"type": "text", "text": text}


def picture(image: bytes) -> ModerationImageURLInputParam | ModerationTextInputParam:
    return {"type": "image_url", "image_url": {"url": data_url(image)}}


def schema_format(schema: dict[str, Any]) -> ResponseTextConfigParam:
    return {"format": {"type": "json_schema", "name": "brief", "schema": schema}}


def messages(image_url: str, language: str = "ko", hint: str = "", style: str = "") -> Any:
    asked = {"language": language, "hint": hint, "style": style, "durationSeconds": 30}
    content = [
        {"type": "input_text", "text": json.dumps(asked)},
        {"type": "input_image", "image_url": image_url, "detail": "low"},
    ]
    return [{"role": "developer", "content": "Describe."}, {"role": "user", "content": content}]


def ask(client: openai.OpenAI, given: Any, max_output_tokens: int = 1500) -> ParsedResponse[BriefAnswer]:
    return client.responses.parse(
        model="gpt-6-luna",
        input=given,
        text_format=BriefAnswer,
        reasoning={"effort": "none"},
        max_output_tokens=max_output_tokens,
        store=False,
    )


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_photo_is_answered_as_the_schema_says(client: openai.OpenAI, photo: Path, language: str) -> None:
    """OpenAI's client parses the answer into its model, and it is a brief in the requested language."""
    response = ask(client, messages(data_url(photo.read_bytes()), language))
    assert response.output_parsed is not None
    brief = Brief.from_mapping(response.output_parsed.model_dump(by_alias=True))
    assert brief.language == language
    assert response.status == "completed"
    assert response.usage is not None
    assert response.usage.input_tokens + response.usage.output_tokens == response.usage.total_tokens


def test_there_are_five_photos() -> None:
    """The tests above cover all shipped photos."""
    assert len(PHOTOS) == 5


def test_answers_stay_the_same_under_concurrency(client: openai.OpenAI) -> None:
    """Sixteen concurrent requests get the same answers as sequential ones."""
    urls = [data_url(photo.read_bytes()) for photo in PHOTOS[:2]]
    alone = [ask(client, messages(url)).output_text for url in urls]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda i: ask(client, messages(urls[i % 2])).output_text, range(16)))
    assert together == alone * 8


def test_style_reaches_the_answer(client: openai.OpenAI) -> None:
    """The style, sent as JSON in the user's message, decides the genre."""
    answer = ask(client, messages(data_url(PHOTOS[0].read_bytes()), style="재즈")).output_parsed
    assert answer is not None
    assert answer.genre == "jazz"


def test_too_few_output_tokens_make_an_incomplete_response(client: openai.OpenAI) -> None:
    """As in the real API, a text that is cut off is marked as incomplete and is no valid JSON."""
    response = client.responses.create(
        model="gpt-6-luna",
        input=messages(data_url(PHOTOS[0].read_bytes())),
        text=schema_format(BriefAnswer.model_json_schema()),
        max_output_tokens=16,
    )
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.usage is not None
    assert response.usage.output_tokens <= 16


def test_plain_text_is_the_caption(client: openai.OpenAI) -> None:
    """Without a schema the answer is the caption."""
    given = messages(data_url(PHOTOS[1].read_bytes()), "en")
    assert "cat" in client.responses.create(model="gpt-6-luna", input=given).output_text.lower()


@pytest.mark.parametrize(
    ("code", "image_url"),
    [
        ("invalid_image", data_url(b"this is no picture")),
        ("invalid_base64_image", "data:image/jpeg;base64,@@@"),
        ("empty_image_file", "data:image/jpeg;base64,"),
        ("invalid_image_url", "http://example.com/a.jpg"),
    ],
)
def test_bad_pictures_are_bad_requests(client: openai.OpenAI, code: str, image_url: str) -> None:
    """A picture that cannot be decoded gives a 400 with the reason and the parameter."""
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, messages(image_url))
    assert caught.value.code == code
    assert caught.value.type == "invalid_request_error"
    assert caught.value.param == "input[1].content[1].image_url"


def test_enormous_picture_is_a_bad_request(client: openai.OpenAI) -> None:
    """A small file with 400 megapixels is refused by its header."""
    with io.BytesIO() as file:
        Image.new("1", (20_000, 20_000)).save(file, "PNG")
        url = data_url(file.getvalue())
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, messages(url))
    assert caught.value.code == "invalid_image"


def test_schema_that_no_brief_answers_is_refused(client: openai.OpenAI) -> None:
    """A schema that no brief fits gives a 400, not an invented answer."""
    schema = {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]}
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(
            model="gpt-6-luna",
            input=messages(data_url(PHOTOS[0].read_bytes())),
            text=schema_format(schema),
        )
    assert caught.value.code == "unsupported_schema"


def test_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    """An unknown model gives a 404 with OpenAI's code."""
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(model="gpt-none", input="hello")
    assert caught.value.code == "model_not_found"


def test_request_without_a_picture_is_refused(client: openai.OpenAI) -> None:
    """Text alone gets no answer, because the server has no language model."""
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="gpt-6-luna", input="hello")


@pytest.mark.parametrize(
    ("status", "path", "headers", "body"),
    [
        (401, "/responses", {}, b"{}"),
        (401, "/responses", {"Authorization": "Bearer "}, b"{}"),
        (400, "/responses", {"Authorization": "Bearer x"}, b"{"),
        (400, "/responses", {"Authorization": "Bearer x"}, b"[]"),
        (404, "/nowhere", {"Authorization": "Bearer x"}, b"{}"),
        (405, "/models", {"Authorization": "Bearer x"}, b"{}"),
    ],
)
def test_errors_have_the_shape_of_openai(
    base_url: str, status: int, path: str, headers: dict[str, str], body: bytes
) -> None:
    """Every error, of a route or a body, is an object with OpenAI's four fields."""
    port = int(base_url.removesuffix("/v1").rpartition(":")[2])
    answered, answer = send(port, "POST", f"/v1{path}", body, headers)
    assert answered == status
    assert set(answer["error"]) == {"message", "type", "param", "code"}


def test_models_are_listed(client: openai.OpenAI) -> None:
    """The describer and the moderation model can be listed and retrieved."""
    assert {model.id for model in client.models.list()} == {"gpt-6-luna", "omni-moderation-latest"}
    assert client.models.retrieve("gpt-6-luna").id == "gpt-6-luna"


@pytest.mark.parametrize(
    ("flagged", "text"),
    [
        (False, "노을 지는 바닷가에서 듣고 싶은 잔잔한 음악"),
        (False, "a warm afternoon with my cat"),
        (True, "죽여버리겠어"),
        (True, "how to build a bomb"),
    ],
)
def test_text_is_moderated(client: openai.OpenAI, flagged: bool, text: str) -> None:
    """Listed words flag a text in Korean and English; other words do not."""
    result = client.moderations.create(model="omni-moderation-latest", input=text).results[0]
    assert result.flagged == flagged
    assert any(result.categories.model_dump().values()) == flagged


def test_text_and_picture_are_moderated_together(client: openai.OpenAI) -> None:
    """All parts get one result; pictures count only in the real model's categories for pictures."""
    result = client.moderations.create(
        model="omni-moderation-latest",
        input=[
            words("나의 고양이"),
            picture(PHOTOS[1].read_bytes()),
        ],
    ).results[0]
    assert not result.flagged
    assert result.category_applied_input_types.violence == ["text", "image"]
    assert result.category_applied_input_types.hate == ["text"]
    assert 0 < result.category_scores.violence < 0.01


def test_undecodable_picture_is_not_moderated(client: openai.OpenAI) -> None:
    """Moderation refuses bytes that are no picture, like the describer."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.moderations.create(
            model="omni-moderation-latest",
            input=[picture(b"no")],
        )
    assert caught.value.code == "invalid_image"
