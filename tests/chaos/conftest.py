from collections.abc import Iterator

import pytest

from tests.support.ports import worker_number
from tests.support.world import HOME, PORT, World, running

PORTS_PER_WORLD = 100


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Start the emulators and servers once for a module; each test starts its own functions and faults."""
    number = worker_number()
    with running(PORT + PORTS_PER_WORLD * number, HOME / f"worker-{number}") as world:
        yield world
