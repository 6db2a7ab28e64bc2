"""Deliver messages as the local cloud does, along the routes that a test or a benchmark names."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from google.cloud import pubsub_v1

from localcloud.addresses import IMAGES_BUCKET, PIPELINE_EVENTS_TOPIC, PROJECT, STORAGE_EVENTS_TOPIC, Addresses
from localcloud.pubsub.bridge import Backoff, Bridge, ensure_topics, local_routes
from localcloud.pubsub.delivery import Deliverer, Message, Route, deliver, push_form, storage_form
from localcloud.pubsub.scheduler import tick

_SETTLE_SECONDS: Final = 0.2


def push_route(topic: str, subscription: str, url: str, max_attempts: int = 12) -> Route:
    """Return the route of a push subscription."""
    return Route(topic, subscription, url, push_form(PROJECT), max_attempts=max_attempts)


def storage_route(subscription: str, url: str, max_attempts: int = 12) -> Route:
    """Return the route of an Eventarc trigger on the images bucket."""
    return Route(STORAGE_EVENTS_TOPIC, subscription, url, storage_form(IMAGES_BUCKET), max_attempts=max_attempts)


def make_topics(routes: Iterable[Route]) -> None:
    """Create the topic and the subscription of each route where they are missing."""
    ensure_topics(PROJECT, routes)


def make_local_topics(addresses: Addresses) -> None:
    """Create the topics and subscriptions of the local cloud where they are missing."""
    ensure_topics(PROJECT, local_routes(addresses))


def deliver_once(
    addresses: Addresses, topic: str, data: bytes, attributes: Mapping[str, str] | None = None, url: str = ""
) -> str | None:
    """Deliver one message of a topic to its function, or to ``url``; return None, or why it was refused."""
    route = next(route for route in local_routes(addresses) if route.topic == topic)
    message = Message(data, attributes or {}, str(time.monotonic_ns()), datetime.now(UTC))
    return deliver(replace(route, url=url or route.url), message, 1)


@contextmanager
def delivering(
    routes: Sequence[Route],
    deliverer: Deliverer = deliver,
    backoff: Backoff | None = None,
    tick_seconds: float | None = None,
) -> Iterator[None]:
    """Deliver in a thread until the block ends, then delete the subscriptions.

    With ``tick_seconds`` the scheduler's tick is published that often.
    """
    ensure_topics(PROJECT, routes)
    loop = asyncio.new_event_loop()
    task = loop.create_task(_deliver(Bridge(PROJECT, routes, deliverer, backoff), tick_seconds))
    thread = threading.Thread(target=_run_until_cancelled, args=(loop, task), daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        with pubsub_v1.SubscriberClient() as subscriber:
            for route in routes:
                subscriber.delete_subscription(subscription=subscriber.subscription_path(PROJECT, route.subscription))


async def _deliver(bridge: Bridge, tick_seconds: float | None) -> None:
    with pubsub_v1.PublisherClient() as publisher:
        work: list[Coroutine[Any, Any, None]] = [bridge.run()]
        if tick_seconds is not None:
            work.append(tick(publisher, publisher.topic_path(PROJECT, PIPELINE_EVENTS_TOPIC), tick_seconds))
        await asyncio.gather(*work)


def _run_until_cancelled(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[None]") -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
    # Deliveries under way see their cancellation before the loop closes.
    loop.run_until_complete(asyncio.sleep(_SETTLE_SECONDS))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
