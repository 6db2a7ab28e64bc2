"""What the pipeline's one step does: engine, mastering, the results bucket, and last a message.

The step may run twice, after a machine was lost or an operator's retry: a second run finds ``track.json`` and only
repeats the message, and a first run that was cut off leaves files that the second one makes again, byte for byte.
An engine that would give other music the next time is asked once: its take is kept before anything is made of it.
"""

import faulthandler
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from musicgenerator import logs
from musicgenerator.briefs import Brief
from musicgenerator.messages import step_message
from musicgenerator.results import COVER, MUSIC, MUSIC_MIDI, MUSIC_WAV, RESULT_TYPES, TAKE, TRACK, MusicFacts
from musicgenerator.tracks import Request
from pipeline import encoding
from pipeline.engines import Cloud, Engine, Take
from pipeline.engines.choice import chosen
from pipeline.mastering import Master, master
from pipeline.takes import kept, recalled

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
    prompt_version: str = ""


def run(  # noqa: PLR0913, PLR0917  the pipeline's parameters, one each
    job: str,
    brief: Mapping[str, Any],
    engine: str,
    seconds: int,
    seed: int,
    results_bucket: str,
    results_token: str,
    events_topic: str,
    fallback_engine: str = "",
    model_endpoint: str = "",
    prompt_version: str = "",
    time_limit_seconds: float = TIME_LIMIT_SECONDS,
) -> None:
    """Do the step with Google's clients; ``events_topic`` is ``projects/P/topics/T``.

    Where ``engine`` fails for good, ``fallback_engine`` makes the music, if the operator names one;
    ``model_endpoint`` is where the engine ``endpoint`` is, as ``Cloud.endpoint`` says;
    ``prompt_version`` tells which prompt the brief came of, for the music's provenance.
    The environment's ``VERTEX_URL`` moves Vertex AI's address, as ``STORAGE_EMULATOR_HOST`` does the bucket's.

    Vertex AI pipelines know no time limit for a step, so the step has its own: a run that exceeds it writes where it
    hung to standard error and ends the process with status 1, even from inside native code.
    """
    from pipeline.google_results import PubsubEvents, StorageResults

    faulthandler.dump_traceback_later(time_limit_seconds, exit=True, file=_STDERR)
    try:
        # The launcher's values are in bounds; a job that somebody starts by hand ends here, before it costs anything.
        Request.from_mapping({"durationSeconds": seconds, "engine": engine, "seed": seed})
        order = Order(job, Brief.from_mapping(brief), seconds, seed, prompt_version)
        # The project is the one that the message goes to: a job's own environment does not name it.
        project = events_topic.split("/")[1]
        os.environ.setdefault("GOOGLE_CLOUD_PROJECT", project)
        cloud = Cloud(project, os.environ.get("VERTEX_URL", ""), model_endpoint)
        maker = chosen(engine, fallback_engine, cloud)
        make_music(order, maker, StorageResults(results_bucket, results_token), PubsubEvents(events_topic))
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
    take = _take(order, engine, results)
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
        tempo_bpm=brief.tempo_bpm,
        engine=take.engine,
        model=take.model,
        seed=take.seed,
        prompt_version=order.prompt_version,
    )
    mp3 = encoding.mp3(mastered.audio, tags, results.read(COVER))
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
    # The order is a promise: track.json means that everything else is there.
    files[TRACK] = json.dumps(_track(order, take, mastered, facts), ensure_ascii=False, indent=2).encode()
    encoded = time.monotonic()
    for file, data in files.items():
        results.create(file, data, RESULT_TYPES[file])
    logs.info(
        "the results are written",
        job=order.job,
        loudnessLufs=facts.loudness_lufs,
        truePeakDbtp=round(mastered.true_peak_dbtp, 2),
        masteringSeconds=round(encoded - composed, 2),
        writingSeconds=round(time.monotonic() - encoded, 2),
    )


def _take(order: Order, engine: Engine, results: Results) -> Take:
    earlier = results.read(TAKE)
    if earlier is not None:
        logs.info("an earlier run left its take", job=order.job)
        return recalled(earlier)
    take = engine.make(order.brief, order.seconds, order.seed)
    if take.answer is not None or take.fallback_from is not None:
        # From here on every run makes the same files, though the engine would not make the same music.
        results.create(TAKE, kept(take), RESULT_TYPES[TAKE])
    return take


def _track(order: Order, take: Take, mastered: Master, facts: MusicFacts) -> dict[str, Any]:
    # Whoever has the link reads this file: nothing about the person, the session or the prompt goes in.
    shown = order.brief.to_mapping()
    del shown["prompt"], shown["avoid"]
    fallback = {} if take.fallback_from is None else {"fallbackFrom": take.fallback_from}
    made = {"engine": take.engine, "model": take.model, "seed": take.seed, "promptVersion": order.prompt_version}
    return {
        "version": _TRACK_VERSION,
        **shown,
        "form": take.form,
        "music": facts.to_mapping(),
        "truePeakDbtp": round(mastered.true_peak_dbtp, 2),
        "provenance": {"aiGenerated": True, **made, **fallback},
    }
