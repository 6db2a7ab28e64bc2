"""Send predictions to Vertex AI by authorised HTTP; docs/decisions/0021 says why not by Google's client."""

from collections.abc import Mapping
from typing import Any, Final

import google.auth
import requests
from google.auth.credentials import Credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.auth.transport.requests import AuthorizedSession

from pipeline.engines import Cloud
from pipeline.engines.errors import EngineNotConfiguredError
from pipeline.engines.patience import BusyError, Patience, failure

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_CONNECT_SECONDS: Final = 10.0
_REFUSED: Final = 400


def default_credentials() -> Credentials:
    """Return the environment's credentials; raise EngineNotConfiguredError if it has none."""
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except DefaultCredentialsError as error:
        raise EngineNotConfiguredError("run gcloud auth application-default login") from error
    return credentials


def signed_in() -> requests.Session:
    """Return a session that authorises its requests; raise EngineNotConfiguredError if there are no credentials."""
    session: requests.Session = AuthorizedSession(default_credentials())
    return session


def base_url(cloud: Cloud, location: str) -> str:
    """Return the address of Vertex AI in a location, without a slash at the end."""
    host = "aiplatform" if location == "global" else f"{location}-aiplatform"
    return cloud.vertex_url.rstrip("/") or f"https://{host}.googleapis.com"


def project_of(cloud: Cloud) -> str:
    """Return the project; raise EngineNotConfiguredError if there is none."""
    if not cloud.project:
        raise EngineNotConfiguredError("set GOOGLE_CLOUD_PROJECT")
    return cloud.project


class Vertex:
    """Sends requests to Vertex AI, within one patience."""

    def __init__(self, session: requests.Session, patience: Patience) -> None:
        """``session`` authorises its requests."""
        self._session = session
        self._patience = patience

    def post(self, url: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer's JSON object, or an empty one if the answer is something else.

        Retry 408, 429, 5xx and a broken connection while patience lasts, then raise EngineUnavailableError.
        Raise RequestRefusedError with the API's words for any other refusal.
        """
        return self._patience.request(lambda timeout_seconds: self._send(url, body, timeout_seconds))

    def _send(self, url: str, body: Mapping[str, Any], timeout_seconds: float) -> Mapping[str, Any]:
        limits = (min(_CONNECT_SECONDS, timeout_seconds), timeout_seconds)
        try:
            answer = self._session.post(url, json=body, timeout=limits)
        except (requests.RequestException, TransportError) as error:
            raise BusyError(f"{type(error).__name__}: {error}") from error
        except GoogleAuthError as error:
            raise EngineNotConfiguredError(f"Vertex AI does not accept the credentials: {error}") from error
        value = _json(answer)
        if answer.status_code >= _REFUSED:
            raise failure(answer.status_code, answer.text if value is None else value, answer.headers)
        return value if isinstance(value, dict) else {}


def _json(answer: requests.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return None
