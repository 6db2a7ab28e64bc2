"""Make one track: an engine's take, its master, the results in the track's folder, and the message about them.

The order may ask for an export instead; then `exports.py` writes the results.
A track may be made twice, if a machine is lost. A second try that finds ``track.json`` only repeats the message.
Otherwise it makes the same files as the first one, byte for byte, and leaves those that exist.
If an engine would make different music in a second try, its take is stored before mastering, and a second try reads it.
"""

import json
import time
from collections.abc import Mapping
from typing import Any, Protocol

from musicgenerator import logs
from musicgenerator.marks.facts import Facts
from musicgenerator.marks.signers import Signer
from musicgenerator.messages import step_message
from musicgenerator.orders import Order
from musicgenerator.results import MUSIC, MUSIC_MIDI, MUSIC_SCORE, MUSIC_WAV, RESULT_TYPES, TAKE, TRACK, MusicFacts
from pipeline import encoding, marking
from pipeline.credentials import Credentials
from pipeline.engines import Engine, Take
from pipeline.engines.composer import Composer
from pipeline.engines.heard import credentials_of
from pipeline.exports import write_export
from pipeline.mastering import Master, master
from pipeline.takes import recalled, stored
from pipeline.track_facts import track_facts


class Results(Protocol):
    """The track's folder in the results bucket."""

    def cover(self) -> bytes | None:
        """Return the JPEG that the MP3 shows and some engines look at, or None if there is none."""

    def read(self, file: str) -> bytes | None:
        """Return a result's bytes, or None if it is missing."""

    def create(self, file: str, data: bytes, content_type: str, download_name: str = "") -> None:
        """Write a result unless it exists; raise OtherResultError if it exists with other bytes.

        A browser saves it under ``download_name``, if there is one, instead of opening it.
        """


class Events(Protocol):
    """The topic `pipeline-events`."""

    def publish(self, data: bytes) -> None:
        """Publish a message and return when Pub/Sub has confirmed it."""


def make_music(  # noqa: PLR0913, PLR0917  the ports of one track
    job: str, order: Order, engine: Engine, results: Results, events: Events, signer: Signer | None = None
) -> None:
    """Make the music of an order, write the results, publish the message; raise what the engine or a port raises.

    ``signer`` marks the music; None leaves it unmarked. Raises ComposerChangedError before anything is made if the
    order needs another composer.
    """
    # track.json is written last: if it exists, all results exist, and no engine is paid twice.
    if results.read(TRACK) is not None:
        logs.info("results exist", job=job)
    else:
        if order.export or order.model:
            Composer.from_environment().require(order.model)
        if order.export:
            write_export(job, order, results, signer)
        else:
            _write_results(job, order, engine, results, signer)
    # A second message is harmless: the notifier looks at the track and at the results.
    events.publish(step_message(job, order.track, order.attempt))
    logs.info("published", job=job)


def _write_results(job: str, order: Order, engine: Engine, results: Results, signer: Signer | None) -> None:
    started = time.monotonic()
    take = _take(job, order, engine, results)
    composed = time.monotonic()
    logs.info("take made", job=job, engine=take.engine, seconds=round(composed - started, 2))

    found = _credentials(job, take)
    mastered = master(take.audio, order.seconds)
    tags = encoding.Tags.of(order.brief, take.engine, take.model, take.seed, order.prompt_version)
    mp3 = encoding.mp3(mastered.audio, tags, results.cover())
    files = _marked({MUSIC_WAV: encoding.wav(mastered.audio, tags), MUSIC: mp3}, order, take, found, signer)
    if take.midi is not None:
        files[MUSIC_MIDI] = take.midi
    if take.score is not None:
        files[MUSIC_SCORE] = take.score
    facts = MusicFacts(
        duration_seconds=round(mastered.audio.seconds, 3),
        mime_type=RESULT_TYPES[MUSIC],
        bytes=len(files[MUSIC]),
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


def _marked(
    files: Mapping[str, bytes], order: Order, take: Take, found: Credentials | None, signer: Signer | None
) -> dict[str, bytes]:
    """Return the files with their marks, or as they are without a signer."""
    facts = Facts.of_order(order, take.engine, take.model, take.seed)
    parent = marking.parent_of(take.answer, found)
    return {file: marking.mark(data, RESULT_TYPES[file], facts, signer, parent) for file, data in files.items()}


def _take(job: str, order: Order, engine: Engine, results: Results) -> Take:
    earlier = results.read(TAKE)
    if earlier is not None:
        logs.info("take of an earlier run found", job=job)
        return recalled(earlier)
    take = engine.make(order.brief, order.seconds, order.seed, results.cover())
    if take.answer is not None or take.fallback_from is not None:
        # From now on every run masters this take, because the engine would make different music.
        results.create(TAKE, stored(take), RESULT_TYPES[TAKE])
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
    made: dict[str, Any] = {"engine": take.engine, "model": take.model, "seed": take.seed}
    if take.fallback_from is not None:
        made["fallbackFrom"] = take.fallback_from
    if found is not None:
        made["contentCredentials"] = {"present": found.present, "valid": found.valid, "issuer": found.issuer or None}
    return track_facts(order, take.form, facts, mastered.true_peak_dbtp, made)
