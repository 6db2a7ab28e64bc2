from collections.abc import Iterator

import pytest

from tests.support.world import World, running


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The emulators and servers of a module; functions and faults are each test's own."""
    with running() as world:
        yield world
