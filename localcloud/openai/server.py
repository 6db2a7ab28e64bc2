"""An OpenAI-compatible server for the local cloud that describes the actual picture.

It speaks the wire protocol of ``POST /v1/responses`` (structured output), ``POST /v1/moderations`` and
``GET /v1/models``, so that the unchanged ``openai`` package works against it with
``OPENAI_BASE_URL=http://127.0.0.1:PORT/v1``.
``/v1/responses`` has no language model: ``localcloud.openai.describer`` answers, and it writes only briefs.

Token counts are estimates: one token for four bytes of UTF-8 text, and OpenAI's price of "low" detail for a picture.

Run it with ``python -m localcloud.openai.server --port N``; it listens once the nets are loaded.
"""

import argparse
import json
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import jsonschema
from flask import Flask, Response, g, jsonify, request
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # ships no type information
from werkzeug.exceptions import HTTPException

from localcloud.openai.describer.describer import Describer, Limits, Request, UnreadablePictureError
from localcloud.openai.describer.nets import Nets
from localcloud.openai.moderation import moderate
from localcloud.openai.requests import (
    ApiError,
    Picture,
    answer_schema,
    answerable,
    asked_for,
    known_model,
    moderated_inputs,
    refuse,
    refuse_image,
    required,
)

MODELS: Final = ("gpt-6-luna",)
MODERATION_MODELS: Final = ("omni-moderation-latest",)
_CREATED: Final = 1_767_225_600
_IMAGE_TOKENS: Final = 308
_AT_ONCE: Final = 2
_LARGEST_BODY: Final = 32 * 2**20

_log = logging.getLogger("localcloud.openai")


def create_app(describer: Describer | None = None) -> Flask:
    """Return the Flask app; load the nets unless a describer is given."""
    app = Flask(__name__)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # of Flask's default provider
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    looking = describer or Describer(Nets())
    turn = threading.BoundedSemaphore(_AT_ONCE)

    app.before_request(_begin)
    app.after_request(_log_request)
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model(name) for name in (*MODELS, *MODERATION_MODELS)]}

    @app.get("/v1/models/<name>")
    def model(name: str) -> dict[str, Any]:
        return _model(known_model(name, (*MODELS, *MODERATION_MODELS)))

    @app.post("/v1/responses")
    def responses() -> dict[str, Any]:
        body = _body()
        known_model(required(body, "model"), MODELS)
        text, texts, pictures = answerable(body)
        schema = answer_schema(text)
        if len(pictures) != 1:
            refuse("This server answers requests with exactly one input_image.", "unsupported_value", "input")
        with turn:
            brief = _described(looking, pictures[0], asked_for(texts), Limits.from_schema(schema or {}))
        answer = brief["caption"] if schema is None else json.dumps(_fitted(brief, schema), ensure_ascii=False)
        g.note = f"{brief['genre']} {brief['tempoBpm']} {brief['key']}"
        return _response(body, text, answer, sum(map(_tokens, texts)) + _IMAGE_TOKENS)

    @app.post("/v1/moderations")
    def moderations() -> dict[str, Any]:
        body = _body()
        name = known_model(body.get("model", MODERATION_MODELS[0]), MODERATION_MODELS)
        results = [moderate(texts, pictures) for texts, pictures in moderated_inputs(required(body, "input"))]
        g.note = "flagged" if any(result["flagged"] for result in results) else "not flagged"
        return {"id": f"modr-{secrets.token_hex(12)}", "model": name, "results": results}

    return app


def _begin() -> None:
    g.started, g.note = time.perf_counter(), ""
    if request.path == "/healthz":
        return
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise ApiError(
            401,
            "You didn't provide an API key. Send it as 'Authorization: Bearer YOUR_KEY'; any word will do here.",
            None,
        )


def _log_request(response: Response) -> Response:
    response.headers.setdefault("x-request-id", f"req_{secrets.token_hex(16)}")
    if request.path != "/healthz":
        elapsed = (time.perf_counter() - g.started) * 1000
        _log.info("%s %s %d %.0f ms %s", request.method, request.path, response.status_code, elapsed, g.note)
    return response


def _api_error(error: ApiError) -> tuple[Response, int]:
    g.note = str(error)
    return jsonify(error.body), error.status


def _http_error(error: HTTPException) -> tuple[Response, int]:
    if error.code == HTTPStatus.NOT_FOUND:
        return _api_error(ApiError(error.code, f"Invalid URL ({request.method} {request.path})", None))
    return _api_error(ApiError(error.code or 500, error.description or error.name, None))


def _unexpected_error(_error: Exception) -> tuple[Response, int]:
    _log.exception("unexpected error")
    message = "The server had an error while processing your request."
    return _api_error(ApiError(500, message, None, kind="server_error"))


def _body() -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise ApiError(400, "We could not parse the JSON body of your request.", None)
    return body


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "localcloud"}


def _described(describer: Describer, picture: Picture, asked: Request, limits: Limits) -> dict[str, Any]:
    try:
        return describer.describe(picture.data, asked, limits)
    except UnreadablePictureError:
        refuse_image(picture.param)


def _fitted(brief: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema's fields; raise a 400 for a schema that no brief fits."""
    answer = {name: brief[name] for name in schema.get("properties", {}) if name in brief}
    try:
        jsonschema.validate(answer, schema, cls=jsonschema.Draft202012Validator)
    except jsonschema.ValidationError as error:
        where = ".".join(map(str, error.absolute_path)) or "the answer"
        message = f"This server only answers musical briefs, and {where} cannot meet the schema: {error.message}"
        refuse(message[:500], "unsupported_schema", "text.format.schema")
    return answer


def _tokens(text: str) -> int:
    return -(-len(text.encode()) // 4)


def _response(body: Mapping[str, Any], text: Mapping[str, Any], answer: str, input_tokens: int) -> dict[str, Any]:
    """Return a response object; ``max_output_tokens`` may cut it, and it is then ``incomplete``."""
    limit = body.get("max_output_tokens")
    complete = limit is None or _tokens(answer) <= limit
    if limit is not None and not complete:
        answer = answer.encode()[: limit * 4].decode(errors="ignore")
    output_tokens = _tokens(answer)
    status = "completed" if complete else "incomplete"
    now = int(time.time())
    content = {"type": "output_text", "text": answer, "annotations": [], "logprobs": []}
    message = {"type": "message", "id": f"msg_{secrets.token_hex(24)}", "status": status, "role": "assistant"}
    return {
        "id": f"resp_{secrets.token_hex(24)}",
        "object": "response",
        "created_at": now,
        "completed_at": now if complete else None,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None if complete else {"reason": "max_output_tokens"},
        "instructions": body.get("instructions"),
        "max_output_tokens": limit,
        "model": body["model"],
        "output": [message | {"content": [content]}],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None} | (body.get("reasoning") or {}),
        "store": bool(body.get("store", True)),
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"} | dict(text),
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": input_tokens + output_tokens,
        },
        "user": body.get("user"),
        "metadata": body.get("metadata") or {},
    }


class _Gunicorn(BaseApplication):  # type: ignore[misc]  # untyped base
    """One worker process with a few threads. The worker loads the nets: their threads do not survive a fork."""

    def __init__(self, port: int) -> None:
        self._port = port
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": f"127.0.0.1:{self._port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": 8,
            "timeout": 120,
            "graceful_timeout": 5,
            "loglevel": "warning",
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        app = create_app()
        _log.info("listening on http://127.0.0.1:%d/v1", self._port)
        return app


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s openai %(message)s", datefmt="%H:%M:%S")
    _Gunicorn(arguments.port).run()


if __name__ == "__main__":
    main()
