"""Start the local cloud's processes, watch them and stop all of them."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from infra.settings import SETTINGS
from localcloud.addresses import HOST
from localcloud.parts import Part

_START_SECONDS: Final = 90.0
# Nothing outlives the local cloud, so a part that needs longer to end loses nothing.
_STOP_SECONDS: Final = 0.9
_MIN_BATCH_SECONDS: Final = 0.3
_PROBE_SECONDS: Final = 0.1
_LINE_LENGTH: Final = 160
_INHERITED: Final = (
    *("HOME", "LANG", "PATH", "TMPDIR", "PYTHONDONTWRITEBYTECODE", "MODEL_SERVER_URL"),
    # How long machines of the local Vertex AI server take to start.
    *("COLD_START_SECONDS", "WARM_START_SECONDS"),
    # The operator's settings, for the functions and the page. What a part is started with goes first.
    *SETTINGS,
)


class StartError(Exception):
    """A part did not start; the message names the part, the reason and the fix."""


def check_ports(ports: Mapping[str, int]) -> None:
    """Raise StartError, which names the first port that is in use and the fix."""
    for name, port in ports.items():
        if _listens(port):
            raise StartError(
                f"Port {port}, wanted for {name}, is busy. End what listens there,"
                f" or start the local cloud elsewhere, for example with PORT={min(ports.values()) + 1000}."
            )


class Supervisor:
    """The running parts; leaving the ``with`` block stops them all, the last started first."""

    def __init__(self, logs: Path, show: Callable[[str], None]) -> None:
        """Write each part's output to ``logs``; pass readable lines of parts that echo to ``show``."""
        self._logs = logs
        self._show = show
        # One batch for each call of start.
        self._batches: list[list[tuple[Part, subprocess.Popen[str]]]] = []
        self._relays: list[threading.Thread] = []
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        """Take part in a ``with`` statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every part."""
        self.stop()

    def start(self, parts: Iterable[Part]) -> None:
        """Start these parts at the same time and return when all are ready; raise StartError if one is not."""
        self._logs.mkdir(parents=True, exist_ok=True)
        started: list[tuple[Part, subprocess.Popen[str]]] = []
        self._batches.append(started)
        # If one cannot be started, those before it are in the batch and will be stopped.
        started.extend((part, self._launch(part)) for part in parts)
        deadline = time.monotonic() + _START_SECONDS
        for part, process in started:
            while not _answers(part):
                if process.poll() is not None:
                    raise StartError(f"{part.name} ended with {process.returncode}:\n{self._last_lines(part)}")
                if time.monotonic() > deadline:
                    raise StartError(f"{part.name} does not answer:\n{self._last_lines(part)}")
                time.sleep(_PROBE_SECONDS)

    def pid(self, name: str) -> int:
        """Return the process id of a running part; raise KeyError if no part has this name."""
        return {part.name: process.pid for part, process in self._running()}[name]

    def wait(self) -> None:
        """Block until a part ends by itself, then raise StartError with its name and last lines."""
        while not self._ended.wait(timeout=1):
            pass
        running = self._running()
        part, process = next((pair for pair in running if pair[1].poll() is not None), running[0])
        raise StartError(f"{part.name} ended with {process.returncode}:\n{self._last_lines(part)}")

    def stop(self) -> None:
        """Stop every part and its children: SIGTERM, then SIGKILL. It is safe to call this twice.

        The batches stop in reverse order, so that a part can still reach what it needs to end. They share the time.
        """
        # A part that loses its connections complains; that is for its log file alone.
        self._show = lambda _line: None
        deadline = time.monotonic() + _STOP_SECONDS
        while self._batches:
            processes = [process for _, process in self._batches.pop()]
            left = max(_MIN_BATCH_SECONDS, deadline - time.monotonic())
            _stop(processes, left - _MIN_BATCH_SECONDS * len(self._batches))
        # The processes have ended, so their output has ended; a relay only has to write the last lines.
        for relay in self._relays:
            relay.join(timeout=max(0.0, deadline + _MIN_BATCH_SECONDS - time.monotonic()))

    def _running(self) -> list[tuple[Part, subprocess.Popen[str]]]:
        return [pair for batch in self._batches for pair in batch]

    def _launch(self, part: Part) -> subprocess.Popen[str]:
        try:
            process = subprocess.Popen(
                part.command,
                cwd=part.folder,
                env=_inherited() | part.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                # In a new session Ctrl-C reaches only the supervisor, which then stops the parts in order.
                start_new_session=True,
            )
        except OSError as error:
            raise StartError(f"{part.name} cannot be started: {error}. Run 'make build' first.") from error
        relay = threading.Thread(target=self._relay, args=(part, process), daemon=True)
        relay.start()
        self._relays.append(relay)
        return process

    def _relay(self, part: Part, process: subprocess.Popen[str]) -> None:
        if process.stdout is None:
            return
        with process.stdout as lines, self._log(part).open("w", encoding="utf-8") as log:
            for line in lines:
                log.write(line)
                log.flush()
                text = _readable(line) if part.echo else None
                if text:
                    self._show(f"{part.name:>17}  {text}")
        self._ended.set()

    def _log(self, part: Part) -> Path:
        return self._logs / f"{part.name}.log"

    def _last_lines(self, part: Part) -> str:
        with contextlib.suppress(OSError):
            lines = self._log(part).read_text(encoding="utf-8").splitlines()[-12:]
            return "\n".join(f"    {line}" for line in lines) + f"\nThe whole log: {self._log(part)}"
        return "It wrote no log."


def _readable(line: str) -> str | None:
    """Return a short form of a log line, or None if it is empty; JSON lines show their message and fields."""
    text = line.strip()
    if not text:
        return None
    if text.startswith("{"):
        try:
            fields = json.loads(text)
            message = fields.pop("message")
        except (ValueError, KeyError):
            return text[:_LINE_LENGTH]
        for unread in ("time", "logging.googleapis.com/trace"):
            fields.pop(unread, None)
        mark = {"ERROR": "! ", "WARNING": "~ "}.get(fields.pop("severity", ""), "")
        text = f"{mark}{message}" + "".join(f"  {name}={value}" for name, value in fields.items())
    return text if len(text) <= _LINE_LENGTH else text[: _LINE_LENGTH - 1] + "…"


def _inherited() -> dict[str, str]:
    # Parts inherit few variables: a stray PYTHONPATH would hide that a function lacks a file.
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _answers(part: Part) -> bool:
    if part.health is None:
        return _listens(part.port)
    connection = http.client.HTTPConnection(HOST, part.port, timeout=2)
    try:
        connection.request("GET", part.health)
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    except http.client.HTTPException:
        return False
    finally:
        connection.close()


def _stop(processes: list[subprocess.Popen[str]], seconds: float) -> None:
    for process in processes:
        _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.05, deadline - time.monotonic()))
    for process in processes:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
