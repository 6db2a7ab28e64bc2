"""The quota of pipeline submissions: so many create requests a minute, for each project and region."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Final, Self

from localcloud.servers.google_errors import GoogleError

_MINUTE: Final = 60.0
_SERVICE: Final = "aiplatform.googleapis.com"
_METRIC: Final = f"{_SERVICE}/pipeline_job_requests"


class Submissions:
    """Counts submissions; ``per_minute`` 0 means no limit. ``clock`` returns seconds."""

    def __init__(self, per_minute: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._moments: defaultdict[str, deque[float]] = defaultdict(deque)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read ``SUBMISSIONS_PER_MINUTE``."""
        return cls(int(environ.get("SUBMISSIONS_PER_MINUTE") or 0))

    def count(self, parent: str) -> None:
        """Count a submission to ``projects/P/locations/L``; raise RESOURCE_EXHAUSTED beyond the limit.

        Requests that fail for another reason count too, those that are refused here do not.
        """
        if not self._per_minute:
            return
        with self._lock:
            now, moments = self._clock(), self._moments[parent]
            while moments and moments[0] <= now - _MINUTE:
                moments.popleft()
            if len(moments) >= self._per_minute:
                raise _exhausted(parent, self._per_minute)
            moments.append(now)


def _exhausted(parent: str, limit: int) -> GoogleError:
    _, project, _, location = parent.split("/")
    return GoogleError(
        "RESOURCE_EXHAUSTED",
        f"Quota exceeded for quota metric 'Pipeline job requests' and limit 'Pipeline job requests per minute per "
        f"region' of service '{_SERVICE}' for consumer 'project:{project}'.",
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "RATE_LIMIT_EXCEEDED",
            "domain": "googleapis.com",
            "metadata": {
                "service": _SERVICE,
                "consumer": f"projects/{project}",
                "quota_metric": _METRIC,
                "quota_location": location,
                "quota_limit_value": str(limit),
            },
        },
    )
