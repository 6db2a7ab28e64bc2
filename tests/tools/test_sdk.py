"""The Google Cloud SDK from Google's archive, which here holds this machine's gcloud."""

import hashlib
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.support.archive_server import archive_server
from tests.tools.conftest import Checkout
from tools.manifest import Archive, machine
from tools.renew import write


@contextmanager
def sdk(checkout: Checkout, surfaces: tuple[str, ...], script: str) -> Iterator[Path]:
    """Serve an SDK whose gcloud is this script; the checkout's manifest names it."""
    root = checkout.folder / "google-cloud-sdk"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "gcloud").write_text(f"#!/bin/sh\n{script}\n")
    (root / "bin" / "gcloud").chmod(0o755)
    for name in surfaces:
        (root / "lib" / "surface" / name).mkdir(parents=True)
    packed = checkout.folder / "google-cloud-cli-1.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(root, root.name)
    shutil.rmtree(root)
    with archive_server({packed.name: packed}) as server:
        digest = hashlib.sha256(packed.read_bytes()).hexdigest()
        row = Archive("gcloud", "1", machine(), f"{server.url}/{packed.name}", digest)
        write([row], checkout.folder / "tools" / "manifest.toml")
        yield checkout.folder / ".tools" / "bin" / "gcloud"


def test_gcloud_is_fetched_and_found_by_its_name(checkout: Checkout) -> None:
    """The second call finds it; it runs as the machine's gcloud does."""
    real = str(shutil.which("gcloud"))
    with sdk(checkout, ("alpha", "beta"), f'exec "{real}" "$@"') as gcloud:
        done = checkout.run("gcloud")
        assert (done.returncode, done.stdout) == (
            0,
            "gcloud: .tools/google-cloud-sdk/bin/gcloud (Google's archive)\n",
        ), done.stderr
        assert checkout.run("gcloud").stdout == ""
    shown = [
        subprocess.run([program, "version", "--format=value(core)"], capture_output=True, text=True, check=True).stdout
        for program in (real, gcloud)
    ]
    assert shown[0] == shown[1] != "\n"
    assert sorted(path.name for path in (checkout.folder / ".tools").iterdir()) == [
        "bin",
        "downloads",
        "google-cloud-sdk",
        "lock",
    ]
    assert list((checkout.folder / ".tools" / "downloads").iterdir()) == []


def test_missing_components_are_installed(checkout: Checkout) -> None:
    """Google's archive has neither alpha nor beta commands."""
    log = checkout.folder / "log"
    with sdk(checkout, ("beta",), f'echo "$@" >> {log}'):
        assert checkout.run("gcloud").returncode == 0
    assert log.read_text() == "components install alpha --quiet\n"


def test_an_sdk_without_its_components_is_not_used(checkout: Checkout) -> None:
    """The next call tries again; the archive is not downloaded twice."""
    with sdk(checkout, (), "echo 'no network' >&2; exit 1") as gcloud:
        done = checkout.run("gcloud")
        assert done.returncode == 1
        assert "no network\ngcloud could not install its components alpha beta; the reason is above." in done.stderr
        assert not gcloud.exists()
        assert "Downloading" not in checkout.run("gcloud").stderr


def test_two_runs_at_once_download_once(checkout: Checkout) -> None:
    """The second waits for the first, and finds what it fetched."""
    with sdk(checkout, ("alpha", "beta"), "true"), ThreadPoolExecutor(2) as both:
        runs = list(both.map(lambda _: checkout.run("gcloud"), range(2)))
    assert [done.returncode for done in runs] == [0, 0]
    assert "".join(done.stderr for done in runs).count("Downloading") == 1
