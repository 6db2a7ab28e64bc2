"""Errors of Cloud Storage's XML API: https://cloud.google.com/storage/docs/xml-api/reference-status."""

from typing import Final
from xml.sax.saxutils import escape

_STATUSES: Final = {
    "BadDigest": 400,
    "EntityTooLarge": 400,
    "EntityTooSmall": 400,
    "ExpiredToken": 400,
    "InvalidArgument": 400,
    "InvalidDigest": 400,
    "MalformedSecurityHeader": 400,
    "MissingSecurityHeader": 400,
    "AuthenticationRequired": 401,
    "AccessDenied": 403,
    "RequestTimeTooSkewed": 403,
    "SignatureDoesNotMatch": 403,
    "PreconditionFailed": 412,
    "NotImplemented": 501,
    "ServiceUnavailable": 503,
}


class RefusalError(Exception):
    """A refused request, with the XML API's error code and a message."""

    def __init__(self, code: str, message: str) -> None:
        """Take one of the XML API's error codes, which decides the HTTP status."""
        super().__init__(message)
        self.code = code
        self.status = _STATUSES[code]

    def to_xml(self) -> bytes:
        """Return the XML document of the response."""
        error = f"<Error><Code>{self.code}</Code><Message>{escape(str(self))}</Message></Error>"
        return f"<?xml version='1.0' encoding='UTF-8'?>{error}".encode()
