"""The commands over HTTP: paths, JSON, problem documents and CORS."""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import flask
from bodies import Body, BodyReader
from command_requests import CommandRequest
from commanding import Commands
from erasing import Erasures
from exporting import Exporter
from liking import Likes
from marking_videos import VideoMarks
from moving import Mover
from outages import OUTAGES
from problems import (
    ForeignOriginError,
    OutageError,
    PausedError,
    ProblemError,
    UnknownPathError,
    UnknownSessionError,
    WrongContentTypeError,
    WrongMethodError,
)
from sessions import SessionOpener
from uploading import Uploads

from musicgenerator import ids, logs

_PREFLIGHT_SECONDS: Final = "3600"
_PAUSED_SECONDS: Final = "60"
_OUTAGE_SECONDS: Final = "5"
_IDS: Final = {"{session}": f"(?P<session>{ids.SESSION_PATTERN})", "{track}": f"(?P<track>{ids.TRACK_PATTERN})"}
# A page can send these to another origin without asking first.
_FORM_TYPES: Final = frozenset({"text/plain", "multipart/form-data"})
_DESCRIPTION: Final = Path(__file__).with_name("openapi.json")


class Switch(Protocol):
    def is_paused(self) -> bool: ...


@dataclass(frozen=True)
class HttpApi:
    """Turns HTTP requests into commands, and their outcomes into responses.

    CORS lets pages of ``origins`` read the responses; other clients than browsers need no permission.
    ``trusted_proxies`` is how many last entries of `X-Forwarded-For` are addresses of the operator's own proxies.
    """

    opener: SessionOpener
    uploads: Uploads
    commands: Commands
    exporter: Exporter
    likes: Likes
    mover: Mover
    erasures: Erasures
    switch: Switch
    origins: tuple[str, ...]
    trusted_proxies: int = 0
    bodies: BodyReader = field(default_factory=BodyReader)
    marks: VideoMarks = field(kw_only=True)

    def answer(self, request: flask.Request) -> flask.Response:
        """Answer one request; errors and outages become problem documents."""
        try:
            response = self._route(request)
        except ProblemError as problem:
            # The path names the session, and the problem's detail may quote what a person wrote.
            logs.warning("request refused", **_named(request), code=problem.code, **_field(problem))
            response = _problem(problem)
        except OUTAGES as outage:
            logs.error("request failed", **_named(request), reason=repr(outage))
            headers = {"Retry-After": _OUTAGE_SECONDS}
            response = _problem(OutageError("Send the same request again in a moment.", headers=headers))
        # No operation needs every body: OPTIONS, GET and DELETE read none.
        self.bodies.discard(request)
        response.headers["Cache-Control"] = "no-store"
        return self._with_cors(request, response)

    def _route(self, request: flask.Request) -> flask.Response:
        routes = {route.method: route for route in ROUTES if route.pattern.fullmatch(request.path)}
        if not routes:
            paths = ", ".join(dict.fromkeys(route.path for route in ROUTES))
            raise UnknownPathError(f"The paths are {paths}.")
        if request.method == "OPTIONS":
            return _preflight(", ".join(routes))
        route = routes.get(request.method)
        if route is None:
            allowed = ", ".join((*routes, "OPTIONS"))
            raise WrongMethodError(f"Send one of {allowed}.", headers={"Allow": allowed})
        if request.method == "POST" and self.switch.is_paused():
            raise PausedError("Please come back later.", headers={"Retry-After": _PAUSED_SECONDS})
        match = route.pattern.fullmatch(request.path)
        return route.answer(self, request, match.groupdict() if match else {})

    def describe(self, _: flask.Request, __: Mapping[str, str]) -> flask.Response:
        """Return the OpenAPI document."""
        return flask.Response(_DESCRIPTION.read_bytes(), content_type="application/json")

    def open_session(self, request: flask.Request, _: Mapping[str, str]) -> flask.Response:
        """Open a session and return its id and secret."""
        self._check_origin(request)
        opened = self.opener.open_session(Body(self.bodies, request), _key(request), self._address(request))
        return _json(
            201, {"session": opened.session, "secret": opened.secret, "expiresAt": opened.expires_at.isoformat()}
        )

    def announce_track(self, request: flask.Request, names: Mapping[str, str]) -> flask.Response:
        """Create a track and return the signed upload of its picture."""
        return _json(201, asdict(self.uploads.announce_track(self._command(request, names))))

    def again(self, request: flask.Request, names: Mapping[str, str]) -> flask.Response:
        """Create another track from the same picture."""
        return _json(201, asdict(self.commands.again(self._command(request, names))))

    def cancel(self, request: flask.Request, names: Mapping[str, str]) -> flask.Response:
        """Cancel a track."""
        return _json(200, asdict(self.commands.cancel(self._command(request, names))))

    def mark(self, request: flask.Request, names: Mapping[str, str]) -> flask.Response:
        """Return the mark of a video of a track."""
        return _json(200, asdict(self.marks.mark(self._command(request, names))))

    def retry(self, request: flask.Request, names: Mapping[str, str]) -> flask.Response:
        """Start the next attempt of a failed track."""
        return _json(200, asdict(self.commands.retry(self._command(request, names))))

    def stems(self, request: flask.Request, names: Mapping[str, str]) -> flask.Response:
        """Create the track that makes a track's stems."""
        return _json(201, asdict(self.exporter.stems(self._command(request, names))))

    def loop(self, request: flask.Request, names: Mapping[str, str]) -> flask.Response:
        """Create the track that makes a track's loop."""
        return _json(201, asdict(self.exporter.loop(self._command(request, names))))

    def like(self, request: flask.Request, names: Mapping[str, str]) -> flask.Response:
        """Set whether the person likes a track."""
        return _json(200, asdict(self.likes.like(self._command(request, names))))

    def move(self, request: flask.Request, names: Mapping[str, str]) -> flask.Response:
        """Keep what the page has sealed for another device, and return the code that receives it."""
        offered = self.mover.move(self._command(request, names))
        return _json(201, {"code": offered.code, "expiresAt": offered.expires_at.isoformat()})

    def claim_move(self, request: flask.Request, _: Mapping[str, str]) -> flask.Response:
        """Return what a code receives, once."""
        self._check_origin(request)
        return _json(200, {"sealed": self.mover.claim(Body(self.bodies, request), self._address(request))})

    def erase_session(self, request: flask.Request, names: Mapping[str, str]) -> flask.Response:
        """Delete a session."""
        self.erasures.erase_session(names["session"], _secret(request))
        return flask.Response(status=204)

    def erase_track(self, request: flask.Request, names: Mapping[str, str]) -> flask.Response:
        """Delete a track."""
        self.erasures.erase_track(names["session"], _secret(request), names["track"])
        return flask.Response(status=204)

    def _command(self, request: flask.Request, names: Mapping[str, str]) -> CommandRequest:
        return CommandRequest(
            session=names["session"],
            secret=_secret(request),
            track=names.get("track", ""),
            body=Body(self.bodies, request),
            key=_key(request),
            address=self._address(request),
        )

    def _check_origin(self, request: flask.Request) -> None:
        # A command needs an Authorization header, which a page of another origin cannot send without asking first.
        # A new session and a claim need none, so any page could send them with its visitors' browsers.
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self.origins:
            raise ForeignOriginError("Only pages in ALLOWED_ORIGINS may open or receive sessions.")
        if request.mimetype in _FORM_TYPES:
            raise WrongContentTypeError("Send the body as application/json.")

    def _address(self, request: flask.Request) -> str:
        # The first proxy appends the client's address, and each further one the address of the one before it.
        # The client may have forged the entries before its address.
        entries = request.headers.get("X-Forwarded-For", "").split(",")
        address = entries[-1 - self.trusted_proxies].strip() if len(entries) > self.trusted_proxies else ""
        return address or request.remote_addr or ""

    def _with_cors(self, request: flask.Request, response: flask.Response) -> flask.Response:
        origin = request.headers.get("Origin")
        response.headers["Vary"] = "Origin"
        if origin in self.origins:
            response.headers["Access-Control-Allow-Origin"] = str(origin)
            response.headers["Access-Control-Expose-Headers"] = "Retry-After"
        return response


@dataclass(frozen=True)
class Route:
    """One operation: method, ``path`` as in the OpenAPI document, and the method that answers it."""

    method: str
    path: str
    answer: Callable[[HttpApi, flask.Request, Mapping[str, str]], flask.Response]

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """Return a pattern that matches the operation's paths, with the ids as named groups."""
        return re.compile("".join(_IDS.get(part, re.escape(part)) for part in re.split(r"({\w+})", self.path)))


_SESSION: Final = "/v1/sessions/{session}"
_TRACK: Final = "/v1/sessions/{session}/tracks/{track}"
ROUTES: Final = (
    Route("GET", "/v1/openapi.json", HttpApi.describe),
    Route("POST", "/v1/sessions", HttpApi.open_session),
    Route("DELETE", _SESSION, HttpApi.erase_session),
    Route("POST", f"{_SESSION}:move", HttpApi.move),
    Route("POST", "/v1/moves:claim", HttpApi.claim_move),
    Route("POST", f"{_SESSION}/tracks", HttpApi.announce_track),
    Route("DELETE", _TRACK, HttpApi.erase_track),
    Route("POST", f"{_TRACK}:again", HttpApi.again),
    Route("POST", f"{_TRACK}:cancel", HttpApi.cancel),
    Route("POST", f"{_TRACK}:loop", HttpApi.loop),
    Route("POST", f"{_TRACK}:mark", HttpApi.mark),
    Route("POST", f"{_TRACK}:retry", HttpApi.retry),
    Route("POST", f"{_TRACK}:like", HttpApi.like),
    Route("POST", f"{_TRACK}:stems", HttpApi.stems),
)


def _named(request: flask.Request) -> dict[str, str]:
    """Return a request's method, its path without the session, and its track for a log line."""
    for route in ROUTES:
        if match := route.pattern.fullmatch(request.path):
            track = match.groupdict().get("track")
            return {"method": request.method, "path": route.path} | ({"track": track} if track else {})
    return {"method": request.method, "path": "unknown"}


def _field(problem: ProblemError) -> dict[str, str]:
    return {"field": str(problem.members["field"])} if "field" in problem.members else {}


def _preflight(methods: str) -> flask.Response:
    response = flask.Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = methods
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Idempotency-Key"
    response.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
    return response


def _key(request: flask.Request) -> str | None:
    return request.headers.get("Idempotency-Key")


def _secret(request: flask.Request) -> str:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _json(status: int, body: Mapping[str, Any]) -> flask.Response:
    response = flask.jsonify(body)
    response.status_code = status
    return response


def _problem(problem: ProblemError) -> flask.Response:
    response = _json(problem.status, problem.to_mapping())
    response.content_type = "application/problem+json"
    if isinstance(problem, UnknownSessionError):
        response.headers["WWW-Authenticate"] = "Bearer"
    response.headers.update(problem.headers)
    return response
