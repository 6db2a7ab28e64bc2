"""The resources that one track uses; each figure is counted in the code, measured or assumed.

A track is announced and uploaded in the page, described once, set to 30 s of music by one pipeline job, heard once,
and deleted after a month.
"""

import json
from dataclasses import dataclass
from typing import Final

from benchmarks.limits import DESCRIBER, hosted
from infra.costs import STEP_MINUTES
from localcloud.addresses import REPOSITORY
from musicgenerator_google.firestore_counters import SHARDS


@dataclass(frozen=True)
class Documents:
    """The Firestore documents that one handling reads, writes and deletes, and the code that does it."""

    where: str
    reads: int
    writes: int
    deletes: int = 0


# A commit of ``FirestoreTracks.advance`` reads the private track and the track (2) and writes both (2), or one (1)
# if no field of the track changes. Reading a missing document costs a read too.
DOCUMENTS: Final = (
    Documents("upload_handler: the switch, the session", 2, 0),
    Documents(
        "upload_handler: FirestoreLedger.enter, an entry, the salt, two counters, a third's shards", 4 + SHARDS, 4
    ),
    Documents("upload_handler: FirestoreTracks.create, then find", 2, 2),
    Documents("captioner: the claim", 2, 2),
    Documents("captioner: the breaker", 1, 0),
    Documents("captioner: the brief", 2, 2),
    Documents("captioner: announced, the work alone", 2, 1),
    Documents("pipeline_launcher: the switch", 1, 0),
    Documents("pipeline_launcher: the claim, with the counter's shards", 2 + SHARDS, 3),
    Documents("pipeline_launcher: composing", 2, 2),
    Documents("result_notifier: the step's message: find, then ready", 4, 2),
    Documents("result_notifier: the log sink's entry, when all is done: find", 2, 0),
    Documents("result_notifier: the job's record deleted: the query, find, forgotten", 5, 1),
    Documents("the page's listener: the track and its five changes", 6, 0),
    Documents("TTL: track, work, the ledger's entry", 0, 0, 3),
)
# What a sketch adds. The listener sees one change more.
SKETCH_DOCUMENTS: Final = (
    Documents("sketcher: the switch, find", 3, 0),
    Documents("sketcher: the sketch", 2, 2),
    Documents("the page's listener: the sketch", 1, 0),
)
READS: Final = sum(each.reads for each in DOCUMENTS)
WRITES: Final = sum(each.writes for each in DOCUMENTS)
DELETES: Final = sum(each.deletes for each in DOCUMENTS)

# Assumed: the run's context and its two executions with their parameters. They exist from the launch until the record's
# hour is over, and Vertex AI may need a day to delete them.
METADATA_BYTES: Final = 6_000
HOURS_OF_METADATA: Final = 26

# The upload's event, the caption, the step's message and the log sink's entry: each published and pushed once.
MESSAGES: Final = 4
MESSAGE_BYTES: Final = 1_000

# Written: upload, cover, WAV, MP3, MIDI, track.json.
OBJECTS_WRITTEN: Final = 6
# Read: the event's object and its bytes; track.json, take and cover by the step; track.json and the start of the MP3 by
# the notifier; cover and MP3 by the listener.
OBJECTS_READ: Final = 9

# Measured: 30 s by the composer (`python -m benchmarks.music` has its brief); a photo of localcloud/photos as cover.
MP3_BYTES: Final = 964_000
WAV_BYTES: Final = 5_292_000
COVER_BYTES: Final = 110_000
# Assumed: a phone's photo, kept for a day.
PICTURE_BYTES: Final = 3_000_000
DAYS_OF_PICTURE: Final = 1
DAYS_OF_MUSIC: Final = 31
DAYS_A_MONTH: Final = 30

# As the local server counts, bytes divided by four: prompt 1,559, schema 2,206, wish 100, brief about 800; and 308 for
# a picture in low detail (OpenAI's vision guide).
TOKENS_READ: Final = 1_300
TOKENS_WRITTEN: Final = 250

# Assumed: entries of the functions, the platform's request log and Vertex AI's events.
LOG_BYTES: Final = 20_000

# Billed on a new machine for each step.
MACHINE_MINUTES: Final = STEP_MINUTES
# Assumed: seconds of MusicGen on an L4 for 30 s of music, and the utilisation at which takes start to wait.
ENDPOINT_SECONDS: Final = 30.0
ENDPOINT_BUSY: Final = 0.7


@dataclass(frozen=True)
class Handling:
    """One invocation of a function for a track: its CPU seconds and its seconds of waiting.

    The whole invocation is billed, as if no two shared an instance; this is the upper bound.
    """

    function: str
    cpu_seconds: float
    waiting_seconds: float

    @property
    def billed_seconds(self) -> float:
        """The billed seconds of the instance."""
        return self.cpu_seconds + self.waiting_seconds

    @property
    def memory_gib(self) -> float:
        """The billed memory."""
        return hosted(self.function).memory_gib


# Assumed until measured on a deployment. The CPU seconds exceed those that `python -m benchmarks.simulation.machine`
# measured in the local cloud: captioner 0.29, pipeline_launcher 0.03, result_notifier 0.07 for both of its messages.
HANDLINGS: Final = (
    Handling("upload_handler", 0.1, 0.2),
    Handling("captioner", 0.5, DESCRIBER.value + 1),
    Handling("pipeline_launcher", 0.1, 1.0),
    Handling("result_notifier", 0.1, 0.4),
    Handling("result_notifier", 0.05, 0.05),
)

# Measured in the sketcher's environment with one process: 0.95 to 1.4 CPU seconds for 30 s of music and 1.8 to 2.8 for
# 60 s, the longest sketch; doubled for a slower machine, as the engine's in benchmarks/simulation/scenarios.py.
SKETCH_CPU_SECONDS: Final = {30: 2.6, 60: 5.0}
SKETCH: Final = Handling("sketcher", SKETCH_CPU_SECONDS[30], 0.5)
# Measured: 30 s of music.
SKETCH_BYTES: Final = 483_000
# The caption is published once for both of its subscribers, so a sketch adds one delivery of it.
SKETCH_DELIVERIES: Final = 1
# Assumed: two entries of the function and the platform's request log.
SKETCH_LOG_BYTES: Final = 3_000

# What an installation uses without pictures. The scheduler's tick is published, pushed to the notifier, and looks for
# overdue tracks with a query, which costs a read if it finds none.
TICK: Final = Handling("result_notifier", 0.05, 0.05)
# Two queries that find nothing: overdue tracks, and records to delete.
TICK_READS: Final = 2
TICKS_A_MONTH: Final = 60 * 24 * DAYS_A_MONTH
# Assumed: the platform's request log.
TICK_LOG_BYTES: Final = 1_500
# Counted in infra/monitoring.
ALERT_CONDITIONS: Final = sum(
    len(json.loads(file.read_text(encoding="utf-8").replace("CHANNELS", ""))["conditions"])
    for file in sorted((REPOSITORY / "infra" / "monitoring").glob("alert-*.json"))
)
# Assumed: each condition is evaluated every 30 s, and together they read so many time series: one a subscription for
# dead letters (4) and for old messages (4), one each for parked tracks, failures, the budget, the downloads and failing
# sketches, and two for the halves of the daily limits.
ALERT_SERIES: Final = 15
EVALUATIONS_A_MONTH: Final = 2 * TICKS_A_MONTH
# OpenAI's key and the drop session's secret.
SECRET_VERSIONS: Final = 2
# Assumed: the pipeline's and the functions' images with the layers that they share; a cleanup keeps the newest ten.
IMAGE_BYTES: Final = 2_000_000_000
