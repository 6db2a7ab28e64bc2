"""Turn messages into the HTTP requests that Eventarc and push subscriptions send."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import requests

# Google's maximum for an event-driven function.
REQUEST_TIMEOUT_SECONDS: Final = 540.0

_CONNECT_TIMEOUT_SECONDS: Final = 5.0
_FINALIZE: Final = "OBJECT_FINALIZE"
_INT64_FIELDS: Final = ("generation", "metageneration", "size")


class PoisonError(Exception):
    """A message that cannot be turned into a request; retrying does not help."""


@dataclass(frozen=True)
class Message:
    """A pulled Pub/Sub message."""

    data: bytes
    attributes: Mapping[str, str]
    id: str
    published: datetime


@dataclass(frozen=True)
class Post:
    """The headers and the body of a request to a function."""

    headers: Mapping[str, str]
    body: bytes


# Returns the request for this attempt, counted from 1, or None if the message is not for the function.
Form = Callable[["Route", Message, int], Post | None]


@dataclass(frozen=True)
class Route:
    """A subscription and the function that gets its messages.

    At most ``concurrency`` requests run at once; after ``max_attempts`` a message becomes a dead letter, or is dropped
    if the route has no dead letters.
    """

    topic: str
    subscription: str
    url: str
    form: Form
    concurrency: int = 8
    max_attempts: int = 12
    dead_letters: bool = True
    timeout_seconds: float = REQUEST_TIMEOUT_SECONDS


# Makes one attempt; returns None if the function acknowledged the message, otherwise the reason.
Deliverer = Callable[[Route, Message, int], str | None]


def deliver(route: Route, message: Message, attempt: int) -> str | None:
    """Make one attempt; return None if the function acknowledged the message, otherwise the reason.

    Raises PoisonError for a message that cannot be turned into a request.
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
    """Return the request format of a push subscription with a dead-letter policy."""

    def form(route: Route, message: Message, attempt: int) -> Post:
        # A push has no key for attributes if the message has none.
        attributes = {"attributes": dict(message.attributes)} if message.attributes else {}
        body = {
            "message": {
                "data": base64.b64encode(message.data).decode(),
                **attributes,
                "messageId": message.id,
                "publishTime": _timestamp(message.published),
            },
            "subscription": f"projects/{project}/subscriptions/{route.subscription}",
            "deliveryAttempt": attempt,
        }
        return Post({"Content-Type": "application/json"}, json.dumps(body).encode())

    return form


def storage_form(bucket: str) -> Form:
    """Return the request format of an Eventarc trigger on one bucket: a CloudEvent in binary mode."""

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
                # Headers are ASCII: the CloudEvents HTTP binding percent-encodes everything else.
                "ce-subject": f"objects/{quote(str(data['name']), safe=_PRINTABLE)}",
                "ce-bucket": bucket,
            },
            json.dumps(data).encode(),
        )

    return form


def dead_letter_attributes(project: str, route: Route, message: Message, attempts: int, reason: str) -> dict[str, str]:
    """Return a message's attributes and those that Pub/Sub adds to a dead letter; the last holds the reason."""
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
        # StorageObjectData is proto3 JSON, where 64-bit numbers are strings; the emulator writes numbers.
        # A new object has metageneration 1, which fake-gcs-server omits.
        data = {"metageneration": "1"} | data
        return data | {name: str(data[name]) for name in (*_INT64_FIELDS, "bucket", "name")}
    except (ValueError, TypeError, KeyError) as error:
        raise PoisonError(f"the notification holds no object: {error!r}") from error


def _timestamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
