"""The setting of the benchmarks: real emulators, and models that take a known time.

OpenAI repeats one answer and a pipeline writes a finished take, so the chain alone is measured, unless a benchmark
asks for real music.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import requests
from google.cloud import firestore

from localcloud import provision
from localcloud.addresses import HOST, IMAGES_BUCKET, PROJECT, REGION, REPOSITORY
from localcloud.parts import FUNCTIONS, Part, workers
from localcloud.supervisor import Supervisor
from tests.support.faults import PaidOpenAI
from tests.support.servers import run_jobs, serve, vertex_app
from tests.support.takes import JobFaults, TakeRunner
from tests.support.world import World, running

PORT: Final = 21_080
HOME: Final = REPOSITORY / "test-results" / "bench"
UNLIMITED: Final = dict.fromkeys(
    ("DAILY_LIMIT", "SESSION_TRACKS_A_DAY", "ADDRESS_TRACKS_A_DAY", "TRACKS_A_DAY"), "1000000"
)
_JOBS_AT_ONCE: Final = 64


class Stage:
    """The emulators and all servers that the functions call; ``functions`` starts the functions."""

    def __init__(
        self, world: World, stack: ExitStack, describing: float, composing: float | None, starting: float
    ) -> None:
        """Serve OpenAI, which takes ``describing`` seconds, and Vertex AI, until the stack is closed.

        ``described`` collects the seconds of each description. With ``composing`` None, the local Vertex AI starts
        with the functions and runs the pipeline's own step, on a machine that takes ``starting`` seconds to start.
        """
        self.addresses = world.addresses
        self.described: list[float] = []
        self.supervisor = world.supervisor
        self._world = world
        self.real_music = composing is None
        self._starting = starting
        runner = TakeRunner(world.takes, JobFaults(seconds=composing or 0.0))
        self.jobs = run_jobs(stack, runner, _JOBS_AT_ONCE, self.addresses)
        if not self.real_music:
            serve(stack, vertex_app(self.jobs), self.addresses.ports["vertex"])
        openai = PaidOpenAI(self.addresses.url("openai"))

        def timed_openai(environ: Any, start_response: Any) -> Any:
            began = time.perf_counter()
            if environ["PATH_INFO"].endswith("/responses"):
                time.sleep(describing)
            try:
                return openai(environ, start_response)
            finally:
                self.described.append(time.perf_counter() - began)

        # The page is not running, so OpenAI uses its port.
        serve(stack, timed_openai, self.addresses.ports["page"])
        self.session = provision.make_drop_session(self.addresses)

    def parts(self) -> dict[str, Part]:
        """Return the functions and the bridge as the local cloud runs them."""
        environ = UNLIMITED | {"OPENAI_BASE_URL": f"{self.addresses.url('page')}/v1"}
        found = {part.name: part for part in workers(self.addresses, self.session, self._world.template)}
        environs = dict.fromkeys(FUNCTIONS, environ) | {"vertex": {"COLD_START_SECONDS": str(self._starting)}}
        return {name: replace(part, environ=part.environ | environs.get(name, {})) for name, part in found.items()}

    @contextmanager
    def functions(self, *, sketches: bool = True) -> Iterator[Supervisor]:
        """Run all functions and the bridge; without ``sketches`` an empty function gets the sketcher's messages."""
        parts = self.parts()
        if not sketches:
            parts["sketcher"] = self.empty("sketcher")
        if not self.real_music:
            del parts["vertex"]
        with Supervisor(self.addresses.home / "logs", lambda _: None) as supervisor:
            supervisor.start(list(parts.values()))
            yield supervisor

    def empty(self, name: str) -> Part:
        """Return a function of functions-framework that does nothing with an event, at the port of this part."""
        part, like = self.parts()[name], self.parts()["upload_handler"]
        arguments = ("--target=handle", "--signature-type=cloudevent", f"--host={HOST}", f"--port={part.port}")
        return replace(
            part,
            command=(like.command[0], *arguments),
            folder=empty_function(self.addresses.home / "empty"),
            environ=like.environ,
            health=None,
        )

    def finalized(self, name: str) -> bytes:
        """Return the storage API's resource of a picture, which is the data of its event."""
        url = f"{self.addresses.url('storage')}/storage/v1/b/{IMAGES_BUCKET}/o/{quote(name, safe='')}"
        answer = requests.get(url, timeout=30)
        answer.raise_for_status()
        return answer.content

    def await_job(self, job: str) -> tuple[float, float]:
        """Wait for a pipeline job's end; return its start and end in seconds of the epoch."""
        name = f"projects/{PROJECT}/locations/{REGION}/pipelineJobs/{job}"
        while (found := self.jobs.get(name)).started is None or found.ended is None:
            time.sleep(0.01)
        return found.started.timestamp(), found.ended.timestamp()

    def document(self, track: str) -> dict[str, Any]:
        """Return the current document of a dropped track."""
        found = firestore.Client(project=PROJECT).document("sessions", self.session, "tracks", track).get()
        return found.to_dict() or {}


@contextmanager
def stage(describing: float = 0.0, composing: float | None = 0.05, starting: float = 0.0) -> Iterator[Stage]:
    """Start everything except the functions; ``PORT`` in the environment changes the ports.

    A description takes ``describing`` seconds and a pipeline job at most ``composing``. None makes real music, after
    the ``starting`` seconds of a machine's start.
    """
    with running(int(os.environ.get("PORT") or PORT), HOME) as world, ExitStack() as stack:
        yield Stage(world, stack, describing, composing, starting)


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and its children, including ended ones."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(_cpu(each) for each in (pid, *map(int, children)))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Return the proportional memory (PSS) of a process and its children, in MiB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(_pss(each) for each in (pid, *map(int, children)))


def _pss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def empty_function(folder: Path) -> Path:
    """Write a function that does nothing with an event, and return its directory."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(
        "import functions_framework\n\n\n@functions_framework.cloud_event\ndef handle(event):\n    pass\n"
    )
    return folder
