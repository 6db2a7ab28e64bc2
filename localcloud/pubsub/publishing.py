"""Publish from an event loop that may be cancelled at any moment."""

import asyncio
from concurrent.futures import wait
from typing import Any, Final

_PUBLISH_TIMEOUT_SECONDS: Final = 10.0


async def publish(publisher: Any, topic: str, data: bytes, **attributes: str) -> None:
    """Publish a message on a topic, given by its full name, and wait for the server's answer.

    A cancellation waits too: the client's thread needs the open channel until the message is sent.
    """
    future = publisher.publish(topic, data, **attributes)
    try:
        await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        wait([future], _PUBLISH_TIMEOUT_SECONDS)
        raise
