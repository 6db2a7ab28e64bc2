"""Script the models' next answers, for tests and developers.

``POST /localcloud/script`` with ``{"model": "lyria-002", "answers": [...]}`` sets the answers to that model's next
requests, one each; after them it answers music again. ``model`` is one of ``MODELS``. An answer is a name from
``FAILURES`` or from ``SHAPES``, or ``{"status": 400, "body": {...}, "headers": {...}}``.
``GET /localcloud/script?model=lyria-002`` answers ``{"answersLeft": 0, "requests": [the latest bodies]}``.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from localcloud.servers.google_errors import GoogleError

MUSIC: Final = "music"
# Each API has been seen to answer in two shapes.
OTHER_SHAPE: Final = "music in the other shape"
# Lyria 3's music has content credentials; these answers have none, or some that do not fit their bytes.
WITHOUT_CREDENTIALS: Final = "music without credentials"
ALTERED: Final = "music that was altered"
SHAPES: Final = (MUSIC, OTHER_SHAPE, WITHOUT_CREDENTIALS, ALTERED)
MODELS: Final = ("lyria-002", "lyria-3-clip-preview", "lyria-3-pro-preview", "endpoint")

_REQUESTS_REMEMBERED: Final = 50


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, or music if ``shape`` is one of ``SHAPES``."""

    status: int = 200
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    shape: str = ""

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read an answer of a script; raise INVALID_ARGUMENT if it is none."""
        if value in SHAPES:
            return cls(shape=str(value))
        if isinstance(value, str) and value in FAILURES:
            status, body = FAILURES[value]
            return cls(status, body)
        if isinstance(value, dict) and isinstance(value.get("status"), int):
            return cls(value["status"], value.get("body", {}), value.get("headers", {}))
        names = ", ".join((*SHAPES, *FAILURES))
        raise GoogleError("INVALID_ARGUMENT", f"An answer is one of {names}, or an object with a status, not {value}.")


def _error(code: int, status: str, message: str) -> tuple[int, dict[str, Any]]:
    return code, {"error": {"code": code, "message": message, "status": status}}


# Messages that Google's APIs have been seen to answer, as far as they are known.
FAILURES: Final[Mapping[str, tuple[int, Mapping[str, Any]]]] = {
    "recitation": _error(
        400,
        "INVALID_ARGUMENT",
        "Audio generation failed with the following error: All responses were blocked by recitation checks. "
        "Please modify your prompt and try again.",
    ),
    "safety": _error(
        400,
        "INVALID_ARGUMENT",
        "The prompt could not be submitted. It contains words that violate Google's Responsible AI practices.",
    ),
    "filtered": (200, {"predictions": [{"raiFilteredReason": "The audio was filtered: safety."}]}),
    "failed": (
        200,
        {
            "status": "failed",
            "steps": [{"type": "model_output", "error": {"code": 3, "message": "Blocked by safety filters."}}],
        },
    ),
    "no audio": (200, {"predictions": [{"mimeType": "audio/wav"}], "status": "completed", "outputs": []}),
    "not audio": (
        200,
        {
            "predictions": [{"bytesBase64Encoded": "bm8gc291bmQ="}],
            "outputs": [{"type": "audio", "mime_type": "audio/mpeg", "data": "bm8gc291bmQ="}],
        },
    ),
    "language": _error(400, "INVALID_ARGUMENT", "Unsupported language detected. Only en-us is supported."),
    "forbidden": _error(403, "PERMISSION_DENIED", "Permission 'aiplatform.endpoints.predict' denied."),
    "quota": _error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for aiplatform.googleapis.com."),
    "internal": _error(500, "INTERNAL", "Internal error encountered."),
    "unavailable": _error(503, "UNAVAILABLE", "The service is currently unavailable."),
}


class Scripts:
    """Each model's next answers and its latest requests; thread-safe."""

    def __init__(self) -> None:
        self._answers: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self._requests: defaultdict[str, deque[Any]] = defaultdict(lambda: deque(maxlen=_REQUESTS_REMEMBERED))
        self._lock = threading.Lock()

    def set(self, script: object) -> None:
        """Replace a model's answers and forget its requests; raise INVALID_ARGUMENT if ``script`` is none."""
        model = script.get("model") if isinstance(script, dict) else None
        answers = script.get("answers") if isinstance(script, dict) else None
        if model not in MODELS or not isinstance(answers, list):
            raise GoogleError("INVALID_ARGUMENT", f"A script has a model ({', '.join(MODELS)}) and a list of answers.")
        parsed = [Answer.from_json(answer) for answer in answers]
        with self._lock:
            self._answers[model] = deque(parsed)
            self._requests[model].clear()

    def next(self, model: str, request: object) -> Answer:
        """Return the model's answer to this request."""
        with self._lock:
            self._requests[model].append(request)
            return self._answers[model].popleft() if self._answers[model] else Answer(shape=MUSIC)

    def to_json(self, model: str) -> dict[str, Any]:
        """Return how many answers are left, and the requests since they were set."""
        with self._lock:
            return {"answersLeft": len(self._answers[model]), "requests": list(self._requests[model])}
