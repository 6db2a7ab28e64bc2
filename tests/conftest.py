import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from localcloud.addresses import REPOSITORY, Addresses
from localcloud.cloud import running

CLOUD_PORT = 18080

# The same examples in every run: a test that fails fails again. New ones are looked for with --hypothesis-seed.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


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
