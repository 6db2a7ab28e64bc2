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


# The quota "Job or long-running operation (LRO) submission requests"; each track has one submission.
SUBMISSIONS: Final = Limit(60, "a minute and region", "Vertex AI quotas and limits")
JOBS: Final = Limit(300, "pipeline jobs at once in a region", "no page read; the console shows it", guess=True)
LYRIA_3_CLIP: Final = Limit(10, "requests a minute and project", "Lyria 3's model page, preview")
LYRIA_2: Final = Limit(
    10, "requests a minute and project", "no page read; as Lyria 3; the console shows it", guess=True
)
COUNTER: Final = Limit(60 * SHARDS, "writes a minute, 60 sustained to each document", "Firestore best practices")
START: Final = Limit(
    150, "seconds until a step's container runs, the median", "one to five minutes are usual", guess=True
)
DESCRIBER: Final = Limit(4, "seconds that a description takes, the median", "not measured against OpenAI", guess=True)
# OpenAI shows each account its limits by model; these are typical of earlier small models.
TIERS: Final = (Tier("1", 500, 500_000), Tier("3", 5_000, 4_000_000), Tier("5", 30_000, 180_000_000))
TIERS_SOURCE: Final = Limit(0, "", "as earlier small models had; the account's own page shows them", guess=True)

# From infra/steps/deliveries.py: delivery attempts before a dead letter, and the pauses.
DELIVERIES: Final = {"captioner": 20, "pipeline_launcher": 50, "result_notifier": 20}
FIRST_PAUSE_SECONDS: Final = 10.0
LONGEST_PAUSE_SECONDS: Final = 600.0
