"""The limits of a deployment: the functions' flags, documented quotas, and guesses."""

from dataclasses import dataclass
from typing import Any, Final

import yaml

from localcloud.addresses import REPOSITORY
from musicgenerator_google.firestore_counters import SHARDS

_FLAGS: Final = REPOSITORY / "infra" / "functions"
_GIB: Final = {"Gi": 1.0, "Mi": 1 / 1024}


@dataclass(frozen=True)
class Hosted:
    """A function's maximum of instances, its concurrent requests an instance, and its memory."""

    instances: int
    concurrency: int
    memory_gib: float

    @property
    def at_once(self) -> int:
        """The maximum of concurrent requests."""
        return self.instances * self.concurrency


def hosted(function: str) -> Hosted:
    """Return a function's deployment flags."""
    flags: dict[str, Any] = yaml.safe_load((_FLAGS / f"{function}.yaml").read_text())
    memory = str(flags["--memory"])
    return Hosted(
        int(flags["--max-instances"]),
        int(flags["--concurrency"]),
        float(memory[:-2]) * _GIB[memory[-2:]],
    )


@dataclass(frozen=True)
class Limit:
    """A limit of the platform, its unit and its source; ``guess`` if no source states it."""

    value: float
    unit: str
    source: str
    guess: bool = False


@dataclass(frozen=True)
class Tier:
    """An organisation's OpenAI limits a minute."""

    name: str
    requests: int
    tokens: int


_QUOTAS: Final = "Vertex AI quotas and limits"
# The quota "Job or long-running operation (LRO) submission requests"; each pipeline job has one.
SUBMISSIONS: Final = Limit(60, "a minute and region", _QUOTAS)
# A pipeline job is created, asked about at its end, and its record is deleted.
MANAGEMENT: Final = Limit(600, "management requests (CRUD) a minute and region", _QUOTAS)
MANAGEMENT_A_RUN: Final = 3
CPUS: Final = Limit(
    2_200, "CPUs of E2 and N1 for training in us-central1, us-east1 and europe-west4; 20 in us-east4", _QUOTAS
)
CPUS_A_RUN: Final = 4
JOBS: Final = Limit(300, "pipeline jobs at once in a region", "no page read; the console shows it", guess=True)
# Each model has its own.
LYRIA_3: Final = Limit(10, "requests a minute, project and model", "Lyria 3's model pages, preview")
LYRIA_2: Final = Limit(
    10, "requests a minute and project", "no page read; as Lyria 3; the console shows it", guess=True
)
COUNTER: Final = Limit(
    60 * SHARDS, f"writes a minute, 60 sustained to each of {SHARDS} documents", "Firestore best practices"
)
# A time that has an index: `dueAt` of the private tracks, which the queries of the sweep need.
RISING: Final = Limit(500, "writes a second to a collection with an indexed time", "Firestore, sharded timestamps")
# Created; claimed and described; waiting; claimed by the sweep and by the launch; composing; ready.
RISING_WRITES: Final = 8
# Measured in the local cloud: 0.03 s of CPU for a launch with its two or three commits; so a third for one.
SWEEP: Final = Limit(
    0.01, "seconds of the sweep for each overdue track", "a commit's CPU in the local cloud", guess=True
)
START: Final = Limit(
    150, "seconds until a step's container runs, the median", "one to five minutes are usual", guess=True
)
WARM_START: Final = Limit(
    15, "seconds until a step's container runs on a warm machine, the median", "no page gives a figure", guess=True
)
DELIVERY: Final = Limit(0.3, "seconds from a message to its request, the median", "not measured", guess=True)
# A new instance's seconds: the platform's, and twice those that the processes of `python -m benchmarks starts` took
# (sketcher: 1.3 s of CPU were measured for its imports; 0.3 for server and clients are assumed, as in the others), as a
# slower machine may need.
PLATFORM_START: Final = Limit(
    1.5, "seconds until a new instance's process runs, the median", "no page gives a figure", guess=True
)
PROCESS_SECONDS: Final = {"captioner": 0.84, "sketcher": 1.6, "pipeline_launcher": 0.72, "result_notifier": 0.68}
SLOWER: Final = 2.0
IDLE: Final = Limit(900, "seconds that an instance is kept without requests", "Cloud Run, instance autoscaling")
PENDING: Final = Limit(
    10,
    "seconds that a request waits for an instance, or 3.5 starts if that is longer; then 429",
    "Cloud Run, instance autoscaling",
)
DESCRIBER: Final = Limit(4, "seconds that a description takes, the median", "not measured against OpenAI", guess=True)
# OpenAI shows each account its limits by model; these are typical of earlier small models.
TIERS: Final = (Tier("1", 500, 500_000), Tier("3", 5_000, 4_000_000), Tier("5", 30_000, 180_000_000))
TIERS_SOURCE: Final = Limit(0, "", "as earlier small models had; the account's own page shows them", guess=True)

# From infra/steps/deliveries.py: delivery attempts before a dead letter, and the pauses.
DELIVERIES: Final = {"captioner": 20, "pipeline_launcher": 50, "result_notifier": 20}
FIRST_PAUSE_SECONDS: Final = 10.0
LONGEST_PAUSE_SECONDS: Final = 600.0
# The sketcher's subscription has no dead letters and drops a caption after this time.
SKETCH_RETENTION_SECONDS: Final = 600.0


def start_seconds(function: str) -> float:
    """Return the median seconds until a function's new instance handles its first request."""
    return PLATFORM_START.value + SLOWER * PROCESS_SECONDS[function]


def pending_seconds(function: str) -> float:
    """Return how long a request waits for an instance until it is refused."""
    return max(PENDING.value, 3.5 * start_seconds(function))
