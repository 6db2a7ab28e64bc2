"""Publishing to Pub/Sub, each message confirmed before the handler goes on."""

import functools
from typing import Any, Final

from musicgenerator.messages import ENGINE_ATTRIBUTE, CaptionMessage, PictureMessage

_PUBLISH_TIMEOUT_SECONDS: Final = 30.0


@functools.cache
def _publisher() -> Any:
    # Loaded with the first message: most cold starts publish nothing.
    from google.cloud import pubsub_v1

    return pubsub_v1.PublisherClient()


class PicturesTopic:
    """The topic that has the captioner take a picture up again."""

    def __init__(self, project: str, topic: str) -> None:
        """Publish to one topic of a project."""
        self._topic = f"projects/{project}/topics/{topic}"

    def announce(self, message: PictureMessage) -> None:
        """Publish one track."""
        _publisher().publish(self._topic, message.to_bytes()).result(timeout=_PUBLISH_TIMEOUT_SECONDS)


class CaptionsTopic:
    """The topic that wakes the pipeline launcher."""

    def __init__(self, project: str, topic: str) -> None:
        """Publish to one topic of a project."""
        self._topic = f"projects/{project}/topics/{topic}"

    def announce(self, message: CaptionMessage, engine: str) -> None:
        """Publish one take; the engine goes into an attribute, so that subscriptions can filter by it."""
        future = _publisher().publish(self._topic, message.to_bytes(), **{ENGINE_ATTRIBUTE: engine})
        future.result(timeout=_PUBLISH_TIMEOUT_SECONDS)
