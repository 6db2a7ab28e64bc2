"""Vertex AI over plain authorised HTTP: JSON in, JSON out, patient with whatever passes by itself."""

import random
import time
from collections.abc import Mapping
from typing import Any, Final

import google.auth
import requests
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.auth.transport.requests import AuthorizedSession

from musicgenerator import logs
from pipeline.engines import Cloud
from pipeline.engines.errors import EngineNotConfiguredError, EngineUnavailableError, RequestRefusedError

# The step's own time limit has room for two engines, one after the other, and for mastering and encoding.
PATIENCE_SECONDS: Final = 400.0
ANSWER_SECONDS: Final = 300.0

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_CONNECT_SECONDS: Final = 10.0
_FIRST_WAIT_SECONDS: Final = 2.0
_LONGEST_WAIT_SECONDS: Final = 60.0
_BUSY: Final = (408, 429)
_SERVER_ERRORS: Final = 500
_REFUSED: Final = 400
_WORDS: Final = 500


def signed_in() -> requests.Session:
    """Return a session that authorises its requests; raise EngineNotConfiguredError where there are no credentials."""
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except DefaultCredentialsError as error:
        raise EngineNotConfiguredError("run gcloud auth application-default login") from error
    session: requests.Session = AuthorizedSession(credentials)
    return session


def base_url(cloud: Cloud, location: str) -> str:
    """Return the address of Vertex AI in a location, without a slash at the end."""
    host = "aiplatform" if location == "global" else f"{location}-aiplatform"
    return cloud.vertex_url.rstrip("/") or f"https://{host}.googleapis.com"


class Vertex:
    """The API for one run of the step; its patience counts from when it is made, over all of its calls."""

    def __init__(
        self,
        session: requests.Session,
        patience_seconds: float = PATIENCE_SECONDS,
        first_wait_seconds: float = _FIRST_WAIT_SECONDS,
    ) -> None:
        """``session`` authorises; the first of the doubling waits is ``first_wait_seconds`` at most."""
        self._session = session
        self._until = time.monotonic() + patience_seconds
        self._first_wait = first_wait_seconds

    def post(self, url: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer's JSON object, empty where the body is none.

        429, 5xx and a broken connection are tried again with growing waits while patience lasts, then raised as
        EngineUnavailableError; any other refusal is raised at once as RequestRefusedError with the API's words.
        """
        wait = self._first_wait
        while True:
            answer, problem = self._sent(url, body)
            if answer is not None:
                if answer.status_code < _REFUSED:
                    return _object(answer)
                problem = f"{answer.status_code}: {_words(answer)}"
                if answer.status_code < _SERVER_ERRORS and answer.status_code not in _BUSY:
                    raise RequestRefusedError(problem)
            pause = max(wait * random.uniform(0.5, 1.0), _retry_after(answer))
            if time.monotonic() + pause >= self._until:
                raise EngineUnavailableError(f"the engine is not to be had: {problem}")
            logs.warning("the engine is busy", reason=problem, waitSeconds=round(pause, 1))
            time.sleep(pause)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    def _sent(self, url: str, body: Mapping[str, Any]) -> tuple[requests.Response | None, str]:
        left = max(self._until - time.monotonic(), 0.1)
        # An answer that is lost may have been paid for: asking again then costs twice, and is bounded by the patience.
        limits = (min(_CONNECT_SECONDS, left), min(ANSWER_SECONDS, left))
        try:
            return self._session.post(url, json=body, timeout=limits), ""
        except (requests.RequestException, TransportError) as error:
            return None, f"{type(error).__name__}: {error}"
        except GoogleAuthError as error:
            raise EngineNotConfiguredError(f"Vertex AI does not accept the credentials: {error}") from error


def _object(answer: requests.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _words(answer: requests.Response) -> str:
    error = _object(answer).get("error")
    message = error.get("message") if isinstance(error, dict) else None
    return str(message or answer.text)[:_WORDS]


def _retry_after(answer: requests.Response | None) -> float:
    asked = "" if answer is None else answer.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else 0.0
