"""The pipeline's one step: it makes the music, masters it, writes the results and publishes a message.

The step may run twice, if a machine is lost. A second run that finds ``track.json`` only repeats the message.
Otherwise it makes the same files as the first one, byte for byte, and leaves those that exist.
If an engine would make different music in a second run, its take is stored before mastering, and a second run reads it.
"""

import faulthandler
import json
import os
import time
from typing import Any, Final, Protocol

from musicgenerator import logs
from musicgenerator.errors import OrderError
from musicgenerator.messages import step_message
from musicgenerator.orders import Order, bucket_and_name, order_address, order_from_bytes
from musicgenerator.results import MUSIC, MUSIC_MIDI, MUSIC_WAV, RESULT_TYPES, TAKE, TRACK, MusicFacts
from pipeline import encoding
from pipeline.engines import Cloud, Engine, Take
from pipeline.engines.choice import chosen
from pipeline.mastering import Master, master
from pipeline.takes import kept, recalled

TIME_LIMIT_SECONDS: Final = 900.0

_TRACK_VERSION: Final = 1
_STDERR: Final = 2


class Objects(Protocol):
    def read(self, address: str) -> bytes | None:
        """Return the bytes of the object at a ``gs://`` address, or None if it is missing."""


class Results(Protocol):
    """The track's folder in the results bucket."""

    def cover(self) -> bytes | None:
        """Return the JPEG that the MP3 shows, or None if there is none."""

    def read(self, file: str) -> bytes | None:
        """Return a result's bytes, or None if it is missing."""

    def create(self, file: str, data: bytes, content_type: str) -> None:
        """Write a result unless it exists; raise OtherResultError if it exists with other bytes."""


class Events(Protocol):
    """The topic `pipeline-events`."""

    def publish(self, data: bytes) -> None:
        """Publish a message and return when Pub/Sub has confirmed it."""


def run(job: str, order: str, time_limit_seconds: float = TIME_LIMIT_SECONDS) -> None:
    """Run the step of a job with Google's clients; ``order`` is the ``gs://`` address of its order.

    If the order's engine fails, the order's fallback engine makes the music, if it names one.
    The variables ``VERTEX_URL`` and ``STORAGE_EMULATOR_HOST`` replace the addresses of Vertex AI and Cloud Storage.
    Raises OrderError if the order is missing or not valid; nothing has been written or paid for then.

    Vertex AI pipelines have no time limit for a step, so this function sets one: a run that exceeds it writes its
    stacks to standard error and ends the process with status 1, even inside native code.
    """
    from pipeline.google_results import GoogleStorage, PubsubEvents, StorageResults

    logs.redact_libraries()
    faulthandler.dump_traceback_later(time_limit_seconds, exit=True, file=_STDERR)
    try:
        objects = GoogleStorage()
        wanted = read_order(job, order, objects)
        # A job's environment does not name its project; the topic does.
        project = wanted.events_topic.split("/")[1]
        os.environ.setdefault("GOOGLE_CLOUD_PROJECT", project)
        cloud = Cloud(project, os.environ.get("VERTEX_URL", ""), wanted.model_endpoint)
        engine = chosen(wanted.engine, wanted.fallback_engine, cloud)
        make_music(job, wanted, engine, StorageResults(objects, wanted), PubsubEvents(wanted.events_topic))
    finally:
        faulthandler.cancel_dump_traceback_later()


def read_order(job: str, address: str, objects: Objects) -> Order:
    """Read the order of a job; raise OrderError if the address is another job's, or the order is missing or invalid."""
    bucket, _ = bucket_and_name(address)
    if address != order_address(bucket, job):
        raise OrderError("address", f"must be that of the order of {job}")
    data = objects.read(address)
    if data is None:
        # The launcher writes the order before it creates the job, so the track has been erased or settled since.
        raise OrderError("order", f"is missing at {address}")
    return order_from_bytes(data)


def make_music(job: str, order: Order, engine: Engine, results: Results, events: Events) -> None:
    """Make the music of an order, write the results, publish the message; raise what the engine or a port raises."""
    # track.json is written last: if it exists, all results exist, and no engine is paid twice.
    if results.read(TRACK) is None:
        _write_results(job, order, engine, results)
    else:
        logs.info("results exist", job=job)
    # A second message is harmless: the notifier looks at the track and at the results.
    events.publish(step_message(job))
    logs.info("published", job=job)


def _write_results(job: str, order: Order, engine: Engine, results: Results) -> None:
    started = time.monotonic()
    take = _take(job, order, engine, results)
    composed = time.monotonic()
    logs.info("take made", job=job, engine=take.engine, seconds=round(composed - started, 2))

    mastered = master(take.audio, order.seconds)
    tags = encoding.Tags.of(order.brief, take, order.prompt_version)
    mp3 = encoding.mp3(mastered.audio, tags, results.cover())
    files = {MUSIC_WAV: encoding.wav(mastered.audio), MUSIC: mp3}
    if take.midi is not None:
        files[MUSIC_MIDI] = take.midi
    facts = MusicFacts(
        duration_seconds=round(mastered.audio.seconds, 3),
        mime_type=RESULT_TYPES[MUSIC],
        bytes=len(mp3),
        loudness_lufs=round(mastered.loudness_lufs, 2),
        peaks=mastered.peaks,
        engine=take.engine,
        seed=take.seed,
        cost_usd=take.cost_usd,
        fallback_from=take.fallback_from,
    )
    # Written last: track.json means that all other files exist.
    files[TRACK] = json.dumps(_track(order, take, mastered, facts), ensure_ascii=False, indent=2).encode()
    encoded = time.monotonic()
    for file, data in files.items():
        results.create(file, data, RESULT_TYPES[file])
    logs.info(
        "results written",
        job=job,
        loudnessLufs=facts.loudness_lufs,
        truePeakDbtp=round(mastered.true_peak_dbtp, 2),
        masteringSeconds=round(encoded - composed, 2),
        writingSeconds=round(time.monotonic() - encoded, 2),
    )


def _take(job: str, order: Order, engine: Engine, results: Results) -> Take:
    earlier = results.read(TAKE)
    if earlier is not None:
        logs.info("take of an earlier run found", job=job)
        return recalled(earlier)
    take = engine.make(order.brief, order.seconds, order.seed)
    if take.answer is not None or take.fallback_from is not None:
        # From now on every run masters this take, because the engine would make different music.
        results.create(TAKE, kept(take), RESULT_TYPES[TAKE])
    return take


def _track(order: Order, take: Take, mastered: Master, facts: MusicFacts) -> dict[str, Any]:
    # Everyone who knows its address can read this file, so it has nothing about the person, session or prompt.
    shown = order.brief.to_mapping()
    del shown["prompt"], shown["avoid"]
    edited = {"editedByPerson": True} if shown.pop("editedByPerson", False) else {}
    fallback = {} if take.fallback_from is None else {"fallbackFrom": take.fallback_from}
    provenance = {"engine": take.engine, "model": take.model, "seed": take.seed, "promptVersion": order.prompt_version}
    return {
        "version": _TRACK_VERSION,
        **shown,
        "form": take.form,
        "music": facts.to_mapping(),
        "truePeakDbtp": round(mastered.true_peak_dbtp, 2),
        "provenance": {"aiGenerated": True, **provenance, **fallback, **edited},
    }
