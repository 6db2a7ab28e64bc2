"""Errors in the format of Google's APIs: https://cloud.google.com/apis/design/errors."""

from typing import Any, Final

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

_STATUSES: Final = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
}
_FALLBACKS: Final = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 405: "UNIMPLEMENTED", 413: "INVALID_ARGUMENT"}


class GoogleError(Exception):
    """An error with a name from google.rpc.Code and a message."""

    def __init__(self, status: str, message: str, *details: dict[str, Any]) -> None:
        """Take the error's details as messages, each with an ``@type``."""
        super().__init__(message)
        self.status = status
        self.details = details

    @property
    def code(self) -> int:
        """The HTTP status of the error."""
        return _STATUSES[self.status]

    def response(self) -> Response:
        """Return the response in Google's format."""
        error = {"code": self.code, "message": str(self), "status": self.status}
        if self.details:
            error["details"] = list(self.details)
        response = jsonify({"error": error})
        response.status_code = self.code
        return response


def answer_like_google(app: Flask) -> None:
    """Make an app answer its own and Flask's errors in Google's format."""

    @app.errorhandler(GoogleError)
    def _of_the_api(error: GoogleError) -> Response:
        return error.response()

    @app.errorhandler(HTTPException)
    def _of_the_framework(error: HTTPException) -> Response:
        status = _FALLBACKS.get(error.code or 500, "INTERNAL")
        return GoogleError(status, error.description or error.name).response()


def require_bearer() -> None:
    """Raise UNAUTHENTICATED for a request without an access token; any token is accepted."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise GoogleError(
            "UNAUTHENTICATED",
            "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or "
            "other valid authentication credential.",
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "CREDENTIALS_MISSING",
                "domain": "googleapis.com",
            },
        )
