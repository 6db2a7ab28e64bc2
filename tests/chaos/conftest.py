from collections.abc import Iterator

import pytest

from tests.support.world import World, running


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Start the emulators and servers once for a module; each test starts its own functions and faults."""
    with running() as world:
        yield world
