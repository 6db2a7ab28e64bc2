"""Read the operator's certificates and key from Secret Manager.

One secret holds both as PEM, so that they are always a pair. The deployment pins its version.
"""

import base64
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from musicgenerator import logs
from musicgenerator.marks.signers import Signer, SigningKeyError, SigningKeyRefusedError

GOOGLE: Final = "https://secretmanager.googleapis.com"
_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_TIMEOUT_SECONDS: Final = 10.0
_TRIES: Final = 4
_PAUSE_SECONDS: Final = 0.5
_BUSY: Final = (429, 500, 502, 503, 504)
_FORBIDDEN: Final = 403
# A new grant takes effect after two minutes, and sometimes after seven or more.
LATE_GRANT_SECONDS: Final = 600.0
_LATE_PAUSE_SECONDS: Final = 10.0


def signer_of_environ(environ: Mapping[str, str]) -> Signer | None:
    """Return the signer that ``MARK_SIGNER`` names, or None if it is not set; raise SigningKeyError."""
    version = environ.get("MARK_SIGNER", "").strip()
    return signer_in(version, environ.get("SECRETS_URL", "")) if version else None


def granted_signer_in(
    version: str,
    secrets_url: str = "",
    seconds: float = LATE_GRANT_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> Signer:
    """Return the signer as ``signer_in`` does, but wait up to some seconds for a grant that has no effect yet.

    Raises SigningKeyRefusedError after that, and another SigningKeyError at once.
    """
    left = seconds
    while True:
        try:
            return signer_in(version, secrets_url)
        except SigningKeyRefusedError as error:
            if left <= 0:
                raise
            logs.warning("the key of the marks is refused; a new grant may be late", reason=str(error), seconds=left)
            sleep(min(_LATE_PAUSE_SECONDS, left))
            left -= _LATE_PAUSE_SECONDS


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
            if answer.status_code == _FORBIDDEN:
                raise SigningKeyRefusedError(
                    f"Secret Manager refuses this account {version}: it needs secretmanager.secretAccessor on the"
                    " secret, which `make deploy` grants. Without the key nothing is made, since it would have no mark"
                )
            answer.raise_for_status()
        body: Any = answer.json()
        text = base64.b64decode(body["payload"]["data"], validate=True).decode()
    except (GoogleAuthError, requests.RequestException) as error:
        raise SigningKeyError(f"{version} cannot be read: {error}") from None
    except (KeyError, TypeError, ValueError):
        raise SigningKeyError(f"{version} cannot be read: the answer has no text") from None
    return PemSigner.from_pem(text)
