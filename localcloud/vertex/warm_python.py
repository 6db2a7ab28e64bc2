"""An interpreter that has already imported the libraries, for the steps of one pipeline.

kfp's runner starts ``sys.executable`` for each step, and the step spends more than a second on imports.
Here ``sys.executable`` is a shell script instead.
It sends arguments and environment to a process forked from one that has loaded the libraries, copies that process's
output, and exits with its status.
"""

import os
import runpy
import signal
import sys
import traceback
from pathlib import Path
from typing import Final, NoReturn

# What the steps import, without this project's code, which may change while the server runs.
LIBRARIES: Final = (
    "google.cloud.pubsub_v1",
    "google.cloud.storage",
    "lameenc",
    "mutagen.id3",
    "numpy",
    "pyloudnorm",
    "scipy.ndimage",
    "scipy.signal",
    "soundfile",
    "tinysoundfont",
)

_SHELL: Final = """#!/bin/sh
env -0 > "$0.environ"
printf '%s\\0' "$@" > "$0.arguments"
cat "$0.output"
exit "$(cat "$0.status")"
"""
_FAILED: Final = 1


class WarmPython:
    """A context in which ``sys.executable`` is the warm interpreter; it runs one step at a time."""

    def __init__(self, folder: Path) -> None:
        """Keep the interpreter's script and pipes in ``folder``."""
        self._script = folder / "python3"

    def __enter__(self) -> None:
        """Fork the process that waits for steps; the caller must not have other threads yet."""
        self._script.write_text(_SHELL)
        self._script.chmod(0o700)
        for pipe in ("arguments", "output"):
            os.mkfifo(f"{self._script}.{pipe}")
        self._executable = sys.executable
        self._waiting = os.fork()
        if self._waiting == 0:
            _wait_for_steps(str(self._script), self._executable)
        sys.executable = str(self._script)

    def __exit__(self, *_: object) -> None:
        """End the waiting process."""
        sys.executable = self._executable
        os.kill(self._waiting, signal.SIGKILL)
        os.waitpid(self._waiting, 0)


def _wait_for_steps(script: str, executable: str) -> NoReturn:
    while True:
        # Opening a pipe waits for the other side: here the process waits for a step.
        arguments = [part.decode() for part in Path(f"{script}.arguments").read_bytes().split(b"\0")[:-1]]
        output = os.open(f"{script}.output", os.O_WRONLY)
        step = os.fork()
        if step == 0:
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)
            _run_step(script, executable, arguments)
        code = os.waitstatus_to_exitcode(os.waitpid(step, 0)[1])
        # Written before the output ends, because the shell reads it then.
        Path(f"{script}.status").write_text(str(code if code >= 0 else 128 - code))
        os.close(output)


def _run_step(script: str, executable: str, arguments: list[str]) -> NoReturn:
    pairs = (entry.partition(b"=") for entry in Path(f"{script}.environ").read_bytes().split(b"\0")[:-1])
    os.environ.clear()
    os.environb.update({name: value for name, _, value in pairs})
    sys.executable = executable
    if arguments[:1] != ["-m"]:  # not a module, so it runs in a new interpreter
        os.execv(executable, [executable, *arguments])  # noqa: S606  the same interpreter
    code: object = 0
    try:
        sys.argv = [arguments[1], *arguments[2:]]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001  an interpreter prints every error
        traceback.print_exc()
        code = _FAILED
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else _FAILED if code else 0)
