"""What the outcome of a handler means for the delivery of its event."""

import functools
from collections.abc import Callable
from typing import Protocol, TypeVar

from musicgenerator import logs
from musicgenerator.errors import MalformedEventError


class Event(Protocol):
    """The part of a CloudEvent that this module reads."""

    data: object

    def __getitem__(self, key: str) -> object: ...


EventT = TypeVar("EventT", bound=Event)


def acknowledging_poison(handler: Callable[[EventT], None]) -> Callable[[EventT], None]:
    """Log a handler's MalformedEventError and acknowledge the event: another delivery would fail again.

    Every other exception propagates, so that the event is delivered again.
    """

    @functools.wraps(handler)
    def wrapper(event: EventT) -> None:
        try:
            handler(event)
        except MalformedEventError as error:
            logs.error("malformed event", event=event["id"], reason=str(error))

    return wrapper
