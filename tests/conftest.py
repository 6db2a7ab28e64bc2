import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from localcloud.addresses import REPOSITORY, Addresses
from localcloud.cloud import running
from tests.support.plan import place_of

if TYPE_CHECKING:
    from xdist.remote import Producer

    from tests.support.scheduling import PlannedScheduling

CLOUD_PORT = 18080

# Every run tries the same examples, so that a failure is repeatable. --hypothesis-seed tries others.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "PlannedScheduling":
    """Distribute the tests over the workers of ``pytest -n`` as `tests/support/plan.py` says."""
    from tests.support.scheduling import PlannedScheduling  # noqa: PLC0415  the workers cannot import it

    return PlannedScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort the tests of a worker by the plan; without workers they run in the usual order."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: place_of(item.nodeid))


@pytest.fixture(scope="session")
def local_cloud() -> Iterator[Addresses]:
    """The whole local cloud, brought up once for all tests beside any that the developer is running."""
    addresses = Addresses(CLOUD_PORT, REPOSITORY / "test-results" / "localcloud")
    before = dict(os.environ)
    try:
        with running(addresses, show=lambda _: None):
            yield addresses
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def photos() -> dict[str, Path]:
    """The pictures that ship with the project, by name."""
    return {path.stem: path for path in sorted((REPOSITORY / "localcloud" / "photos").glob("*.jpg"))}
