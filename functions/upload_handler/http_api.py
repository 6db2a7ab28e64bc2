"""The HTTP face of the commands: paths, JSON, problem documents and CORS."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import flask
from problems import InvalidRequestError, ProblemError, UnknownPathError, UnknownSessionError, WrongMethodError
from uploading import Uploads

from musicgenerator import logs

_BODY_AT_MOST: Final = 16_384
_SESSIONS: Final = re.compile(r"/v1/sessions")
_TRACKS: Final = re.compile(r"/v1/sessions/([^/]+)/tracks")
_PREFLIGHT_SECONDS: Final = "3600"


class HttpApi:
    """Turns HTTP requests into commands and their outcomes into answers."""

    def __init__(self, uploads: Uploads, origins: tuple[str, ...]) -> None:
        """Serve pages of these origins; every other client needs no permission of CORS."""
        self._uploads = uploads
        self._origins = origins

    def answer(self, request: flask.Request) -> flask.Response:
        """Answer one request."""
        try:
            response = self._preflight() if request.method == "OPTIONS" else self._route(request)
        except ProblemError as problem:
            logs.warning("request refused", path=request.path, code=problem.code, reason=problem.detail)
            response = flask.jsonify(problem.to_mapping())
            response.status_code = problem.status
            response.content_type = "application/problem+json"
            if problem.status == WrongMethodError.status:
                response.headers["Allow"] = "POST, OPTIONS"
            if problem.status == UnknownSessionError.status:
                response.headers["WWW-Authenticate"] = "Bearer"
        response.headers["Cache-Control"] = "no-store"
        return self._with_cors(request, response)

    def _route(self, request: flask.Request) -> flask.Response:
        sessions, tracks = _SESSIONS.fullmatch(request.path), _TRACKS.fullmatch(request.path)
        if not sessions and not tracks:
            raise UnknownPathError("The paths are /v1/sessions and /v1/sessions/SESSION/tracks.")
        if request.method != "POST":
            raise WrongMethodError("Send a POST.")
        body, key = _body(request), request.headers.get("Idempotency-Key")
        if tracks:
            announced = self._uploads.announce_track(tracks[1], _secret(request), body, key)
            return _created(asdict(announced))
        opened = self._uploads.open_session(body, key)
        return _created(
            {"session": opened.session, "secret": opened.secret, "expiresAt": opened.expires_at.isoformat()}
        )

    def _preflight(self) -> flask.Response:
        response = flask.Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = "POST"
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Idempotency-Key"
        response.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
        return response

    def _with_cors(self, request: flask.Request, response: flask.Response) -> flask.Response:
        origin = request.headers.get("Origin")
        response.headers["Vary"] = "Origin"
        if origin in self._origins:
            response.headers["Access-Control-Allow-Origin"] = str(origin)
        return response


def _body(request: flask.Request) -> Mapping[str, Any]:
    # A chunked body tells no length in advance, so the reading itself is bounded.
    data = request.stream.read(_BODY_AT_MOST + 1)
    if len(data) > _BODY_AT_MOST:
        raise InvalidRequestError(f"The body may have at most {_BODY_AT_MOST:,} bytes.")
    if not data:
        return {}
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InvalidRequestError("The body must be a JSON object.")
    return body


def _secret(request: flask.Request) -> str:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _created(body: Mapping[str, Any]) -> flask.Response:
    response = flask.jsonify(body)
    response.status_code = 201
    return response
