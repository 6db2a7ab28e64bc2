"""Parse OpenAI requests and refuse, with OpenAI's error codes, what this server does not support."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import jsonschema

from localcloud.openai.describer.describer import Request, UnreadablePictureError, decode

_FEWEST_OUTPUT_TOKENS: Final = 16
_FORMATS: Final = "Please use one of these formats: image/jpeg, image/png, image/gif, image/webp."


class ApiError(Exception):
    """An error in OpenAI's format."""

    def __init__(
        self, status: int, message: str, code: str | None, param: str | None = None, kind: str = "invalid_request_error"
    ) -> None:
        """Answer ``status`` with this message, machine-readable code, offending parameter and error type."""
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


@dataclass(frozen=True)
class Picture:
    """A picture's bytes and its place in the request, for error messages."""

    data: bytes
    param: str


def refuse(message: str, code: str, param: str | None) -> NoReturn:
    """Raise a 400 with the problem and the parameter."""
    raise ApiError(400, message, code, param)


def required(body: Mapping[str, Any], name: str) -> Any:
    """Return a parameter; raise a 400 if it is missing or empty."""
    if body.get(name) in (None, "", []):
        refuse(f"Missing required parameter: '{name}'.", "missing_required_parameter", name)
    return body[name]


def known_model(name: object, models: tuple[str, ...]) -> str:
    """Return a model's name, or raise OpenAI's 404 for a model without access."""
    if name not in models:
        raise ApiError(
            404, f"The model '{name}' does not exist or you do not have access to it.", "model_not_found", "model"
        )
    return str(name)


def answerable(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str], list[Picture]]:
    """Return the text settings, texts and pictures of a responses request; refuse unsupported parameters."""
    if body.get("stream"):
        refuse("This server does not stream.", "unsupported_value", "stream")
    limit = body.get("max_output_tokens")
    if limit is not None and (not isinstance(limit, int) or limit < _FEWEST_OUTPUT_TOKENS):
        refuse(
            f"Invalid 'max_output_tokens': expected an integer of at least {_FEWEST_OUTPUT_TOKENS}.",
            "integer_below_min_value",
            "max_output_tokens",
        )
    texts, pictures = [], []
    for part in _parts(required(body, "input")):
        if isinstance(part, Picture):
            pictures.append(part)
        else:
            texts.append(part)
    settings = body.get("text") or {}
    if not isinstance(settings, dict):
        refuse("Invalid type for 'text': expected an object.", "invalid_type", "text")
    return settings, texts, pictures


def _parts(given: object) -> Iterator[str | Picture]:
    """Yield the texts and pictures of ``input`` in order."""
    if isinstance(given, str):
        yield given
        return
    if not isinstance(given, list):
        refuse("Invalid type for 'input': expected a string or a list.", "invalid_type", "input")
    for i, message in enumerate(given):
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str):
            yield content
            continue
        if not isinstance(content, list):
            refuse(f"Missing required parameter: 'input[{i}].content'.", "missing_required_parameter", f"input[{i}]")
        for j, part in enumerate(content):
            where = f"input[{i}].content[{j}]"
            kind = part.get("type") if isinstance(part, dict) else None
            if kind in ("input_text", "output_text") and isinstance(part.get("text"), str):
                yield part["text"]
            elif kind == "input_image":
                yield _picture(part.get("image_url"), f"{where}.image_url")
            else:
                message_text = f"Invalid value: '{kind}'. Supported values are: 'input_text' and 'input_image'."
                refuse(message_text, "invalid_value", f"{where}.type")


def _picture(url: object, param: str) -> Picture:
    """Decode a ``data:`` URL; other URLs are refused, so that this server makes no requests."""
    head, comma, payload = str(url).partition(",") if isinstance(url, str) else ("", "", "")
    if not head.startswith("data:image/") or not head.endswith(";base64") or not comma:
        refuse("Expected a base64-encoded data URL with an image MIME type.", "invalid_image_url", param)
    try:
        data = base64.b64decode(payload, validate=True)
    except binascii.Error:
        refuse("Invalid base64 image data.", "invalid_base64_image", param)
    if not data:
        refuse("The image is empty.", "empty_image_file", param)
    return Picture(data, param)


def refuse_image(param: str) -> NoReturn:
    """Raise a 400 for bytes that are no picture."""
    message = f"The image data you provided does not represent a valid image. {_FORMATS}"
    refuse(message, "invalid_image", param)


def asked_for(texts: list[str]) -> Request:
    """Parse the last text that is a JSON object; without one, the language is Korean."""
    for text in reversed(texts):
        try:
            data = json.loads(text)
        except ValueError:
            continue
        if isinstance(data, dict):
            return Request.from_mapping(data)
    return Request()


def answer_schema(text: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the JSON schema of ``text.format``, or None for plain text."""
    asked = text.get("format") or {"type": "text"}
    kind = asked.get("type") if isinstance(asked, dict) else None
    if kind == "text":
        return None
    schema = asked.get("schema") if kind == "json_schema" else None
    if not isinstance(schema, dict):
        refuse("Supported formats are 'text' and 'json_schema' with a schema.", "invalid_value", "text.format")
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        refuse(f"Invalid schema for response_format: {error.message}", "invalid_json_schema", "text.format.schema")
    return schema


def moderated_inputs(given: object) -> list[tuple[list[str], int]]:
    """Return the texts and the number of pictures of each result: one result a string, or one for all parts."""
    if isinstance(given, str):
        return [([given], 0)]
    if not isinstance(given, list):
        refuse("Invalid type for 'input': expected a string or a list.", "invalid_type", "input")
    if all(isinstance(text, str) for text in given):
        return [([text], 0) for text in given]
    texts, pictures = [], 0
    for i, part in enumerate(given):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind == "image_url" and isinstance(part.get("image_url"), dict):
            picture = _picture(part["image_url"].get("url"), f"input[{i}].image_url.url")
            try:
                decode(picture.data)
            except UnreadablePictureError:
                refuse_image(picture.param)
            pictures += 1
        else:
            refuse(f"Invalid value for 'input[{i}]'.", "invalid_value", f"input[{i}]")
    return [(texts, pictures)]
