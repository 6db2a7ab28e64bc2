import base64
import json
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from google.cloud import firestore
from PIL import Image

from localcloud.addresses import IMAGES_BUCKET, PIPELINE_BUCKET, PROJECT, Addresses
from localcloud.provision import drop_session, storage_client
from localcloud.vertex.models import SCRIPT_PATH
from musicgenerator import ids, logs
from musicgenerator.states import Status
from operations.dropping import drop_with_gcloud
from operations.following import sightings
from pipeline import credentials
from pipeline.marking import MP3, WAV
from tests.cloud.clients import (
    Jobs,
    document,
    drop_bytes,
    drop_files,
    ends,
    fetch,
    finalized_event,
    post,
)
from tests.support.dropped import dropped_track
from tests.support.listening import Figures, listen, same_key, same_tempo

pytestmark = pytest.mark.cloud

MUSIC_SECONDS = 30


@pytest.fixture(scope="module")
def dropped(local_cloud: Addresses, photos: dict[str, Path]) -> dict[str, str]:
    """Drop five pictures and return their tracks by picture."""
    del local_cloud
    names = list(photos)[:5]
    # The seed makes the same five pieces in every run.
    tracks = drop_files([photos[name] for name in names], {"durationSeconds": str(MUSIC_SECONDS), "seed": "1"})
    return dict(zip(names, tracks, strict=True))


@pytest.fixture(scope="module")
def five(local_cloud: Addresses, dropped: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return the final documents of the five tracks by picture."""
    found = ends(local_cloud, list(dropped.values()))
    return {name: found[track] for name, track in dropped.items()}


@pytest.fixture(scope="module")
def heard(five: dict[str, dict[str, Any]]) -> dict[str, Figures]:
    """Return what an independent analyser measures in the five MP3s."""
    return {name: listen(fetch(track["music"]["url"])) for name, track in five.items()}


def test_every_dropped_picture_becomes_music(five: dict[str, dict[str, Any]], local_cloud: Addresses) -> None:
    """Five different pictures end `ready`, with five different briefs and all results; the music is marked."""
    authority = (local_cloud.marks_folder / "authority.pem").read_text()
    assert {name: track["status"] for name, track in five.items()} == dict.fromkeys(five, "ready")
    assert len({track["brief"]["title"] for track in five.values()}) == 5
    for track in five.values():
        music = track["music"]
        assert fetch(music["coverUrl"]).startswith(b"\xff\xd8\xff")
        assert len(fetch(music["url"])) == music["bytes"]
        assert credentials.read(fetch(music["url"]), MP3, authority).trusted
        assert credentials.read(fetch(music["wavUrl"]), WAV, authority).trusted
        facts = json.loads(fetch(music["url"].replace("music.mp3", "track.json")))
        assert facts["title"] == track["brief"]["title"]


def test_neither_the_job_s_record_nor_its_log_holds_brief_or_token(
    local_cloud: Addresses, dropped: dict[str, str], five: dict[str, dict[str, Any]]
) -> None:
    """Only the order holds them, and it is deleted when the track is settled."""
    for name, track in dropped.items():
        job = ids.pipeline_job_id(track, 1)
        token = five[name]["music"]["url"].split("/")[-2]
        brief = five[name]["brief"]
        record = json.dumps(Jobs(local_cloud).record(job), ensure_ascii=False)
        log = (local_cloud.home / "logs" / "jobs" / f"{job}.log").read_text("utf-8")
        assert f"orders/{job}.json" in record
        assert "results written" in log
        # kfp's log and the API may write Korean letters as escapes.
        for text in (token, brief["title"], brief["caption"], brief["prompt"]):
            for spelling in (text, json.dumps(text)[1:-1]):
                assert spelling not in record + log, (name, spelling)
        assert not storage_client().bucket(PIPELINE_BUCKET).blob(f"orders/{job}.json").exists()


def test_a_tracks_stages_are_spans(
    local_cloud: Addresses, dropped: dict[str, str], five: dict[str, dict[str, Any]]
) -> None:
    """One span for each state that a track left and one around them have the trace id of its log lines."""
    for name, track in dropped.items():
        trace = f"{local_cloud.url('telemetry')}/v1/traces/{logs.trace_of(track)}"
        states = set(five[name]["timeline"]) - {"ready"}
        # The notifier sends them after the track has ended, so they may arrive a moment later.
        until = time.monotonic() + 30
        while {span["name"] for span in json.loads(fetch(trace))} != {*states, "track"}:
            assert time.monotonic() < until, fetch(trace)
            time.sleep(0.2)


def test_music_keeps_to_the_mastering_limits(heard: dict[str, Figures]) -> None:
    """The duration is within 1 s, loudness -14 ± 1 LUFS, true peak at most -1 dBTP, no silence longer than 2 s."""
    for name, figures in heard.items():
        assert abs(figures.seconds - MUSIC_SECONDS) <= 1, name
        assert abs(figures.loudness_lufs - -14) <= 1, name
        assert figures.true_peak_dbtp <= -1, name
        assert figures.longest_silence <= 2, name


def test_music_is_heard_in_the_briefed_key_and_tempo(
    five: dict[str, dict[str, Any]], heard: dict[str, Figures]
) -> None:
    """An independent analyser finds the briefed key and tempo in at least four of five pieces."""
    keys = [same_key(heard[name].key, five[name]["brief"]["key"]) for name in five]
    tempi = [same_tempo(heard[name].tempo_bpm, five[name]["brief"]["tempoBpm"]) for name in five]
    assert sum(keys) >= 4, {name: (heard[name].key, five[name]["brief"]["key"]) for name in five}
    assert sum(tempi) >= 4, {name: (heard[name].tempo_bpm, five[name]["brief"]["tempoBpm"]) for name in five}


def test_a_track_passes_through_its_states_in_order(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """A listener sees the states only in order, and the timeline has a time for each state that was passed."""
    (track,) = drop_files([photos["coffee"]], {"durationSeconds": "10"})
    seen = [sighting.status for sighting in sightings(drop_session(local_cloud), [track])]
    assert sorted(seen, key=lambda status: status.rank) == seen
    assert seen[-1] is Status.READY
    timeline = document(drop_session(local_cloud), track)["timeline"]
    times = [timeline[status] for status in Status if status in timeline]
    assert sorted(times) == times
    assert {"awaiting_upload", "captioning", "captioned", "launching", "ready"} <= set(timeline)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_the_real_gcloud_drops_a_picture(local_cloud: Addresses, tmp_path: Path, suffix: str) -> None:
    """A JPEG or PNG that `gcloud storage cp` copies becomes a ready track."""
    path = tmp_path / f"밤 바다{suffix}"
    Image.linear_gradient("L").resize((320, 200)).convert("RGB").save(path)
    drop = drop_with_gcloud(IMAGES_BUCKET, path.name, path, {"durationSeconds": "10", "language": "en"})
    (end,) = ends(local_cloud, [drop.track]).values()
    assert end["status"] == "ready"
    assert end["brief"]["language"] == "en"
    assert abs(end["music"]["durationSeconds"] - 10) <= 1


def test_duplicate_deliveries_change_nothing(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """After the storage event and both messages are delivered again, job, track and document are the same."""
    name, data = "duplicate.jpg", photos["coffee"].read_bytes()
    track = drop_bytes(name, data, {"durationSeconds": "10"})
    session = drop_session(local_cloud)
    (end,) = ends(local_cloud, [track]).values()
    generation = end["image"]["generation"]
    job = ids.pipeline_job_id(track, 1)

    body, headers = finalized_event(name, generation, len(data))
    assert post(local_cloud.url("captioner"), body, headers)[0] == 200
    assert _push(local_cloud, "pipeline_launcher", {"session": session, "track": track, "attempt": 1}) == 200
    assert _push(local_cloud, "result_notifier", {"pipelineJobId": job}) == 200

    assert Jobs(local_cloud).of(track) == [job]
    assert document(session, track) == end


def test_the_same_event_five_times_at_once_launches_one_job(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """One delivery claims the track, the others are refused and retried, and one job is created."""
    name, data = "five-at-once.jpg", photos["chelsea"].read_bytes()
    blob = storage_client().bucket(IMAGES_BUCKET).blob(name)
    blob.metadata = {"durationSeconds": "10"}
    blob.upload_from_string(data, content_type="image/jpeg")
    body, headers = finalized_event(name, int(blob.generation), len(data))
    with ThreadPoolExecutor(5) as pool:
        codes = list(pool.map(lambda _: post(local_cloud.url("captioner"), body, headers)[0], range(5)))
    assert set(codes) <= {200, 500}
    track = dropped_track(blob)
    (end,) = ends(local_cloud, [track]).values()
    assert end["status"] == "ready"
    assert len(Jobs(local_cloud).of(track)) == 1


def test_bad_pictures_end_with_a_reason_and_stop_nothing_else(
    local_cloud: Addresses, photos: dict[str, Path], tmp_path: Path
) -> None:
    """400 megapixels fail with a message and a good picture is ready; a text and an empty file have no track."""
    huge = tmp_path / "huge.png"
    Image.new("1", (20_000, 20_000)).save(huge)
    ignored = [drop_bytes("notes.jpg", b"Dear diary, this is no picture."), drop_bytes("empty.jpg", b"")]
    bad = drop_bytes("huge.png", huge.read_bytes(), {"language": "en"})
    good = drop_bytes("good.jpg", photos["rocket"].read_bytes(), {"durationSeconds": "10"})
    found = ends(local_cloud, [bad, good])
    assert found[good]["status"] == "ready"
    assert (found[bad]["status"], found[bad]["error"]["code"]) == ("failed", "too_many_pixels")
    assert "64 megapixels" in found[bad]["error"]["message"]
    assert [document(drop_session(local_cloud), track) for track in ignored] == [{}, {}]


def test_an_event_about_an_object_that_is_gone_makes_no_track(local_cloud: Addresses) -> None:
    """The event is acknowledged, because the picture was deleted."""
    name, generation = "gone.jpg", 1_700_000_000_000_002
    body, headers = finalized_event(name, generation)
    assert post(local_cloud.url("captioner"), body, headers)[0] == 200
    database = firestore.Client(project=PROJECT)
    assert [work.id for work in database.collection("work").stream() if work.get("droppedObject") == name] == []


def test_the_engines_of_the_cloud_make_the_music(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """The step calls Vertex AI with Google's credentials; the track names the engine, its cost and its credentials.

    Lyria 3 receives the very cover that the track shows, and stores nothing; its credentials become the mark's parent.
    """
    prices = {"lyria-002": 0.06, "lyria-3-clip": 0.04, "lyria-3-pro": 0.08}
    for engine in prices:
        scripted(local_cloud, engine)
    wishes = {engine: {"engine": engine, "durationSeconds": "10"} for engine in prices}
    # Each has a picture of its own, since a second object of the same name replaces the first.
    tracks = {
        engine: drop_files([photo], wishes[engine])[0] for engine, photo in zip(prices, photos.values(), strict=False)
    }
    found = ends(local_cloud, list(tracks.values()))
    for engine, usd in prices.items():
        end = found[tracks[engine]]
        assert (end["status"], end["music"]["engine"], end["music"]["costUsd"]) == ("ready", engine, usd)
        signed = engine != "lyria-002"
        told = {"present": signed, "valid": signed, "issuer": "Local Vertex AI server" if signed else None}
        facts = json.loads(fetch(end["music"]["url"].replace("music.mp3", "track.json")))
        assert facts["provenance"]["contentCredentials"] == told
        marked = credentials.read(fetch(end["music"]["url"]), MP3)
        parents = [(each["relationship"], each["format"]) for each in marked.manifest.get("ingredients", ())]
        assert parents == ([("parentOf", MP3)] if signed else [])
        assert (marked.valid, marked.source_type) == (True, "trainedAlgorithmicMedia")
        if signed:
            (asked,) = scripted(local_cloud, engine)
            (picture,) = [content for content in asked["input"][0]["content"] if content["type"] == "image"]
            assert base64.b64decode(picture["data"]) == fetch(end["music"]["coverUrl"])
            assert asked["store"] is False


def scripted(addresses: Addresses, engine: str) -> list[Any]:
    """Return the requests to an engine's model since the last call."""
    model = engine if engine == "lyria-002" else f"{engine}-preview"
    url, head = addresses.url("vertex") + SCRIPT_PATH, {"Authorization": "Bearer worthless"}
    asked = requests.get(url, params={"model": model}, headers=head, timeout=10).json()["requests"]
    requests.post(url, json={"model": model, "answers": []}, headers=head, timeout=10).raise_for_status()
    return list(asked)


def test_a_failing_pipeline_ends_its_track(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """The step fails because its engine is not configured; the log entry of the job ends the track."""
    (track,) = drop_files([photos["coffee"]], {"engine": "endpoint", "language": "en"})
    (end,) = ends(local_cloud, [track]).values()
    assert (end["status"], end["error"]["code"]) == ("failed", "pipeline_failed")
    assert end["error"]["retryable"]
    assert "try again" in end["error"]["message"]


def test_a_cancelled_pipeline_ends_its_track(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """A job that is cancelled in the console ends its track with `pipeline_cancelled`."""
    (track,) = drop_files([photos["coffee"]], {"durationSeconds": "180"})
    end: dict[str, Any] = {}
    for sighting in sightings(drop_session(local_cloud), [track]):
        end = sighting.document
        if sighting.status is Status.COMPOSING:
            Jobs(local_cloud).cancel(ids.pipeline_job_id(track, 1))
    assert (end["status"], end["error"]["code"]) == ("failed", "pipeline_cancelled")


def test_malformed_events_are_acknowledged(local_cloud: Addresses) -> None:
    """Malformed events are acknowledged, so that Pub/Sub does not redeliver them for a day."""
    _, headers = finalized_event("x.jpg", 1)
    assert post(local_cloud.url("captioner"), {"bucket": IMAGES_BUCKET}, headers)[0] == 200
    for function in ("sketcher", "pipeline_launcher", "result_notifier"):
        for message in ({}, [], {"session": "s", "track": "../x", "attempt": -1}, {"pipelineJobId": "mg-x-1"}):
            assert _push(local_cloud, function, message) == 200


def test_no_function_polls_vertex_ai(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """However long the music takes, Vertex AI is asked at most once for each of the two events about its job."""
    (track,) = drop_files([photos["rocket"]], {"durationSeconds": "60"})
    ends(local_cloud, [track])
    lines = (local_cloud.home / "logs" / "vertex.log").read_text().splitlines()
    assert sum("GET /v1/projects" in line and track in line for line in lines) <= 2


def test_an_announced_upload_becomes_music(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """A session, a track and a signed PUT, as the page sends them, lead to music as requested."""
    api = local_cloud.url("upload_handler")
    status, session = post(f"{api}/v1/sessions", {}, {"Idempotency-Key": "7c9e6679-7425-40de-944b-e07fc1f90ae7"})
    assert status == 201
    assert post(f"{api}/v1/sessions", {}, {"Idempotency-Key": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}) == (201, session)
    wish = {"contentType": "image/jpeg", "durationSeconds": 12, "language": "en", "style": "jazz", "seed": 7}
    bearer = {"Authorization": f"Bearer {session['secret']}", "Idempotency-Key": "another-key-long-enough"}
    tracks = f"{api}/v1/sessions/{session['session']}/tracks"
    status, announced = post(tracks, wish, bearer)
    assert (status, announced["status"]) == (201, "awaiting_upload")
    assert post(tracks, wish, bearer)[1]["track"] == announced["track"]
    assert post(tracks, wish | {"seed": 8}, bearer)[0] == 422

    upload = announced["upload"]
    data = photos["coffee"].read_bytes()
    request = urllib.request.Request(upload["url"], data, upload["headers"], method=upload["method"])
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.status == 200
    (end,) = ends(local_cloud, [announced["track"]], session["session"]).values()
    assert (end["status"], end["brief"]["genre"], end["music"]["seed"]) == ("ready", "jazz", 7)
    assert abs(end["music"]["durationSeconds"] - 12) <= 1
    assert document(session["session"], announced["track"])["image"]["object"] == f"uploads/{announced['track']}"


def test_commands_need_the_session_s_secret(local_cloud: Addresses) -> None:
    """Without the secret, or with another session's, a track cannot be announced."""
    api = local_cloud.url("upload_handler")
    mine, other = (post(f"{api}/v1/sessions", {})[1] for _ in range(2))
    tracks = f"{api}/v1/sessions/{mine['session']}/tracks"
    wish = {"contentType": "image/jpeg"}
    for headers in ({}, {"Authorization": f"Bearer {other['secret']}"}, {"Authorization": "Bearer "}):
        status, problem = post(tracks, wish, headers)
        assert (status, problem["code"]) == (401, "unknown_session")


def test_gcloud_of_make_env_lists_the_bucket(local_cloud: Addresses) -> None:
    """The variables of `make env` configure the real gcloud."""
    drop_bytes("listed.jpg", b"no picture")
    done = subprocess.run(
        ["gcloud", "storage", "ls", f"gs://{IMAGES_BUCKET}"],
        env={"PATH": __import__("os").environ["PATH"]} | local_cloud.client_environ(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"gs://{IMAGES_BUCKET}/listed.jpg" in done.stdout.split()


def _push(addresses: Addresses, function: str, message: object) -> int:
    data = base64.b64encode(json.dumps(message).encode()).decode()
    body = {
        "message": {"data": data, "messageId": "1", "publishTime": "2026-11-23T00:00:00Z"},
        "subscription": "projects/demo-musicgenerator/subscriptions/test",
        "deliveryAttempt": 1,
    }
    return post(addresses.url(function), body)[0]
