"""Google's Lyria on Vertex AI: Lyria 2 (``lyria-002``), Lyria 3 Clip and Pro (``lyria-3-clip-preview``, ``-pro-``).

Lyria 2 and Clip make about 30 s of instrumental music; the mastering repeats it or fades it out. Pro makes a piece of
the length that is asked for, up to 184 s. Both Lyria 3 models look at the picture.
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/lyria-music-generation
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from musicgenerator import logs
from musicgenerator.briefs import SEED, Brief
from pipeline.audio import Audio
from pipeline.engines import Cloud, Take, prompts
from pipeline.engines.errors import NoAudioError, RecitationBlockedError, RequestRefusedError
from pipeline.engines.heard import block_in, decoded, objects, refusal, unpacked
from pipeline.engines.vertex import Vertex, base_url, project_of

if TYPE_CHECKING:
    from pipeline.engines.interactions import Interactions

LYRIA_2_USD: Final = 0.06
LYRIA_3_CLIP_USD: Final = 0.04
LYRIA_3_PRO_USD: Final = 0.08
LYRIA_2_MODEL: Final = "lyria-002"
LYRIA_3_CLIP_MODEL: Final = "lyria-3-clip-preview"
LYRIA_3_PRO_MODEL: Final = "lyria-3-pro-preview"

_LYRIA_2_LOCATION: Final = "us-central1"


@dataclass(frozen=True)
class _Query:
    """One request to a model."""

    prompt: str
    seed: int


Ask = Callable[[_Query], Mapping[str, Any]]


@dataclass(frozen=True)
class _Model:
    """The names of an engine and its model, the price of a take, and the function that reads an answer's audio."""

    engine: str
    name: str
    usd: float
    audio_of: Callable[[Mapping[str, Any]], bytes]


@dataclass(frozen=True)
class Lyria3Model(_Model):
    """A model of Lyria 3; ``is_whole`` if it makes pieces of the length that the prompt asks for."""

    is_whole: bool = False


class Lyria2:
    """Lyria 2, which takes a negative prompt and a seed; the take has the seed of the request that succeeded."""

    name = "lyria-002"

    def __init__(self, url: str, vertex: Vertex) -> None:
        """``url`` is as ``lyria_2_url`` returns it."""
        self._url = url
        self._vertex = vertex

    def make(self, brief: Brief, seconds: float, seed: int, picture: bytes | None = None) -> Take:
        """Make about 30 s of music from the brief alone; raise EngineError."""
        del seconds, picture
        avoid = prompts.avoided(brief)

        def ask(query: _Query) -> Mapping[str, Any]:
            instance = {"prompt": query.prompt, "seed": query.seed} | ({"negative_prompt": avoid} if avoid else {})
            return self._vertex.post(self._url, {"instances": [instance], "parameters": {}})

        return _take(_LYRIA_2, ask, brief, seed)


class Lyria3:
    """A model of Lyria 3, which takes no negative prompt and no seed; the take has the seed that was requested."""

    def __init__(self, model: "Lyria3Model", interactions: "Interactions") -> None:
        self._model = model
        self._interactions = interactions

    @property
    def name(self) -> str:
        """The name of the engine in requests."""
        return self._model.engine

    def make(self, brief: Brief, seconds: float, seed: int, picture: bytes | None = None) -> Take:
        """Make music for the brief and the picture, a JPEG; raise EngineError."""
        avoid = prompts.avoided(brief)
        shape = prompts.intensity(brief) + (prompts.shaped(seconds) if self._model.is_whole else "")
        suffix = shape + " No vocals, no lyrics." + (f" Avoid: {avoid}." if avoid else "")

        def ask(query: _Query) -> Mapping[str, Any]:
            return self._interactions.create(self._model.name, query.prompt + suffix, picture)

        return replace(_take(self._model, ask, brief, seed), seed=seed)


def lyria_2_url(cloud: Cloud) -> str:
    """Return the URL of Lyria 2's predictions; raise EngineNotConfiguredError without a project."""
    parent = f"projects/{project_of(cloud)}/locations/{_LYRIA_2_LOCATION}"
    return f"{base_url(cloud, _LYRIA_2_LOCATION)}/v1/{parent}/publishers/google/models/{LYRIA_2_MODEL}:predict"


def _queries(brief: Brief, seed: int) -> Iterator[_Query]:
    """Yield the requests to make, the next one after each recitation block: another seed, then a plainer prompt."""
    another = (seed + 1) % (SEED[1] + 1)
    yield _Query(prompts.full(brief), seed)
    yield _Query(prompts.full(brief), another)
    yield _Query(prompts.plain(brief), another)


def _take(model: _Model, ask: Ask, brief: Brief, seed: int) -> Take:
    blocked = RecitationBlockedError(f"{model.engine} received no request")
    for query in _queries(brief, seed):
        try:
            answer, audio = _answer_with_audio(model, ask, query)
        except RecitationBlockedError as error:
            logs.warning("blocked by recitation checks", engine=model.engine, reason=str(error))
            blocked = error
        else:
            # Google charges for an answer with audio, not for a block.
            return Take(audio, model.engine, model.name, query.seed, model.usd, midi=None, form={}, answer=answer)
    raise blocked


def _answer_with_audio(model: _Model, ask: Ask, query: _Query) -> tuple[bytes, Audio]:
    # Lyria sometimes answers 200 without audio: repeat the request once.
    for _ in range(2):
        try:
            body = ask(query)
        except RequestRefusedError as error:
            raise refusal(str(error)) from error
        answer = model.audio_of(body)
        audio = decoded(answer)
        if audio is not None:
            return answer, audio
        blocked = block_in(body)
        if blocked is not None:
            raise blocked
        logs.warning("the answer has no audio", engine=model.engine, fields=sorted(body))
    raise NoAudioError(f"{model.engine} answered twice without audio")


def _prediction(body: Mapping[str, Any]) -> bytes:
    """Return the first audio of the predictions; the API documents ``audioContent`` and also sends the other name."""
    for prediction in objects(body, "predictions"):
        for name in ("bytesBase64Encoded", "audioContent"):
            if data := unpacked(prediction.get(name)):
                return data
    return b""


def _interaction(body: Mapping[str, Any]) -> bytes:
    """Return the first audio of an interaction, in its ``steps`` or, in older answers, in its ``outputs``."""
    steps = (step for step in objects(body, "steps") if step.get("type") != "user_input")
    contents = [*objects(body, "outputs"), *(content for step in steps for content in objects(step, "content"))]
    for content in contents:
        if content.get("type") == "audio" and (data := unpacked(content.get("data"))):
            return data
    return b""


_LYRIA_2: Final = _Model(Lyria2.name, LYRIA_2_MODEL, LYRIA_2_USD, _prediction)
LYRIA_3_CLIP: Final = Lyria3Model("lyria-3-clip", LYRIA_3_CLIP_MODEL, LYRIA_3_CLIP_USD, _interaction)
LYRIA_3_PRO: Final = Lyria3Model("lyria-3-pro", LYRIA_3_PRO_MODEL, LYRIA_3_PRO_USD, _interaction, is_whole=True)
