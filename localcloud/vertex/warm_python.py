"""An interpreter that has its imports behind it, for the steps of one pipeline.

kfp's runner starts ``sys.executable`` for each step, which would spend more than a second of computing on imports.
In its place it finds a few lines of shell: they hand arguments and environment to a process that was forked from one
where the libraries are loaded, pass on what that prints, and end with its status.
"""

import os
import runpy
import signal
import sys
import traceback
from pathlib import Path
from typing import Final, NoReturn

# What the pipeline's steps import, but none of the product's own code, which may change while the server runs.
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
    """Use it as a context: ``sys.executable`` is the warm interpreter inside, one step at a time."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is where the interpreter's script and pipes lie."""
        self._script = folder / "python3"

    def __enter__(self) -> None:
        """Fork the process that waits for steps; the caller must have no other thread yet."""
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
        # Opening a pipe waits for the other side, so this is where the process spends its time.
        arguments = [part.decode() for part in Path(f"{script}.arguments").read_bytes().split(b"\0")[:-1]]
        output = os.open(f"{script}.output", os.O_WRONLY)
        step = os.fork()
        if step == 0:
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)
            _run_step(script, executable, arguments)
        code = os.waitstatus_to_exitcode(os.waitpid(step, 0)[1])
        # The status is there before the output ends, which is what the shell waits for.
        Path(f"{script}.status").write_text(str(code if code >= 0 else 128 - code))
        os.close(output)


def _run_step(script: str, executable: str, arguments: list[str]) -> NoReturn:
    pairs = (entry.partition(b"=") for entry in Path(f"{script}.environ").read_bytes().split(b"\0")[:-1])
    os.environ.clear()
    os.environb.update({name: value for name, _, value in pairs})
    sys.executable = executable
    if arguments[:1] != ["-m"]:  # no module that could be run here
        os.execv(executable, [executable, *arguments])  # noqa: S606  the same interpreter, fresh
    code: object = 0
    try:
        sys.argv = [arguments[1], *arguments[2:]]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001  as an interpreter does at its end
        traceback.print_exc()
        code = _FAILED
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else _FAILED if code else 0)
