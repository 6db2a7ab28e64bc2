"""Errors as Google's APIs answer them: https://cloud.google.com/apis/design/errors."""

from typing import Any, Final

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

_STATUSES: Final = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
}
_FALLBACKS: Final = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 405: "UNIMPLEMENTED", 413: "INVALID_ARGUMENT"}


class GoogleError(Exception):
    """What an API refuses, as one of google.rpc.Code's names and a sentence for a person."""

    def __init__(self, status: str, message: str, *details: dict[str, Any]) -> None:
        """``details`` are messages with an ``@type`` each."""
        super().__init__(message)
        self.status = status
        self.details = details

    @property
    def code(self) -> int:
        """The HTTP status that goes with the error."""
        return _STATUSES[self.status]

    def response(self) -> Response:
        """Return the answer in Google's format."""
        error = {"code": self.code, "message": str(self), "status": self.status}
        if self.details:
            error["details"] = list(self.details)
        response = jsonify({"error": error})
        response.status_code = self.code
        return response


def answer_like_google(app: Flask) -> None:
    """Make an app answer its own errors, and those of its framework, in Google's format."""

    @app.errorhandler(GoogleError)
    def _of_the_api(error: GoogleError) -> Response:
        return error.response()

    @app.errorhandler(HTTPException)
    def _of_the_framework(error: HTTPException) -> Response:
        status = _FALLBACKS.get(error.code or 500, "INTERNAL")
        return GoogleError(status, error.description or error.name).response()


def require_bearer() -> None:
    """Raise UNAUTHENTICATED for a request without an access token; which token it is does not matter here."""
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
