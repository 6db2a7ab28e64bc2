"""The end of the local cloud's parts."""

import sys
import time
from pathlib import Path

import pytest

from infra.settings import SETTINGS
from localcloud.parts import Part
from localcloud.supervisor import Supervisor
from tests.support.ports import free_ports

# It listens, complains when it should end, and ends only when it is killed.
STUBBORN = """
import signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *_: print("Background thread did not exit.", flush=True))
print("listening", flush=True)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    while True:
        time.sleep(60)
"""


def test_parts_that_do_not_end_are_killed_within_two_seconds(tmp_path: Path) -> None:
    """The batches share the time, however many there are; what they print meanwhile is only in their logs."""
    first, shown = free_ports(3), list[str]()
    with Supervisor(tmp_path, show=shown.append) as supervisor:
        for port in range(first, first + 3):
            supervisor.start([Part(f"part{port}", (sys.executable, "-c", STUBBORN, str(port)), port)])
        began = time.monotonic()
        supervisor.stop()
    assert time.monotonic() - began < 2
    assert [line.split() for line in shown] == [[f"part{port}", "listening"] for port in range(first, first + 3)]
    assert "Background thread" in (tmp_path / f"part{first}.log").read_text()


def test_parts_inherit_the_settings_of_the_local_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part gets the variables that a person sets for the local cloud, and no others; its own come first."""
    given = {*SETTINGS, "COLD_START_SECONDS", "WARM_START_SECONDS"}
    for name in (*given, "OTHER_SECONDS"):
        monkeypatch.setenv(name, "90")
    port = free_ports(1)
    program = f"import os; print(*sorted(n for n in os.environ if os.environ[n] == '90'), flush=True)\n{STUBBORN}"
    with Supervisor(tmp_path, show=lambda _: None) as supervisor:
        supervisor.start([Part("part", (sys.executable, "-c", program, str(port)), port, {"REGIONS": ""})])
    assert set((tmp_path / "part.log").read_text().splitlines()[0].split()) == given - {"REGIONS"}
