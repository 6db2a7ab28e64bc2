"""Create interactions with google-genai: https://ai.google.dev/gemini-api/docs/interactions."""

import base64
from collections.abc import Mapping
from typing import Any, Final

from google import genai
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google.genai._interactions import APIError  # what interactions.create raises; no public module has it
from google.genai.interactions import Interaction
from google.genai.types import HttpOptions, HttpRetryOptions

from pipeline.engines import Cloud
from pipeline.engines.errors import EngineNotConfiguredError
from pipeline.engines.patience import BusyError, Patience, failure
from pipeline.engines.vertex import base_url, default_credentials, project_of

_LOCATION: Final = "global"
_REFUSED: Final = 400
# ``interactions.create`` reads 0 and 1 as one retry and sleeps for any Retry-After; only -1 turns its retries off.
_ONE_ATTEMPT: Final = HttpRetryOptions(attempts=-1)


def signed_in(cloud: Cloud, credentials: Credentials | None = None) -> genai.Client:
    """Return a client with these credentials, or else the environment's.

    Raise EngineNotConfiguredError without a project or credentials.
    """
    return genai.Client(
        enterprise=True,
        project=project_of(cloud),
        location=_LOCATION,
        credentials=credentials or default_credentials(),
        http_options=HttpOptions(
            base_url=base_url(cloud, _LOCATION), api_version="v1beta1", retry_options=_ONE_ATTEMPT
        ),
    )


class Interactions:
    """Creates interactions, within one patience."""

    def __init__(self, client: genai.Client, patience: Patience) -> None:
        """``client`` is as ``signed_in`` returns it, without retries."""
        self._client = client
        self._patience = patience

    def create(self, model: str, prompt: str, picture: bytes | None) -> Mapping[str, Any]:
        """Return the interaction as a JSON object, or an empty one if the answer is something else.

        ``picture`` is a JPEG that the model looks at beside the prompt. The errors are those of ``Vertex.post``.
        """
        contents: list[dict[str, str]] = [{"type": "text", "text": prompt}]
        if picture is not None:
            data = base64.b64encode(picture).decode()
            contents.append({"type": "image", "data": data, "mime_type": "image/jpeg"})
        return self._patience.request(lambda timeout_seconds: self._create(model, contents, timeout_seconds))

    def _create(self, model: str, contents: list[dict[str, str]], timeout_seconds: float) -> Mapping[str, Any]:
        try:
            # Google stores an interaction for 7 days unless ``store`` is false.
            interaction = self._client.interactions.create(
                model=model, input=contents, store=False, timeout=timeout_seconds, automatic_continuation=False
            )
        except APIError as error:
            if error.status_code is None:
                raise BusyError(f"{type(error).__name__}: {error}") from error
            if error.status_code >= _REFUSED:
                raise failure(error.status_code, error.body, error.response.headers) from error
            return {}
        except TransportError as error:
            raise BusyError(f"{type(error).__name__}: {error}") from error
        except GoogleAuthError as error:
            raise EngineNotConfiguredError(f"Vertex AI does not accept the credentials: {error}") from error
        # The client does not validate an answer; ``warnings=False`` lets a field of an unexpected type pass.
        return interaction.model_dump(warnings=False) if isinstance(interaction, Interaction) else {}
