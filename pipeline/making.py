"""Make one track: an engine's take, its master, the results in the track's folder, and the message about them.

A track may be made twice, if a machine is lost. A second try that finds ``track.json`` only repeats the message.
Otherwise it makes the same files as the first one, byte for byte, and leaves those that exist.
If an engine would make different music in a second try, its take is stored before mastering, and a second try reads it.
"""

import json
import time
from typing import Any, Final, Protocol

from musicgenerator import logs
from musicgenerator.messages import step_message
from musicgenerator.orders import Order
from musicgenerator.results import MUSIC, MUSIC_MIDI, MUSIC_SCORE, MUSIC_WAV, RESULT_TYPES, TAKE, TRACK, MusicFacts
from pipeline import encoding
from pipeline.credentials import Credentials
from pipeline.engines import Engine, Take
from pipeline.engines.heard import credentials_of
from pipeline.mastering import Master, master
from pipeline.takes import kept, recalled

_TRACK_VERSION: Final = 1


class Results(Protocol):
    """The track's folder in the results bucket."""

    def cover(self) -> bytes | None:
        """Return the JPEG that the MP3 shows and some engines look at, or None if there is none."""

    def read(self, file: str) -> bytes | None:
        """Return a result's bytes, or None if it is missing."""

    def create(self, file: str, data: bytes, content_type: str) -> None:
        """Write a result unless it exists; raise OtherResultError if it exists with other bytes."""


class Events(Protocol):
    """The topic `pipeline-events`."""

    def publish(self, data: bytes) -> None:
        """Publish a message and return when Pub/Sub has confirmed it."""


def make_music(job: str, order: Order, engine: Engine, results: Results, events: Events) -> None:
    """Make the music of an order, write the results, publish the message; raise what the engine or a port raises."""
    # track.json is written last: if it exists, all results exist, and no engine is paid twice.
    if results.read(TRACK) is None:
        _write_results(job, order, engine, results)
    else:
        logs.info("results exist", job=job)
    # A second message is harmless: the notifier looks at the track and at the results.
    events.publish(step_message(job, order.track, order.attempt))
    logs.info("published", job=job)


def _write_results(job: str, order: Order, engine: Engine, results: Results) -> None:
    started = time.monotonic()
    take = _take(job, order, engine, results)
    composed = time.monotonic()
    logs.info("take made", job=job, engine=take.engine, seconds=round(composed - started, 2))

    found = _credentials(job, take)
    mastered = master(take.audio, order.seconds)
    tags = encoding.Tags.of(order.brief, take, order.prompt_version)
    mp3 = encoding.mp3(mastered.audio, tags, results.cover())
    files = {MUSIC_WAV: encoding.wav(mastered.audio), MUSIC: mp3}
    if take.midi is not None:
        files[MUSIC_MIDI] = take.midi
    if take.score is not None:
        files[MUSIC_SCORE] = take.score
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
        midi=take.midi is not None,
        score=take.score is not None,
    )
    # Written last: track.json means that all other files exist.
    files[TRACK] = json.dumps(_track(order, take, found, mastered, facts), ensure_ascii=False, indent=2).encode()
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
    take = engine.make(order.brief, order.seconds, order.seed, results.cover())
    if take.answer is not None or take.fallback_from is not None:
        # From now on every run masters this take, because the engine would make different music.
        results.create(TAKE, kept(take), RESULT_TYPES[TAKE])
    return take


def _credentials(job: str, take: Take) -> Credentials | None:
    """Read the content credentials of the engine's answer; return None if the engine gave no file."""
    if take.answer is None:
        return None
    found = credentials_of(take.answer)
    log = logs.warning if found.present and not found.valid else logs.info
    log(
        "content credentials of the take",
        job=job,
        engine=take.engine,
        present=found.present,
        valid=found.valid,
        trusted=found.trusted,
        issuer=found.issuer,
        problems=list(found.problems),
    )
    return found


def _track(order: Order, take: Take, found: Credentials | None, mastered: Master, facts: MusicFacts) -> dict[str, Any]:
    # Everyone who knows its address can read this file, so it has nothing about the person, session or prompt.
    shown = order.brief.to_mapping()
    del shown["prompt"], shown["avoid"]
    edited = {"editedByPerson": True} if shown.pop("editedByPerson", False) else {}
    fallback = {} if take.fallback_from is None else {"fallbackFrom": take.fallback_from}
    provenance = {"engine": take.engine, "model": take.model, "seed": take.seed, "promptVersion": order.prompt_version}
    if found is not None:
        told = {"present": found.present, "valid": found.valid, "issuer": found.issuer or None}
        provenance["contentCredentials"] = told
    return {
        "version": _TRACK_VERSION,
        **shown,
        "form": take.form,
        "music": facts.to_mapping(),
        "truePeakDbtp": round(mastered.true_peak_dbtp, 2),
        "provenance": {"aiGenerated": True, **provenance, **fallback, **edited},
    }
