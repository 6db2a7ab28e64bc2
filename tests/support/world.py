"""The emulators and staged functions of the local cloud, with faults in everything between them."""

import os
import random
import secrets
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import requests

from localcloud import provision
from localcloud.addresses import PIPELINE_BUCKET, PROJECT, REGION, REPOSITORY, Addresses
from localcloud.parts import FUNCTIONS, Part, foundations
from localcloud.prerequisites import find_tools
from localcloud.pubsub.bridge import Backoff, local_routes
from localcloud.pubsub.delivery import Route
from localcloud.supervisor import Supervisor, check_ports
from localcloud.vertex.jobs import PipelineJob
from localcloud.vertex.submissions import Submissions
from musicgenerator.orders import ORDERS_PREFIX
from tests.support.delivering import delivering
from tests.support.faults import ApiFaults, DeliveryFaults, FaultyApi, FaultyDelivery, PaidOpenAI
from tests.support.servers import run_jobs, serve, vertex_app
from tests.support.staging import Edit, function_parts, short_times
from tests.support.takes import JobFaults, TakeRunner, finished_takes
from tests.support.tcp_proxy import TcpProxy, Weather

PORT: Final = 20_080
HOME: Final = REPOSITORY / "test-results" / "chaos"
TICK_SECONDS: Final = 1.5
REGIONS: Final = (REGION, "europe-west4")
SHORT_TIMES: Final = short_times(lease=12, patience=10, job_record=20)

_JOBS_AT_ONCE: Final = 16
_CAPTIONS_AT_ONCE: Final = 4
_BACKOFF: Final = Backoff(0.3, 3.0)
_NO_LIMIT: Final = "1000000"
# Rendering takes most of a sketch's time, and no fault depends on its length.
_SHORT_SKETCHES: Final = Edit("sketcher", "composed_sketches.py", "MAX_SECONDS: Final = 60", "MAX_SECONDS: Final = 1")


@dataclass(frozen=True)
class Faults:
    """The faults of one run.

    ``crash`` is, by function, the chance of a kill at each crash point. ``kills`` is the chance, for each picture, that
    one function is killed when it is sent. ``submissions`` is how many jobs each region accepts in ``window`` seconds,
    0 for any number.
    """

    delivery: DeliveryFaults = field(default_factory=DeliveryFaults)
    openai: ApiFaults = field(default_factory=ApiFaults)
    vertex: ApiFaults = field(default_factory=ApiFaults)
    jobs: JobFaults = field(default_factory=JobFaults)
    crash: Mapping[str, float] = field(default_factory=dict)
    kills: float = 0.0
    tcp: Mapping[str, Weather] = field(default_factory=dict)
    submissions: int = 0
    window: float = 2.0

    def accepted(self) -> Submissions:
        """Return the limit of submissions, whose minute lasts ``window`` seconds."""
        return Submissions(self.submissions, lambda: time.monotonic() * 60 / self.window)


class World:
    """The emulators and servers that several runs share; ``run`` adds functions and faults."""

    def __init__(self, addresses: Addresses, supervisor: Supervisor, firestore: Part) -> None:
        self.addresses = addresses
        self.supervisor = supervisor
        self.firestore = firestore
        self.takes = finished_takes()
        self.template = provision.upload_template()

    @contextmanager
    def run(
        self,
        faults: Faults,
        edits: Sequence[Edit] = (),
        environ: dict[str, str] | None = None,
        delivery: FaultyDelivery | None = None,
        times: Mapping[str, str] = SHORT_TIMES,
        tick_seconds: float = TICK_SECONDS,
    ) -> Iterator["Run"]:
        """Start the functions with ``edits``, the bridge and the faulty servers, and end them with the block."""
        delivery = delivery or FaultyDelivery(faults.delivery)
        with ExitStack() as stack:
            self._forget()
            yield Run(self, faults, edits, {**times, **(environ or {})}, delivery, stack, tick_seconds)

    def restart_firestore(self, run: "Run") -> None:
        """Kill the database while its proxy is closed, and start it again with everything that was written."""
        export = self.addresses.home / "export"
        run.proxies["firestore"].close_gate()
        database = f"projects/{PROJECT}/databases/(default)"
        body = {"database": database, "export_directory": str(export.parent), "export_name": export.name}
        url = f"{self.addresses.url('firestore')}/emulator/v1/projects/{PROJECT}:export"
        requests.post(url, json=body, timeout=60).raise_for_status()
        os.kill(self.supervisor.pid("firestore"), signal.SIGKILL)
        seed = f"--seed_from_export={export / export.name}.overall_export_metadata"
        self.supervisor.start([replace(self.firestore, command=(*self.firestore.command, seed))])
        run.proxies["firestore"].open_gate()

    def _forget(self) -> None:
        """Empty the database, so that a run sees nothing of an earlier one."""
        url = f"{self.addresses.url('firestore')}/emulator/v1/projects/{PROJECT}/databases/(default)/documents"
        requests.delete(url, timeout=60).raise_for_status()


class Run:
    """One run: its functions, servers and proxies, and what they counted."""

    def __init__(
        self,
        world: World,
        faults: Faults,
        edits: Sequence[Edit],
        environ: dict[str, str],
        delivery: FaultyDelivery,
        stack: ExitStack,
        tick_seconds: float,
    ) -> None:
        addresses = world.addresses
        self.addresses = addresses
        self._faults = faults
        self.delivery = delivery
        self.folder = addresses.home / "crashes"
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("plans", "handlings"):
            (self.folder / name).mkdir(parents=True)
        for name in ("points", "ends", "kills"):
            (self.folder / name).touch()
        self.killed_at_random = 0
        self.session = provision.make_drop_session(addresses)
        pipeline = provision.storage_client().bucket(PIPELINE_BUCKET)
        self.earlier_orders = {blob.name for blob in pipeline.list_blobs(prefix=ORDERS_PREFIX)}

        self.runner = TakeRunner(world.takes, faults.jobs)
        self.jobs = run_jobs(stack, self.runner, _JOBS_AT_ONCE, addresses)
        self.vertex = FaultyApi(vertex_app(self.jobs, faults.accepted()), faults.vertex)
        self.openai = PaidOpenAI(addresses.url("openai"))
        self.openai_api = FaultyApi(self.openai, faults.openai)
        serve(stack, self.vertex, addresses.ports["vertex"])
        # No page server runs here, so the faulty OpenAI server uses the page's port.
        serve(stack, self.openai_api, addresses.ports["page"])

        self.proxies = {
            part: stack.enter_context(TcpProxy(addresses.ports[target], faults.tcp.get(part, Weather())))
            for part, target in (("firestore", "firestore"), ("pubsub", "pubsub"), ("openai", "page"))
        }
        through = {
            "FIRESTORE_EMULATOR_HOST": self.proxies["firestore"].host,
            "PUBSUB_EMULATOR_HOST": self.proxies["pubsub"].host,
            "OPENAI_BASE_URL": f"http://{self.proxies['openai'].host}/v1",
            "REGIONS": " ".join(REGIONS),
            "CRASH_FOLDER": str(self.folder),
            "DAILY_LIMIT": _NO_LIMIT,
            "SESSION_TRACKS_A_DAY": _NO_LIMIT,
            "ADDRESS_TRACKS_A_DAY": _NO_LIMIT,
            "TRACKS_A_DAY": _NO_LIMIT,
        }
        staged = function_parts(
            addresses,
            self.session,
            world.template,
            addresses.home / "functions",
            [_SHORT_SKETCHES, *edits],
            through | environ,
        )
        chances = {name: {"CRASH_CHANCE": str(faults.crash.get(name, 0.0))} for name in FUNCTIONS}
        parts = [replace(part, environ=part.environ | chances[part.name]) for part in staged]
        # The functions end before the bridge, so that no delivery waits for an answer.
        stack.enter_context(delivering(_own_routes(addresses), delivery, _BACKOFF, tick_seconds))
        self.functions = stack.enter_context(Supervisor(addresses.home / "logs", lambda _: None))
        self.functions.start(parts)

    def created_jobs(self) -> list[PipelineJob]:
        """Return every pipeline job that was created, in any region."""
        parents = (f"projects/{PROJECT}/locations/{region}" for region in REGIONS)
        return [job for parent in parents for job in self.jobs.list(parent)]

    def job_names(self) -> list[str]:
        """Return the names of all records of pipeline jobs, and of their runs' metadata."""
        return [job.name for job in self.created_jobs()] + list(self.jobs.metadata.names())

    def maybe_kill(self) -> None:
        """Kill the process of one function, with the chance ``Faults.kills``."""
        if random.random() < self._faults.kills:
            self.killed_at_random += self.kill(random.choice(list(FUNCTIONS)))

    def kill(self, function: str) -> bool:
        """Kill the process that handles a function's requests and return whether there was one.

        The function's server starts another at once.
        """
        server = self.functions.pid(function)
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        if not children:
            return False
        try:
            os.kill(int(children[0]), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU seconds of each function so far, including its killed processes."""
        ticks = os.sysconf("SC_CLK_TCK")
        spent = {}
        for function in FUNCTIONS:
            fields = Path(f"/proc/{self.functions.pid(function)}/stat").read_text().rpartition(")")[2].split()
            living = Path(
                f"/proc/{self.functions.pid(function)}/task/{self.functions.pid(function)}/children"
            ).read_text()
            own = sum(map(int, fields[11:15]))
            for child in living.split():
                own += sum(map(int, Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:15]))
            spent[function] = round(own / ticks, 1)
        return spent

    def records(self, file: str) -> list[list[str]]:
        """Return the lines that the functions wrote to ``file``: function, subject, number of the handling, point."""
        return [line.split(" ") for line in (self.folder / file).read_text().splitlines()]

    def logged(self, track: str) -> list[str]:
        """Return the lines of all logs that name a track, to explain a failure."""
        logs = sorted((self.addresses.home / "logs").glob("*.log"))
        return [f"{log.stem}: {line}" for log in logs for line in log.read_text().splitlines() if track in line]

    def plan(self, function: str, subject: str, handling: str, point: str) -> Path:
        """Plan a kill at one point of one handling and return the plan's file, which the kill deletes."""
        plan = self.folder / "plans" / f"{function}-{subject}"
        plan.write_text(f"{handling} {point}")
        return plan


@contextmanager
def running(port: int = PORT, home: Path = HOME) -> Iterator[World]:
    """Start the emulators and servers; end them with the block and restore the environment."""
    addresses, before = Addresses(port, home), dict(os.environ)
    check_ports(addresses.ports)
    shutil.rmtree(home, ignore_errors=True)
    provision.prepare_home(addresses)
    parts = foundations(addresses, find_tools())
    try:
        os.environ.update(addresses.client_environ())
        with Supervisor(home / "logs", lambda _: None) as supervisor:
            supervisor.start(parts)
            provision.make_buckets()
            with (home / "logs" / "harness.log").open("w") as log, redirect_stdout(log):
                yield World(addresses, supervisor, next(part for part in parts if part.name == "firestore"))
    finally:
        os.environ.clear()
        os.environ.update(before)


def _own_routes(addresses: Addresses) -> list[Route]:
    """Return the local cloud's routes with new subscriptions, which get no message that an earlier run left."""
    run = secrets.token_hex(4)
    return [
        replace(
            route,
            subscription=f"{route.subscription}-{run}",
            concurrency=_CAPTIONS_AT_ONCE if route.url == addresses.url("captioner") else route.concurrency,
        )
        for route in local_routes(addresses)
    ]
