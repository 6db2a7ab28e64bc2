"""Google's Lyria on Vertex AI: Lyria 2 (``lyria-002``) and the clips of Lyria 3.

Both make about half a minute of instrumental music; the mastering fits its length.
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
LYRIA_2_MODEL: Final = "lyria-002"
LYRIA_3_CLIP_MODEL: Final = "lyria-3-clip-preview"

_LYRIA_2_LOCATION: Final = "us-central1"


@dataclass(frozen=True)
class Wish:
    """One way of asking."""

    prompt: str
    seed: int


Ask = Callable[[Wish], Mapping[str, Any]]


@dataclass(frozen=True)
class _Model:
    """A model's names, the price of a take in USD, and what reads the sound out of its answers."""

    engine: str
    name: str
    usd: float
    sound_of: Callable[[Mapping[str, Any]], bytes]


class Lyria2:
    """Lyria 2, which takes a negative prompt and a seed; the take's seed is the one that gave the sound."""

    name = "lyria-002"

    def __init__(self, url: str, vertex: Vertex) -> None:
        """``url`` is the model's, as ``lyria_2_url`` gives it."""
        self._url = url
        self._vertex = vertex

    def make(self, brief: Brief, seconds: float, seed: int) -> Take:
        """Make about 30 s, whatever the ``seconds``; raise EngineError."""
        del seconds
        avoid = prompts.avoided(brief)

        def ask(wish: Wish) -> Mapping[str, Any]:
            instance = {"prompt": wish.prompt, "seed": wish.seed} | ({"negative_prompt": avoid} if avoid else {})
            return self._vertex.post(self._url, {"instances": [instance], "parameters": {}})

        return _take(_LYRIA_2, ask, brief, seed)


class Lyria3Clip:
    """Lyria 3's clip model, which knows no negative prompt and no seed: the take's seed is the one that was asked."""

    name = "lyria-3-clip"

    def __init__(self, interactions: "Interactions") -> None:
        self._interactions = interactions

    def make(self, brief: Brief, seconds: float, seed: int) -> Take:
        """Make about 30 s, whatever the ``seconds``; raise EngineError."""
        del seconds
        avoid = prompts.avoided(brief)
        rest = " No vocals, no lyrics." + (f" Avoid: {avoid}." if avoid else "")

        def ask(wish: Wish) -> Mapping[str, Any]:
            return self._interactions.create(LYRIA_3_CLIP_MODEL, wish.prompt + rest)

        return replace(_take(_LYRIA_3_CLIP, ask, brief, seed), seed=seed)


def lyria_2_url(cloud: Cloud) -> str:
    """Return where Lyria 2 answers; raise EngineNotConfiguredError without a project."""
    parent = f"projects/{project_of(cloud)}/locations/{_LYRIA_2_LOCATION}"
    return f"{base_url(cloud, _LYRIA_2_LOCATION)}/v1/{parent}/publishers/google/models/{LYRIA_2_MODEL}:predict"


def _wishes(brief: Brief, seed: int) -> Iterator[Wish]:
    """Yield the ways to ask, one after another for as long as what comes of it is taken for known music."""
    another = (seed + 1) % (SEED[1] + 1)
    yield Wish(prompts.full(brief), seed)
    yield Wish(prompts.full(brief), another)
    yield Wish(prompts.plain(brief), another)


def _take(model: _Model, ask: Ask, brief: Brief, seed: int) -> Take:
    blocked = RecitationBlockedError(f"{model.engine} was not asked")
    for wish in _wishes(brief, seed):
        try:
            answer, audio = _heard(model, ask, wish)
        except RecitationBlockedError as error:
            logs.warning("taken for known music", engine=model.engine, reason=str(error))
            blocked = error
        else:
            # Only an answer with sound in it is charged; a block is not.
            return Take(audio, model.engine, model.name, wish.seed, model.usd, midi=None, form={}, answer=answer)
    raise blocked


def _heard(model: _Model, ask: Ask, wish: Wish) -> tuple[bytes, Audio]:
    # Lyria has been seen to answer 200 without a sound: it is asked once more, and not a third time.
    for _ in range(2):
        try:
            body = ask(wish)
        except RequestRefusedError as error:
            raise refusal(str(error)) from error
        answer = model.sound_of(body)
        audio = decoded(answer)
        if audio is not None:
            return answer, audio
        blocked = block_in(body)
        if blocked is not None:
            raise blocked
        logs.warning("an answer without sound", engine=model.engine, fields=sorted(body))
    raise NoAudioError(f"{model.engine} answered twice without sound")


def _prediction(body: Mapping[str, Any]) -> bytes:
    """Return the first prediction's sound, under the name that is answered or the one that is documented."""
    for prediction in objects(body, "predictions"):
        for name in ("bytesBase64Encoded", "audioContent"):
            if sound := unpacked(prediction.get(name)):
                return sound
    return b""


def _interaction(body: Mapping[str, Any]) -> bytes:
    """Return the first sound of an interaction, in the flat ``outputs`` or in the content of its ``steps``."""
    steps = (step for step in objects(body, "steps") if step.get("type") != "user_input")
    contents = [*objects(body, "outputs"), *(content for step in steps for content in objects(step, "content"))]
    for content in contents:
        if content.get("type") == "audio" and (sound := unpacked(content.get("data"))):
            return sound
    return b""


_LYRIA_2: Final = _Model(Lyria2.name, LYRIA_2_MODEL, LYRIA_2_USD, _prediction)
_LYRIA_3_CLIP: Final = _Model(Lyria3Clip.name, LYRIA_3_CLIP_MODEL, LYRIA_3_CLIP_USD, _interaction)
