"""List dead letters with their reasons, and replay them.

``python -m operations.dead_letters`` lists them and removes none.
Reads ``GOOGLE_CLOUD_PROJECT`` and ``DEAD_LETTERS``, pairs of the form ``subscription:topic``:
a replay publishes a subscription's messages on its topic.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from google.api_core import exceptions

from musicgenerator.errors import MalformedEventError
from musicgenerator.messages import is_wake
from musicgenerator.redaction import redacted
from musicgenerator.settings import SettingInvalidError, required, words
from operations.clients import publisher_client, subscriber_client

_MAX_MESSAGES: Final = 100
_RPC_TIMEOUT_SECONDS: Final = 10.0
_SILENCE_SECONDS: Final = 3.0
# Pub/Sub adds attributes with this prefix when it moves a message to a dead-letter topic.
_SOURCE_PREFIX: Final = "CloudPubSubDeadLetterSource"


@dataclass(frozen=True)
class DeadLetter:
    """A message whose deliveries are exhausted, and the subscription that holds it."""

    subscription: str
    ack_id: str
    data: bytes
    attributes: dict[str, str]

    def describe(self) -> str:
        """Return two lines: subscription, number of deliveries and reason; then the start of the data."""
        deliveries = self.attributes.get(f"{_SOURCE_PREFIX}DeliveryCount", "?")
        reason = self.attributes.get(f"{_SOURCE_PREFIX}DeliveryErrorMessage", "see the function's log")
        # A message may name sessions, and a session's id is the right to read it. Redact before cutting: a part of an
        # id is not recognized.
        data = redacted(self.data.decode(errors="replace"))[:160]
        return f"{redacted(f'{self.subscription}  tried {deliveries} times  {reason}')}\n    {data}"

    def is_wake(self) -> bool:
        """Return whether the message only starts an instance."""
        try:
            return is_wake(self.data)
        except MalformedEventError:
            return False


class DeadLetters:
    """The dead letters of one project."""

    def __init__(self, project: str, pairs: dict[str, str]) -> None:
        """Take pairs of a subscription and the topic on which its messages are replayed."""
        self._subscriber = subscriber_client()
        self._publisher = publisher_client()
        self._pairs = {
            self._subscriber.subscription_path(project, subscription): self._publisher.topic_path(project, topic)
            for subscription, topic in pairs.items()
        }

    def listed(self) -> list[DeadLetter]:
        """Return all dead letters and release them immediately for the next pull."""
        letters = self._all()
        for letter in letters:
            self._subscriber.modify_ack_deadline(
                subscription=letter.subscription, ack_ids=[letter.ack_id], ack_deadline_seconds=0
            )
        return letters

    def replay(self) -> list[DeadLetter]:
        """Publish each dead letter again, and acknowledge it once Pub/Sub has confirmed the new message.

        Wakes are only acknowledged, because nothing waits for them any more. Returns the published letters.
        """
        letters = self._all()
        wakes = [letter for letter in letters if letter.is_wake()]
        for letter in wakes:
            self._subscriber.acknowledge(subscription=letter.subscription, ack_ids=[letter.ack_id])
        letters = [letter for letter in letters if letter not in wakes]
        for letter in letters:
            kept = {name: value for name, value in letter.attributes.items() if not name.startswith(_SOURCE_PREFIX)}
            self._publisher.publish(self._pairs[letter.subscription], letter.data, **kept).result(
                timeout=_RPC_TIMEOUT_SECONDS
            )
            self._subscriber.acknowledge(subscription=letter.subscription, ack_ids=[letter.ack_id])
        return letters

    def _all(self) -> list[DeadLetter]:
        # In parallel, because an empty pull takes _SILENCE_SECONDS.
        with ThreadPoolExecutor(len(self._pairs) or 1) as threads:
            return [letter for found in threads.map(self._pulled, self._pairs) for letter in found]

    def _pulled(self, subscription: str) -> list[DeadLetter]:
        found: list[DeadLetter] = []
        while True:
            try:
                answer: Any = self._subscriber.pull(
                    subscription=subscription, max_messages=_MAX_MESSAGES, timeout=_SILENCE_SECONDS, retry=None
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
            raise SettingInvalidError(f"DEAD_LETTERS: {word!r} must have the form subscription:topic")
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
