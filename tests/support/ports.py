"""Ports for the servers that tests start; no two workers of pytest-xdist use the same one."""

import os
import socket

from localcloud.addresses import HOST

# Above the fixed ports of the tests and below the ports that the system gives to outgoing connections.
_FIRST_PORT = 23_000
_PORTS_PER_WORKER = 1_000
_MAX_WORKERS = 9

_handed_out = 0


def worker_number() -> int:
    """Return the number of this worker of pytest-xdist, or 0 if there are no workers."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def free_ports(count: int) -> int:
    """Return the first of ``count`` consecutive ports on which nothing listens."""
    global _handed_out  # noqa: PLW0603  each call continues where the last one ended
    first_of_worker = _FIRST_PORT + worker_number() % _MAX_WORKERS * _PORTS_PER_WORKER
    for _ in range(_PORTS_PER_WORKER):
        first = first_of_worker + _handed_out % (_PORTS_PER_WORKER - count)
        _handed_out += count
        if not any(_listens(port) for port in range(first, first + count)):
            return first
    raise RuntimeError(f"no {count} free ports from {first_of_worker}")


def free_port() -> int:
    """Return a port on which nothing listens."""
    return free_ports(1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
