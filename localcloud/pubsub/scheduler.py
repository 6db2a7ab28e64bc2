"""Publish the tick that starts a sweep, once a minute, as Cloud Scheduler does."""

import asyncio
import json
from typing import Any, Final

from localcloud.pubsub.publishing import publish

TICK: Final = json.dumps({"tick": True}).encode()

_EVERY_SECONDS: Final = 60.0


async def tick(publisher: Any, topic: str, every_seconds: float = _EVERY_SECONDS) -> None:
    """Publish a tick on a topic, given by its full name, every ``every_seconds`` until cancelled."""
    while True:
        await asyncio.sleep(every_seconds)
        await publish(publisher, topic, TICK)
