"""The end of the local cloud's parts."""

import sys
import time
from pathlib import Path

from localcloud.parts import Part
from localcloud.supervisor import Supervisor
from tests.support.ports import free_ports

# It listens, and ends only when it is killed.
STUBBORN = """
import signal, socket, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    time.sleep(60)
"""


def test_parts_that_do_not_end_are_killed_within_two_seconds(tmp_path: Path) -> None:
    """The batches share the time, however many there are."""
    first = free_ports(3)
    with Supervisor(tmp_path, show=lambda _: None) as supervisor:
        for port in range(first, first + 3):
            supervisor.start([Part(f"part{port}", (sys.executable, "-c", STUBBORN, str(port)), port)])
        began = time.monotonic()
        supervisor.stop()
    assert time.monotonic() - began < 2
