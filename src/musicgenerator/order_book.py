"""The orders of pipeline jobs in the pipeline's bucket: written once, and changed only by calling a track off."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from musicgenerator.errors import ContentionError
from musicgenerator.orders import ORDER_TYPE, CalledOff, Order, order_name, orders_from_bytes, orders_to_bytes

# Fifty tracks of a job can be called off at once. All tries together last 40 seconds or less.
_TRIES: Final = 40


class Objects(Protocol):
    def create(self, bucket: str, name: str, data: bytes, content_type: str) -> bool:
        """Write an object and return True, or leave the one that exists and return False."""

    def read(self, bucket: str, name: str) -> bytes | None:
        """Return an object's bytes, or None if it is missing."""

    def read_generation(self, bucket: str, name: str) -> tuple[bytes, int] | None:
        """Return an object's bytes and generation, or None if it is missing."""

    def replace(self, bucket: str, name: str, data: bytes, content_type: str, generation: int) -> bool:
        """Overwrite this generation of an object, or return False if it is not the newest one any more."""

    def delete(self, bucket: str, name: str) -> None:
        """Delete an object, if it exists."""


@dataclass(frozen=True)
class OrderBook:
    """The orders in a bucket; an OrderError means that an object there is not this project's.

    ``pause_seconds`` is the longest pause after a first write that another one has overtaken.
    """

    objects: Objects
    bucket: str
    pause_seconds: float = 0.05

    def write(self, job: str, orders: Sequence[Order]) -> bool:
        """Write a job's orders once, before the job is created; return False if they exist, which changes nothing."""
        return self.objects.create(self.bucket, order_name(job), orders_to_bytes(orders), ORDER_TYPE)

    def read(self, job: str) -> tuple[Order | CalledOff, ...] | None:
        """Return a job's orders, or None if they are missing."""
        data = self.objects.read(self.bucket, order_name(job))
        return None if data is None else orders_from_bytes(data, job)

    def is_written(self, job: str) -> bool:
        """Say whether a job has orders, readable or not."""
        return self.objects.read(self.bucket, order_name(job)) is not None

    def call_off(self, job: str, track: str) -> int | None:
        """Take a track out of a job's orders, and return how many tracks the job still makes.

        The step reads the orders before it begins a track, so it does not begin this one any more.
        Returns None if the orders are missing or have no such track: then the job does not make its music.
        Raises ContentionError if other writers keep winning.
        """
        for number in range(_TRIES):
            found = self.objects.read_generation(self.bucket, order_name(job))
            if found is None:
                return None
            data, generation = found
            orders = orders_from_bytes(data, job)
            if track not in {order.track for order in orders}:
                return None
            left = [_without(order, track) for order in orders]
            wanted = sum(isinstance(order, Order) for order in left)
            written = orders_to_bytes(left)
            if left == list(orders) or self.objects.replace(
                self.bucket, order_name(job), written, ORDER_TYPE, generation
            ):
                return wanted
            # Another writer was first. Cloud Storage accepts about one write a second of an object.
            time.sleep(random.uniform(0, self.pause_seconds * (number + 1)))  # noqa: S311  jitter, not a secret
        raise ContentionError(f"the orders of {job} kept changing")

    def delete(self, job: str) -> None:
        """Delete a job's orders, if they exist."""
        self.objects.delete(self.bucket, order_name(job))


def _without(order: Order | CalledOff, track: str) -> Order | CalledOff:
    return CalledOff(track, order.attempt, order.results_token) if order.track == track else order
