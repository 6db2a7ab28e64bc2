"""Make one track with a pipeline template that no launcher uses yet: ``python -m operations.canary TEMPLATE``.

The track has its own session, and its job is created here instead of by the launcher.
The deployed notifier settles it, so this tries the image, its account and grants, the results and the message.
Exits with 0 if the track is ready and its job has succeeded: the step publishes its message before it ends.
The command deletes the track in any case; the bucket's lifecycle deletes its music.
If the job has succeeded, its record is deleted too. Otherwise the record stays, because it says what went wrong.
It costs one pipeline run and no engine, because `composer` makes the music.
"""

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from musicgenerator import ids
from musicgenerator.briefs import Brief
from musicgenerator.jobs import JobFacts, JobRequest, JobState, job_labels
from musicgenerator.order_book import OrderBook
from musicgenerator.orders import Order, order_address
from musicgenerator.patience import Patience
from musicgenerator.results import COVER
from musicgenerator.settings import required, whole_number
from musicgenerator.states import Status
from musicgenerator.track_requests import Request
from musicgenerator.tracks import PrivateTrack, Track
from musicgenerator_google.firestore_tracks import FirestoreTracks
from musicgenerator_google.storage_objects import StorageObjects
from musicgenerator_google.vertex_pipelines import VertexPipelines
from operations.clients import credentials, database_client, storage_client

CANARY_MUSIC_SECONDS: Final = 30
_LIFETIME: Final = timedelta(days=1)
_POLL_SECONDS: Final = 2.0
_BRIEF: Final = {
    "title": "Canary",
    "caption": "A short piece that a deployment makes for itself.",
    "altText": "No picture.",
    "language": "en",
    "prompt": "Calm ambient piece with warm pad and harp in D major.",
    "avoid": "vocals",
    "moods": ["calm"],
    "genre": "ambient",
    "instruments": ["warm pad", "harp"],
    "tempoBpm": 72,
    "key": "D major",
    "valence": 0.4,
    "energy": 0.2,
}


def launch(
    tracks: FirestoreTracks, pipelines: VertexPipelines, template: dict[str, Any], session: str, track: str
) -> str:
    """Create the track, its order and its job, and return the job's id."""
    env, token, job = os.environ, ids.new_results_token(), ids.pipeline_job_id(track, 1)
    request = Request(duration_seconds=CANARY_MUSIC_SECONDS, language="en", engine="composer")
    brief = Brief.from_mapping(_BRIEF)
    canary = Track(session, track, Status.COMPOSING, 1, request, brief=brief)
    tracks.create(canary, PrivateTrack(token=token, published=True), datetime.now(UTC) + _LIFETIME)
    project = required(env, "GOOGLE_CLOUD_PROJECT")
    results, bucket = required(env, "RESULTS_BUCKET"), required(env, "PIPELINE_BUCKET")
    order = Order(
        track=track,
        attempt=1,
        brief=brief,
        engine="composer",
        seconds=CANARY_MUSIC_SECONDS,
        seed=1,
        results_bucket=results,
        results_token=token,
        events_topic=f"projects/{project}/topics/{required(env, 'PIPELINE_EVENTS_TOPIC')}",
        cover=f"gs://{results}/{token}/{COVER}",
        signer=env.get("MARK_SIGNER", ""),
    )
    OrderBook(StorageObjects(storage_client()), bucket).write(job, [order])
    parameters = {"job": job, "order": order_address(bucket, job)}
    root, account = required(env, "PIPELINE_ROOT"), required(env, "PIPELINE_ACCOUNT")
    pipelines.create(
        JobRequest(job, template, parameters, job_labels([(track, 1)]), root, account), required(env, "REGION")
    )
    return job


def job_end(pipelines: VertexPipelines, job: str, region: str, patience: float) -> tuple[JobState, str]:
    """Wait up to ``patience`` seconds for the job's end, and return its last state and its error message."""
    until = time.monotonic() + patience
    while True:
        facts = pipelines.facts(job, region) or JobFacts(JobState.CANCELLED, {}, "the job does not exist")
        if facts.state is not JobState.UNDER_WAY or time.monotonic() > until:
            return facts.state, facts.reason
        time.sleep(_POLL_SECONDS)


def outcome(tracks: FirestoreTracks, track: str, patience: float) -> Status:
    """Wait up to ``patience`` seconds for the track's end and return the last status seen."""
    until = time.monotonic() + patience
    while True:
        found = tracks.find(track)
        status = found[0].status if found else Status.CANCELLED
        if status.is_final or time.monotonic() > until:
            return status
        time.sleep(_POLL_SECONDS)


def main(template: str) -> int:
    """Make the track, print its end and return the exit status."""
    env = os.environ
    tracks = FirestoreTracks(database_client(), Patience())
    vertex, project, region = (
        required(env, "VERTEX_URL"),
        required(env, "GOOGLE_CLOUD_PROJECT"),
        required(env, "REGION"),
    )
    pipelines = VertexPipelines(vertex, project, region, credentials())
    spec = yaml.safe_load(Path(template).read_text(encoding="utf-8"))
    session, track = ids.new_session_id(), ids.new_track_id()
    patience = whole_number(env, "CANARY_SECONDS", 1500)
    try:
        job = launch(tracks, pipelines, spec, session, track)
        status = outcome(tracks, track, patience)
        state, reason = job_end(pipelines, job, region, patience if status is Status.READY else 0)
    finally:
        tracks.erase(session, track)
    if state is JobState.SUCCEEDED:
        pipelines.delete(job, region)
    print(f"canary {track}: {status}; its job: {state}{f': {reason}' if reason else ''}")
    return 0 if status is Status.READY and state is JobState.SUCCEEDED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
