"""A Pub/Sub client that half-closes its streaming pulls, so that the emulator forgets the subscriber.

The emulator (0.8.20) removes a subscriber only when its request stream ends. The client cancels the stream instead;
the emulator then keeps sending messages to the cancelled stream, and no other subscriber gets them.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc  # type: ignore[import-untyped]
from google.cloud import pubsub_v1
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

_END_SECONDS: Final = 10.0
# As in the client's default channel: one response may hold more than 4 MiB of messages.
_OPTIONS: Final = (("grpc.max_receive_message_length", -1),)


@contextmanager
def subscriber_client() -> Iterator[pubsub_v1.SubscriberClient]:
    """Yield a client of the emulator in PUBSUB_EMULATOR_HOST, and wait at the end until its pulls have ended."""
    streams = _Streams()
    channel = grpc.intercept_channel(grpc.insecure_channel(os.environ["PUBSUB_EMULATOR_HOST"], _OPTIONS), streams)
    with pubsub_v1.SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)) as client:
        try:
            yield client
        finally:
            streams.wait()


class _Streams(grpc.StreamStreamClientInterceptor):  # type: ignore[misc]
    def __init__(self) -> None:
        self._ends: list[threading.Event] = []

    def wait(self) -> None:
        for ended in self._ends:
            ended.wait(_END_SECONDS)

    def intercept_stream_stream(
        self, continuation: Callable[..., Any], client_call_details: Any, request_iterator: Any
    ) -> "_Stream":
        stream = _Stream(continuation(client_call_details, request_iterator))
        ended = threading.Event()
        stream.add_done_callback(lambda _: ended.set())
        self._ends.append(ended)
        return stream


class _Stream:
    """A call that ignores cancel(): the client then ends its requests, and the server ends the call."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def cancel(self) -> bool:
        return False

    def __iter__(self) -> "_Stream":
        return self

    def __next__(self) -> Any:
        return next(self._call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)
