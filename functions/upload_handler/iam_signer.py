"""Signatures by a service account that nobody runs as and that has no key file: IAM's ``signBlob``."""

import base64
from typing import Final

from google.auth.credentials import Signing
from google.auth.exceptions import TransportError
from google.auth.transport.requests import AuthorizedSession

_SIGN_TIMEOUT_SECONDS: Final = 20


class IamSigner(Signing):  # type: ignore[misc]  # google.auth has no types
    """Signs with the key that IAM keeps for the signer's account."""

    def __init__(self, session: AuthorizedSession, url: str, email: str) -> None:
        """Call the IAM Credentials API at ``url`` as this function, for the account ``email``."""
        self._session = session
        self._url = f"{url}/v1/projects/-/serviceAccounts/{email}:signBlob"
        self._email = email

    def sign_bytes(self, message: bytes) -> bytes:
        """Return the RSA-SHA256 signature of a message; raise TransportError where IAM does not give one."""
        body = {"payload": base64.b64encode(message).decode()}
        response = self._session.post(self._url, json=body, timeout=_SIGN_TIMEOUT_SECONDS)
        if not response.ok:
            raise TransportError(f"signBlob answered {response.status_code}: {response.text}")
        return base64.b64decode(response.json()["signedBlob"])

    @property
    def signer_email(self) -> str:
        """The account whose signature it is."""
        return self._email

    @property
    def signer(self) -> "IamSigner":
        """What signs: the object itself, which holds no key that could be handed on."""
        return self
