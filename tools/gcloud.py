"""The Google Cloud SDK: this machine's, otherwise Google's archive."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tools import places
from tools.download import download
from tools.manifest import ToolError, archive
from tools.places import DOWNLOADS, TOOLS, link, on_path, said

# Alert policies and channels, and identities of Google's services, have commands in alpha and beta only.
_COMPONENTS: Final = ("alpha", "beta")
_ROOT: Final = TOOLS / "google-cloud-sdk"
_BY_HAND: Final = (
    "Or install the Google Cloud SDK by hand: https://cloud.google.com/sdk/docs/install,"
    " or on macOS: brew install --cask gcloud-cli"
)


def find() -> Path | None:
    """Return gcloud's path, or None."""
    program = on_path("gcloud")
    if program:
        return Path(program)
    return _ROOT / "bin" / "gcloud" if places.is_pinned(_ROOT, archive("gcloud").sha256) else None


def fetch() -> Path:
    """Download and unpack the SDK, and link gcloud; raise ToolError if that is not possible."""
    pinned = archive("gcloud")
    packed = download(pinned, DOWNLOADS, _BY_HAND)
    draft = TOOLS / "sdk.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    if subprocess.run(["tar", "-xzf", str(packed), "-C", str(draft)], check=False).returncode:
        raise ToolError(f"{packed} cannot be unpacked; the reason is above.")
    _add_components(draft / _ROOT.name)
    places.install(draft / _ROOT.name, _ROOT, pinned.sha256)
    draft.rmdir()
    packed.unlink()
    link("gcloud", _ROOT / "bin" / "gcloud")
    return _ROOT / "bin" / "gcloud"


def installed_root() -> Path | None:
    """Return the folder of the machine's SDK, or None."""
    program = on_path("gcloud")
    if program is None:
        return None
    root = Path(program).resolve().parent.parent
    if (root / "platform").is_dir() or (root / "lib").is_dir():
        return root
    shown = said(program, "info", "--format=value(installation.sdk_root)").strip()
    return Path(shown) if shown else None


def _add_components(root: Path) -> None:
    missing = [name for name in _COMPONENTS if not (root / "lib" / "surface" / name).is_dir()]
    if not missing:
        return
    command = [str(root / "bin" / "gcloud"), "components", "install", *missing, "--quiet"]
    if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode:
        raise ToolError(f"gcloud could not install its components {' '.join(missing)}; the reason is above. {_BY_HAND}")
