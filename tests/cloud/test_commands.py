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
from musicgenerator.errors import NotAnImageError
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
    """The command of `make demo` follows each track, saves six files per picture and exits 0."""
    done = _command(local_cloud, "demo", str(photos["coffee"]), "--out", str(tmp_path), "--language", "en")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "making the music" in done.stdout
    assert "LUFS" in done.stdout
    folder = tmp_path / "coffee"
    files = {"music.mp3", "music.wav", "music.mid", "score.musicxml", "cover.jpg", "track.json"}
    assert {path.name for path in folder.iterdir()} == files
    assert (folder / "music.mid").read_bytes().startswith(b"MThd")
    assert abs(listen((folder / "music.mp3").read_bytes()).seconds - 30) <= 1
    assert json.loads((folder / "track.json").read_text())["language"] == "en"


def test_demo_fails_with_the_reason_of_each_picture(
    local_cloud: Addresses, photos: dict[str, Path], tmp_path: Path
) -> None:
    """A bad picture makes the command fail with the reason in words; the music of the good picture is saved."""
    bad = tmp_path / "diary.jpg"
    bad.write_text("no picture")
    out = tmp_path / "out"
    done = _command(local_cloud, "demo", str(bad), str(photos["rocket"]), "--seconds", "10", "--out", str(out))
    assert done.returncode == 1
    reason = f"{NotAnImageError.words['ko']} ({NotAnImageError.code})"
    table = done.stdout.partition("\n\n")[2]
    assert f"diary.jpg   failed: {reason}" in table
    assert "{" not in done.stdout
    assert (out / "rocket" / "music.mp3").is_file()
    assert not (out / "diary").exists()


def test_demo_writes_every_picture_of_one_stem(local_cloud: Addresses, photos: dict[str, Path], tmp_path: Path) -> None:
    """Pictures whose names differ only in folder or extension have folders of their own."""
    paths = [tmp_path / name for name in ("a/IMG_1.JPG", "a/IMG_1.PNG", "b/IMG_1.JPG")]
    for path, name in zip(paths, ("coffee", "rocket", "chelsea"), strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(photos[name].read_bytes())
    out = tmp_path / "out"
    done = _command(local_cloud, "demo", *map(str, paths), "--seconds", "10", "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    music = {folder.name: (folder / "music.mp3").read_bytes() for folder in out.iterdir()}
    assert sorted(music) == ["IMG_1", "IMG_1-2", "IMG_1-3"]
    assert len(set(music.values())) == 3


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        (["no-such-picture.jpg"], "There is no file no-such-picture.jpg."),
        (["--language", "fr"], "BRIEF_LANGUAGE must be ko or en, not 'fr'."),
        (["--seconds", "1m"], "SECONDS_OF_MUSIC must be a whole number from 10 to 180, not '1m'."),
        (["--out", "Makefile"], "OUT must be a folder for the music: [Errno 17] File exists: 'Makefile'"),
    ],
)
def test_demo_refuses_what_is_wrong_before_it_starts(elsewhere: Addresses, arguments: list[str], refused: str) -> None:
    """The command names what is wrong and starts no local cloud."""
    done = _command(elsewhere, "demo", *arguments)
    assert (done.returncode, done.stderr.strip(), done.stdout) == (1, refused, "")
    assert not elsewhere.home.exists()


def test_ctrl_c_ends_a_demo_in_the_middle_and_quietly(elsewhere: Addresses, tmp_path: Path) -> None:
    """Ctrl-C ends a demo in the middle of its work, even pressed twice, and prints nothing more."""
    process = subprocess.Popen(
        _arguments("demo", "--out", str(tmp_path / "out")),
        env=_environ(elsewhere),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if "looking at the picture" in line:
                break
        family = _descendants(process.pid)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        printed = process.stdout.read()
        assert process.wait(timeout=30) == 130
    assert [line for line in printed.splitlines() if line and " s  " not in line] == []
    assert [pid for pid in family if _alive(pid)] == []
    assert _listening(elsewhere) == []


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


def test_ctrl_c_at_the_very_start_prints_no_traceback(elsewhere: Addresses) -> None:
    """The command ends quietly while it loads its modules."""
    command = [sys.executable, "-c", "import operations.interrupts; raise KeyboardInterrupt"]
    done = subprocess.run(command, env=_environ(elsewhere), cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
    main = (REPOSITORY / "localcloud" / "__main__.py").read_text(encoding="utf-8")
    assert main.index("import operations.interrupts") < main.index("from localcloud")


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
