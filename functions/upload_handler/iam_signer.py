"""Sign with IAM's ``signBlob`` for a service account that has no key file."""

import base64
from typing import Final

from google.auth.credentials import Signing
from google.auth.exceptions import TransportError
from google.auth.transport.requests import AuthorizedSession

_SIGN_TIMEOUT_SECONDS: Final = 20


class IamSigner(Signing):  # type: ignore[misc]  # google.auth has no types
    """Signs as the account ``email``, by the IAM Credentials API at ``url``."""

    def __init__(self, session: AuthorizedSession, url: str, email: str) -> None:
        self._session = session
        self._url = f"{url}/v1/projects/-/serviceAccounts/{email}:signBlob"
        self._email = email

    def sign_bytes(self, message: bytes) -> bytes:
        """Return the RSA-SHA256 signature of a message; raise TransportError if IAM refuses."""
        body = {"payload": base64.b64encode(message).decode()}
        response = self._session.post(self._url, json=body, timeout=_SIGN_TIMEOUT_SECONDS)
        if not response.ok:
            raise TransportError(f"signBlob answered {response.status_code}: {response.text}")
        return base64.b64decode(response.json()["signedBlob"])

    @property
    def signer_email(self) -> str:
        """The account that signs."""
        return self._email

    @property
    def signer(self) -> "IamSigner":
        """The object itself, since it has no separate key."""
        return self
