import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.cloud import firestore

from localcloud.addresses import PROJECT, Addresses
from musicgenerator import ids
from musicgenerator.patience import Patience
from musicgenerator.states import Status
from musicgenerator_google.firestore_tracks import FirestoreTracks
from operations.following import sightings
from tests.cloud.api_visitors import KEY, visitor
from tests.cloud.clients import Jobs, document, ends, objects, settled_state, tick, token_of, traces

pytestmark = pytest.mark.cloud


def test_a_deleted_session_leaves_nothing_in_any_bucket_or_document(
    local_cloud: Addresses, photos: dict[str, Path]
) -> None:
    """The files that a running pipeline writes during the deletion are erased, too, and Vertex AI keeps no job."""
    someone = visitor(local_cloud)
    waiting = someone.send("POST", "/tracks", {"contentType": "image/jpeg"}, key=KEY)[1]["track"]
    ready = someone.upload(photos["chelsea"].read_bytes(), durationSeconds=10)
    ends(local_cloud, [ready], someone.session)
    # Long enough that the job still runs during the deletion.
    take = someone.command(ready, "again", {"durationSeconds": 180})[1]["track"]
    for sighting in sightings(someone.session, [take]):
        if sighting.status is Status.COMPOSING:
            break
    assert someone.send("POST", ":move", {"sealed": "c2VhbGVk" * 16})[0] == 201
    assert someone.command(ready, "like", {"liked": True})[0] == 200
    words = {someone.session, waiting, ready, take, token_of(waiting), token_of(ready), token_of(take)}
    assert len(traces(words)) >= 10
    assert someone.send("DELETE", f"/tracks/{ready}")[0] == 204
    assert someone.send("DELETE", f"/tracks/{ready}")[0] == 204
    # Only the other take, which uses the same picture, still names it.
    assert traces({ready}) == [f"sessions/{someone.session}/tracks/{take}"]
    assert someone.send("DELETE", "")[0] == 204
    assert someone.send("DELETE", "")[0] == 204
    assert traces(words) == []
    # The cancelled job ends, and its record goes with it; the other jobs' records went with the deletion.
    jobs = Jobs(local_cloud)
    assert [track for track in (waiting, ready, take) if not jobs.forgotten(track)] == []
    time.sleep(2)
    assert traces(words) == []
    assert someone.send("POST", "/tracks", {"contentType": "image/jpeg"})[0] == 401


def test_files_that_a_job_writes_after_the_deletion_are_erased_at_its_end(
    local_cloud: Addresses, photos: dict[str, Path]
) -> None:
    """The documents are erased while the job runs on; when it ends, its folder is emptied and its record deleted."""
    someone = visitor(local_cloud)
    track = someone.upload(photos["rocket"].read_bytes(), durationSeconds=10)
    token = ""
    for sighting in sightings(someone.session, [track]):
        if sighting.status is Status.COMPOSING:
            token = token_of(track)
            FirestoreTracks(firestore.Client(project=PROJECT), Patience()).erase(someone.session, track)
            break
    assert token
    assert Jobs(local_cloud).forgotten(track)
    # The record is deleted last.
    assert objects({token}) == []


def test_a_settled_track_s_job_is_forgotten(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """A sweep deletes its record when its time has come, here at once; the track and its music stay."""
    someone = visitor(local_cloud)
    track = someone.upload(photos["coffee"].read_bytes(), durationSeconds=10)
    ends(local_cloud, [track], someone.session)
    assert settled_state(local_cloud, ids.pipeline_job_id(track, 1)) == "SUCCEEDED"
    work = firestore.Client(project=PROJECT).document("work", track)
    assert work.get().get("forgetAt") > datetime.now(UTC) + timedelta(minutes=50)
    work.update({"forgetAt": datetime.now(UTC)})
    tick(local_cloud)
    assert Jobs(local_cloud).forgotten(track)
    assert work.get().get("forgetAt") is None
    assert document(someone.session, track)["status"] == "ready"
    assert objects({token_of(track)})
    assert someone.send("DELETE", "")[0] == 204
