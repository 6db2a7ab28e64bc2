"""What the pipeline's one step does: engine, mastering, the results bucket, and last a message.

The step may run twice, after a machine was lost or an operator's retry: a second run finds ``track.json`` and only
repeats the message, and a first run that was cut off leaves files that the second one makes again, byte for byte.
"""

import faulthandler
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from musicgenerator import logs
from musicgenerator.briefs import Brief
from musicgenerator.messages import step_message
from musicgenerator.results import CONTENT_TYPES, COVER, MUSIC, MUSIC_MIDI, MUSIC_WAV, TRACK, MusicFacts
from pipeline import encoding
from pipeline.engines import Engine, Take, engine_named
from pipeline.mastering import Master, master

TIME_LIMIT_SECONDS: Final = 900.0

_TRACK_VERSION: Final = 1
_STDERR: Final = 2


class Results(Protocol):
    """The track's folder in the results bucket."""

    def read(self, file: str) -> bytes | None:
        """Return a result's bytes, or None where it is not there."""

    def create(self, file: str, data: bytes, content_type: str) -> None:
        """Write a result unless it is there already; raise OtherResultError where it is there with other bytes."""


class Events(Protocol):
    """The topic `pipeline-events`."""

    def publish(self, data: bytes) -> None:
        """Publish a message and return when it is safe with Pub/Sub."""


@dataclass(frozen=True)
class Order:
    """What one run of the step has to make; ``job`` is the pipeline job's id, ``seconds`` the length of the music."""

    job: str
    brief: Brief
    seconds: int
    seed: int


def run(  # noqa: PLR0913, PLR0917  the pipeline's parameters, one each
    job: str,
    brief: Mapping[str, Any],
    engine: str,
    seconds: int,
    seed: int,
    results_bucket: str,
    results_token: str,
    events_topic: str,
    time_limit_seconds: float = TIME_LIMIT_SECONDS,
) -> None:
    """Do the step with Google's clients; ``events_topic`` is ``projects/P/topics/T``.

    Vertex AI pipelines know no time limit for a step, so the step has its own: a run that exceeds it writes where it
    hung to standard error and ends the process with status 1, even from inside native code.
    """
    from pipeline.google_results import PubsubEvents, StorageResults  # noqa: PLC0415  slow: not before they are needed

    faulthandler.dump_traceback_later(time_limit_seconds, exit=True, file=_STDERR)
    try:
        order = Order(job, Brief.from_mapping(brief), seconds, seed)
        results = StorageResults(results_bucket, results_token)
        make_music(order, engine_named(engine), results, PubsubEvents(events_topic))
    finally:
        faulthandler.cancel_dump_traceback_later()


def make_music(order: Order, engine: Engine, results: Results, events: Events) -> None:
    """Make the music of this order, write its results and say so; raise what the engine or a port raises."""
    # A second run pays no engine twice: track.json is written last, so with it everything is there.
    if results.read(TRACK) is None:
        _write_results(order, engine, results)
    else:
        logs.info("the results are there already", job=order.job)
    # A second message is harmless: whoever receives it looks at the track and at the results.
    events.publish(step_message(order.job))
    logs.info("announced", job=order.job)


def _write_results(order: Order, engine: Engine, results: Results) -> None:
    started = time.monotonic()
    take = engine.make(order.brief, order.seconds, order.seed)
    composed = time.monotonic()
    logs.info("the engine gave its take", job=order.job, engine=take.engine, seconds=round(composed - started, 2))

    mastered = master(take.audio, order.seconds)
    brief = order.brief
    tags = encoding.Tags(
        title=brief.title,
        caption=brief.caption,
        language=brief.language,
        genre=brief.genre,
        key=brief.key,
        tempo_bpm=brief.tempoBpm,
        engine=take.engine,
        model=take.model,
        seed=take.seed,
    )
    mp3 = encoding.mp3(mastered.audio, tags, results.read(COVER))
    files = {MUSIC_WAV: encoding.wav(mastered.audio), MUSIC: mp3}
    if take.midi is not None:
        files[MUSIC_MIDI] = take.midi
    facts = MusicFacts(
        durationSeconds=round(mastered.audio.seconds, 3),
        mimeType=CONTENT_TYPES[MUSIC],
        bytes=len(mp3),
        loudnessLufs=round(mastered.loudness_lufs, 2),
        peaks=mastered.peaks,
        engine=take.engine,
        seed=take.seed,
        costUsd=take.cost_usd,
    )
    # The order is a promise: track.json means that everything else is there.
    files[TRACK] = json.dumps(_track(brief, take, mastered, facts), ensure_ascii=False, indent=2).encode()
    encoded = time.monotonic()
    for file, data in files.items():
        results.create(file, data, CONTENT_TYPES[file])
    logs.info(
        "the results are written",
        job=order.job,
        loudnessLufs=facts.loudnessLufs,
        truePeakDbtp=round(mastered.true_peak_dbtp, 2),
        masteringSeconds=round(encoded - composed, 2),
        writingSeconds=round(time.monotonic() - encoded, 2),
    )


def _track(brief: Brief, take: Take, mastered: Master, facts: MusicFacts) -> dict[str, Any]:
    # Whoever has the link reads this file: nothing about the person, the session or the prompt goes in.
    shown = brief.to_mapping()
    del shown["prompt"], shown["avoid"]
    return {
        "version": _TRACK_VERSION,
        **shown,
        "form": take.form,
        "music": facts.to_mapping(),
        "truePeakDbtp": round(mastered.true_peak_dbtp, 2),
        "provenance": {"aiGenerated": True, "engine": take.engine, "model": take.model, "seed": take.seed},
    }
