"""Google's emulators: those of an installed SDK, otherwise the archives that firebase-tools uses."""

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools import gcloud, places
from tools.download import download
from tools.manifest import ToolError, archive
from tools.places import DOWNLOADS, TOOLS

_FOLDER: Final = TOOLS / "emulators"
_FIRESTORE: Final = "cloud-firestore-emulator*.jar"
_PUBSUB: Final = "pubsub-emulator/lib/cloud-pubsub-emulator-*.jar"
# The SDK's emulators run on Java 11; firebase-tools asks for 21.
_JAVA_OF_SDK: Final = 11
JAVA_OF_ARCHIVES: Final = 21
_BY_HAND: Final = (
    "Or install the Google Cloud SDK by hand (https://cloud.google.com/sdk/docs/install) with its emulators:\n"
    "    gcloud components install cloud-firestore-emulator pubsub-emulator\n"
    "or, if gcloud is a Debian package,\n"
    "    sudo apt-get install google-cloud-cli-firestore-emulator google-cloud-cli-pubsub-emulator"
)


@dataclass(frozen=True)
class Emulators:
    """The jars, and the oldest Java that runs them."""

    firestore: Path
    pubsub: Path
    java: int


def find() -> Emulators | None:
    """Return the emulators of the installed SDK or the fetched ones, or None."""
    sdk = gcloud.installed_root()
    installed = _inside(sdk / "platform", f"cloud-firestore-emulator/{_FIRESTORE}", _JAVA_OF_SDK) if sdk else None
    if installed or not places.is_pinned(_FOLDER, _pin()):
        return installed
    return _inside(_FOLDER, _FIRESTORE, JAVA_OF_ARCHIVES)


def fetch() -> Emulators:
    """Download both emulators; raise ToolError if that is not possible."""
    firestore, pubsub = archive("firestore-emulator"), archive("pubsub-emulator")
    jar = download(firestore, DOWNLOADS, _BY_HAND)
    packed = download(pubsub, DOWNLOADS, _BY_HAND)
    draft = TOOLS / "emulators.new"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        with zipfile.ZipFile(packed) as content:
            content.extractall(draft)
    except zipfile.BadZipFile as error:
        raise ToolError(f"{pubsub.address} is no zip file: {error}. {_BY_HAND}") from error
    if not any(draft.glob(_PUBSUB)):
        raise ToolError(f"{pubsub.address} holds no {_PUBSUB}. {_BY_HAND}")
    jar.replace(draft / jar.name)
    places.install(draft, _FOLDER, _pin())
    packed.unlink()
    found = _inside(_FOLDER, _FIRESTORE, JAVA_OF_ARCHIVES)
    if found is None:
        raise ToolError(f"{firestore.address} is not named {_FIRESTORE}. {_BY_HAND}")
    return found


def _pin() -> str:
    return " ".join(archive(name).sha256 for name in ("firestore-emulator", "pubsub-emulator"))


def _inside(folder: Path, firestore_pattern: str, java: int) -> Emulators | None:
    firestore, pubsub = (max(folder.glob(pattern), default=None) for pattern in (firestore_pattern, _PUBSUB))
    return Emulators(firestore, pubsub, java) if firestore and pubsub else None
