"""How a message reaches a function: the request that Eventarc or a push subscription would make of it."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import requests

# The longest that an event-driven function may run.
REQUEST_TIMEOUT_SECONDS: Final = 540.0

_CONNECT_TIMEOUT_SECONDS: Final = 5.0
_FINALIZE: Final = "OBJECT_FINALIZE"
_INT64_FIELDS: Final = ("generation", "metageneration", "size")


class PoisonError(Exception):
    """A message of which no request can be made, however often it is tried."""


@dataclass(frozen=True)
class Message:
    """A Pub/Sub message as it was pulled."""

    data: bytes
    attributes: Mapping[str, str]
    id: str
    published: datetime


@dataclass(frozen=True)
class Post:
    """The headers and the body of a request to a function."""

    headers: Mapping[str, str]
    body: bytes


# What becomes of a message at this attempt, counted from 1: a request, or None where the function is not meant.
Form = Callable[["Route", Message, int], Post | None]


@dataclass(frozen=True)
class Route:
    """A subscription of a topic and the function that it feeds.

    ``concurrency`` requests are under way at once, ``max_attempts`` are made before the message becomes a dead letter.
    """

    topic: str
    subscription: str
    url: str
    form: Form
    concurrency: int = 8
    max_attempts: int = 12
    timeout_seconds: float = REQUEST_TIMEOUT_SECONDS


# Makes one attempt and returns None where the function has taken the message, else why it has not.
Deliverer = Callable[[Route, Message, int], str | None]


def deliver(route: Route, message: Message, attempt: int) -> str | None:
    """Make one attempt and return None where the function has taken the message, else why it has not.

    Raises PoisonError for a message of which no request can be made.
    """
    post = route.form(route, message, attempt)
    if post is None:
        return None
    timeout = (_CONNECT_TIMEOUT_SECONDS, route.timeout_seconds)
    try:
        response = requests.post(
            route.url, post.body, headers=dict(post.headers), timeout=timeout, allow_redirects=False
        )
    except requests.RequestException as error:
        return f"{type(error).__name__}: {error}"
    return None if response.ok else f"HTTP {response.status_code}"


def push_form(project: str) -> Form:
    """Return the form of a push subscription with a dead-letter policy."""

    def form(route: Route, message: Message, attempt: int) -> Post:
        body = {
            "message": {
                "data": base64.b64encode(message.data).decode(),
                "attributes": dict(message.attributes),
                "messageId": message.id,
                "publishTime": _timestamp(message.published),
            },
            "subscription": f"projects/{project}/subscriptions/{route.subscription}",
            "deliveryAttempt": attempt,
        }
        return Post({"Content-Type": "application/json"}, json.dumps(body).encode())

    return form


def storage_form(bucket: str) -> Form:
    """Return the form of an Eventarc trigger on one bucket: a storage CloudEvent in binary mode."""

    def form(_route: Route, message: Message, _attempt: int) -> Post | None:
        if message.attributes.get("eventType") != _FINALIZE or message.attributes.get("bucketId") != bucket:
            return None
        data = _object_data(message)
        return Post(
            {
                "Content-Type": "application/json",
                "ce-specversion": "1.0",
                "ce-id": message.id,
                "ce-time": _timestamp(message.published),
                "ce-type": "google.cloud.storage.object.v1.finalized",
                "ce-source": f"//storage.googleapis.com/projects/_/buckets/{bucket}",
                # A header holds ASCII: the CloudEvents HTTP binding has everything else percent-encoded.
                "ce-subject": f"objects/{quote(str(data['name']), safe=_PRINTABLE)}",
                "ce-bucket": bucket,
            },
            json.dumps(data).encode(),
        )

    return form


def dead_letter_attributes(project: str, route: Route, message: Message, attempts: int, reason: str) -> dict[str, str]:
    """Return a message's attributes with those that Pub/Sub adds to a dead letter, the last one being why it died."""
    prefix = "CloudPubSubDeadLetterSource"
    return {
        **message.attributes,
        f"{prefix}DeliveryCount": str(attempts),
        f"{prefix}Subscription": route.subscription,
        f"{prefix}SubscriptionProject": project,
        f"{prefix}TopicPublishTime": _timestamp(message.published),
        f"{prefix}DeliveryErrorMessage": reason[:1024],
    }


_PRINTABLE: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


def _object_data(message: Message) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(message.data)
        # StorageObjectData is proto3 JSON: 64-bit numbers are strings, whatever the emulator writes.
        # A fresh object is of its first metageneration, which fake-gcs-server leaves unsaid.
        data = {"metageneration": "1"} | data
        return data | {name: str(data[name]) for name in (*_INT64_FIELDS, "bucket", "name")}
    except (ValueError, TypeError, KeyError) as error:
        raise PoisonError(f"the notification holds no object: {error!r}") from error


def _timestamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
