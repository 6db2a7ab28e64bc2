import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from localcloud.addresses import HOST, REPOSITORY, Addresses
from tests.support.listening import listen

pytestmark = pytest.mark.cloud

PORT = 19080


@pytest.fixture
def elsewhere(tmp_path: Path) -> Addresses:
    """Addresses without a running local cloud."""
    return Addresses(PORT, tmp_path / "localcloud")


def test_demo_saves_the_music_and_prints_a_table(
    local_cloud: Addresses, photos: dict[str, Path], tmp_path: Path
) -> None:
    """The command of `make demo` follows each track, saves four files per picture and exits 0."""
    done = _command(local_cloud, "demo", str(photos["coffee"]), "--out", str(tmp_path), "--language", "en")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "making the music" in done.stdout
    assert "LUFS" in done.stdout
    folder = tmp_path / "coffee"
    assert {"music.mp3", "music.wav", "cover.jpg", "track.json"} <= {path.name for path in folder.iterdir()}
    assert abs(listen((folder / "music.mp3").read_bytes()).seconds - 30) <= 1
    assert json.loads((folder / "track.json").read_text())["language"] == "en"


def test_demo_fails_with_the_reason_of_each_picture(
    local_cloud: Addresses, photos: dict[str, Path], tmp_path: Path
) -> None:
    """A bad picture makes the command fail with the reason; the music of the good picture is saved."""
    bad = tmp_path / "diary.jpg"
    bad.write_text("no picture")
    out = tmp_path / "out"
    done = _command(local_cloud, "demo", str(bad), str(photos["rocket"]), "--seconds", "10", "--out", str(out))
    assert done.returncode == 1
    assert "not_an_image" in done.stdout
    assert (out / "rocket" / "music.mp3").is_file()
    assert not (out / "diary").exists()


def test_demo_names_a_missing_file(local_cloud: Addresses) -> None:
    """The command names the missing file before it drops a picture."""
    done = _command(local_cloud, "demo", "no-such-picture.jpg")
    assert (done.returncode, done.stderr.strip()) == (1, "There is no file no-such-picture.jpg.")


def test_a_second_start_says_that_it_is_up(local_cloud: Addresses) -> None:
    """If the local cloud is running, `run` says so and changes nothing."""
    done = _command(local_cloud, "run")
    assert done.returncode == 0
    assert f"already up (process {os.getpid()})" in done.stdout
    assert local_cloud.url("page") in done.stdout


def test_a_busy_port_is_named_with_its_remedy(elsewhere: Addresses) -> None:
    """The start fails, names the busy port and its part, and leaves no process running."""
    with socket.create_server((HOST, elsewhere.ports["storage"])):
        done = _command(elsewhere, "run")
    assert done.returncode == 1
    assert f"Port {elsewhere.ports['storage']}, wanted for storage, is busy" in done.stderr
    assert "PORT=" in done.stderr
    assert _listening(elsewhere) == []


def test_ctrl_c_ends_every_child(elsewhere: Addresses) -> None:
    """After Ctrl-C all processes of the local cloud have ended and all ports are free."""
    process = subprocess.Popen(
        _arguments("run"), env=_environ(elsewhere), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("The page:"):
                break
        family = _descendants(process.pid)
        assert len(family) >= len(elsewhere.ports)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(timeout=30) == 130
    assert [pid for pid in family if _alive(pid)] == []
    assert _listening(elsewhere) == []
    assert not (elsewhere.home / "running.json").exists()


def _command(addresses: Addresses, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        _arguments(*arguments),
        env=_environ(addresses),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _arguments(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "localcloud", *arguments]


def _environ(addresses: Addresses) -> dict[str, str]:
    paths = os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY)))
    return os.environ | {
        "PORT": str(addresses.port),
        "LOCALCLOUD_HOME": str(addresses.home),
        "PYTHONPATH": paths,
        "PYTHONUNBUFFERED": "1",
    }


def _listening(addresses: Addresses) -> list[int]:
    found = []
    for port in addresses.ports.values():
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                found.append(port)
    return found


def _descendants(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    parents = dict(tuple(map(int, line.split())) for line in listed.stdout.splitlines())
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family[1:]


def _alive(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    return True
