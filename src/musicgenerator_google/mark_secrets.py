"""Read the operator's certificates and key from Secret Manager.

One secret holds both as PEM, so that they are always a pair. The deployment pins its version.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

from musicgenerator.errors import TransientError
from musicgenerator.marks.signers import Signer

GOOGLE: Final = "https://secretmanager.googleapis.com"
_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_TIMEOUT_SECONDS: Final = 10.0
_TRIES: Final = 4
_PAUSE_SECONDS: Final = 0.5
_BUSY: Final = (429, 500, 502, 503, 504)


class SigningKeyError(TransientError):
    """The secret cannot be read, or is no certificates with their key; the message holds nothing of it."""


def signer_of_environ(environ: Mapping[str, str]) -> Signer | None:
    """Return the signer that ``MARK_SIGNER`` names, or None if it is not set; raise SigningKeyError."""
    version = environ.get("MARK_SIGNER", "").strip()
    return signer_in(version, environ.get("SECRETS_URL", "")) if version else None


def signer_in(version: str, secrets_url: str = "") -> Signer:
    """Return the signer in a secret's version, ``projects/P/secrets/S/versions/V``; raise SigningKeyError.

    ``secrets_url`` is the address of Secret Manager, empty for Google's.
    """
    import google.auth
    import requests
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import AuthorizedSession
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    from musicgenerator_google.mark_signer import PemSigner

    url = f"{secrets_url.rstrip('/') or GOOGLE}/v1/{version}:access"
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        with AuthorizedSession(credentials) as session:
            again = HTTPAdapter(max_retries=Retry(_TRIES, backoff_factor=_PAUSE_SECONDS, status_forcelist=_BUSY))
            session.mount(url, again)
            answer = session.get(url, timeout=_TIMEOUT_SECONDS)
            answer.raise_for_status()
        body: Any = answer.json()
        text = base64.b64decode(body["payload"]["data"], validate=True).decode()
    except (GoogleAuthError, requests.RequestException) as error:
        raise SigningKeyError(f"{version} cannot be read: {error}") from None
    except (KeyError, TypeError, ValueError):
        raise SigningKeyError(f"{version} cannot be read: the answer has no text") from None
    return PemSigner.from_pem(text)
