"""Predict one request at a time, with a bounded queue."""

import base64
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

MAX_INSTANCES: Final = 8
PROMPT_LENGTH: Final = 4000
LENGTH_SECONDS: Final = (1.0, 600.0)
SEED: Final = (0, 2**63 - 1)
MIME_TYPE: Final = "audio/flac"


class PredictionError(Exception):
    """A request without a prediction; ``status`` is its HTTP status."""

    status = 500


class InstanceError(PredictionError):
    """A field of the request is missing or out of bounds."""

    status = 400


class QueueFullError(PredictionError):
    """The maximum number of requests is waiting."""

    status = 429


class NotReadyError(PredictionError):
    """The model is still loading, or the server is stopping."""

    status = 503


class Model(Protocol):
    """A text-to-music model."""

    @property
    def name(self) -> str:
        """The name of the model in the provenance of its music."""

    @property
    def longest_seconds(self) -> float:
        """The longest music that one call can make."""

    def make(self, prompt: str, seconds: float, seed: int) -> bytes:
        """Return a FLAC file; the same arguments give the same music on the same machine."""


@dataclass(frozen=True)
class Instance:
    """One piece of music to make; a negative prompt is accepted and ignored."""

    prompt: str
    seconds: float
    seed: int

    @classmethod
    def from_json(cls, value: object, where: str) -> Self:
        """Read an instance; raise InstanceError with the name of the invalid field."""
        if not isinstance(value, dict):
            raise InstanceError(f"{where} must be an object")
        prompt = value.get("prompt")
        if not isinstance(prompt, str) or not prompt.strip() or len(prompt) > PROMPT_LENGTH:
            raise InstanceError(f"{where}.prompt must be a text of 1 to {PROMPT_LENGTH} characters")
        return cls(
            prompt,
            float(_number(value, "seconds", where, LENGTH_SECONDS, 30)),
            int(_number(value, "seed", where, SEED, 0)),
        )


def _number(value: Mapping[str, Any], field: str, where: str, bounds: tuple[float, float], default: float) -> float:
    number = value.get(field, default)
    low, high = bounds
    if isinstance(number, bool) or not isinstance(number, int | float) or not low <= number <= high:
        raise InstanceError(f"{where}.{field} must be a number from {low} to {high}, not {number!r}")
    return number


def instances_of(body: object) -> Sequence[Instance]:
    """Read the body of a request; raise InstanceError with the name of the invalid field."""
    values = body.get("instances") if isinstance(body, dict) else None
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_INSTANCES:
        raise InstanceError(f"instances must be a list of 1 to {MAX_INSTANCES} objects")
    return [Instance.from_json(value, f"instances[{index}]") for index, value in enumerate(values)]


class Predictor:
    """Serves one request at a time, once the model is ready; up to ``places`` more may wait."""

    def __init__(self, places: int, is_ending: Callable[[], bool] = lambda: False) -> None:
        """``is_ending`` returns whether the server is stopping and accepts no more requests."""
        self._model: Model | None = None
        self._places = threading.BoundedSemaphore(1 + places)
        self._turn = threading.Lock()
        self._is_ending = is_ending

    @property
    def is_ready(self) -> bool:
        """Whether it accepts requests."""
        return self._model is not None and not self._is_ending()

    def ready(self, model: Model) -> None:
        """Start to serve with this model."""
        self._model = model

    def predict(self, instances: Sequence[Instance]) -> list[dict[str, Any]]:
        """Return a prediction for each instance, in order; raise NotReadyError or QueueFullError without waiting."""
        model = self._model
        if model is None:
            raise NotReadyError("the model is being loaded")
        with self._place(), self._turn:
            # Requests that still wait when the server stops are refused, so that the client retries on another server.
            if self._is_ending():
                raise NotReadyError("the server is ending")
            return [_prediction(model, instance) for instance in instances]

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise QueueFullError("the queue is full")
        try:
            yield
        finally:
            self._places.release()


def _prediction(model: Model, instance: Instance) -> dict[str, Any]:
    seconds = min(instance.seconds, model.longest_seconds)
    sound = model.make(instance.prompt, seconds, instance.seed)
    return {"bytesBase64Encoded": base64.b64encode(sound).decode(), "mimeType": MIME_TYPE, "model": model.name}
