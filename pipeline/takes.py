"""Store a take as one file, so that a run after an interrupted one masters the same take."""

import base64
import json
from io import BytesIO

import soundfile

from pipeline.audio import Audio
from pipeline.engines import Take
from pipeline.engines.errors import NoAudioError
from pipeline.engines.heard import decoded


def stored(take: Take) -> bytes:
    """Return the take as JSON; its audio is the engine's encoded audio, or else a WAV with float samples."""
    document = {
        "engine": take.engine,
        "model": take.model,
        "seed": take.seed,
        "costUsd": take.cost_usd,
        "fallbackFrom": take.fallback_from,
        "form": take.form,
        "midi": _text(take.midi),
        "score": _text(take.score),
        "isAnswer": take.answer is not None,
        "audio": base64.b64encode(take.answer or _wav(take.audio)).decode(),
    }
    return json.dumps(document, ensure_ascii=False).encode()


def recalled(data: bytes) -> Take:
    """Return the take that ``stored`` wrote, with equal samples; raise NoAudioError if its audio cannot be read."""
    document = json.loads(data)
    encoded = base64.b64decode(document["audio"])
    audio = decoded(encoded)
    if audio is None:
        raise NoAudioError("the take that an earlier run left cannot be read")
    return Take(
        audio=audio,
        engine=document["engine"],
        model=document["model"],
        seed=document["seed"],
        cost_usd=document["costUsd"],
        midi=_data(document["midi"]),
        form=document["form"],
        # An earlier release did not store whether the audio is the engine's own answer; it mostly is.
        answer=encoded if document.get("isAnswer", True) else None,
        fallback_from=document["fallbackFrom"],
        score=_data(document.get("score")),  # an earlier release stored takes without one
    )


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _data(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _wav(audio: Audio) -> bytes:
    out = BytesIO()
    soundfile.write(out, audio.samples, audio.rate, format="WAV", subtype="FLOAT")
    return out.getvalue()
