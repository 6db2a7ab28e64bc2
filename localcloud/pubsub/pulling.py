"""A Pub/Sub client whose streaming pulls the emulator forgets when they end.

The emulator (0.8.20) lets go of a stream only when its requests have ended. One that is cancelled, as the client does,
stays a subscriber: it goes on being sent messages, which nobody reads and nobody else gets while the emulator runs.
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
# As the client's own channel has it: several messages that come at once may be more than 4 MiB.
_OPTIONS: Final = (("grpc.max_receive_message_length", -1),)


@contextmanager
def subscriber_client() -> Iterator[pubsub_v1.SubscriberClient]:
    """Make a client of the emulator in PUBSUB_EMULATOR_HOST; when closed, it waits until its pulls have ended there."""
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
    """A call that is not cancelled: the client ends its requests right after, and the server then ends the call."""

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
