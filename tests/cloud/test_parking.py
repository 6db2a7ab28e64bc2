import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from google.cloud import firestore, pubsub_v1

from localcloud.addresses import PICTURES_TOPIC, PROJECT, Addresses
from localcloud.parts import workers
from localcloud.provision import drop_session, storage_client
from localcloud.supervisor import Supervisor
from musicgenerator import ids
from musicgenerator_google.firestore_breaker import FirestoreBreaker
from operations.replay import replay
from tests.cloud.clients import Jobs, document, ends, finalized_event, post
from tests.contracts.recorded import recorded
from tests.support.dropped import dropped_track
from tests.support.scripted_http import Answer, ScriptedServer, scripted_server

pytestmark = pytest.mark.cloud

BUCKET = "parking-images"
PORT = 18_180
NO_QUOTA = {
    "error": {"message": "You exceeded your quota.", "type": "insufficient_quota", "code": "insufficient_quota"}
}
UNFLAGGED = {
    "id": "m",
    "model": "omni-moderation-latest",
    "results": [{"flagged": False, "categories": {}, "category_scores": {}}],
}


@pytest.fixture
def openai() -> Iterator[ScriptedServer]:
    """An OpenAI server with scripted responses."""
    with scripted_server() as server:
        server.script("POST /v1/moderations", Answer(UNFLAGGED))
        yield server


@pytest.fixture
def captioner(local_cloud: Addresses, openai: ScriptedServer, tmp_path: Path) -> Iterator[str]:
    """A second staged captioner, with its own bucket and the scripted server."""
    client = storage_client()
    if client.lookup_bucket(BUCKET) is None:
        client.create_bucket(BUCKET)
    part = next(
        part for part in workers(local_cloud, drop_session(local_cloud), "gs://x/y") if part.name == "captioner"
    )
    environ = part.environ | {"IMAGES_BUCKET": BUCKET, "OPENAI_BASE_URL": f"{openai.url}/v1"}
    command = tuple(f"--port={PORT}" if word.startswith("--port=") else word for word in part.command)
    with Supervisor(tmp_path / "logs", lambda _: None) as supervisor:
        supervisor.start([replace(part, command=command, port=PORT, environ=environ)])
        yield f"http://127.0.0.1:{PORT}"


def _upload(name: str, photo: Path) -> tuple[str, dict[str, object], dict[str, str]]:
    blob = storage_client().bucket(BUCKET).blob(name)
    blob.upload_from_filename(str(photo), content_type="image/jpeg")
    body, headers = finalized_event(name, int(blob.generation), photo.stat().st_size)
    body["metadata"] = {"durationSeconds": "10"}
    return dropped_track(blob), body | {"bucket": BUCKET}, headers


def _described() -> Answer:
    brief = recorded("track_ready")["brief"]
    return Answer(
        {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "model": "gpt-6-luna",
            "status": "completed",
            "parallel_tool_calls": False,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": 700,
                "output_tokens": 200,
                "total_tokens": 900,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens_details": {"reasoning_tokens": 0},
            },
            "output": [
                {
                    "id": "msg_1",
                    "type": "message",
                    "role": "assistant",
                    "status": "completed",
                    "content": [{"type": "output_text", "text": json.dumps(brief), "annotations": []}],
                }
            ],
        }
    )


def test_one_picture_delivered_five_times_at_once_is_paid_once(
    local_cloud: Addresses, captioner: str, openai: ScriptedServer, photos: dict[str, Path]
) -> None:
    """Five parallel deliveries cause one paid call and one job; the track has that call's tokens and costs."""
    openai.script("POST /v1/responses", _described())
    track, body, headers = _upload("five.jpg", photos["coffee"])
    with ThreadPoolExecutor(5) as pool:
        codes = list(pool.map(lambda _: post(captioner, body, headers)[0], range(5)))
    assert set(codes) <= {200, 500}
    (end,) = ends(local_cloud, [track]).values()
    assert end["status"] == "ready"
    assert len(openai.heard_at("/v1/responses")) == 1
    assert Jobs(local_cloud).of(track) == [ids.pipeline_job_id(track, 1)]
    used = end["describer"]
    assert (used["inputTokens"], used["outputTokens"], used["costUsd"]) == (700, 200, 0.00017)


def test_tracks_are_parked_without_quota_and_finished_by_a_replay(
    local_cloud: Addresses, captioner: str, openai: ScriptedServer, photos: dict[str, Path]
) -> None:
    """Events are acknowledged, tracks show `describer_blocked` and later pictures make no call until the replay."""
    openai.script("POST /v1/responses", Answer(NO_QUOTA, 429))
    session = drop_session(local_cloud)
    first, body, headers = _upload("first.jpg", photos["coffee"])
    assert post(captioner, body, headers)[0] == 200
    waiting = document(session, first)
    assert (waiting["status"], waiting["error"]["code"]) == ("captioning", "describer_blocked")
    calls = len(openai.heard)

    second, body, headers = _upload("second.jpg", photos["rocket"])
    assert post(captioner, body, headers)[0] == 200
    assert len(openai.heard) == calls
    assert document(session, second)["error"]["code"] == "describer_blocked"

    publisher = pubsub_v1.PublisherClient()
    topic = publisher.topic_path(PROJECT, PICTURES_TOPIC)
    assert set(replay(firestore.Client(project=PROJECT), publisher, topic)) == {first, second}
    for end in ends(local_cloud, [first, second]).values():
        assert (end["status"], end["error"]) == ("ready", None)
    assert replay(firestore.Client(project=PROJECT), publisher, topic) == []


@pytest.mark.usefixtures("local_cloud")
def test_the_breaker_is_open_until_it_is_closed() -> None:
    """Every instance reads the same document; closing a closed breaker does nothing."""
    breaker, other = (FirestoreBreaker(firestore.Client(project=PROJECT)) for _ in range(2))
    breaker.close()
    assert not other.is_open()
    breaker.open("no quota")
    assert other.is_open()
    other.close()
    assert not breaker.is_open()
    breaker.close()
