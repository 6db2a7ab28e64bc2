"""Parse a request's target: the JSON API, or a bucket or object of the XML API."""

import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote_to_bytes

from localcloud.storage_front.refusals import RefusalError

_JSON_API: Final = re.compile(r"/(?:(?:(?:resumable/)?upload/|download/|batch/)?storage/v1|upload/resumable)(?:/|$)")


@dataclass(frozen=True)
class Target:
    """A request's path as it was sent, its query parameters, and its bucket and object.

    ``bucket`` and ``object`` are decoded and valid only for the XML API; each may be empty.
    """

    path: str
    query: tuple[tuple[str, str], ...]
    bucket: str
    object: str

    @classmethod
    def parse(cls, raw: str) -> Self:
        """Parse a request's target; raise InvalidArgument if it is no path or no UTF-8."""
        path, _, query = raw.partition("?")
        # With a fragment or an absolute URL the storage would see another path than the one checked here.
        if not path.startswith("/") or "#" in raw:
            raise RefusalError("InvalidArgument", "The request's target must be a path.")
        bucket, _, name = path[1:].partition("/")
        pairs = (pair.partition("=") for pair in query.split("&") if pair)
        try:
            return cls(
                path,
                tuple((_decoded(name), _decoded(value)) for name, _, value in pairs),
                _decoded(bucket),
                _decoded(name),
            )
        except UnicodeDecodeError as error:
            raise RefusalError("InvalidArgument", "The path and its parameters must be UTF-8.") from error

    @property
    def is_json_api(self) -> bool:
        """Tell whether the JSON API answers; decided by the undecoded path, as in fake-gcs-server."""
        return _JSON_API.match(self.path) is not None


def _decoded(text: str) -> str:
    return unquote_to_bytes(text).decode()
