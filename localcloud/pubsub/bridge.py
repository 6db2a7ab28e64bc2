"""Deliver messages to the functions, because the Pub/Sub emulator's own push is unreliable.

The bridge pulls from one subscription a topic and posts to the function. It acks a message when the function answers
2xx, retries with growing pauses otherwise, and publishes a dead letter after the last attempt.
It counts attempts in memory: after a restart, the count of an unacknowledged message starts again from 1.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from google.api_core.exceptions import AlreadyExists, GoogleAPICallError
from google.cloud import pubsub_v1

from localcloud.addresses import (
    CAPTIONS_TOPIC,
    DEAD_LETTER_SUFFIX,
    IMAGES_BUCKET,
    PICTURES_TOPIC,
    PIPELINE_EVENTS_TOPIC,
    PROJECT,
    STORAGE_EVENTS_TOPIC,
    Addresses,
)
from localcloud.pubsub.delivery import (
    Deliverer,
    Message,
    PoisonError,
    Route,
    dead_letter_attributes,
    deliver,
    push_form,
    storage_form,
)
from localcloud.pubsub.publishing import publish
from localcloud.pubsub.pulling import subscriber_client
from localcloud.pubsub.scheduler import tick
from localcloud.servers.serving import listen, say

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_ACK_DEADLINE_SECONDS: Final = 10
# This includes messages that wait for their next attempt; Route.concurrency bounds the requests.
_HELD_MESSAGES: Final = 2000
_END_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Backoff:
    """The pause before each retry in seconds: it doubles from ``first`` up to ``longest``."""

    first: float = 1.0
    longest: float = 30.0

    def pause(self, attempt: int) -> float:
        """Return the seconds to wait after this attempt, counted from 1."""
        return float(min(self.first * 2 ** min(attempt - 1, 30), self.longest))


def local_routes(addresses: Addresses) -> tuple[Route, ...]:
    """Return the local cloud's subscriptions and the function of each."""
    push = push_form(PROJECT)
    return (
        Route(
            STORAGE_EVENTS_TOPIC,
            f"{STORAGE_EVENTS_TOPIC}-captioner",
            addresses.url("captioner"),
            storage_form(IMAGES_BUCKET),
        ),
        Route(PICTURES_TOPIC, f"{PICTURES_TOPIC}-captioner", addresses.url("captioner"), push),
        Route(CAPTIONS_TOPIC, f"{CAPTIONS_TOPIC}-pipeline-launcher", addresses.url("pipeline_launcher"), push),
        # A late sketch is worth nothing, so it has no dead letters. One sketch uses a whole core, so the function gets
        # one message at a time, as an instance in Google Cloud does; more at once would only make all of them late.
        Route(
            CAPTIONS_TOPIC,
            f"{CAPTIONS_TOPIC}-sketcher",
            addresses.url("sketcher"),
            push,
            concurrency=1,
            max_attempts=5,
            dead_letters=False,
        ),
        Route(
            PIPELINE_EVENTS_TOPIC, f"{PIPELINE_EVENTS_TOPIC}-result-notifier", addresses.url("result_notifier"), push
        ),
    )


def ensure_topics(project: str, routes: Iterable[Route]) -> None:
    """Create each route's topic and subscription, and a dead-letter topic with its subscription."""
    with pubsub_v1.PublisherClient() as publisher, pubsub_v1.SubscriberClient() as subscriber:
        for route in routes:
            dead = route.topic + DEAD_LETTER_SUFFIX
            dead_letters = [(dead, dead)] if route.dead_letters else []
            for topic, subscription in ((route.topic, route.subscription), *dead_letters):
                topic_path = publisher.topic_path(project, topic)
                with suppress(AlreadyExists):
                    publisher.create_topic(name=topic_path)
                with suppress(AlreadyExists):
                    subscriber.create_subscription(
                        name=subscriber.subscription_path(project, subscription),
                        topic=topic_path,
                        ack_deadline_seconds=_ACK_DEADLINE_SECONDS,
                    )


class Bridge:
    """Delivers along its routes until cancelled; ``deliverer`` makes each attempt."""

    def __init__(
        self, project: str, routes: Iterable[Route], deliverer: Deliverer = deliver, backoff: Backoff | None = None
    ) -> None:
        """Pull nothing before ``run``."""
        self._project = project
        self._slots = {route: asyncio.Semaphore(route.concurrency) for route in routes}
        self._deliverer = deliverer
        self._backoff = backoff or Backoff()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Pull and deliver until cancelled; call ``on_ready`` once pulling. Raises the error that ends a pull."""
        loop = asyncio.get_running_loop()
        with subscriber_client() as subscriber, pubsub_v1.PublisherClient() as publisher:
            self._publisher = publisher
            pulls = [self._pull(subscriber, route, loop) for route in self._slots]
            on_ready()
            try:
                await asyncio.gather(*(asyncio.wrap_future(pull) for pull in pulls))
            finally:
                for pull in pulls:
                    pull.cancel()
                for task in self._tasks:
                    task.cancel()
                # The client's threads may still ack, so its channel has to stay open until they end.
                await asyncio.gather(*(asyncio.to_thread(_await_end, pull) for pull in pulls))

    def _pull(self, subscriber: Any, route: Route, loop: asyncio.AbstractEventLoop) -> Any:
        def begin(pulled: Any) -> None:
            task = loop.create_task(self._handle(route, pulled))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        def received(pulled: Any) -> None:
            with suppress(RuntimeError):  # the loop has ended: Pub/Sub delivers the message again
                loop.call_soon_threadsafe(begin, pulled)

        # The client extends the deadline of each message that it holds, during a request and between attempts.
        return subscriber.subscribe(
            subscriber.subscription_path(self._project, route.subscription),
            received,
            flow_control=pubsub_v1.types.FlowControl(max_messages=_HELD_MESSAGES),
        )

    async def _handle(self, route: Route, pulled: Any) -> None:
        message = Message(pulled.data, dict(pulled.attributes), pulled.message_id, pulled.publish_time)
        attempt = 1
        while (failure := await self._attempt(route, message, attempt)) is not None:
            pause = self._backoff.pause(attempt)
            say(f"{route.subscription} {message.id} attempt {attempt}: {failure}; again in {pause:g} s")
            await asyncio.sleep(pause)
            attempt += 1
        pulled.ack()

    async def _attempt(self, route: Route, message: Message, attempt: int) -> str | None:
        try:
            async with self._slots[route]:
                failure = await _in_thread(lambda: self._deliverer(route, message, attempt))
            last = attempt >= route.max_attempts
        except PoisonError as error:
            failure, last = str(error), True
        if failure is None or not last:
            return failure
        if not route.dead_letters:
            say(f"{route.subscription} {message.id} is dropped after attempt {attempt}: {failure}")
            return None
        attributes = dead_letter_attributes(self._project, route, message, attempt, failure)
        topic = self._publisher.topic_path(self._project, route.topic + DEAD_LETTER_SUFFIX)
        try:
            await publish(self._publisher, topic, message.data, **attributes)
        except GoogleAPICallError as error:
            return f"{failure}; not yet a dead letter: {error}"
        say(f"{route.subscription} {message.id} is a dead letter after attempt {attempt}: {failure}")
        return None


def _await_end(pull: Any) -> None:
    with suppress(Exception):
        pull.result(timeout=_END_SECONDS)


async def _in_thread(work: Callable[[], str | None]) -> str | None:
    """Run blocking work in a daemon thread; a pool's thread would keep the process alive."""
    future: Future[str | None] = Future()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  the awaiting task gets it
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(future)


def main() -> None:
    """Run the local cloud's bridge until SIGTERM."""
    addresses = Addresses.from_environ()
    asyncio.run(_serve(addresses))


async def _serve(addresses: Addresses) -> None:
    routes = local_routes(addresses)
    ensure_topics(PROJECT, routes)
    health = listen(_healthy, addresses.ports["bridge"])
    running = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)  # type: ignore[union-attr]
    with pubsub_v1.PublisherClient() as publisher, suppress(asyncio.CancelledError):
        ticking = asyncio.create_task(tick(publisher, publisher.topic_path(PROJECT, PIPELINE_EVENTS_TOPIC)))
        try:
            await Bridge(PROJECT, routes).run(threading.Thread(target=health.serve_forever, daemon=True).start)
        finally:
            ticking.cancel()
            await asyncio.wait([ticking])


def _healthy(_environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


if __name__ == "__main__":
    main()
