"""Edits that remove one guard each: a crash test that passes without a guard does not test it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from musicgenerator.states import Status
from tests.chaos.weather import BATCHES
from tests.support.faults import ApiFaults, DeliveryFaults
from tests.support.staging import Edit
from tests.support.takes import JobFaults
from tests.support.world import Faults

_CHANGES: Final = "musicgenerator/changes.py"


@dataclass(frozen=True)
class Sabotage:
    """The guard that the edits remove, the promise that then breaks, and the faults and settings that show it."""

    name: str
    promise: str
    edits: tuple[Edit, ...]
    faults: Faults
    cancelled: float = 0.0
    cancelled_at: tuple[Status, ...] = (Status.AWAITING_UPLOAD,)
    retries: bool = False
    pictures: int = 8
    environ: Mapping[str, str] = field(default_factory=dict)


def _unchecked_steps(function: str) -> Edit:
    return Edit(function, _CHANGES, "    if not allowed:", "    if False and not allowed:")


SABOTAGES: Final = (
    Sabotage(
        "a pipeline id that is not derived from the track",
        "P2",
        (
            Edit(
                "pipeline_launcher",
                "launching.py",
                "name, where = job_of(track, work), work.region",
                "name, where = f'mg-{track.track_id}-{1 + secrets.randbelow(99999)}', work.region",
            ),
        ),
        Faults(DeliveryFaults(doubled=1.0), vertex=ApiFaults(slow=1.0, broken_after=0.3)),
    ),
    Sabotage(
        "the region of the claim",
        "P2",
        (
            Edit(
                "pipeline_launcher",
                "launching.py",
                "name, where = job_of(track, work), work.region or self.settings.regions[0]",
                "name, where = job_of(track, work), region",
            ),
        ),
        Faults(DeliveryFaults(doubled=1.0), vertex=ApiFaults(slow=1.0, broken_after=0.3)),
    ),
    Sabotage(
        "a lease that ends",
        "P1",
        (
            Edit(
                "captioner",
                "captioning.py",
                "(work.lease_until or _LONG_AGO) < now",
                "work.lease_until is None",
            ),
        ),
        Faults(crash={"captioner": 0.05}),
    ),
    Sabotage(
        "the sweeper",
        "P1",
        (
            Edit(
                "result_notifier",
                "sweeping.py",
                "due = in_turns(self.tracks.due(datetime.now(UTC), LOOKED_AT))",
                "due = []",
            ),
        ),
        Faults(DeliveryFaults(lost={"captions": 0.6})),
    ),
    Sabotage(
        "the rank of a state",
        "P4",
        (
            Edit(
                "pipeline_launcher",
                "launching.py",
                "if current.status is not state or current.attempt != attempt.attempt:",
                "if False:",
            ),
            _unchecked_steps("pipeline_launcher"),
        ),
        Faults(vertex=ApiFaults(slow=6.0), jobs=JobFaults(seconds=0.1)),
    ),
    Sabotage(
        "the counter's precondition",
        "P3",
        (
            Edit(
                "pipeline_launcher",
                "musicgenerator_google/firestore_counters.py",
                ", option=client.write_option(last_update_time=snapshot.update_time)",
                "",
            ),
            Edit(
                "pipeline_launcher",
                "musicgenerator_google/firestore_counters.py",
                "return min(MAX_SHARDS, max(SHARDS, math.ceil(limit / _A_SHARD)))",
                "return 1",
            ),
        ),
        Faults(DeliveryFaults(crowds={"captions": 4})),
    ),
    Sabotage(
        "the look at the final state",
        "P4",
        (
            Edit(
                "result_notifier",
                "notifying.py",
                "if track.status.is_final or track.attempt != message.attempt or job_of(track, work) != message.job:",
                "if track.attempt != message.attempt:",
            ),
            Edit(
                "result_notifier",
                "notifying.py",
                "if current.status.is_final or current.attempt != message.attempt or",
                "if False and",
            ),
            _unchecked_steps("result_notifier"),
        ),
        Faults(DeliveryFaults(doubled=1.0, delay=1.0), jobs=JobFaults(seconds=5.0)),
        cancelled=1.0,
        cancelled_at=(Status.COMPOSING,),
    ),
    Sabotage(
        "the look at the music",
        "P1",
        (
            Edit(
                "result_notifier",
                "storage_results.py",
                "if size != facts.bytes or facts.mime_type",
                "if facts.mime_type",
            ),
        ),
        Faults(jobs=JobFaults(broken=0.6)),
    ),
    Sabotage(
        "the lease",
        "P5",
        (
            Edit(
                "captioner",
                "captioning.py",
                "if current.status is Status.CAPTIONING and (work.lease_until or _LONG_AGO) < now:",
                "if current.status is Status.CAPTIONING:",
            ),
        ),
        Faults(DeliveryFaults(doubled=1.0), openai=ApiFaults(slow=1.0)),
    ),
    Sabotage(
        "the owner's token",
        "P5",
        (Edit("captioner", "captioning.py", "return outcome.work.owner == owner", "return True"),),
        Faults(DeliveryFaults(doubled=1.0, delay=0.5)),
    ),
    Sabotage(
        "the look behind a job id that is taken",
        "P1",
        (
            Edit(
                "pipeline_launcher",
                "creating.py",
                "        facts = self.pipelines.facts(job, region)\n",
                '        raise LaunchRefusedError("taken")\n',
            ),
        ),
        Faults(vertex=ApiFaults(cut=0.6), jobs=JobFaults(seconds=8.0)),
    ),
    Sabotage(
        "the look whether a track still waits for its sketch",
        "P12",
        (
            Edit(
                "sketcher",
                "sketching.py",
                "            due = _is_due(current, message.attempt)\n",
                "            due = True\n",
            ),
        ),
        Faults(DeliveryFaults(doubled=1.0), jobs=JobFaults(seconds=0.1)),
        cancelled=1.0,
        cancelled_at=(Status.CAPTIONED,),
    ),
    Sabotage(
        "the removal of a sketch that nobody wants",
        "P12",
        (
            Edit(
                "sketcher",
                "sketching.py",
                "        # The track ended or was erased in the meantime, and no document names the object.\n"
                "        self.objects.erase(folder.bucket, folder.name(file))\n",
                "",
            ),
        ),
        Faults(jobs=JobFaults(seconds=0.1)),
        cancelled=1.0,
        cancelled_at=(Status.CAPTIONED,),
    ),
    Sabotage(
        "the look whether a track names the sketch that a late delivery removes",
        "P12",
        (
            Edit(
                "sketcher",
                "sketching.py",
                "            if not (track.attempt == message.attempt and track.sketched):",
                "            if track:",
            ),
        ),
        Faults(DeliveryFaults(doubled=1.0, delay=4.0)),
    ),
    Sabotage(
        "the idempotency key",
        "P2",
        (
            Edit(
                "upload_handler",
                "admitting.py",
                '_hash("key", *command, key) if key is not None else _hash("once", ids.new_secret())',
                '_hash("once", ids.new_secret())',
            ),
        ),
        Faults(crash={"upload_handler": 0.12}),
    ),
    Sabotage(
        "the precondition of an order",
        "P1",
        (
            Edit(
                "pipeline_launcher",
                "musicgenerator/order_book.py",
                "        return self.objects.create(self.bucket, order_name(job), orders_to_bytes(orders), ORDER_TYPE)",
                "        self.objects.delete(self.bucket, order_name(job))\n"
                "        return self.objects.create(self.bucket, order_name(job), orders_to_bytes(orders), ORDER_TYPE)",
            ),
        ),
        Faults(
            DeliveryFaults(doubled=1.0, delay=1.0),
            jobs=JobFaults(seconds=4.0, track_seconds=0.5),
            crash={"pipeline_launcher": 0.1},
        ),
        pictures=16,
        environ=BATCHES,
    ),
    Sabotage(
        "the claim for another job",
        "P2",
        (
            Edit(
                "pipeline_launcher",
                "launching.py",
                "due = current.status is Status.CAPTIONED and",
                "due = current.status in {Status.CAPTIONED, Status.LAUNCHING} and",
            ),
            _unchecked_steps("pipeline_launcher"),
        ),
        Faults(DeliveryFaults(doubled=1.0, delay=1.0), vertex=ApiFaults(slow=2.0)),
        pictures=16,
        environ=BATCHES,
    ),
    Sabotage(
        "the step's question whether a track is called off",
        "P13",
        (),
        Faults(jobs=JobFaults(min_seconds=4.0, seconds=5.0, track_seconds=2.0, asks=False)),
        cancelled=1.0,
        cancelled_at=(Status.COMPOSING,),
        pictures=16,
        environ=BATCHES,
    ),
    Sabotage(
        "the look whether a track is claimed for the job that has ended",
        "P1",
        (
            Edit(
                "result_notifier",
                "closing.py",
                "claimed = [found for found in seen.values() if job_of(*found) == job]",
                "claimed = list(seen.values())",
            ),
            Edit(
                "result_notifier",
                "notifying.py",
                "track.attempt != message.attempt or job_of(track, work) != message.job:",
                "track.attempt != message.attempt:",
            ),
            Edit(
                "result_notifier",
                "notifying.py",
                "current.attempt != message.attempt or job_of(current, work) != message.job:",
                "current.attempt != message.attempt:",
            ),
        ),
        Faults(jobs=JobFaults(failed=0.5, seconds=1.0, track_seconds=4.0)),
        retries=True,
        pictures=16,
        environ=BATCHES,
    ),
)
