"""`make demo` on a machine that has coreutils, bash, make, git, tar and Python, and nothing else.

Registries are used as they are configured. Google's archives come from a server of this test, with this machine's
emulators in them, because Google itself is never asked.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import pytest

from localcloud.addresses import REPOSITORY
from tests.support.archive_server import ArchiveServer, archive_server
from tests.support.read_only import ReadOnlyMachine, read_only_machine
from tools import emulators
from tools.manifest import ANY, Archive
from tools.renew import write

PORT: Final = 24_080
# The programs of GNU coreutils that a script might use, and what the README asks for beside Python.
PROGRAMS: Final = """
basename cat chmod comm cp cut date df dirname du echo env expr false fold head id install ln ls md5sum mkdir mkfifo
mktemp mv nproc od paste printenv printf pwd readlink realpath rm rmdir seq sha256sum sleep sort split stat stty tail
tee test timeout touch tr true tty uname uniq wc whoami
bash sh make git tar
"""
# A port on which nothing listens.
NO_NETWORK: Final = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
# What configures registries and their certificates.
_REGISTRIES: Final = ("NODE_", "NPM_", "PIP_", "SSL_", "UV_")


@dataclass(frozen=True)
class Machine:
    """A clone, an empty home and a short PATH; nothing else can be written."""

    room: Path
    sandbox: ReadOnlyMachine

    @property
    def clone(self) -> Path:
        """The checkout, with its files as they are now."""
        return self.room / "clone"

    @property
    def tools(self) -> Path:
        """The clone's ``.tools``, as this process sees it."""
        return self.sandbox.seen(self.clone / ".tools")

    def make(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run make in the clone."""
        fixed = {"HOME": "home", "PATH": "bin", "TMPDIR": "tmp"}
        inherited = {name: value for name, value in os.environ.items() if name.startswith(_REGISTRIES)}
        fixed = {name: str(self.room / folder) for name, folder in fixed.items()}
        command = [str(self.room / "bin" / "make"), *arguments]
        return self.sandbox.run(command, self.clone, inherited | fixed | {"LANG": "C.UTF-8"} | environ, 280)

    def demo(self, **environ: str) -> subprocess.CompletedProcess[str]:
        """Make music from one picture."""
        return self.make("demo", "IMAGES=localcloud/photos/coffee.jpg", f"PORT={PORT}", **environ)

    def processes(self) -> list[str]:
        """Return the commands of the running processes that belong to the clone."""
        commands = [_command(folder) for folder in Path("/proc").glob("[0-9]*")]
        return [command for command in commands if str(self.clone) in command]


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text().replace("\0", " ")
    except OSError:  # it has ended
        return ""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The new machine."""
    room = tmp_path_factory.mktemp("machine")
    for folder in ("clone", "home", "bin", "tmp"):
        (room / folder).mkdir()
    for name in PROGRAMS.split():
        found = shutil.which(name)
        if found:
            (room / "bin" / name).symlink_to(found)
    # The base interpreter has none of the packages of this test's environment.
    (room / "bin" / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = REPOSITORY / name, room / "clone" / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    with read_only_machine(room, room / "clone" / ".tools") as sandbox:
        yield Machine(room, sandbox)


@pytest.fixture(scope="module")
def google(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArchiveServer]:
    """A server with this machine's emulators; the clone's manifest names it."""
    room = tmp_path_factory.mktemp("archives")
    installed = emulators.find()
    assert installed is not None
    firestore = room / "cloud-firestore-emulator-v0.jar"
    firestore.symlink_to(installed.firestore)
    pubsub = room / "pubsub-emulator-0.zip"
    with zipfile.ZipFile(pubsub, "w") as packed:
        packed.write(installed.pubsub, f"pubsub-emulator/lib/{installed.pubsub.name}")
    with archive_server({path.name: path for path in (firestore, pubsub)}) as server:
        rows = [
            Archive(name, "0", ANY, f"{server.url}/{path.name}", _sha256(path), path.stat().st_size)
            for name, path in (("firestore-emulator", firestore), ("pubsub-emulator", pubsub))
        ]
        write(rows, machine.clone / "tools" / "manifest.toml")
        yield server


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def last_lines(done: subprocess.CompletedProcess[str], count: int = 6) -> str:
    """Return the end of what a failed command printed, without make's own line."""
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make:")]
    return "\n".join(lines[-count:])


def test_without_a_network_nothing_can_be_installed(machine: Machine, google: ArchiveServer) -> None:
    """The message names what is missing; nothing half-installed stays in the way."""
    del google
    done = machine.demo(**NO_NETWORK, PIP_RETRIES="0")
    assert done.returncode != 0
    installing, said = done.stdout.splitlines()
    assert installing == "Installing uv into .tools/uv (18 MB)"
    assert said.startswith(
        "uv cannot be downloaded from your package index; .tools/uv.log says why. Run the command again"
    )
    assert "Cannot connect to proxy" in (machine.tools / "uv.log").read_text()


def test_a_refused_archive_is_named_with_what_to_install_instead(machine: Machine, google: ArchiveServer) -> None:
    """Its address and the answer are in the message."""
    google.status = HTTPStatus.FORBIDDEN
    said = last_lines(machine.demo())
    assert (
        f"{google.url}/cloud-firestore-emulator-v0.jar answered 403 Forbidden. Or install the Google Cloud SDK" in said
    )
    assert "gcloud components install cloud-firestore-emulator pubsub-emulator" in said


def test_a_wrong_archive_is_deleted(machine: Machine, google: ArchiveServer) -> None:
    """Nothing of it is used."""
    google.heal()
    google.spoiled = True
    said = last_lines(machine.demo(), 12)
    assert f"{google.url}/cloud-firestore-emulator-v0.jar has the wrong SHA-256, so it was deleted:" in said
    assert list((machine.tools / "downloads").iterdir()) == []


def test_a_download_that_is_cut_off_is_resumed(machine: Machine, google: ArchiveServer) -> None:
    """Each try brings more of it; the message says how much there is, and the next run asks for the rest."""
    google.heal()
    google.cut = 2**20
    said = last_lines(machine.demo(), 9)
    assert f"The download of {google.url}/cloud-firestore-emulator-v0.jar failed after 4.2 MB" in said
    assert "Run the command again: it resumes the download." in said
    assert [wanted for _, wanted in google.requests] == [None, *(f"bytes={count * 2**20}-" for count in (1, 2, 3))]


def test_a_full_disk_is_named(machine: Machine, google: ArchiveServer) -> None:
    """What fits is kept."""
    if machine.sandbox.pid is None:
        pytest.skip("this system gives its users no mount namespace; CI has one")
    google.heal()
    used = sum(path.stat().st_blocks * 512 for path in machine.tools.rglob("*"))
    machine.sandbox.resize_disk(str(used + 20_000_000))
    said = last_lines(machine.demo())
    assert "The disk is full: cloud-firestore-emulator-v0.jar, which needs" in said
    assert "Free some space and run the command again: it resumes the download." in said
    machine.sandbox.resize_disk("2g")


def test_the_first_demo_makes_music(machine: Machine, google: ArchiveServer) -> None:
    """Everything comes into the clone; no process stays; the music, the cover and the description are in out/."""
    google.heal()
    done = machine.demo()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The emulators: .tools/emulators" in done.stdout
    assert "Java: .tools/java/" in done.stdout
    name, wanted = google.requests[0]
    assert name == "cloud-firestore-emulator-v0.jar"
    assert int(str(wanted).removeprefix("bytes=").removesuffix("-")) > 4_000_000
    made = {path.name: path.stat().st_size for path in (machine.clone / "out" / "coffee").iterdir()}
    assert made.keys() == {"music.mp3", "music.wav", "music.mid", "score.musicxml", "cover.jpg", "track.json"}
    assert made["music.mp3"] > 100_000
    assert machine.processes() == []
    assert not (machine.clone / "web" / "node_modules").exists()


def test_the_second_demo_needs_no_network(machine: Machine, google: ArchiveServer) -> None:
    """It downloads nothing and asks no registry."""
    google.heal()
    shutil.rmtree(machine.clone / "out")
    done = machine.demo(**NO_NETWORK)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (machine.clone / "out" / "coffee" / "music.mp3").exists()
    assert google.requests == []
    assert machine.processes() == []


def test_the_page_is_built_with_a_node_from_a_wheel(machine: Machine) -> None:
    """The machine has no Node.js."""
    done = machine.make("build-web")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Node.js: .tools/node/" in done.stdout
    assert (machine.clone / "build" / "web" / "index.html").is_file()


def test_a_folder_with_a_space_is_refused(machine: Machine) -> None:
    """A step of the pipeline would fail later, without a reason."""
    with_space = machine.room / "a folder"
    with_space.mkdir()
    shutil.copy(machine.clone / "Makefile", with_space)
    done = machine.make("-C", str(with_space), "demo")
    assert "The path of this folder has a space, which some tools cannot use. Move the folder" in last_lines(done)


def test_a_plain_windows_shell_is_told_to_use_wsl(machine: Machine) -> None:
    """Windows sets OS in every shell; WSL does not."""
    done = machine.make("demo", OS="Windows_NT")
    assert "Install WSL with `wsl --install`" in last_lines(done)
