"""A mount namespace in which one folder alone can be written, and one of its folders is a small disk."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_NSENTER = shutil.which("nsenter") or "nsenter"
# The disk is mounted before the rest becomes read-only. The namespace ends with `cat`, which ends with this process.
_SCRIPT = """
set -e
mount --bind "$1" "$1"
mkdir -p "$2"
mount -t tmpfs -o size=2g tmpfs "$2"
mount -o remount,bind,ro /
echo ready
exec cat
"""


@dataclass(frozen=True)
class ReadOnlyMachine:
    """Runs commands that can write nothing outside one folder; ``disk`` is a file system of its own."""

    pid: int
    disk: Path

    def run(
        self, command: Sequence[str], folder: Path, environ: Mapping[str, str], seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a folder with exactly this environment."""
        # nsenter's own option for the folder opens it outside the namespace.
        inside = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(folder), *command]
        return subprocess.run(
            [_NSENTER, f"--mount=/proc/{self.pid}/ns/mnt", *inside],
            env=dict(environ),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
        )

    def seen(self, path: Path) -> Path:
        """Return the path under which this process sees a file of the namespace."""
        return Path(f"/proc/{self.pid}/root{path}")

    def resize_disk(self, size: str) -> None:
        """Make the disk larger or smaller, but not smaller than what is on it; ``size`` is such as ``20m``."""
        command = [_NSENTER, f"--mount=/proc/{self.pid}/ns/mnt", "mount", "-o", f"remount,size={size}", str(self.disk)]
        subprocess.run(command, check=True)


@contextmanager
def read_only_machine(folder: Path, disk: Path) -> Iterator[ReadOnlyMachine]:
    """Yield the namespace in which only ``folder`` can be written; ``disk`` is inside it. Needs root."""
    command = ["unshare", "--mount", "--propagation=private", "bash", "-c", _SCRIPT, "bash", str(folder), str(disk)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        try:
            yield ReadOnlyMachine(holder.pid, disk)
        finally:
            holder.stdin.close()
