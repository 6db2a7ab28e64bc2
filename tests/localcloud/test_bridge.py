import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from queue import Queue
from typing import Any

import pytest
from google.cloud import pubsub_v1
from google.cloud.storage import Client

from localcloud.addresses import HOST, PROJECT
from localcloud.pubsub.bridge import Backoff, Bridge, ensure_topics
from localcloud.pubsub.delivery import Message, Post, Route, deliver, push_form, storage_form

QUICK = Backoff(first=0.01, longest=0.05)
TAKEN, FAILED = 204, 500

_names = count()


@dataclass
class Function:
    """A function that answers with these statuses, then always with the last, and keeps its requests."""

    statuses: list[int]
    url: str = ""
    requests: "Queue[tuple[dict[str, str], Any]]" = field(default_factory=Queue)

    def answer(self, headers: dict[str, str], body: bytes) -> int:
        self.requests.put((headers, json.loads(body)))
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def attempts(self, number: int) -> list[int]:
        return [self.requests.get(timeout=30)[1]["deliveryAttempt"] for _ in range(number)]


@pytest.fixture
def function() -> Iterator[Callable[..., Function]]:
    servers = []

    def start(*statuses: int) -> Function:
        serving = Function(list(statuses))

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(serving.answer(headers, body))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer((HOST, 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        servers.append(server)
        serving.url = f"http://{HOST}:{server.server_address[1]}/"
        return serving

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@contextmanager
def bridge(route: Route) -> Iterator[None]:
    """Run a bridge on one route until the block ends."""
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    task = loop.create_task(Bridge(PROJECT, [route], backoff=QUICK).run(ready.set))

    def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(30)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


@pytest.fixture
def bridged(pubsub: str) -> Iterator[Callable[..., Route]]:
    """Run a bridge from a new topic to a function; yield a callable that publishes."""
    assert pubsub
    with ExitStack() as bridges:

        def start(url: str, max_attempts: int = 5, topic: str | None = None, form: Any = None) -> Route:
            name = topic or f"topic-{next(_names)}"
            route = Route(name, f"{name}-sub", url, form or push_form(PROJECT), max_attempts=max_attempts)
            ensure_topics(PROJECT, [route])
            bridges.enter_context(bridge(route))
            return route

        yield start


def publish(topic: str, data: bytes, **attributes: str) -> None:
    with pubsub_v1.PublisherClient() as publisher:
        publisher.publish(publisher.topic_path(PROJECT, topic), data, **attributes).result(timeout=10)


def pulled(subscription: str) -> Any:
    with pubsub_v1.SubscriberClient() as subscriber:
        path = subscriber.subscription_path(PROJECT, subscription)
        (received,) = subscriber.pull(subscription=path, max_messages=1, timeout=30).received_messages
        subscriber.acknowledge(subscription=path, ack_ids=[received.ack_id])
    return received.message


@pytest.mark.cloud
def test_a_message_arrives_as_a_push_body(bridged: Any, function: Any) -> None:
    """The function gets the body that a push subscription with a dead-letter policy posts."""
    launcher = function(TAKEN)
    route = bridged(launcher.url)
    publish(route.topic, b'{"track":1}', engine="composer")
    headers, body = launcher.requests.get(timeout=30)
    assert headers["content-type"] == "application/json"
    assert base64.b64decode(body["message"]["data"]) == b'{"track":1}'
    assert body["message"]["attributes"] == {"engine": "composer"}
    assert body["message"].keys() == {"data", "attributes", "messageId", "publishTime"}
    assert body["subscription"] == f"projects/{PROJECT}/subscriptions/{route.subscription}"
    assert body["deliveryAttempt"] == 1


@pytest.mark.cloud
def test_a_message_is_delivered_until_it_is_taken(bridged: Any, function: Any) -> None:
    """Attempts are counted; after the function acks, no further attempt is made."""
    launcher = function(FAILED, 503, 400, TAKEN)
    publish(bridged(launcher.url).topic, b"{}")
    assert launcher.attempts(4) == [1, 2, 3, 4]
    assert launcher.requests.empty()


@pytest.mark.cloud
def test_a_message_that_is_never_taken_becomes_a_dead_letter(bridged: Any, function: Any) -> None:
    """After the last attempt the dead-letter topic holds the complete message, its source and the reason."""
    launcher = function(FAILED)
    route = bridged(launcher.url, max_attempts=3)
    publish(route.topic, b"poison", engine="composer")
    dead = pulled(f"{route.topic}-dead-letters")
    assert dead.data == b"poison"
    source = "CloudPubSubDeadLetterSource"
    expected = {
        "engine": "composer",
        f"{source}DeliveryCount": "3",
        f"{source}Subscription": route.subscription,
        f"{source}SubscriptionProject": PROJECT,
        f"{source}DeliveryErrorMessage": "HTTP 500",
    }
    assert expected.items() <= dict(dead.attributes).items()
    assert launcher.attempts(3) == [1, 2, 3]


@pytest.mark.cloud
def test_a_function_that_is_down_counts_as_a_failed_delivery(bridged: Any) -> None:
    """If nothing listens at the function's URL, the message becomes a dead letter too."""
    route = bridged("http://127.0.0.1:9/", max_attempts=2)
    publish(route.topic, b"{}")
    dead = dict(pulled(f"{route.topic}-dead-letters").attributes)
    assert "ConnectionError" in dead["CloudPubSubDeadLetterSourceDeliveryErrorMessage"]


@pytest.mark.cloud
def test_a_message_that_waits_holds_up_no_other(bridged: Any, function: Any) -> None:
    """While one message is retried, the next ones are delivered."""
    launcher = function(*[FAILED] * 3, TAKEN)
    route = bridged(launcher.url)
    for number in range(20):
        publish(route.topic, json.dumps({"number": number}).encode())
    bodies = [launcher.requests.get(timeout=30)[1] for _ in range(23)]
    numbers = {json.loads(base64.b64decode(body["message"]["data"]))["number"] for body in bodies}
    assert set(range(20)) == numbers


@pytest.mark.cloud
def test_a_bridge_that_has_ended_takes_no_message_from_the_next(pubsub: str, function: Any) -> None:
    """Otherwise the emulator keeps sending messages to the ended bridge's pulls, and the next bridge gets none."""
    assert pubsub
    launcher = function(TAKEN)
    name = f"topic-{next(_names)}"
    route = Route(name, f"{name}-sub", launcher.url, push_form(PROJECT))
    ensure_topics(PROJECT, [route])
    for _ in range(3):
        with bridge(route):
            publish(name, b"{}")
            launcher.requests.get(timeout=30)
    with bridge(route):
        for number in range(30):
            publish(name, b"{}", number=str(number))
        numbers = {launcher.requests.get(timeout=30)[1]["message"]["attributes"]["number"] for _ in range(30)}
    assert {str(number) for number in range(30)} == numbers


@pytest.mark.cloud
def test_an_upload_arrives_as_a_storage_cloud_event(bridged: Any, function: Any, storage: str) -> None:
    """The storage emulator's notification becomes the CloudEvent of an Eventarc trigger on that bucket."""
    assert storage
    client = Client()
    images, others = client.create_bucket("images"), client.create_bucket("others")
    captioner = function(TAKEN)
    bridged(captioner.url, topic="storage-notifications", form=storage_form("images"))
    others.blob("uploads/elsewhere").upload_from_string(b"x", content_type="image/png")
    blob = images.blob("uploads/바다 1.jpg")
    blob.metadata = {"session": "s1"}
    blob.upload_from_string(b"picture", content_type="image/jpeg")
    headers, body = captioner.requests.get(timeout=30)
    expected_headers = {
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.storage.object.v1.finalized",
        "ce-source": "//storage.googleapis.com/projects/_/buckets/images",
        "ce-subject": "objects/uploads/%EB%B0%94%EB%8B%A4%201.jpg",
        "ce-bucket": "images",
        "content-type": "application/json",
    }
    assert expected_headers.items() <= headers.items()
    assert {"ce-id", "ce-time"} <= headers.keys()
    expected_body = {
        "bucket": "images",
        "name": "uploads/바다 1.jpg",
        "generation": str(blob.generation),
        "metageneration": "1",
        "size": "7",
        "contentType": "image/jpeg",
        "metadata": {"session": "s1"},
    }
    assert expected_body.items() <= body.items()
    assert captioner.requests.empty()


@pytest.mark.cloud
def test_a_notification_without_an_object_is_a_dead_letter_at_once(bridged: Any, function: Any) -> None:
    """A message that cannot be delivered is not retried and reaches no function."""
    captioner = function(TAKEN)
    route = bridged(captioner.url, form=storage_form("images"))
    publish(route.topic, b"no JSON", eventType="OBJECT_FINALIZE", bucketId="images")
    dead = dict(pulled(f"{route.topic}-dead-letters").attributes)
    assert dead["CloudPubSubDeadLetterSourceDeliveryCount"] == "1"
    assert captioner.requests.empty()


def test_the_same_event_can_be_delivered_twice_on_purpose(function: Any) -> None:
    """``deliver`` makes one attempt, so a test can repeat a delivery with the same event id."""
    captioner = function(TAKEN)
    data = {"bucket": "images", "name": "a.jpg", "generation": 7, "size": 3}
    attributes = {"eventType": "OBJECT_FINALIZE", "bucketId": "images"}
    message = Message(json.dumps(data).encode(), attributes, "41", datetime.now(UTC))
    route = Route("storage", "storage-captioner", captioner.url, storage_form("images"))
    assert [deliver(route, message, 1), deliver(route, message, 1)] == [None, None]
    first, second = (captioner.requests.get(timeout=30) for _ in range(2))
    assert (second[0]["ce-id"], second[1]) == (first[0]["ce-id"], first[1])
    assert first[1]["generation"] == "7"


@pytest.mark.parametrize(
    "attributes",
    [
        {"eventType": "OBJECT_FINALIZE", "bucketId": "results"},
        {"eventType": "OBJECT_DELETE", "bucketId": "images"},
        {},
    ],
)
def test_only_finished_objects_of_the_triggers_bucket_are_events(attributes: dict[str, str]) -> None:
    """Results, deletions and other messages make no request, so no function triggers itself."""
    message = Message(b"{}", attributes, "1", datetime.now(UTC))
    made: Post | None = storage_form("images")(Route("t", "s", "", storage_form("images")), message, 1)
    assert made is None


def test_pauses_double_up_to_the_longest() -> None:
    """The pause grows from one second to 30 seconds."""
    assert [Backoff().pause(attempt) for attempt in (1, 2, 3, 4, 5, 6, 7, 10_000)] == [1, 2, 4, 8, 16, 30, 30, 30]
