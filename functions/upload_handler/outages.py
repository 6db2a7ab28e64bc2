"""The errors that mean that a Google Cloud service does not answer."""

from typing import Final

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from requests import RequestException

from musicgenerator.errors import TransientError

OUTAGES: Final = (GoogleAPIError, GoogleAuthError, RequestException, TransientError, TimeoutError, ConnectionError)
