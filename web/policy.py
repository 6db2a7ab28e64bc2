"""The security headers of the page, for every server that sends them.

They let the page load only its own scripts and styles, and connect only to the origins of this installation.
"""

from typing import Final

_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: {storage}",
    "media-src": "{storage}",
    "connect-src": "'self' {api} {storage} {firestore}",
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


def content_security_policy(*, api: str, storage: str, firestore: str, meta: bool = False) -> str:
    """Return the Content-Security-Policy for these origins, as a header or for a document's ``<meta>`` element."""
    directives = (f"{name} {sources}" for name, sources in _POLICY.items() if not (meta and name in _HEADER_ONLY))
    return "; ".join(directives).format(api=api, storage=storage, firestore=firestore)


def security_headers(*, api: str, storage: str, firestore: str) -> dict[str, str]:
    """Return all headers, for the origins that the page sends commands to, and reads files and documents from."""
    policy = content_security_policy(api=api, storage=storage, firestore=firestore)
    return {"Content-Security-Policy": policy, **_OTHER_HEADERS}
