"""Briefs by OpenAI's Responses API, or by any server that speaks it."""

import base64
import json
from typing import TYPE_CHECKING, Final

import openai
import pydantic
from brief_prompt import PROMPT
from captioning import Picture

from musicgenerator import briefs, logs
from musicgenerator.briefs import Brief
from musicgenerator.errors import (
    BriefError,
    CaptionFailedError,
    CaptionUnavailableError,
    ContentRejectedError,
    PermanentError,
    TransientError,
)
from musicgenerator.tracks import Request

if TYPE_CHECKING:
    from openai.types import ModerationMultiModalInputParam

_OUTPUT_TOKENS: Final = 1500
_MODERATION_MODEL: Final = "omni-moderation-latest"
_REJECTED_CODES: Final = frozenset({"image_content_policy_violation", "content_policy_violation"})
_TRANSIENT_CODES: Final = frozenset({"rate_limit_exceeded", "server_error", "vector_store_timeout"})


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
    moods: list[str] = pydantic.Field(min_length=1, max_length=briefs.MOODS_AT_MOST)
    genre: briefs.Genre
    instruments: list[briefs.Instrument] = pydantic.Field(min_length=1, max_length=briefs.INSTRUMENTS_AT_MOST)
    tempoBpm: int = pydantic.Field(ge=briefs.TEMPO_BPM[0], le=briefs.TEMPO_BPM[1])  # noqa: N815  as above
    key: briefs.Key
    valence: float = pydantic.Field(ge=briefs.VALENCE[0], le=briefs.VALENCE[1])
    energy: float = pydantic.Field(ge=briefs.ENERGY[0], le=briefs.ENERGY[1])

    def to_brief(self, language: str) -> Brief:
        """Return the brief, each text within its bound; raise CaptionFailedError where that cannot be."""
        values = self.model_dump() | {"language": language}
        texts = {name: _clipped(values[name], length) for name, length in briefs.LENGTHS.items()}
        moods = [mood.strip().lower() for mood in self.moods]
        try:
            return Brief.from_mapping(values | texts | {"moods": moods})
        except BriefError as error:
            raise CaptionFailedError(str(error)) from error


class OpenAIBriefs:
    """Moderates a picture, then has it described: two calls at most, of which the first is free."""

    def __init__(self, client: openai.OpenAI, model: str) -> None:
        """Use a client whose time limit is shorter than the function's."""
        self._client = client
        self._model = model

    def describe(self, picture: Picture, request: Request) -> Brief:
        """Return the brief for a picture.

        Raises ContentRejectedError when the picture or hint is declined, CaptionFailedError when the answer cannot be
        used, CaptionUnavailableError when another time may go better.
        """
        image = "data:image/jpeg;base64," + base64.b64encode(picture.jpeg).decode()
        try:
            self._moderate(image, request)
            return self._ask(image, request).to_brief(request.language)
        except openai.APIStatusError as error:
            raise _meaning(error) from error
        except openai.APIError as error:
            raise CaptionUnavailableError(str(error)) from error
        except pydantic.ValidationError as error:
            raise CaptionFailedError(f"the answer was cut short or not in the schema: {error}") from error

    def _moderate(self, image: str, request: Request) -> None:
        material: list[ModerationMultiModalInputParam] = [{"type": "image_url", "image_url": {"url": image}}]
        words = f"{request.hint}\n{request.style}".strip()
        if words:
            material.append({"type": "text", "text": words})
        verdict = self._client.moderations.create(model=_MODERATION_MODEL, input=material)
        if any(result.flagged for result in verdict.results):
            raise ContentRejectedError("moderation flagged the picture or the hint")

    def _ask(self, image: str, request: Request) -> Answer:
        wish = {
            "language": request.language,
            "hint": request.hint,
            "style": request.style,
            "durationSeconds": request.durationSeconds,
        }
        response = self._client.responses.parse(
            model=self._model,
            input=[
                {"role": "developer", "content": PROMPT},
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": json.dumps(wish, ensure_ascii=False)},
                        {"type": "input_image", "image_url": image, "detail": "low"},
                    ],
                },
            ],
            text_format=Answer,
            reasoning={"effort": "none"},
            max_output_tokens=_OUTPUT_TOKENS,
            store=False,
        )
        if response.usage:
            logs.info("described", model=response.model, **response.usage.model_dump(mode="json"))
        if response.error:
            raise _failure(response.error.code, response.error.message)
        if response.output_parsed is None:
            raise ContentRejectedError("the model refused")
        return response.output_parsed


def _meaning(error: openai.APIStatusError) -> PermanentError | TransientError:
    if error.status_code in {400, 413, 422}:
        return _failure(error.code or "", str(error))
    # Everything else is mended by waiting (409, 429, 5xx) or by the operator (401, 403, 404, no quota left).
    return CaptionUnavailableError(str(error))


def _failure(code: str, message: str) -> PermanentError | TransientError:
    if code in _REJECTED_CODES:
        return ContentRejectedError(message)
    if code in _TRANSIENT_CODES:
        return CaptionUnavailableError(message)
    return CaptionFailedError(f"{code}: {message}")


def _clipped(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
