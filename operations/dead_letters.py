"""Messages that were given up on: listed with their reasons, and replayed.

``python -m operations.dead_letters`` lists them and leaves them where they are.
Reads ``GOOGLE_CLOUD_PROJECT`` and ``DEAD_LETTERS``, pairs ``subscription:topic``: the topic is where a message of that
subscription is published again. The local cloud's are those of ``make env``.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from google.api_core import exceptions

from musicgenerator.settings import SettingInvalidError, required, words
from operations.clients import publisher_client, subscriber_client

_AT_ONCE: Final = 100
_RPC_TIMEOUT_SECONDS: Final = 10.0
_SILENCE_SECONDS: Final = 3.0
_ATTRIBUTES: Final = "CloudPubSubDeadLetterSource"


@dataclass(frozen=True)
class DeadLetter:
    """A message that was given up on, and the subscription that holds it."""

    subscription: str
    ack_id: str
    data: bytes
    attributes: dict[str, str]

    def describe(self) -> str:
        """Return one line: where from, how often tried, why, and what."""
        tried = self.attributes.get(f"{_ATTRIBUTES}DeliveryCount", "?")
        reason = self.attributes.get(f"{_ATTRIBUTES}DeliveryErrorMessage", "see the function's log")
        what = self.data[:160].decode(errors="replace")
        return f"{self.subscription}  tried {tried} times  {reason}\n    {what}"


class DeadLetters:
    """The dead letters of one project."""

    def __init__(self, project: str, pairs: dict[str, str]) -> None:
        """Look into these subscriptions; each pair names the topic that its messages are replayed on."""
        self._subscriber = subscriber_client()
        self._publisher = publisher_client()
        self._pairs = {
            self._subscriber.subscription_path(project, subscription): self._publisher.topic_path(project, topic)
            for subscription, topic in pairs.items()
        }

    def listed(self) -> list[DeadLetter]:
        """Return what is there and give it back at once."""
        letters = self._all()
        for letter in letters:
            self._subscriber.modify_ack_deadline(
                subscription=letter.subscription, ack_ids=[letter.ack_id], ack_deadline_seconds=0
            )
        return letters

    def replay(self) -> list[DeadLetter]:
        """Publish what is there again and take it away, each only when its new message is confirmed."""
        letters = self._all()
        for letter in letters:
            kept = {name: value for name, value in letter.attributes.items() if not name.startswith(_ATTRIBUTES)}
            self._publisher.publish(self._pairs[letter.subscription], letter.data, **kept).result(
                timeout=_RPC_TIMEOUT_SECONDS
            )
            self._subscriber.acknowledge(subscription=letter.subscription, ack_ids=[letter.ack_id])
        return letters

    def _all(self) -> list[DeadLetter]:
        # Side by side, since a subscription is known to be empty only after a silence.
        with ThreadPoolExecutor(len(self._pairs) or 1) as threads:
            return [letter for found in threads.map(self._pulled, self._pairs) for letter in found]

    def _pulled(self, subscription: str) -> list[DeadLetter]:
        found: list[DeadLetter] = []
        while True:
            try:
                answer: Any = self._subscriber.pull(
                    subscription=subscription, max_messages=_AT_ONCE, timeout=_SILENCE_SECONDS, retry=None
                )
            except exceptions.DeadlineExceeded:
                return found
            if not answer.received_messages:
                return found
            for received in answer.received_messages:
                message = received.message
                letter = DeadLetter(subscription, received.ack_id, bytes(message.data), dict(message.attributes))
                found.append(letter)


def from_environ() -> DeadLetters:
    """Return the dead letters of the project that the environment names."""
    pairs = {}
    for word in words(os.environ, "DEAD_LETTERS"):
        subscription, colon, topic = word.partition(":")
        if not colon:
            raise SettingInvalidError(f"DEAD_LETTERS: {word!r} is not like subscription:topic")
        pairs[subscription] = topic
    return DeadLetters(required(os.environ, "GOOGLE_CLOUD_PROJECT"), pairs)


def main() -> int:
    """List the dead letters."""
    letters = from_environ().listed()
    for letter in letters:
        print(letter.describe())
    print(f"{len(letters)} dead letter{'' if len(letters) == 1 else 's'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
