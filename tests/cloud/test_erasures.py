import io
import json
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mido
import pytest
from google.cloud import firestore

from localcloud.addresses import PROJECT, RESULTS_BUCKET, Addresses
from localcloud.provision import storage_client
from musicgenerator import ids
from musicgenerator.patience import Patience
from musicgenerator.states import Status
from musicgenerator_google.firestore_tracks import FirestoreTracks
from operations.following import sightings
from tests.cloud.api_visitors import KEY, Visitor, visitor
from tests.cloud.clients import Jobs, document, ends, fetch, objects, settled_state, tick, token_of, traces

pytestmark = pytest.mark.cloud


def test_a_deleted_session_leaves_nothing_in_any_bucket_or_document(
    local_cloud: Addresses, photos: dict[str, Path]
) -> None:
    """The files that a running pipeline writes during the deletion are erased, too, and Vertex AI keeps no job."""
    someone = visitor(local_cloud)
    waiting = someone.send("POST", "/tracks", {"contentType": "image/jpeg"}, key=KEY)[1]["track"]
    ready = someone.upload(photos["chelsea"].read_bytes(), durationSeconds=10)
    ends(local_cloud, [ready], someone.session)
    names = _parts(ready)
    other = someone.command(ready, "again", {"seed": 5, "keep": {"except": names[-1]}})[1]["track"]
    exports = _exported(local_cloud, someone, ready)
    ends(local_cloud, [other], someone.session)
    before, after = (_midi(document(someone.session, each)) for each in (ready, other))
    # The first track has the tempo.
    assert [name for name, *both in zip(names, before[1:], after[1:], strict=True) if both[0] != both[1]] == names[-1:]
    exports.append(someone.command(other, "stems")[1]["track"])
    # Long enough that the job still runs during the deletion.
    take = someone.command(ready, "again", {"durationSeconds": 180})[1]["track"]
    for sighting in sightings(someone.session, [take]):
        if sighting.status is Status.COMPOSING:
            break
    assert someone.send("POST", ":move", {"sealed": "c2VhbGVk" * 16})[0] == 201
    assert someone.command(ready, "like", {"liked": True})[0] == 200
    tracks = [waiting, ready, take, other, *exports]
    words = {someone.session, *tracks, *map(token_of, tracks)}
    of_ready = {*exports[:-1], *map(token_of, exports[:-1])}
    assert len(traces(words)) >= 10
    assert someone.send("DELETE", f"/tracks/{ready}")[0] == 204
    assert someone.send("DELETE", f"/tracks/{ready}")[0] == 204
    # Only the other versions and what they export, which use the same picture, still name it.
    assert set(traces({ready})) == {f"sessions/{someone.session}/tracks/{each}" for each in (take, other, exports[-1])}
    assert traces(of_ready) == []
    assert someone.send("DELETE", "")[0] == 204
    assert someone.send("DELETE", "")[0] == 204
    assert traces(words) == []
    # The cancelled job ends, and its record goes with it; the other jobs' records went with the deletion.
    jobs = Jobs(local_cloud)
    assert [track for track in tracks if not jobs.forgotten(track)] == []
    time.sleep(2)
    assert traces(words) == []
    assert someone.send("POST", "/tracks", {"contentType": "image/jpeg"})[0] == 401


def _made(track: str) -> firestore.FieldFilter:
    return firestore.FieldFilter("details.track", "==", track)


def _parts(track: str) -> list[str]:
    """Return the names of the parts of a track's music."""
    facts = storage_client().bucket(RESULTS_BUCKET).blob(f"{token_of(track)}/track.json").download_as_bytes()
    return [part["name"] for part in json.loads(facts)["form"]["parts"]]


def _midi(made: dict[str, Any]) -> list[bytes]:
    """Return the tracks of a document's MIDI file, with their times."""
    file = mido.MidiFile(file=io.BytesIO(fetch(made["music"]["midiUrl"])))
    return [b"".join(event.time.to_bytes(4, "big") + bytes(event.bytes()) for event in track) for track in file.tracks]


def _exported(local_cloud: Addresses, someone: Visitor, source: str) -> list[str]:
    """Export a track's stems and loop, and fail to export it for two reasons; return the exports."""
    stems, loop = (someone.command(source, kind)[1]["track"] for kind in ("stems", "loop"))
    assert someone.command(source, "stems", key=KEY)[1]["track"] == stems
    made = ends(local_cloud, [stems, loop], someone.session)
    assert [made[each]["status"] for each in (stems, loop)] == ["ready", "ready"]
    with zipfile.ZipFile(io.BytesIO(fetch(made[stems]["music"]["url"]))) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0].startswith("01 lead (")
    assert fetch(made[loop]["music"]["url"]).startswith(b"RIFF")
    assert made[loop]["music"]["seed"] == document(someone.session, source)["music"]["seed"]
    # The day's limit is used up: the request is refused with words, and is made when it is not.
    database = firestore.Client(project=PROJECT)
    entry = next(database.collection("idempotency").where(filter=_made(loop)).stream())
    counters = [database.document("limits", each) for each in entry.get("counted")]
    before = [counter.get().get("tracks") for counter in counters]
    assert someone.send("DELETE", f"/tracks/{loop}")[0] == 204
    for counter in counters:
        counter.update({"tracks": 10_000})
    status, refused = someone.command(source, "loop")
    assert (status, refused["code"]) == (429, "limit_reached")
    assert "tracks for one" in refused["detail"]
    for counter, count in zip(counters, before, strict=True):
        counter.update({"tracks": count})
    # An earlier version of the composer made the music.
    blob = storage_client().bucket(RESULTS_BUCKET).blob(f"{token_of(source)}/track.json")
    blob.upload_from_string(blob.download_as_bytes().replace(b'"composer-', b'"composer-0'))
    earlier = someone.command(source, "loop")[1]["track"]
    error = ends(local_cloud, [earlier], someone.session)[earlier]["error"]
    assert (error["code"], error["retryable"]) == ("composer_changed", False)
    assert someone.command(earlier, "retry")[0] == 409
    return [stems, earlier]


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
