"""The setting TRUSTED_PROXIES, from the environment of the staged function to its limits."""

import itertools
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from localcloud.addresses import Addresses
from localcloud.parts import workers
from localcloud.supervisor import Supervisor
from tests.support.ports import free_ports

pytestmark = pytest.mark.cloud

# Addresses for documentation, which no other test uses.
ADDRESSES = (f"192.0.2.{number}" for number in itertools.count(1))


@contextmanager
def limited(cloud: Addresses, home: Path, **settings: str) -> Iterator[Callable[[str], int]]:
    """Serve the API with one session a day and address; yield a function that opens one and returns the status."""
    (served,) = (part for part in workers(cloud, "", "") if part.name == "upload_handler")
    # Another port, with the addresses of the local cloud's other parts.
    (part,) = (part for part in workers(Addresses(free_ports(20), home), "", "") if part.name == served.name)
    environ = dict(served.environ) | settings | {"ADDRESS_SESSIONS_A_DAY": "1"}

    def status(forwarded_for: str) -> int:
        headers = {"Content-Type": "application/json", "X-Forwarded-For": forwarded_for}
        url = f"http://127.0.0.1:{part.port}/v1/sessions"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, b"{}", headers), timeout=60) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    with Supervisor(home / "logs", show=lambda _: None) as supervisor:
        supervisor.start([replace(part, environ=environ)])
        yield status


def test_without_proxies_the_last_entry_is_counted(local_cloud: Addresses, tmp_path: Path) -> None:
    """On Cloud Run it is the client's address; the client may have forged the earlier ones."""
    client, other, forged, more = (next(ADDRESSES) for _ in range(4))
    with limited(local_cloud, tmp_path) as opened:
        assert [opened(client), opened(f"{forged}, {client}"), opened(f"{more}, {client}")] == [201, 429, 429]
        assert opened(f"{client}, {other}") == 201


def test_with_a_load_balancer_the_entry_before_its_own_is_counted(local_cloud: Addresses, tmp_path: Path) -> None:
    """Everybody's last entry is the load balancer's address."""
    client, other, forged, balancer = (next(ADDRESSES) for _ in range(4))
    with limited(local_cloud, tmp_path, TRUSTED_PROXIES="1") as opened:
        assert [opened(f"{client}, {balancer}"), opened(f"{forged}, {client}, {balancer}")] == [201, 429]
        assert opened(f"{other}, {balancer}") == 201
