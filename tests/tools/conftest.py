import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud.addresses import REPOSITORY


@dataclass(frozen=True)
class Checkout:
    """A folder with a copy of ``tools/``, and a PATH with the programs of a test."""

    folder: Path

    def program(self, name: str, script: str) -> Path:
        """Put a shell script on the PATH."""
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run ``python -m tools``."""
        return subprocess.run(
            [sys.executable, "-m", "tools", *arguments],
            cwd=self.folder,
            env={"PATH": str(self.folder / "bin"), "PYTHONPATH": str(self.folder), "LANG": "C.UTF-8"} | environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout without fetched tools, on a machine without programs."""
    shutil.copytree(REPOSITORY / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "bin").mkdir()
    for name in ("tar", "gzip", "sh", "cat", "env"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    return Checkout(tmp_path)
