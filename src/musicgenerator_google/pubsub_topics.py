"""Publishing to Pub/Sub, each message confirmed before the handler goes on."""

from typing import Final

from google.cloud import pubsub_v1

from musicgenerator.messages import ENGINE_ATTRIBUTE, CaptionMessage, PictureMessage

_SECONDS: Final = 30.0


class PicturesTopic:
    """The topic that has the captioner take a picture up again."""

    def __init__(self, client: pubsub_v1.PublisherClient, project: str, topic: str) -> None:
        """Publish to one topic of a project."""
        self._client = client
        self._topic = client.topic_path(project, topic)

    def announce(self, message: PictureMessage) -> None:
        """Publish one track."""
        self._client.publish(self._topic, message.to_bytes()).result(timeout=_SECONDS)


class CaptionsTopic:
    """The topic that wakes the pipeline launcher."""

    def __init__(self, client: pubsub_v1.PublisherClient, project: str, topic: str) -> None:
        """Publish to one topic of a project."""
        self._client = client
        self._topic = client.topic_path(project, topic)

    def announce(self, message: CaptionMessage, engine: str) -> None:
        """Publish one take; the engine goes into an attribute, so that subscriptions can filter by it."""
        future = self._client.publish(self._topic, message.to_bytes(), **{ENGINE_ATTRIBUTE: engine})
        future.result(timeout=_SECONDS)
