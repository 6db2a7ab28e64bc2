"""Answers of OpenAI's API as its reference describes them, and the real client that receives them."""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import openai
from brief_prompt import VERSION
from openai_briefs import OpenAIBriefs
from openai_models import Models

from tests.contracts.recorded import recorded
from tests.support.scripted_http import Answer, ScriptedServer

MODELS: Final = Models("gpt-6-luna", "omni-moderation-latest")
BRIEF: Final[dict[str, Any]] = recorded("track_captioned")["brief"]
PAID: Final[dict[str, Any]] = recorded("track_captioned")["describer"] | {"promptVersion": VERSION}
UNPAID: Final[dict[str, Any]] = recorded("track_rejected")["describer"] | {"promptVersion": VERSION}
MODERATION: Final = "/v1/moderations"
RESPONSES: Final = "/v1/responses"
HTML: Final = Answer(b"<!doctype html><title>Bad gateway</title>", 200, {"Content-Type": "text/html"})


@contextmanager
def openai_client(server: ScriptedServer, **options: Any) -> Iterator[openai.OpenAI]:
    """Yield the real client: it calls the scripted server, without retries and with a time-out of five seconds."""
    options = {"max_retries": 0, "timeout": 5} | options
    # Loading the machine's certificates takes most of a client's start, and a loopback address needs none.
    transport = openai.DefaultHttpxClient(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    with openai.OpenAI(api_key="none", base_url=f"{server.url}/v1", http_client=transport, **options) as client:
        yield client


@contextmanager
def openai_briefs(server: ScriptedServer, models: Models = MODELS, **options: Any) -> Iterator[OpenAIBriefs]:
    """Yield the adapter with that client."""
    with openai_client(server, **options) as client:
        yield OpenAIBriefs(client, models)


def script_well(server: ScriptedServer) -> None:
    """Let the server flag no picture and answer with the recorded brief."""
    server.script(f"POST {MODERATION}", verdict())
    server.script(f"POST {RESPONSES}", said(BRIEF))


def verdict(flagged: tuple[str, ...] = (), scores: Mapping[str, float] | None = None) -> Answer:
    """Return an answer of the moderation API; every category has a score."""
    flags = {name: name in flagged for name in ("sexual", "self-harm", "violence", *flagged)}
    result = {
        "flagged": any(flags.values()),
        "categories": flags,
        "category_scores": {name: 0.99 if flag else 0.01 for name, flag in flags.items()} | dict(scores or {}),
        "category_applied_input_types": {name: ["image", "text"] for name in flags},
    }
    return Answer({"id": "modr-1", "model": "omni-moderation-latest", "results": [result]})


def response(*output: object, **fields: Any) -> Answer:
    """Return a response with these output items and the usage of the recorded track."""
    body = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1795338911,
        "model": "gpt-6-luna",
        "status": "completed",
        "output": list(output),
        "error": None,
        "incomplete_details": None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": PAID["inputTokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": PAID["outputTokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": PAID["inputTokens"] + PAID["outputTokens"],
        },
    }
    return Answer(body | fields)


def message(*content: object) -> dict[str, Any]:
    """Return an output item of the type `message`."""
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": list(content)}


def said(words: object, **fields: Any) -> Answer:
    """Return a response with one text: a string as it is, anything else as JSON."""
    text = words if isinstance(words, str) else json.dumps(words, ensure_ascii=False)
    return response(message({"type": "output_text", "text": text, "annotations": []}), **fields)


def refused() -> Answer:
    """Return a refusal: completed, without an error and without a text."""
    return response(message({"type": "refusal", "refusal": "I cannot help with that."}))


def failed(code: str) -> Answer:
    """Return a response with the status `failed`."""
    return response(status="failed", error={"code": code, "message": "no"})


def cut_short(*output: object, reason: str = "max_output_tokens") -> Answer:
    """Return a response with the status `incomplete`."""
    return response(*output, status="incomplete", incomplete_details={"reason": reason})


def problem(status: int, code: object = None, kind: str = "an_error", **headers: str) -> Answer:
    """Return an error in the API's format; an underscore in a header's name becomes a hyphen."""
    body = {"error": {"message": "no", "type": kind, "param": None, "code": code}}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(body, status, {"Content-Type": "application/json"} | given)
