"""A take as one file, so that the run after one that was cut off finishes the same music."""

import base64
import json
from io import BytesIO

import soundfile

from pipeline.audio import Audio
from pipeline.engines import Take
from pipeline.engines.errors import NoAudioError
from pipeline.engines.heard import decoded


def kept(take: Take) -> bytes:
    """Return the take as JSON; its audio is what the engine answered, or a WAV of floats."""
    document = {
        "engine": take.engine,
        "model": take.model,
        "seed": take.seed,
        "costUsd": take.cost_usd,
        "fallbackFrom": take.fallback_from,
        "form": take.form,
        "midi": None if take.midi is None else base64.b64encode(take.midi).decode(),
        "audio": base64.b64encode(take.answer or _wav(take.audio)).decode(),
    }
    return json.dumps(document, ensure_ascii=False).encode()


def recalled(data: bytes) -> Take:
    """Return the take of ``kept``, equal to the last sample; raise NoAudioError if its audio cannot be read."""
    document = json.loads(data)
    answer = base64.b64decode(document["audio"])
    audio = decoded(answer)
    if audio is None:
        raise NoAudioError("the take that an earlier run left cannot be read")
    return Take(
        audio=audio,
        engine=document["engine"],
        model=document["model"],
        seed=document["seed"],
        cost_usd=document["costUsd"],
        midi=None if document["midi"] is None else base64.b64decode(document["midi"]),
        form=document["form"],
        answer=answer,
        fallback_from=document["fallbackFrom"],
    )


def _wav(audio: Audio) -> bytes:
    out = BytesIO()
    soundfile.write(out, audio.samples, audio.rate, format="WAV", subtype="FLOAT")
    return out.getvalue()
