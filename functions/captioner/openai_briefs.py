"""Briefs from OpenAI's Responses API, or from any server that speaks it."""

import base64
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Self

import openai
import pydantic
from brief_prompt import PROMPT, VERSION
from brief_reading import read_brief
from captioning import Description, Picture
from openai.types import ModerationMultiModalInputParam
from openai.types.responses import Response
from openai_models import Models
from openai_prices import cost_usd
from pydantic.alias_generators import to_camel

from musicgenerator import briefs
from musicgenerator.briefs import Brief
from musicgenerator.errors import (
    BlockedError,
    BriefError,
    CaptionFailedError,
    CaptionUnavailableError,
    ContentRejectedError,
    DescriberBlockedError,
    PermanentError,
    TransientError,
)
from musicgenerator.redaction import error_for_log
from musicgenerator.settings import required
from musicgenerator.track_requests import Request
from musicgenerator.tracks import DescriberUsage

_TIMEOUT_SECONDS: Final = 60
_MAX_RETRIES: Final = 1
_MAX_OUTPUT_TOKENS: Final = 1500
_REJECTED_CODES: Final = frozenset({"image_content_policy_violation", "content_policy_violation"})
_TRANSIENT_CODES: Final = frozenset({"rate_limit_exceeded", "server_error", "vector_store_timeout"})
# The key, its account or its quota is bad, or the operator's model does not exist: no request can succeed.
_BLOCKED_CODES: Final = frozenset(
    {
        "account_deactivated",
        "billing_hard_limit_reached",
        "billing_not_active",
        "insufficient_quota",
        "invalid_api_key",
        "invalid_organization",
        "ip_not_authorized",
        "model_not_found",
        "unsupported_country_region_territory",
    }
)
_BLOCKED_STATUSES: Final = frozenset({401, 402})
_RETRYABLE_STATUSES: Final = frozenset({408, 409, 425, 429})
# The SDK does not validate answers, so an answer of another shape raises one of these where it is read.
_UNREADABLE: Final = (AttributeError, TypeError, ValueError, RecursionError)


class WhyAnswer(pydantic.BaseModel):
    """What led to tempo, key, instruments and mood, a sentence each."""

    model_config = pydantic.ConfigDict(extra="forbid")

    tempo: str
    key: str
    instruments: str
    mood: str


class Answer(pydantic.BaseModel):
    """The schema that the model answers in: the fields, lists and ranges of a brief.

    It does not limit lengths. `read_brief` reads the answer, which may break the schema and still be usable.
    """

    model_config = pydantic.ConfigDict(alias_generator=to_camel, extra="forbid")

    title: str
    caption: str
    alt_text: str
    language: briefs.Language
    prompt: str
    avoid: str
    moods: list[str] = pydantic.Field(min_length=1, max_length=briefs.MAX_MOODS)
    genre: briefs.Genre
    instruments: list[briefs.Instrument] = pydantic.Field(min_length=1, max_length=briefs.MAX_INSTRUMENTS)
    tempo_bpm: int = pydantic.Field(ge=briefs.TEMPO_BPM[0], le=briefs.TEMPO_BPM[1])
    key: briefs.Key
    valence: float = pydantic.Field(ge=briefs.VALENCE[0], le=briefs.VALENCE[1])
    energy: float = pydantic.Field(ge=briefs.ENERGY[0], le=briefs.ENERGY[1])
    # The last field, so that an answer that is cut short lacks only reasons.
    why: WhyAnswer


class OpenAIBriefs:
    """Moderates a picture, asks for its brief and moderates the brief: three calls, of which the second one costs."""

    def __init__(self, client: openai.OpenAI, models: Models) -> None:
        self._client = client
        self._models = models

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read ``OPENAI_API_KEY`` and the models; the SDK reads ``OPENAI_BASE_URL``."""
        key = required(environ, "OPENAI_API_KEY")
        # A call and its retry end within 120 seconds; the function is stopped after 180.
        client = openai.OpenAI(api_key=key, timeout=_TIMEOUT_SECONDS, max_retries=_MAX_RETRIES)
        return cls(client, Models.from_environ(environ))

    def describe(self, picture: Picture, request: Request, person: str = "") -> Description:
        """Return a picture's brief, or the error that ends its track, with the usage of the call.

        Raises CaptionUnavailableError if a retry may succeed, and DescriberBlockedError if every call fails
        until the operator has fixed the key, the model's name or the quota.
        ``person`` is sent as OpenAI's ``safety_identifier``.
        """
        image = "data:image/jpeg;base64," + base64.b64encode(picture.jpeg).decode()
        usage: dict[str, Any] = {"model": self._models.describer, "prompt_version": VERSION}
        outcome: Brief | PermanentError
        try:
            if self._models.moderation:
                self._moderate(image, request)
            brief = self._ask(image, request, person, usage)
            if self._models.moderation:
                # The model may have copied words from the picture.
                self._moderate_words(brief)
            outcome = brief
        except openai.APIStatusError as error:
            failure = _status_failure(error)
            if not isinstance(failure, PermanentError):
                raise failure from error
            outcome = failure
        except openai.APIError as error:
            raise CaptionUnavailableError(str(error)) from error
        except BriefError as error:
            outcome = CaptionFailedError(error_for_log(error))
        except PermanentError as error:
            outcome = error
        return Description(outcome, DescriberUsage(**usage))

    def check(self, brief: Brief) -> None:
        """Moderate the words of a brief; raise ContentRejectedError if they are refused, and as ``describe`` does."""
        try:
            if self._models.moderation:
                self._moderate_words(brief)
        except openai.APIStatusError as error:
            raise _status_failure(error) from error
        except openai.APIError as error:
            raise CaptionUnavailableError(str(error)) from error

    def _moderate_words(self, brief: Brief) -> None:
        self._judge([{"type": "text", "text": brief.words()}])

    def _moderate(self, image: str, request: Request) -> None:
        material: list[ModerationMultiModalInputParam] = [{"type": "image_url", "image_url": {"url": image}}]
        wish = f"{request.hint}\n{request.style}".strip()
        if wish:
            material.append({"type": "text", "text": wish})
        self._judge(material)

    def _judge(self, material: list[ModerationMultiModalInputParam]) -> None:
        for flags, scores in self._verdicts(material):
            reasons = [name for name in flags | scores if self._exceeds(name, flags.get(name), scores.get(name))]
            if reasons:
                raise ContentRejectedError(f"moderation: {', '.join(reasons)}")

    def _verdicts(self, material: list[ModerationMultiModalInputParam]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return the flags and scores of each result, by category."""
        try:
            answer = self._client.moderations.create(model=self._models.moderation, input=material)
            verdicts = [
                (
                    # A compatible server may flag a picture without naming a category.
                    result.categories.to_dict(warnings=False) or {"flagged": result.flagged},
                    result.category_scores.to_dict(warnings=False),
                )
                for result in answer.results
            ]
        except _UNREADABLE as error:
            raise CaptionUnavailableError(f"not an answer of the moderation API: {_shape(error)}") from error
        if not verdicts:
            raise CaptionUnavailableError("the moderation API returned no result")
        return verdicts

    def _exceeds(self, category: str, flag: object, score: object) -> bool:
        threshold = self._models.thresholds.get(category)
        if threshold is None:
            return flag is True
        return isinstance(score, int | float) and score >= threshold

    def _ask(self, image: str, request: Request, person: str, usage: dict[str, Any]) -> Brief:
        wish = {
            "language": request.language,
            "hint": request.hint,
            "style": request.style,
            "durationSeconds": request.duration_seconds,
        }
        raw = self._client.responses.with_raw_response.parse(
            model=self._models.describer,
            input=[
                {"role": "developer", "content": PROMPT},
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": json.dumps(wish, ensure_ascii=False)},
                        # 512 pixels still show light, subject and mood; the full picture costs 40 times the tokens.
                        {"type": "input_image", "image_url": image, "detail": "low"},
                    ],
                },
            ],
            text_format=Answer,
            # `read_brief` parses the text: the SDK would raise on a text that is cut short.
            parse_as=None,
            reasoning={"effort": "none"},
            max_output_tokens=_MAX_OUTPUT_TOKENS,
            store=False,
            # OpenAI blocks the person who breaks its rules repeatedly, and not the operator's whole account.
            safety_identifier=person or openai.omit,
        )
        # Record the usage first: OpenAI also charges a call that returns no brief.
        usage |= _usage(self._models.describer, _body(raw.http_response.text))
        try:
            return read_brief(_answer(raw.parse()), request.language)
        except _UNREADABLE as error:
            raise CaptionFailedError(f"not an answer of the API: {_shape(error)}") from error


def _answer(response: Response) -> str:
    if response.error:
        raise _failure(response.error.code, response.error.message)
    reason = response.incomplete_details and response.incomplete_details.reason
    messages = [output for output in response.output if output.type == "message"]
    # A refusal is a completed answer without an error.
    if reason == "content_filter" or any(part.type == "refusal" for message in messages for part in message.content):
        raise ContentRejectedError("the model refused")
    answers = [message for message in messages if message.phase in {None, "final_answer"}]
    texts = [part.text for message in answers for part in message.content if part.type == "output_text" and part.text]
    if not texts:
        raise CaptionFailedError(f"the answer holds no text: {reason}")
    # An answer that was cut short may have said enough.
    return "\n".join(texts)


def _usage(model: str, body: Mapping[str, Any]) -> dict[str, Any]:
    counts = body.get("usage")
    counts = counts if isinstance(counts, dict) else {}
    tokens = [counts.get(name) for name in ("input_tokens", "output_tokens")]
    read, written = (count if isinstance(count, int) else 0 for count in tokens)
    return {"calls": 1, "input_tokens": read, "output_tokens": written, "cost_usd": cost_usd(model, read, written)}


def _shape(error: Exception) -> str:
    """Say what is wrong with an answer without quoting it: it may be about the picture."""
    if isinstance(error, pydantic.ValidationError):
        return ", ".join(f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in error.errors())
    return type(error).__name__


def _body(text: str) -> dict[str, Any]:
    # A proxy may return a page, or half a body, with status 200.
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CaptionUnavailableError(f"not JSON: {len(text)} characters") from error
    if not isinstance(body, dict):
        raise CaptionUnavailableError(f"not a JSON object: {len(text)} characters")
    return body


def _status_failure(error: openai.APIStatusError) -> PermanentError | TransientError | BlockedError:
    if error.type == "insufficient_quota" or error.status_code in _BLOCKED_STATUSES:
        return DescriberBlockedError(str(error))
    if error.code in _BLOCKED_CODES:
        return _failure(str(error.code), str(error))
    if error.status_code in _RETRYABLE_STATUSES or error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return CaptionUnavailableError(str(error))
    # Any other answer is about this one request: if it stopped all, one person's picture could stop everybody's.
    return _failure(str(error.code or error.status_code), str(error))


def _failure(code: str, message: str) -> PermanentError | TransientError | BlockedError:
    if code in _BLOCKED_CODES:
        return DescriberBlockedError(message)
    if code in _REJECTED_CODES:
        return ContentRejectedError(message)
    if code in _TRANSIENT_CODES:
        return CaptionUnavailableError(message)
    return CaptionFailedError(f"{code}: {message}")
