"""A mount namespace in which one folder alone can be written, and one of its folders is a small disk.

Linux gives one to root, and to other users in a user namespace if the system allows it.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
_USER = [] if os.geteuid() == 0 else ["--user"]
_MAPPED = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]


@dataclass(frozen=True)
class ReadOnlyMachine:
    """Runs commands that can write nothing outside one folder.

    ``pid`` is the process that keeps the namespace; without one, commands run as they are.
    """

    pid: int | None
    disk: Path

    def run(
        self, command: Sequence[str], folder: Path, environ: Mapping[str, str], seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a folder with exactly this environment."""
        # nsenter's own option for the folder opens it outside the namespace.
        return subprocess.run(
            [*self._enter(), "/bin/sh", "-c", 'cd "$0" && exec "$@"', str(folder), *command],
            env=dict(environ),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
        )

    def seen(self, path: Path) -> Path:
        """Return the path under which this process sees a file of the namespace."""
        return Path(f"/proc/{self.pid}/root{path}") if self.pid else path

    def resize_disk(self, size: str) -> None:
        """Make the disk larger or smaller, but not smaller than what is on it; ``size`` is such as ``20m``."""
        remount = ["mount", "-n", "-t", "tmpfs", "-o", f"remount,size={size}", "tmpfs", str(self.disk)]
        subprocess.run([*self._enter(), *remount], check=True)

    def _enter(self) -> list[str]:
        if self.pid is None:
            return []
        namespaces = [f"--mount=/proc/{self.pid}/ns/mnt", f"--target={self.pid}", *_USER, "--preserve-credentials"]
        return [str(shutil.which("nsenter")), *namespaces]


@contextmanager
def read_only_machine(folder: Path, disk: Path) -> Iterator[ReadOnlyMachine]:
    """Yield the namespace in which only ``folder`` can be written; ``disk`` is inside it."""
    unshare = ["unshare", *_MAPPED, "--mount", "--propagation=private"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        disk.mkdir(parents=True)
        yield ReadOnlyMachine(None, disk)
        return
    command = [*unshare, "bash", "-c", _SCRIPT, "bash", str(folder), str(disk)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        try:
            yield ReadOnlyMachine(holder.pid, disk)
        finally:
            holder.stdin.close()
