"""The models' routes: Lyria's ``:predict`` and ``interactions``, and ``endpoints/{id}:predict``.

The composer makes the music in place of Lyria; an endpoint's requests go to the model server at ``MODEL_SERVER_URL``.
Scripted answers (``localcloud.vertex.scripts``) are given first.
"""

import base64
import json
import os
import re
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Response, request

from localcloud.servers.google_errors import GoogleError
from localcloud.vertex import lyria_credentials, musicians
from localcloud.vertex.musicians import Musician
from localcloud.vertex.scripts import ALTERED, OTHER_SHAPE, WITHOUT_CREDENTIALS, Answer, Scripts

SCRIPT_PATH: Final = "/localcloud/script"

_PREDICT_PATH: Final = "/predict"
_PREDICT_SECONDS: Final = 600
_NOT_ENGLISH: Final = 0x250
_CLIP: Final = "lyria-3-clip-preview"
_LYRIA_3_SECONDS: Final = {_CLIP: musicians.CLIP_SECONDS, "lyria-3-pro-preview": 184.0}
_LENGTH: Final = re.compile(r"Length: (\d+):(\d{2})")
_USUAL_SECONDS: Final = 90.0
_PICTURES: Final = 10
_SIGNATURES: Final = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG"}


@dataclass(frozen=True)
class Models:
    """What makes Lyria's music, how long it is, and the URL of the endpoints' model server; empty for none."""

    musician: Musician = musicians.compose
    seconds: float = musicians.CLIP_SECONDS
    model_server_url: str = ""


def models_of_environ() -> Models:
    """Read the model server's URL from the environment."""
    return Models(model_server_url=os.environ.get("MODEL_SERVER_URL", "").rstrip("/"))


def routes(models: Models) -> Blueprint:  # noqa: C901  a list of routes
    """Return the routes of the models and of their scripts."""
    api = Blueprint("models", __name__)
    scripts = Scripts()

    @api.post(SCRIPT_PATH)
    def _script() -> Response:
        scripts.set(_body())
        return _json({})

    @api.get(SCRIPT_PATH)
    def _scripted() -> Response:
        return _json(scripts.to_json(request.args.get("model", "")))

    @api.post("/v1/projects/<project>/locations/<location>/publishers/google/models/<model>:predict")
    def _lyria_2(project: str, location: str, model: str) -> Response:
        if model != "lyria-002":
            raise GoogleError("NOT_FOUND", f"Publisher Model `publishers/google/models/{model}` was not found.")
        body = _body()
        answer = scripts.next(model, body)
        if not answer.shape:
            return _scripted_answer(answer)
        prompt, seed = _lyria_2_wish(body)
        sound = musicians.wav(models.musician(prompt, seed, models.seconds))
        name = "audioContent" if answer.shape == OTHER_SHAPE else "bytesBase64Encoded"
        return _json(
            {
                "predictions": [{name: base64.b64encode(sound).decode(), "mimeType": "audio/wav"}],
                "deployedModelId": "1",
                "model": f"projects/{project}/locations/{location}/publishers/google/models/{model}",
                "modelDisplayName": "Lyria 2",
            }
        )

    @api.post("/v1beta1/projects/<project>/locations/<location>/interactions")
    def _lyria_3(project: str, location: str) -> Response:
        del project
        body = _body()
        model = body.get("model")
        if location != "global" or model not in _LYRIA_3_SECONDS:
            raise GoogleError("NOT_FOUND", f"Model {model} was not found in the location {location}.")
        answer = scripts.next(model, body)
        if not answer.shape:
            return _scripted_answer(answer)
        prompt = _lyria_3_prompt(body)
        _check_pictures(body)
        seconds = models.seconds if model == _CLIP else min(_asked_seconds(prompt), _LYRIA_3_SECONDS[model])
        # The model takes no seed, so every answer differs.
        sound = musicians.mp3(models.musician(prompt, secrets.randbits(32), seconds))
        if answer.shape != WITHOUT_CREDENTIALS:
            sound = lyria_credentials.signed(sound)
        if answer.shape == ALTERED:
            sound = lyria_credentials.altered(sound)
        content = [
            {"type": "text", "text": "[0.0:] Instrumental"},
            {"type": "audio", "mime_type": "audio/mpeg", "data": base64.b64encode(sound).decode()},
        ]
        interaction: dict[str, Any] = {"id": secrets.token_hex(8), "model": model, "status": "completed"}
        if answer.shape == OTHER_SHAPE:
            return _json(interaction | {"outputs": content})
        asked = {"type": "user_input", "content": [{"type": "text", "text": prompt}]}
        return _json(interaction | {"steps": [asked, {"type": "model_output", "content": content}]})

    @api.post("/v1/projects/<project>/locations/<location>/endpoints/<endpoint>:predict")
    def _endpoint(project: str, location: str, endpoint: str) -> Response:
        body = _body()
        answer = scripts.next("endpoint", body)
        if not answer.shape:
            return _scripted_answer(answer)
        name = f"projects/{project}/locations/{location}/endpoints/{endpoint}"
        if not models.model_server_url:
            raise GoogleError("NOT_FOUND", f"Endpoint `{name}` not found: MODEL_SERVER_URL names no model server.")
        return _predicted(models.model_server_url, body, name)

    return api


def _lyria_2_wish(body: Mapping[str, Any]) -> tuple[str, int]:
    instances, parameters = body.get("instances"), body.get("parameters") or {}
    instance = instances[0] if isinstance(instances, list) and len(instances) == 1 else None
    prompt = instance.get("prompt") if isinstance(instance, dict) else None
    if not isinstance(instance, dict) or not isinstance(prompt, str) or not prompt.strip():
        raise GoogleError("INVALID_ARGUMENT", "Exactly one instance with a prompt is required.")
    if any(ord(letter) >= _NOT_ENGLISH for letter in prompt if letter.isalpha()):
        raise GoogleError("INVALID_ARGUMENT", "Unsupported language detected. Only en-us is supported.")
    seed = instance.get("seed")
    if seed is not None and "sample_count" in parameters:
        raise GoogleError("INVALID_ARGUMENT", "seed and sample_count cannot be used together.")
    # protobuf's Value holds doubles: Google's client sends the seed 7 as 7.0.
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | float) or seed != int(seed)):
        raise GoogleError("INVALID_ARGUMENT", "seed must be an integer.")
    return prompt, secrets.randbits(32) if seed is None else int(seed)


def _lyria_3_prompt(body: Mapping[str, Any]) -> str:
    texts = [each["text"] for each in _contents(body.get("input")) if isinstance(each.get("text"), str)]
    if not texts:
        raise GoogleError("INVALID_ARGUMENT", "input must hold a text.")
    return " ".join(texts)


def _asked_seconds(prompt: str) -> float:
    """Return the length that a prompt names, as in ``Length: 2:30``, or a minute and a half."""
    named = _LENGTH.search(prompt)
    return 60.0 * int(named[1]) + int(named[2]) if named else _USUAL_SECONDS


def _check_pictures(body: Mapping[str, Any]) -> None:
    """Raise INVALID_ARGUMENT unless the input's pictures are at most ten, in Base64, and JPEG or PNG."""
    pictures = [each for each in _contents(body.get("input")) if each.get("type") == "image"]
    if len(pictures) > _PICTURES:
        raise GoogleError("INVALID_ARGUMENT", f"At most {_PICTURES} images are supported.")
    for picture in pictures:
        try:
            data = base64.b64decode(picture.get("data", ""), validate=True)
        except (TypeError, ValueError) as error:
            raise GoogleError("INVALID_ARGUMENT", "The image's data must be Base64.") from error
        start = _SIGNATURES.get(str(picture.get("mime_type")))
        if start is None or not data.startswith(start):
            raise GoogleError("INVALID_ARGUMENT", f"Unsupported image: {picture.get('mime_type')}.")


def _contents(given: object) -> Iterator[Mapping[str, Any]]:
    """Yield an interaction's contents: its input is a text, a list of contents, or a list of steps with contents."""
    if isinstance(given, str):
        yield {"type": "text", "text": given}
    elif isinstance(given, list):
        for item in given:
            yield from _contents(item)
    elif isinstance(given, dict):
        if "content" in given:
            yield from _contents(given["content"])
        else:
            yield given


def _predicted(server: str, body: Mapping[str, Any], endpoint: str) -> Response:
    data = json.dumps({"instances": body.get("instances"), "parameters": body.get("parameters")}).encode()
    asked = urllib.request.Request(server + _PREDICT_PATH, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=_PREDICT_SECONDS) as given:
            answered = json.load(given)
    except urllib.error.HTTPError as error:
        with error:
            return _refused(error.code, error.read().decode(errors="replace"), error.headers.get("Retry-After"))
    except (OSError, ValueError) as error:
        return _refused(502, f"The model server of {endpoint} does not answer: {error}", None)
    return _json({"deployedModelId": "1", "model": endpoint, "modelDisplayName": "local", **answered})


_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
}


def _refused(code: int, message: str, retry_after: str | None) -> Response:
    """Wrap a model server's error as Vertex AI does: the same code, with the server's words as the message."""
    error = {"code": code, "message": message, "status": _STATUSES.get(code, "INTERNAL")}
    headers = {"Retry-After": retry_after} if retry_after else {}
    return _scripted_answer(Answer(code, {"error": error}, headers))


def _scripted_answer(answer: Answer) -> Response:
    response = _json(answer.body)
    response.status_code = answer.status
    response.headers.update(answer.headers)
    return response


def _body() -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise GoogleError("INVALID_ARGUMENT", "Invalid JSON payload received. Root element must be a message.")
    return body


def _json(body: Mapping[str, Any]) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), mimetype="application/json")
