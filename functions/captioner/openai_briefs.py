"""Briefs by OpenAI's Responses API, or by any server that speaks it."""

import base64
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx2
import openai
import pydantic
from brief_prompt import PROMPT, VERSION
from captioning import Description, Picture
from openai_models import Models
from openai_prices import cost_usd

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
from musicgenerator.plain_text import is_english, plain
from musicgenerator.tracks import DescriberUsage, Request

_OUTPUT_TOKENS: Final = 1500
_REJECTED_CODES: Final = frozenset({"image_content_policy_violation", "content_policy_violation"})
_TRANSIENT_CODES: Final = frozenset({"rate_limit_exceeded", "server_error", "vector_store_timeout"})
_BLOCKED_CODES: Final = frozenset({"insufficient_quota", "model_not_found"})
_REFUSED: Final = frozenset({400, 413, 422})
_MENDED_BY_WAITING: Final = frozenset({408, 409, 425, 429})


class Answer(pydantic.BaseModel):
    """The schema that the model answers in: a brief whose lists and ranges are the engines' own.

    Lengths are clipped afterwards, since a paid answer with one word too many is still a good answer.
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    title: str
    caption: str
    altText: str  # noqa: N815  the contract's spelling
    language: briefs.Language
    prompt: str
    avoid: str
    moods: list[str] = pydantic.Field(min_length=1, max_length=briefs.MAX_MOODS)
    genre: briefs.Genre
    instruments: list[briefs.Instrument] = pydantic.Field(min_length=1, max_length=briefs.MAX_INSTRUMENTS)
    tempoBpm: int = pydantic.Field(ge=briefs.TEMPO_BPM[0], le=briefs.TEMPO_BPM[1])  # noqa: N815  as above
    key: briefs.Key
    valence: float = pydantic.Field(ge=briefs.VALENCE[0], le=briefs.VALENCE[1])
    energy: float = pydantic.Field(ge=briefs.ENERGY[0], le=briefs.ENERGY[1])

    def to_brief(self, language: str) -> Brief:
        """Return the brief in plain words, each text within its bound; raise BriefError where that cannot be."""
        values = self.model_dump() | {"language": language}
        texts = {name: plain(values[name], length) for name, length in briefs.LENGTHS.items()}
        if not is_english(texts["prompt"]):
            texts["prompt"] = self._spelled_out()
        if not is_english(texts["avoid"]):
            texts["avoid"] = ""
        moods = [mood.strip().lower() for mood in self.moods]
        return Brief.from_mapping(values | texts | {"moods": moods})

    def _spelled_out(self) -> str:
        # Engines are promised US English: where the model wrote something else, its own fields say it.
        moods, instruments = ", ".join(self.moods), ", ".join(self.instruments)
        prompt = f"{moods} {self.genre} music with {instruments}, {self.tempoBpm} BPM, in {self.key}"
        return plain(prompt, briefs.LENGTHS["prompt"])


class _Part(pydantic.BaseModel):
    type: str
    text: str | None = None


class _Output(pydantic.BaseModel):
    type: str
    content: list[_Part] | None = None


class _Error(pydantic.BaseModel):
    code: str | None = None
    message: str | None = None


class _Incomplete(pydantic.BaseModel):
    reason: str | None = None


class _Response(pydantic.BaseModel):
    """What is read of an answer of the Responses API."""

    output: list[_Output]
    error: _Error | None = None
    incomplete_details: _Incomplete | None = None


class OpenAIBriefs:
    """Moderates a picture, then has it described: two calls at most, of which the first is free."""

    def __init__(self, client: openai.OpenAI, models: Models) -> None:
        """Use a client whose time limit is shorter than the function's."""
        self._client = client
        self._models = models

    def describe(self, picture: Picture, request: Request) -> Description:
        """Describe a picture, or say why it is not described.

        Raises CaptionUnavailableError when another time may go better, and DescriberBlockedError when none will
        before the operator has mended the key, the model's name or the quota.
        """
        image = "data:image/jpeg;base64," + base64.b64encode(picture.jpeg).decode()
        usage: dict[str, Any] = {"model": self._models.describer, "prompt_version": VERSION}
        try:
            if self._models.moderation:
                self._moderate(image, request)
            return Description(self._ask(image, request, usage).to_brief(request.language), DescriberUsage(**usage))
        except openai.APIStatusError as error:
            return Description(_lasting(_meaning(error), error), DescriberUsage(**usage))
        except openai.APIError as error:
            raise CaptionUnavailableError(str(error)) from error
        except pydantic.ValidationError as error:
            return Description(CaptionFailedError(f"cut short or not in the schema: {error}"), DescriberUsage(**usage))
        except BriefError as error:
            return Description(CaptionFailedError(str(error)), DescriberUsage(**usage))
        except PermanentError as error:
            return Description(error, DescriberUsage(**usage))

    def _moderate(self, image: str, request: Request) -> None:
        material: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": image}}]
        wish = f"{request.hint}\n{request.style}".strip()
        if wish:
            material.append({"type": "text", "text": wish})
        verdict = self._post("/moderations", {"model": self._models.moderation, "input": material})
        for flags, scores in _verdicts(verdict):
            reasons = [name for name in flags | scores if self._is_too_much(name, flags.get(name), scores.get(name))]
            if reasons:
                raise ContentRejectedError(f"moderation: {', '.join(reasons)}")

    def _is_too_much(self, category: str, flag: object, score: object) -> bool:
        threshold = self._models.thresholds.get(category)
        if threshold is None:
            return flag is True
        return isinstance(score, int | float) and score >= threshold

    def _ask(self, image: str, request: Request, usage: dict[str, Any]) -> Answer:
        wish = {
            "language": request.language,
            "hint": request.hint,
            "style": request.style,
            "durationSeconds": request.duration_seconds,
        }
        question = {
            "model": self._models.describer,
            "input": [
                {"role": "developer", "content": PROMPT},
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": json.dumps(wish, ensure_ascii=False)},
                        # Light, subject and mood survive 512 pixels; the whole picture would cost 40 times the tokens.
                        {"type": "input_image", "image_url": image, "detail": "low"},
                    ],
                },
            ],
            "text": {
                "format": {
                    "type": "json_schema",
                    "name": "Answer",
                    "strict": True,
                    "schema": Answer.model_json_schema(),
                }
            },
            "reasoning": {"effort": "none"},
            "max_output_tokens": _OUTPUT_TOKENS,
            "store": False,
        }
        response = self._post("/responses", question)
        # Read before anything is made of the answer, so that a call that came to nothing is accounted for too.
        usage |= _used(self._models.describer, response)
        return _answer(_Response.model_validate(response))

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        # The client's methods by name build the schemas of everything that OpenAI offers, at an instance's first call.
        return _json(self._client.post(path, cast_to=httpx2.Response, body=body).text)


def _verdicts(body: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the flags and scores of each result, by category."""
    results = body.get("results")
    for found in results if isinstance(results, list) and results else [None]:
        result = found if isinstance(found, dict) else {}
        flags, scores = result.get("categories"), result.get("category_scores")
        if not isinstance(flags, dict) or not isinstance(scores, dict):
            raise CaptionUnavailableError("not an answer of the moderation API")
        # A verdict without its reasons is a verdict all the same.
        yield flags or {"flagged": result.get("flagged")}, scores


def _answer(response: _Response) -> Answer:
    stopped = response.incomplete_details and response.incomplete_details.reason
    parts = [part for output in response.output if output.type == "message" for part in output.content or ()]
    if response.error:
        raise _failure(response.error.code or "", response.error.message or "")
    if stopped == "max_output_tokens":
        raise CaptionFailedError("all tokens were spent before the answer was complete")
    # A refusal is a completed answer, and comes without an error.
    if stopped == "content_filter" or any(part.type == "refusal" for part in parts):
        raise ContentRejectedError("the model refused")
    said = next((part.text for part in parts if part.type == "output_text" and part.text), None)
    if said is None:
        raise CaptionFailedError("the model said nothing")
    return Answer.model_validate_json(said)


def _used(model: str, body: Mapping[str, Any]) -> dict[str, Any]:
    counts = body.get("usage")
    counts = counts if isinstance(counts, dict) else {}
    tokens = [counts.get(name) for name in ("input_tokens", "output_tokens")]
    read, written = (count if isinstance(count, int) else 0 for count in tokens)
    return {"calls": 1, "input_tokens": read, "output_tokens": written, "cost_usd": cost_usd(model, read, written)}


def _json(text: str) -> dict[str, Any]:
    # A proxy's page, or half a body with status 200, is no answer of this API.
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CaptionUnavailableError(f"not JSON: {text[:100]!r}") from error
    if not isinstance(body, dict):
        raise CaptionUnavailableError(f"not a JSON object: {text[:100]!r}")
    return body


def _lasting(meaning: PermanentError | TransientError | BlockedError, error: Exception) -> PermanentError:
    """Return what ends the track; raise what does not."""
    if isinstance(meaning, PermanentError):
        return meaning
    raise meaning from error


def _meaning(error: openai.APIStatusError) -> PermanentError | TransientError | BlockedError:
    if error.type == "insufficient_quota":
        return DescriberBlockedError(str(error))
    if error.status_code in _REFUSED or error.code in _BLOCKED_CODES:
        return _failure(str(error.code or ""), str(error))
    if error.status_code in _MENDED_BY_WAITING or error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return CaptionUnavailableError(str(error))
    # Wrong key, no money, no right to the model, no such model or address.
    return DescriberBlockedError(str(error))


def _failure(code: str, message: str) -> PermanentError | TransientError | BlockedError:
    if code in _BLOCKED_CODES:
        return DescriberBlockedError(message)
    if code in _REJECTED_CODES:
        return ContentRejectedError(message)
    if code in _TRANSIENT_CODES:
        return CaptionUnavailableError(message)
    return CaptionFailedError(f"{code}: {message}")
