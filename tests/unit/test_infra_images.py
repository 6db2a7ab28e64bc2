import re
from pathlib import Path

import pytest

from infra.torch_lock import lines, locked_names

REPOSITORY = Path(__file__).resolve().parents[2]
MODEL_SERVER = REPOSITORY / "pipeline" / "model_server"
DOCKERFILES = [REPOSITORY / "pipeline" / "Dockerfile", MODEL_SERVER / "Dockerfile"]
TORCH = (MODEL_SERVER / "torch.lock.txt").read_text(encoding="utf-8")
OTHERS = (MODEL_SERVER / "requirements.txt").read_text(encoding="utf-8")


def test_the_images_have_one_base_with_a_digest() -> None:
    """A tag without a digest can name another base at each build."""
    bases = {base for file in DOCKERFILES for base in re.findall(r"(?m)^FROM (.*)$", file.read_text(encoding="utf-8"))}
    (base,) = bases
    assert re.fullmatch(r"python:3\.11-slim@sha256:[0-9a-f]{64}", base)


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.parent.name)
def test_every_package_of_an_image_is_installed_by_its_hash(file: Path) -> None:
    """Every call of pip requires hashes, and so pip refuses a lock without them."""
    installs = re.findall(r"pip install((?:.*\\\n)*.*)", file.read_text(encoding="utf-8"))
    assert installs
    assert not [options for options in installs if "--require-hashes" not in options]


def test_the_lock_of_pytorch_has_a_hash_for_each_package_and_repeats_none() -> None:
    """The version is that of torch.txt, which `make setup` installs; pip refuses a package that is locked twice."""
    (version,) = (MODEL_SERVER / "torch.txt").read_text(encoding="utf-8").split()
    entries = TORCH.replace(" \\\n", "").splitlines()
    assert not [
        entry for entry in entries if not re.fullmatch(r"[a-z0-9.-]+==[^ ]+(    --hash=sha256:[0-9a-f]{64})+", entry)
    ]
    assert version in [entry.split()[0] for entry in entries]
    assert not locked_names(TORCH) & locked_names(OTHERS)


def test_what_another_file_locks_is_left_out() -> None:
    """Each other package gets one line for each of its wheels."""
    wheels = [{"hashes": {"sha256": "b"}}, {"hashes": {"sha256": "a"}}]
    packages = [{"name": name, "version": "1", "wheels": wheels} for name in ("torch", "jinja2")]
    assert list(lines({"packages": packages}, {"jinja2"})) == [
        "torch==1 \\\n    --hash=sha256:a \\\n    --hash=sha256:b"
    ]
