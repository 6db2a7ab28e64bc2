"""The scheduler's tick, as Cloud Scheduler would publish it: once a minute, so that lost events are made up for."""

import asyncio
import json
from typing import Any, Final

from localcloud.pubsub.publishing import publish

TICK: Final = json.dumps({"tick": True}).encode()

_EVERY_SECONDS: Final = 60.0


async def tick(publisher: Any, topic: str, every_seconds: float = _EVERY_SECONDS) -> None:
    """Publish a tick on a topic, given by its full name, again and again until cancelled."""
    while True:
        await asyncio.sleep(every_seconds)
        await publish(publisher, topic, TICK)
