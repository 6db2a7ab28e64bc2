"""Publish to Pub/Sub and wait for each message's confirmation."""

import functools
from collections.abc import Mapping
from typing import Any, Final

from musicgenerator.messages import ENGINE_ATTRIBUTE, CaptionMessage, GatheredMessage, PictureMessage, Wake
from musicgenerator.settings import required

_PUBLISH_TIMEOUT_SECONDS: Final = 30.0


@functools.cache
def _publisher() -> Any:
    # Import it with the first message, because most cold starts publish nothing.
    from google.cloud import pubsub_v1

    return pubsub_v1.PublisherClient()


def _path(environ: Mapping[str, str], name: str) -> str:
    return f"projects/{required(environ, 'GOOGLE_CLOUD_PROJECT')}/topics/{required(environ, name)}"


class PicturesTopic:
    """The topic that makes the captioner process a picture again."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Read the environment; raise SettingMissingError naming a variable that is not set."""
        self._topic = _path(environ, "PICTURES_TOPIC")

    def announce(self, message: PictureMessage) -> None:
        """Publish a message; return when it is confirmed."""
        _publisher().publish(self._topic, message.to_bytes()).result(timeout=_PUBLISH_TIMEOUT_SECONDS)

    def wake(self) -> None:
        """Publish a wake; return when it is confirmed."""
        _publisher().publish(self._topic, Wake().to_bytes()).result(timeout=_PUBLISH_TIMEOUT_SECONDS)


class CaptionsTopic:
    """The topic that triggers the pipeline launcher and the sketcher."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Read the environment; raise SettingMissingError naming a variable that is not set."""
        self._topic = _path(environ, "CAPTIONS_TOPIC")

    def announce(self, message: CaptionMessage | GatheredMessage, engine: str) -> None:
        """Publish a message, with the engine as an attribute that subscriptions can filter by."""
        future = _publisher().publish(self._topic, message.to_bytes(), **{ENGINE_ATTRIBUTE: engine})
        future.result(timeout=_PUBLISH_TIMEOUT_SECONDS)

    def wake(self) -> None:
        """Publish a wake; return when it is confirmed."""
        _publisher().publish(self._topic, Wake().to_bytes()).result(timeout=_PUBLISH_TIMEOUT_SECONDS)
