"""The security headers of the page, for every server that sends them.

They let the page load only its own scripts and styles, and connect only to this installation. Of Cloud Storage's
origin, which all customers share, they allow only the two buckets that the page uses.
"""

from dataclasses import dataclass
from typing import Final

_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: {results}",
    "media-src": "{results}",
    "connect-src": "'self' {api} {uploads} {results} {firestore}",
    "manifest-src": "'self'",
    "worker-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "musicgenerator",
}
_OTHER_HEADERS: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "strict-origin",
    "X-Content-Type-Options": "nosniff",
}
# Browsers ignore these directives in a <meta> element.
_HEADER_ONLY: Final = frozenset({"frame-ancestors"})


@dataclass(frozen=True)
class Destinations:
    """Where the page connects to: two origins, and Cloud Storage's address with the two buckets."""

    api: str
    firestore: str
    storage: str
    images_bucket: str
    results_bucket: str

    def sources(self) -> dict[str, str]:
        """Return the sources by name. A path that ends with a slash stands for everything below it."""
        return {
            "api": self.api,
            "firestore": self.firestore,
            "uploads": f"{self.storage}/{self.images_bucket}/",
            "results": f"{self.storage}/{self.results_bucket}/",
        }


def content_security_policy(destinations: Destinations, *, meta: bool = False) -> str:
    """Return the Content-Security-Policy, as a header or for a document's ``<meta>`` element."""
    directives = (f"{name} {sources}" for name, sources in _POLICY.items() if not (meta and name in _HEADER_ONLY))
    return "; ".join(directives).format_map(destinations.sources())


def security_headers(destinations: Destinations) -> dict[str, str]:
    """Return all headers, for the addresses that the page sends commands and pictures to, and reads from."""
    return {"Content-Security-Policy": content_security_policy(destinations), **_OTHER_HEADERS}
