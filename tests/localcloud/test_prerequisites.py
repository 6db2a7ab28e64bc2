from pathlib import Path

import pytest

from localcloud.prerequisites import MissingToolError, find_tools


def _program(folder: Path, name: str, says: str = "") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    path.chmod(0o755)


def test_missing_java_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Java the message has the command that installs it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match=r"Java is missing[\s\S]*apt-get install default-jre-headless"):
        find_tools()


def test_old_java_is_named_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If Java is too old, the message has its own version output."""
    _program(tmp_path, "java", 'openjdk version "1.8.0_392"')
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match=r"1\.8\.0_392[\s\S]*Java 11 or newer"):
        find_tools()


def test_missing_gcloud_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without gcloud the message has the command that installs it."""
    _program(tmp_path, "java", 'openjdk version "17.0.1"')
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match=r"Google Cloud SDK is missing[\s\S]*google-cloud-cli"):
        find_tools()


def test_missing_emulators_are_installed_or_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing emulators are installed by gcloud; if it refuses, the message has the command."""
    binaries = tmp_path / "sdk" / "bin"
    binaries.mkdir(parents=True)
    (tmp_path / "sdk" / "platform").mkdir()
    _program(binaries, "java", 'openjdk version "17.0.1"')
    (binaries / "gcloud").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\nexit 1\n')
    (binaries / "gcloud").chmod(0o755)
    monkeypatch.setenv("PATH", str(binaries))
    with pytest.raises(MissingToolError, match="gcloud components install cloud-firestore-emulator pubsub-emulator"):
        find_tools()
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["components install cloud-firestore-emulator pubsub-emulator --quiet"]
