"""What a request can get wrong, one class a reason, answered as an RFC 9457 problem document.

ProblemError
├── InvalidRequestError 400, UnknownSessionError 401, UnknownPathError 404, UnknownTrackError 404,
├── WrongMethodError 405, WrongStateError 409, TooManyBytesError 413, UnsupportedTypeError 415,
├── KeyReusedError 422, LimitReachedError 429
└── PausedError 503, OutageError 503
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from musicgenerator.errors import MusicgeneratorError


class ProblemError(MusicgeneratorError):
    """A request that is answered with a problem document; ``detail`` says what to do, ``headers`` go beside it."""

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        """Say in a sentence what is wrong; further members go into the document as they are."""
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
    """The body or a field of it cannot be used; ``field`` names which."""

    status, code, title = 400, "invalid_request", "The request is not valid"


class UnknownSessionError(ProblemError):
    """No session with this id and secret, or it has expired: one answer, so that ids cannot be tried out."""

    status, code, title = 401, "unknown_session", "The session is unknown or has expired"


class UnknownPathError(ProblemError):
    """Nothing lives at this path."""

    status, code, title = 404, "not_found", "There is nothing here"


class UnknownTrackError(ProblemError):
    """The session has no such track: another session's is answered like none."""

    status, code, title = 404, "unknown_track", "The session has no such track"


class WrongMethodError(ProblemError):
    """The path exists, but not for this method."""

    status, code, title = 405, "method_not_allowed", "This method is not allowed here"


class WrongStateError(ProblemError):
    """The track stands where this command makes no sense."""

    status, code, title = 409, "wrong_state", "The track's state does not allow this"


class TooManyBytesError(ProblemError):
    """The picture that is announced is larger than what is accepted."""

    status, code, title = 413, "too_large", "The picture is too large"


class UnsupportedTypeError(ProblemError):
    """The picture that is announced is of a type that is not accepted."""

    status, code, title = 415, "unsupported_format", "This picture format is not supported"


class KeyReusedError(ProblemError):
    """An idempotency key came back with another body."""

    status, code, title = 422, "idempotency_key_reused", "This Idempotency-Key belongs to another request"


class LimitReachedError(ProblemError):
    """As much as one session, one address or everybody may ask for has been asked for today."""

    status, code, title = 429, "limit_reached", "A limit of today is reached"


class PausedError(ProblemError):
    """The operator has paused the system."""

    status, code, title = 503, "paused", "The service is paused"


class OutageError(ProblemError):
    """Something that this function needs does not answer."""

    status, code, title = 503, "unavailable", "The service is not available now"
