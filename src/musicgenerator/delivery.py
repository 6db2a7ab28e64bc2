"""What a handler's end means to whoever delivers the event."""

import functools
from collections.abc import Callable
from typing import Protocol, TypeVar

from musicgenerator import logs
from musicgenerator.errors import MalformedEventError


class Event(Protocol):
    """The part of a CloudEvent that is read here."""

    data: object

    def __getitem__(self, key: str) -> object:
        """Return a context attribute such as ``id``."""
        ...


EventT = TypeVar("EventT", bound=Event)


def acknowledging_poison(handler: Callable[[EventT], None]) -> Callable[[EventT], None]:
    """Let a handler's MalformedEventError end as a log line: no repetition could mend the event.

    Everything else that a handler raises has the event delivered again.
    """

    @functools.wraps(handler)
    def wrapper(event: EventT) -> None:
        try:
            handler(event)
        except MalformedEventError as error:
            logs.error("malformed event", event=event["id"], reason=str(error))

    return wrapper
