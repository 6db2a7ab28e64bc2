"""The resources that one track uses; each figure is counted in the code, measured or assumed.

A track is announced and uploaded in the page, described once, set to 30 s of music by a pipeline job, heard once,
and deleted after a month. Its job is its own, or it waits for others with which it shares one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from benchmarks.limits import DESCRIBER, SWEEP, hosted
from infra.costs import STEP_MINUTES
from localcloud.addresses import REPOSITORY
from musicgenerator.paces import EXPORT_PACES, PACES
from musicgenerator_google.firestore_counters import shards_of


@dataclass(frozen=True)
class Documents:
    """The Firestore documents that one handling reads, writes and deletes, and the code that does it."""

    where: str
    reads: int
    writes: int
    deletes: int = 0


DAYS_A_MONTH: Final = 30


def daily_limit(pictures: int) -> int:
    """Return ``DAILY_LIMIT`` and ``TRACKS_A_DAY`` for so many pictures a month: the mean of a day."""
    return ceil(pictures / DAYS_A_MONTH)


def shards(pictures: int) -> int:
    """Return the number of documents of each of the day's two counters, which follows from its limit."""
    return shards_of(daily_limit(pictures))


# A commit of ``FirestoreTracks.advance`` reads the private track and the track (2) and writes both (2), or one (1)
# if no field of the track changes. Reading a missing document costs a read too.
DOCUMENTS: Final = (
    Documents("upload_handler: the switch, the session", 2, 0),
    Documents("upload_handler: FirestoreLedger.enter, an entry, the salt, two counters, a third's shards", 4, 4),
    Documents("upload_handler: FirestoreTracks.create, then find", 2, 2),
    Documents("captioner: the claim", 2, 2),
    Documents("captioner: the breaker", 1, 0),
    Documents("captioner: the brief", 2, 2),
    Documents("captioner: announced, the work alone", 2, 1),
    Documents("pipeline_launcher: the switch, the regions", 2, 0),
    Documents("pipeline_launcher: the claim, with the counter's shards", 2, 3),
    Documents("pipeline_launcher: composing", 2, 2),
    Documents("result_notifier: the step's message: find, then ready", 4, 2),
    Documents("result_notifier: the job's end, when all is done: find", 2, 0),
    Documents("result_notifier: the job's record deleted: the query, find, forgotten", 5, 1),
    Documents("the page's listener: the track and its five changes", 6, 0),
    Documents("TTL: track, work, the ledger's entry", 0, 0, 3),
)
# The counters whose shards a track reads: everybody's tracks (``FirestoreLedger.enter``) and the launches (the claim).
SHARD_READS: Final = 2
# What a track adds that waits for others, and shares a job with them.
SHARED_DOCUMENTS: Final = (
    Documents("pipeline_launcher: waits: the claim that is refused, the wait", 4, 1),
    Documents("result_notifier: the sweep: the query, the claim", 3, 1),
    Documents("pipeline_launcher: the tracks of the job", 1, 0),
    Documents("result_notifier: the job's end: the tracks of the job", 1, 0),
    Documents("result_notifier: the job's record deleted: the tracks of the job, find", 3, 0),
)
# What a job of several adds, once.
JOB_DOCUMENTS: Final = (Documents("pipeline_launcher: the switch, the regions", 2, 0),)
# What a sketch adds. The listener sees one change more.
SKETCH_DOCUMENTS: Final = (
    Documents("sketcher: the switch, find", 3, 0),
    Documents("sketcher: the sketch", 2, 2),
    Documents("the page's listener: the sketch", 1, 0),
)


def documents(pictures: int) -> tuple[Documents, ...]:
    """Return the documents of a track whose job is its own, at so many pictures a month."""
    return *DOCUMENTS, Documents("the shards of both counters", SHARD_READS * shards(pictures), 0)


# Assumed: the run's context and its two executions with their parameters. They exist from the launch until the record's
# hour is over, and Vertex AI may need a day to delete them.
METADATA_BYTES: Final = 6_000
HOURS_OF_METADATA: Final = 26

# The upload's event, the caption and the step's message: each published and pushed once.
TRACK_MESSAGES: Final = 3
# The log sink's entry about the job's end; and the message that announces several, with the bytes that each adds.
JOB_MESSAGES: Final = 1
MESSAGES: Final = TRACK_MESSAGES + JOB_MESSAGES
MESSAGE_BYTES: Final = 1_000
ATTEMPT_BYTES: Final = 110

# Written: upload, cover, WAV, MP3, MIDI, MusicXML, track.json; and the job's orders.
OBJECTS_WRITTEN: Final = 7
JOB_OBJECTS_WRITTEN: Final = 1
# Read: the event's object and its bytes; the orders, track.json, take and cover by the step; track.json and the start
# of the MP3 by the notifier; cover and MP3 by the listener. The job's orders: by the step, at the job's end, and before
# its record is deleted.
OBJECTS_READ: Final = 10
JOB_OBJECTS_READ: Final = 3

# Measured: 30 s by the composer (`python -m benchmarks.music` has its brief); a photo of localcloud/photos as cover.
MP3_BYTES: Final = 964_000
WAV_BYTES: Final = 5_292_000
COVER_BYTES: Final = 110_000
# Measured: stems of six parts by the composer. A loop has at most as many bytes as the music's WAV.
EXPORT_BYTES: Final[Mapping[str, Mapping[int, int]]] = {
    "stems": {30: 32_000_000, 180: 220_000_000},
    "loop": {30: 5_292_000, 180: 31_752_000},
}
# An export writes its cover, its file and track.json; beside these, the notifier reads the start of its file, and the
# API the source's track.json.
EXPORT_OBJECTS_WRITTEN: Final = 3
EXPORT_OBJECTS_READ: Final = 5
# Assumed: a phone's photo, kept for a day.
PICTURE_BYTES: Final = 3_000_000
DAYS_OF_PICTURE: Final = 1
DAYS_OF_MUSIC: Final = 31

# As the local server counts, bytes divided by four: prompt 1,796, schema 2,687, wish 100; and 308 for a picture in low
# detail (OpenAI's vision guide). The offline describer's Korean briefs have 1,400 bytes in the mean, of which 397 are
# the reasons, four sentences of 35 characters; its English ones have 1,264, of which 339 are the reasons.
TOKENS_READ: Final = 1_450
TOKENS_WRITTEN: Final = 350

# Assumed: entries of the functions, the platform's request log and Vertex AI's events.
LOG_BYTES: Final = 20_000

# Billed on a new machine for a step that makes one track.
MACHINE_MINUTES: Final = STEP_MINUTES
MUSIC_SECONDS: Final = 30


def machine_minutes(engine: str, tracks: float) -> float:
    """Return the minutes that are billed on a new machine for a step that makes this many tracks, by the engine's pace.

    As many as the engine makes at once take as long as one.
    """
    pace = PACES[engine]
    return MACHINE_MINUTES + max(0.0, tracks / pace.at_once - 1) * pace.seconds(MUSIC_SECONDS) * pace.at_once / 60


def export_minutes(kind: str, seconds: int) -> float:
    """Return the minutes that are billed on a new machine for a step that makes one export."""
    return MACHINE_MINUTES + EXPORT_PACES[kind].alone(seconds) / 60


# Assumed: the busiest hour has 1.5 times the mean.
SWING: Final = 0.5
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
    Handling("result_notifier", 0.1, 0.4),
)
LAUNCH: Final = Handling("pipeline_launcher", 0.1, 1.0)
JOB_END: Final = Handling("result_notifier", 0.05, 0.05)
# A track that waits for others. Its claim and its change to `composing` in the launch of several, and what it adds to
# the job's end, are one after another.
WAITS: Final = Handling("pipeline_launcher", 0.05, 0.25)
CLAIMED: Final = Handling("pipeline_launcher", 0.03, 0.2)
CLOSED: Final = Handling("result_notifier", 0.02, 0.05)
SWEPT: Final = Handling("result_notifier", SWEEP.value, 0.0)


def handlings(tracks: float) -> list[tuple[Handling, float]]:
    """Return the invocations of a track whose job makes this many tracks, and the share of each that is the track's."""
    alone = [(each, 1.0) for each in HANDLINGS]
    if tracks <= 1:
        return [*alone, (LAUNCH, 1.0), (JOB_END, 1.0)]
    together = (_with(LAUNCH, CLAIMED, tracks), _with(JOB_END, CLOSED, tracks))
    return [*alone, (WAITS, 1.0), (SWEPT, 1.0), *((each, 1 / tracks) for each in together)]


def _with(job: Handling, track: Handling, tracks: float) -> Handling:
    cpu, waiting = job.cpu_seconds + tracks * track.cpu_seconds, job.waiting_seconds + tracks * track.waiting_seconds
    return Handling(job.function, cpu, waiting)


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
# dead letters (4) and for old messages (4), one each for tracks that wait for the operator, failures, the budget, the
# downloads and failing sketches, and two for the halves of the daily limits.
ALERT_SERIES: Final = 15
EVALUATIONS_A_MONTH: Final = 2 * TICKS_A_MONTH
# OpenAI's key and the drop session's secret.
SECRET_VERSIONS: Final = 2
# Assumed: the pipeline's and the functions' images with the layers that they share; a cleanup keeps the newest ten.
IMAGE_BYTES: Final = 2_000_000_000
