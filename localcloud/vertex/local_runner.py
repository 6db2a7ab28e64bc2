"""Runs compiled pipelines with kfp's local runner, each job in its own process group and folder.

The processes are forked from one that has imported kfp and the libraries (multiprocessing's forkserver), so a job
spends no time on imports.
"""

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Mapping
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, Final

from localcloud.vertex.specs import PipelineRequest
from localcloud.vertex.warm_python import LIBRARIES, WarmPython

_PRELOAD: Final = ("kfp.components", "kfp.local.orchestrator.dag_orchestrator", __name__)
_LAST_WORDS_CHARACTERS: Final = 800
_TAIL_BYTES: Final = 16_384


class KfpRunner:
    """Starts jobs; ``home`` is the local cloud's folder, which keeps the logs but not the jobs' folders."""

    def __init__(self, home: Path) -> None:
        """Make the folders and start the process to fork from, which begins its imports."""
        self._logs = home / "logs" / "jobs"
        self._folders = home / "jobs"
        self._logs.mkdir(parents=True, exist_ok=True)
        # An earlier server that was killed may have left folders.
        shutil.rmtree(self._folders, ignore_errors=True)
        self._folders.mkdir(parents=True)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*_PRELOAD, *LIBRARIES])
        forkserver.ensure_running()

    def start(self, job_id: str, pipeline: PipelineRequest) -> "KfpRun":
        """Start a pipeline and return at once."""
        folder, log = self._folders / job_id, self._logs / f"{job_id}.log"
        process = self._context.Process(
            target=_run_pipeline, args=(json.dumps(dict(pipeline.spec)), dict(pipeline.parameters), folder, log)
        )
        process.start()
        return KfpRun(process, folder, log)


class KfpRun:
    """A pipeline in its own process group, whose id is the id of its first process."""

    def __init__(self, process: Any, folder: Path, log: Path) -> None:
        """Take over a process that has been started."""
        self._process = process
        self._folder = folder
        self._log = log

    def wait(self) -> str | None:
        """Return when it has ended: None if it succeeded, otherwise the last words of the step that failed."""
        self._process.join()
        shutil.rmtree(self._folder, ignore_errors=True)
        return None if self._process.exitcode == 0 else last_words(self._log)

    def kill(self) -> None:
        """Kill all of its processes; harmless if they have ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        # Before the process has made its group, it is alone.
        self._process.kill()


def last_words(log: Path) -> str:
    """Return why a job's step failed: the error at the end of its traceback, or the last line that it printed."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return "It did not start."
    # kfp indents a step's output, and a traceback indents its frames further.
    said = [line.strip() for line in lines if line.startswith("    ") and line[4:5].strip()]
    words = said[-1:] or [line.strip() for line in lines if line.strip()][-1:] or ["It printed nothing."]
    for index, line in enumerate(said):
        if line.startswith("Traceback ("):
            words = said[index + 1 :]
        elif line.startswith("Timeout ("):  # from faulthandler, if the step exceeds its time limit
            words = said[index : index + 1]
    return " ".join(words)[:_LAST_WORDS_CHARACTERS]


def _run_pipeline(spec: str, parameters: Mapping[str, Any], folder: Path, log: Path) -> None:
    os.setsid()
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # so that the log can be followed
    folder.mkdir()
    # The step, its interpreter and kfp keep their temporary files here, where they are deleted with the job.
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    with WarmPython(folder):
        threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
        _run_with_kfp(spec, parameters, folder)


def _run_with_kfp(spec: str, parameters: Mapping[str, Any], folder: Path) -> None:
    from kfp import components, local

    warnings.filterwarnings("ignore", "You may be attemping to run", RuntimeWarning)  # kfp warns about the image's name
    local.init(local.SubprocessRunner(use_venv=False), str(folder / "outputs"), str(folder / "workspace"))
    try:
        components.load_component_from_text(spec)(**parameters)
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


def _end_with(server: Any) -> None:
    """Kill this process group when the server has ended, even if it was killed and could not do so itself."""
    server.join()
    os.killpg(0, signal.SIGKILL)
