"""What one track uses: counted in the code, measured, or assumed, and each says which.

A track is a picture that somebody announces in the page and uploads, that is described once, becomes 30 s of music by
one pipeline job, is heard once and is gone after a month.
"""

from dataclasses import dataclass
from typing import Final

from benchmarks.limits import DESCRIBER, hosted
from musicgenerator_google.firestore_counters import PARTS


@dataclass(frozen=True)
class Documents:
    """The documents that one handling reads, writes and deletes in Firestore, and the code that does."""

    where: str
    reads: int
    writes: int
    deletes: int = 0


# A commit of ``FirestoreTracks.advance`` reads the work and the track (2) and writes both (2), or the work alone (1)
# where no field of the track changes. A document that is not there costs a read too.
DOCUMENTS: Final = (
    Documents("upload_handler: the switch, the session", 2, 0),
    Documents("upload_handler: FirestoreLedger.enter, an entry, the salt, two counters, a third's parts", 4 + PARTS, 4),
    Documents("upload_handler: FirestoreTracks.create, then find", 2, 2),
    Documents("captioner: the claim", 2, 2),
    Documents("captioner: the breaker", 1, 0),
    Documents("captioner: the brief", 2, 2),
    Documents("captioner: announced, the work alone", 2, 1),
    Documents("pipeline_launcher: the switch", 1, 0),
    Documents("pipeline_launcher: the claim, with the counter's parts", 2 + PARTS, 3),
    Documents("pipeline_launcher: composing", 2, 2),
    Documents("result_notifier: the step's message: find, then ready", 4, 2),
    Documents("result_notifier: the log sink's entry, when all is done: find", 2, 0),
    Documents("the page's listener: the track and its five changes", 6, 0),
    Documents("TTL: track, work, the ledger's entry", 0, 0, 3),
)
READS: Final = sum(each.reads for each in DOCUMENTS)
WRITES: Final = sum(each.writes for each in DOCUMENTS)
DELETES: Final = sum(each.deletes for each in DOCUMENTS)

# The upload's event, the caption, the step's message and the log sink's entry, each published once and pushed once.
MESSAGES: Final = 4
MESSAGE_BYTES: Final = 1_000

# Written: upload, cover, WAV, MP3, MIDI, track.json.
OBJECTS_WRITTEN: Final = 6
# Read: the event's object and its bytes; track.json, take and cover by the step; track.json and the head of the MP3 by
# the notifier; cover and MP3 by the listener.
OBJECTS_READ: Final = 9

# Measured: 30 s by the composer (`python -m benchmarks.music` has its brief); a photo of localcloud/photos as cover.
MP3_BYTES: Final = 964_000
WAV_BYTES: Final = 5_292_000
COVER_BYTES: Final = 110_000
# Assumed: a telephone's photo, kept for a day.
PICTURE_BYTES: Final = 3_000_000
DAYS_OF_PICTURE: Final = 1
DAYS_OF_MUSIC: Final = 31
DAYS_A_MONTH: Final = 30

# As the local server counts, a quarter of the bytes: 1,559 of prompt, 2,206 of schema, 100 of wish; 308 for a picture
# in low detail (OpenAI's vision guide); and some 800 bytes of brief in Korean or English.
TOKENS_READ: Final = 1_300
TOKENS_WRITTEN: Final = 250

# Assumed: entries of the functions, the platform's request log and Vertex AI's events.
LOG_BYTES: Final = 20_000

# Assumed until a deployment tells: from the submission until the step is gone, most of it waiting for the machine.
MACHINE_MINUTES: Final = 4.0
# Assumed: MusicGen on an L4 for 30 s of music, and how busy machines can be before takes wait for each other.
ENDPOINT_SECONDS: Final = 30.0
ENDPOINT_BUSY: Final = 0.7


@dataclass(frozen=True)
class Handling:
    """One invocation of a function for a track: CPU seconds, and seconds spent waiting for others.

    Billed is the time of the whole invocation, as if no two shared an instance: the dear end.
    """

    function: str
    cpu_seconds: float
    waiting_seconds: float

    @property
    def billed_seconds(self) -> float:
        """How long the instance is paid for."""
        return self.cpu_seconds + self.waiting_seconds

    @property
    def memory_gib(self) -> float:
        """The memory that is paid for meanwhile."""
        return hosted(self.function).memory_gib


# Assumed until a deployment tells. The CPU seconds are above those that `python -m benchmarks.simulation.machine`
# measured in the local cloud: captioner 0.29, pipeline_launcher 0.03, result_notifier 0.07 for both of its messages.
HANDLINGS: Final = (
    Handling("upload_handler", 0.1, 0.2),
    Handling("captioner", 0.5, DESCRIBER.value + 1),
    Handling("pipeline_launcher", 0.1, 1.0),
    Handling("result_notifier", 0.1, 0.4),
    Handling("result_notifier", 0.05, 0.05),
)
TICK: Final = Handling("result_notifier", 0.05, 0.05)
TICKS_A_MONTH: Final = 60 * 24 * DAYS_A_MONTH
