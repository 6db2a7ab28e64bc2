"""Errors of a grant that has no effect yet.

IAM says that a grant takes effect after two minutes, and sometimes after seven or more.
"""

from typing import Final

from infra.gcloud import Patience

_WHY: Final = "a new grant takes effect after two minutes, and sometimes after seven or more"
_SECONDS: Final = 600

BUILD: Final = Patience(
    r"does not have storage\.[a-z.]+ access"
    r"|artifactregistry\.repositories\.uploadArtifacts' denied"
    r"|PUSH_NOT_AUTHORIZED",
    _SECONDS,
    _WHY,
)
FUNCTION: Final = Patience(
    "Access to bucket .* denied|Permission denied on secret|uploadArtifacts' denied", _SECONDS, _WHY
)
TRIGGER: Final = Patience(
    "Permission denied while using the Eventarc Service Agent"
    "|service account for your bucket is unable to publish"
    '|Permission "eventarc.events.receiveEvent" denied',
    _SECONDS,
    _WHY,
)
