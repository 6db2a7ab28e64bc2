"""CORS headers as a bucket's CORS configuration gives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from localcloud.addresses import IMAGES_BUCKET, RESULTS_BUCKET
from localcloud.storage_front.targets import Target

METHODS: Final = ("GET", "HEAD", "PUT")
UPLOAD_HEADERS: Final = ("Content-Type", "x-goog-content-length-range", "x-goog-if-generation-match")

_BUCKETS: Final = frozenset({IMAGES_BUCKET, RESULTS_BUCKET})
_MAX_AGE_SECONDS: Final = 3600


@dataclass(frozen=True)
class Cors:
    """The CORS configuration of the page's buckets; ``origins`` are exact."""

    origins: frozenset[str]

    def headers(self, method: str, target: Target, sent: Mapping[str, str]) -> dict[str, str]:
        """Return the CORS headers of a response to ``method``; none for an unknown origin."""
        preflight = method == "OPTIONS"
        asked = sent.get("Access-Control-Request-Method", "") if preflight else method
        origin = sent.get("Origin", "")
        if target.is_json_api or target.bucket not in _BUCKETS or origin not in self.origins or asked not in METHODS:
            return {}
        headers = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if not preflight:
            return headers | {"Access-Control-Expose-Headers": ", ".join(UPLOAD_HEADERS)}
        return headers | {
            "Access-Control-Allow-Methods": ", ".join(METHODS),
            "Access-Control-Allow-Headers": ", ".join(UPLOAD_HEADERS),
            "Access-Control-Max-Age": str(_MAX_AGE_SECONDS),
        }
