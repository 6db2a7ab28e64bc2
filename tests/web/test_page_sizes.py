"""The page keeps to its size budgets."""

import json

import pytest

from benchmarks import web_sizes
from localcloud.addresses import REPOSITORY

pytestmark = pytest.mark.browser


def test_the_scripts_keep_their_budgets() -> None:
    """All scripts, Firebase included, within 180 kB compressed, and the project's own first ones within 26 kB."""
    sizes = web_sizes.measure()
    assert sizes.all <= 180_000
    assert sizes.first <= 26_000
    assert sizes.first < sizes.own < sizes.all


def test_the_lock_names_no_registry() -> None:
    """An installation gets exactly these versions, from the registry that npm is configured for."""
    lock = (REPOSITORY / "web" / "package-lock.json").read_text()
    assert "resolved" not in lock
    packages = json.loads(lock)["packages"]
    assert all("integrity" in package for path, package in packages.items() if path)
    wanted = json.loads((REPOSITORY / "web" / "package.json").read_text())
    versions = [*wanted["dependencies"].values(), *wanted["devDependencies"].values()]
    assert all(version[0].isdigit() for version in versions)
