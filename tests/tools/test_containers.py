"""What the dev container, the compose file and the images name is in the repository; no container engine runs here."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from localcloud.addresses import REPOSITORY, Addresses
from localcloud.servers.page import configuration

DOCKERFILE: Final = REPOSITORY / ".devcontainer" / "Dockerfile"
DOCKERFILES: Final = sorted(
    [DOCKERFILE, REPOSITORY / "pipeline" / "Dockerfile", *REPOSITORY.glob("pipeline/*/Dockerfile")]
)
MAKEFILE: Final = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
# Folders that `make` fills with programs for one machine, and the folder of the local cloud's state.
OF_ONE_MACHINE: Final = {".localcloud", ".tools", ".venv", ".venvs", "build", "web/node_modules"}


@pytest.fixture(scope="module")
def dev_container() -> dict[str, Any]:
    """What devcontainer.json says, without its comments."""
    text = (REPOSITORY / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(re.sub(r"^ *//.*$", "", text, flags=re.MULTILINE))
    return content


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    """The one service of the compose file."""
    services = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert list(services) == ["local-cloud"]
    content: dict[str, Any] = services["local-cloud"]
    return content


@pytest.fixture(scope="module")
def browser_ports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The page's port and those that its config.json names, by part."""
    addresses = Addresses(home=tmp_path_factory.mktemp("localcloud"))
    named = re.findall(r"127\.0\.0\.1:(\d+)", json.dumps(configuration(addresses)))
    wanted = {addresses.port, *map(int, named)}
    assert len(wanted) == 4
    return {part: port for part, port in addresses.ports.items() if port in wanted}


def make_targets(command: str) -> list[str]:
    """Return the targets of a command that calls make."""
    calls = re.findall(r"\bmake ([a-z][a-z_/. -]*)", command)
    return [target for call in calls for target in call.split()]


def stages(dockerfile: Path) -> dict[str, str]:
    """Return the base of each stage by its name; a last stage without a name is ``""``."""
    lines = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: base for base, name in lines}


def copied(dockerfile: Path) -> list[str]:
    """Return the sources of COPY instructions, in order."""
    lines = re.findall(r"^COPY (?:--\S+ )*(.+)$", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def test_the_dev_container_forwards_what_the_browser_calls(
    dev_container: dict[str, Any], browser_ports: dict[str, int]
) -> None:
    """Each port is forwarded to the same port, and is labelled with its part."""
    assert dev_container["forwardPorts"] == list(browser_ports.values())
    attributes = dev_container["portsAttributes"]
    assert {port: said["label"] for port, said in attributes.items()} == {
        str(port): part for part, port in browser_ports.items()
    }
    assert all(said["requireLocalPort"] for said in attributes.values())


def test_the_dev_containers_comment_forwards_the_same_ports(browser_ports: dict[str, int]) -> None:
    """GitHub's command line forwards them for a code space that is open in a browser."""
    text = (REPOSITORY / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    command = "gh codespace ports forward " + " ".join(f"{port}:{port}" for port in browser_ports.values())
    assert text.count(command) == 1


def test_compose_publishes_what_the_browser_calls(service: dict[str, Any], browser_ports: dict[str, int]) -> None:
    """The ports are published on this machine alone; inside, socat forwards them to the parts."""
    ports = list(browser_ports.values())
    assert service["ports"] == [f"127.0.0.1:{port}:1{port}" for port in ports]
    script = service["command"][-1]
    assert f"for port in {' '.join(map(str, ports))}; do" in script
    assert 'socat "TCP-LISTEN:1$$port,reuseaddr,fork" "TCP:127.0.0.1:$$port" &' in script


def test_what_socat_listens_on_is_no_port_of_the_local_cloud(browser_ports: dict[str, int]) -> None:
    """Both listen in one container."""
    assert {int(f"1{port}") for port in browser_ports.values()} & set(Addresses().ports.values()) == set()


def test_the_local_clouds_state_file_is_the_one_that_compose_removes(service: dict[str, Any]) -> None:
    """A local cloud that was killed leaves the file in the container."""
    state = Addresses().state_file.relative_to(REPOSITORY)
    assert f"rm -f {state}\n" in service["command"][-1]


def test_containers_call_targets_of_the_makefile(dev_container: dict[str, Any], service: dict[str, Any]) -> None:
    """Each target has a rule."""
    rules = {name for names in re.findall(r"^([\w./ -]+):", MAKEFILE, re.MULTILINE) for name in names.split()}
    assert make_targets(dev_container["postCreateCommand"]) == ["emulators", "build"]
    assert make_targets(service["command"][-1]) == ["run"]
    fetched, built = map(make_targets, re.findall(r"^RUN (make .*)", DOCKERFILE.read_text(), re.MULTILINE))
    assert (fetched, built) == (["emulators", "web/node_modules/.stamp"], ["build"])
    assert {"run", *fetched, *built} - rules == set()


def test_containers_are_built_from_existing_stages(dev_container: dict[str, Any], service: dict[str, Any]) -> None:
    """Both use one Dockerfile, with the repository as their context."""
    folder = REPOSITORY / ".devcontainer"
    build = dev_container["build"]
    assert (folder / build["dockerfile"], (folder / build["context"]).resolve()) == (DOCKERFILE, REPOSITORY)
    compose = service["build"]
    assert (REPOSITORY / compose["dockerfile"], compose["context"]) == (DOCKERFILE, ".")
    assert [build["target"], compose["target"]] == list(stages(DOCKERFILE))


def test_all_images_have_the_oldest_python_that_the_project_supports() -> None:
    """A base image is pinned by the same digest everywhere."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    image = f"python:{project['requires-python'].removeprefix('>=')}-slim"
    bases = {base for path in DOCKERFILES for base in stages(path).values()} - set(stages(DOCKERFILE))
    assert len(DOCKERFILES) == 3
    assert len(bases) == 1
    assert re.fullmatch(rf"{re.escape(image)}@sha256:[0-9a-f]{{64}}", bases.pop())


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_copied_file_exists(dockerfile: Path) -> None:
    """The repository is the context of every build."""
    sources = copied(dockerfile)
    assert [source for source in sources if not (REPOSITORY / source).exists()] == []
    assert len(sources) >= 3


def test_every_dockerfile_is_linted() -> None:
    """`make containers` names them."""
    tracked = subprocess.run(
        ["git", "ls-files", "Dockerfile", "*/Dockerfile"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split()
    assert tracked == [str(path.relative_to(REPOSITORY)) for path in DOCKERFILES]
    assert re.findall(r"\.venv/bin/hadolint (.+)", MAKEFILE) == [" ".join(tracked)]


def test_the_dev_container_has_its_own_programs(dev_container: dict[str, Any]) -> None:
    """What was installed for the host, or by it, is hidden by a volume; the host creates the mount points."""
    folder = "${containerWorkspaceFolder}/"
    mounts = dev_container["mounts"]
    assert {mount["target"].removeprefix(folder) for mount in mounts} == OF_ONE_MACHINE
    assert {mount["type"] for mount in mounts} == {"volume"}
    assert len({mount["source"] for mount in mounts}) == len(mounts)
    assert all(mount["source"].endswith("-${devcontainerId}") for mount in mounts)
    assert dev_container["initializeCommand"].split() == ["mkdir", "-p", *sorted(OF_ONE_MACHINE)]


def test_images_have_nothing_that_git_ignores() -> None:
    """Patterns of .dockerignore are relative to the context's root, so ``**/`` makes them match in every folder."""
    ignored = (REPOSITORY / ".gitignore").read_text(encoding="utf-8").split()
    lines = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        ".git",
        *(f"**/{name.removesuffix('/')}" for name in ignored),
    ]
    folders = {name.removesuffix("/") for name in ignored}
    assert {Path(folder).name for folder in OF_ONE_MACHINE} - folders == set()


def test_the_image_fetches_with_the_files_that_are_copied_first(tmp_path: Path) -> None:
    """The layer with packages and tools needs no other file, so a change of the code does not build it again."""
    text = DOCKERFILE.read_text(encoding="utf-8")
    for source in copied(DOCKERFILE)[: copied(DOCKERFILE).index(".")]:
        target = tmp_path / source
        target.parent.mkdir(exist_ok=True)
        (shutil.copytree if (REPOSITORY / source).is_dir() else shutil.copy)(REPOSITORY / source, target)
    targets = make_targets(re.findall(r"^RUN (make .*)", text, re.MULTILINE)[0])
    command = ["make", "--dry-run", *targets]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "npm ci" in done.stdout
    # Tools import no other package of the repository.
    command = [sys.executable, "-m", "tools", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env={"PATH": ""})
    assert done.returncode == 0, done.stderr
