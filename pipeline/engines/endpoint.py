"""A custom model on a Vertex AI endpoint, served by ``pipeline/model_server`` or a server with the same API.

An instance is ``{prompt, negative_prompt, seconds, seed}``; a prediction is
``{bytesBase64Encoded, mimeType, model}`` with a WAV, FLAC, MP3 or Ogg file.
"""

import re
from typing import Final

from musicgenerator.briefs import Brief
from pipeline.engines import Cloud, Take, prompts
from pipeline.engines.errors import EngineNotConfiguredError, NoAudioError
from pipeline.engines.heard import decoded, objects, unpacked
from pipeline.engines.vertex import Vertex, base_url

_ENDPOINT: Final = re.compile(r"(https://[^/]+/v1/)?projects/[^/]+/locations/([a-z0-9-]+)/endpoints/[A-Za-z0-9-]+")


class Endpoint:
    """The model on one endpoint; its machines are paid by the hour, so a take costs 0."""

    name = "endpoint"

    def __init__(self, url: str, vertex: Vertex) -> None:
        """``url`` is as ``predict_url`` returns it."""
        self._url = url
        self._vertex = vertex

    def make(self, brief: Brief, seconds: float, seed: int, picture: bytes | None = None) -> Take:
        """Make ``seconds`` of music from the brief alone, or as much as the model can; raise EngineError."""
        del picture
        instance = {
            "prompt": prompts.full(brief),
            "negative_prompt": prompts.avoided(brief),
            "seconds": seconds,
            "seed": seed,
        }
        body = self._vertex.post(self._url, {"instances": [instance], "parameters": {}})
        for prediction in objects(body, "predictions"):
            answer = unpacked(prediction.get("bytesBase64Encoded"))
            audio = decoded(answer)
            if audio is not None:
                model = str(prediction.get("model") or body.get("modelDisplayName") or "unnamed")
                return Take(audio, self.name, model, seed, 0.0, midi=None, form={}, answer=answer)
        raise NoAudioError(f"the endpoint answered without audio, with {sorted(body)}")


def predict_url(cloud: Cloud) -> str:
    """Return the URL of the endpoint's predictions; raise EngineNotConfiguredError if ``endpoint`` is no valid name."""
    named = _ENDPOINT.fullmatch(cloud.endpoint)
    if named is None:
        problem = f", not {cloud.endpoint!r}" if cloud.endpoint else ""
        raise EngineNotConfiguredError(f"set MODEL_ENDPOINT=projects/P/locations/L/endpoints/E{problem}")
    dedicated, location = named.groups()
    return f"{'' if dedicated else base_url(cloud, location) + '/v1/'}{cloud.endpoint}:predict"
