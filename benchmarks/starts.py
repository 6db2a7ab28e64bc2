"""From process start to the first answer: each staged function against an empty one."""

import http.client
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.rows import Row
from localcloud.addresses import HOST, REPOSITORY
from localcloud.parts import FUNCTIONS

_EMPTY: Final = "import functions_framework\n\n@functions_framework.http\ndef handle_request(request):\n    return ''\n"
_PORT: Final = 20_080
_ROUNDS: Final = 5
_GIVE_UP_SECONDS: Final = 30.0


def measure() -> list[Row]:
    """Start every function and an empty one in turns, and return the medians in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "main.py").write_text(_EMPTY)
        programs = {"empty": (Path(folder), "upload_handler", "handle_request", "http")}
        for name, (target, signature) in FUNCTIONS.items():
            programs[name] = (REPOSITORY / "build" / name, name, target, signature)
        seconds: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(_ROUNDS):
            for name, program in programs.items():
                seconds[name].append(_start(*program))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return [Row(f"start {name}", medians[name], medians["empty"], "s", "an empty function") for name in FUNCTIONS]


def _start(folder: Path, environment: str, target: str, signature: str) -> float:
    command = [
        str(REPOSITORY / ".venvs" / environment / "bin" / "functions-framework"),
        f"--target={target}",
        f"--signature-type={signature}",
        "--source=main.py",
        f"--host={HOST}",
        f"--port={_PORT}",
    ]
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _answers():
            if time.perf_counter() - began > _GIVE_UP_SECONDS or process.poll() is not None:
                raise RuntimeError(f"{folder} did not start")
            time.sleep(0.005)
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def _answers() -> bool:
    connection = http.client.HTTPConnection(HOST, _PORT, timeout=5)
    try:
        # A path that the framework itself answers: no function is called, all of it is loaded.
        connection.request("GET", "/favicon.ico")
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True
