"""The errors of requests, one class per reason, answered as RFC 9457 problem documents.

ProblemError
├── InvalidRequestError 400, UnknownSessionError 401, ForeignOriginError 403, EngineRefusedError 403,
├── UnknownPathError 404, UnknownTrackError 404, UnknownMoveError 404, WrongMethodError 405, SlowBodyError 408,
├── WrongStateError 409, TooManyBytesError 413, UnsupportedTypeError 415, WrongContentTypeError 415,
├── KeyReusedError 422, LimitReachedError 429
└── PausedError 503, OutageError 503
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from musicgenerator.errors import MusicgeneratorError


class ProblemError(MusicgeneratorError):
    """A problem document: ``detail`` says what to do; ``headers`` and ``members`` are added to the response."""

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def to_mapping(self) -> dict[str, Any]:
        """Return the problem document."""
        return {
            "type": f"urn:musicgenerator:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        } | self.members


class InvalidRequestError(ProblemError):
    """The body or one of its fields is invalid; ``field`` names it."""

    status, code, title = 400, "invalid_request", "The request is not valid"


class UnknownSessionError(ProblemError):
    """The id or the secret is wrong, or the session has expired; one error for all, so that ids cannot be probed."""

    status, code, title = 401, "unknown_session", "The session is unknown or has expired"


class ForeignOriginError(ProblemError):
    """A page of an origin that is not allowed asks for a session."""

    status, code, title = 403, "origin_not_allowed", "This page may not use the API"


class EngineRefusedError(ProblemError):
    """The request names an engine that the operator does not offer; ``field`` names the field."""

    status, code, title = 403, "engine_not_allowed", "This engine is not offered"


class UnknownPathError(ProblemError):
    """No operation has this path."""

    status, code, title = 404, "not_found", "There is nothing here"


class UnknownTrackError(ProblemError):
    """The session has no such track; the same error for a track of another session."""

    status, code, title = 404, "unknown_track", "The session has no such track"


class UnknownMoveError(ProblemError):
    """The code is unknown, used or expired; one error for all, so that codes cannot be probed."""

    status, code, title = 404, "unknown_move", "The code is unknown, used or expired"


class WrongMethodError(ProblemError):
    """The path does not support this method."""

    status, code, title = 405, "method_not_allowed", "This method is not allowed here"


class SlowBodyError(ProblemError):
    """The body did not arrive in time."""

    status, code, title = 408, "request_timeout", "The request took too long to arrive"


class WrongStateError(ProblemError):
    """The track's state does not allow this command."""

    status, code, title = 409, "wrong_state", "The track's state does not allow this"


class TooManyBytesError(ProblemError):
    """The announced picture is too large."""

    status, code, title = 413, "too_large", "The picture is too large"


class UnsupportedTypeError(ProblemError):
    """The announced picture's content type is not accepted."""

    status, code, title = 415, "unsupported_format", "This picture format is not supported"


class WrongContentTypeError(ProblemError):
    """The request's body is not sent as JSON."""

    status, code, title = 415, "wrong_content_type", "The body must be JSON"


class KeyReusedError(ProblemError):
    """An idempotency key was used before with another body."""

    status, code, title = 422, "idempotency_key_reused", "This Idempotency-Key belongs to another request"


class LimitReachedError(ProblemError):
    """Today's limit of the session, the address or the whole installation is reached."""

    status, code, title = 429, "limit_reached", "A limit of today is reached"


class PausedError(ProblemError):
    """The operator has paused the installation."""

    status, code, title = 503, "paused", "The service is paused"


class OutageError(ProblemError):
    """A Google Cloud service that this function needs does not answer."""

    status, code, title = 503, "unavailable", "The service is not available now"


def unknown_session() -> UnknownSessionError:
    """Return the problem of a command whose session is unknown, has expired or has ended."""
    return UnknownSessionError("Start a new session and send its secret as 'Authorization: Bearer SECRET'.")
