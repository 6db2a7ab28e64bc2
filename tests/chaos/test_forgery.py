"""P6 and P9: forged events that reach a function change nothing."""

import base64
import itertools
import json
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from google.cloud import firestore

from localcloud.addresses import IMAGES_BUCKET, PROJECT
from musicgenerator import ids
from tests.support.takes import JobFaults
from tests.support.visitors import drop, picture, put, visitors
from tests.support.witness import Witness
from tests.support.world import Faults, Run, World

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

FORGED = 1000
MALFORMED = 200


def everything() -> dict[str, Any]:
    """Return for each document of the database when it was last written."""
    client = firestore.Client(project=PROJECT)
    found, due = {}, list(client.collections())
    while due:
        for document in due.pop().list_documents():
            found[document.path] = document.get().update_time
            due += document.collections()
    return found


@pytest.fixture(scope="module")
def held(world: World) -> Iterator[tuple[Run, dict[str, tuple[str, str]]]]:
    """Yield a run in which nothing happens any more, and a session and a track for each target of a forgery."""
    with world.run(Faults(jobs=JobFaults(seconds=0.2)), times={}) as run, Witness() as witness:
        (visitor,) = visitors(run.addresses, 1)
        waiting, _ = visitor.announce("upload-0")
        ready, permit = visitor.announce("upload-2")
        witness.follow(visitor.session, ready)
        put(permit, picture())
        dropped = drop("drop-1", picture())
        witness.follow(run.session, dropped)
        cancelled, _ = visitor.announce("upload-4")
        visitor.command(cancelled, "cancel")
        witness.wait(60)
        assert witness.under_way() == 0
        yield (
            run,
            {
                "waiting": (visitor.session, waiting),
                "ready": (visitor.session, ready),
                "dropped": (run.session, dropped),
                "cancelled": (visitor.session, cancelled),
                "unknown": (ids.new_session_id(), ids.new_track_id()),
            },
        )


def message(data: bytes) -> dict[str, Any]:
    return {
        "message": {"data": base64.b64encode(data).decode(), "messageId": "1", "publishTime": "2026-11-25T00:00:00Z"},
        "subscription": f"projects/{PROJECT}/subscriptions/forged",
    }


def storage_headers(name: str) -> dict[str, str]:
    return {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-time": "2026-11-25T00:00:00Z",
        "ce-type": "google.cloud.storage.object.v1.finalized",
        "ce-source": f"//storage.googleapis.com/projects/_/buckets/{IMAGES_BUCKET}",
        "ce-subject": f"objects/{name}",
    }


def finalized(bucket: str, name: str, generation: int) -> dict[str, Any]:
    size = str(random.randrange(1, 10**9))
    return {"bucket": bucket, "name": name, "generation": str(generation), "size": size, "contentType": "image/jpeg"}


def log_entry(job: str, state: str) -> dict[str, Any]:
    return {
        "resource": {"type": "aiplatform.googleapis.com/PipelineJob", "labels": {"pipeline_job_id": job}},
        "jsonPayload": {"state": f"PIPELINE_STATE_{state}"},
    }


def forgeries(tracks: dict[str, tuple[str, str]]) -> Iterator[tuple[str, Any, dict[str, str]]]:
    """Yield well-formed events with false content, each as function, body and headers."""
    for session, track in itertools.cycle(tracks.values()):
        generation = random.randrange(1, 2**60)
        attempt = random.randrange(2, 9)
        for name in (ids.upload_name(track), f"{track}.jpg", "drop-1.jpg"):
            yield "captioner", finalized(IMAGES_BUCKET, name, generation), storage_headers(name)
        name = ids.upload_name(track)
        yield "captioner", finalized("somebody-elses-bucket", name, generation), storage_headers(name)
        yield "captioner", message(json.dumps({"track": track}).encode()), {}
        caption = {"session": session, "track": track, "attempt": attempt}
        for function in ("sketcher", "pipeline_launcher"):
            yield function, message(json.dumps(caption).encode()), {}
            if (session, track) != tracks["waiting"]:
                yield function, message(json.dumps(caption | {"attempt": 1}).encode()), {}
        claim = {"pipelineJobId": ids.pipeline_job_id(track, attempt), "url": "https://example.com/x.mp3"}
        yield "result_notifier", message(json.dumps(claim).encode()), {}
        for state in ("SUCCEEDED", "FAILED", "CANCELLED"):
            job = ids.pipeline_job_id(track, random.choice((1, attempt)))
            yield "result_notifier", message(json.dumps(log_entry(job, state)).encode()), {}


def malformed() -> Iterator[tuple[str, Any, dict[str, str]]]:
    """Yield malformed events, each as function, body and headers."""
    texts = (
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"track": 7}',
        b'{"tick": "yes"}',
        b"[" * 3000,
        b'{"attempt": 1}',
    )
    bodies: tuple[dict[str, Any], ...] = (
        {},
        {"bucket": 7},
        {"bucket": IMAGES_BUCKET, "name": "a.jpg", "generation": "-1", "size": "x"},
    )
    for number in itertools.count():
        function = ("captioner", "sketcher", "pipeline_launcher", "result_notifier")[number % 4]
        yield function, message(texts[number % len(texts)]), {}
        broken = message(b"x")
        broken["message"]["data"] = random.choice(("%%%", 7, None, {"a": 1}))
        yield function, broken, {}
        yield "captioner", bodies[number % len(bodies)], storage_headers("a.jpg")


def answers(run: Run, events: Iterator[tuple[str, Any, dict[str, str]]], count: int) -> Counter[int]:
    def send(event: tuple[str, Any, dict[str, str]]) -> int:
        function, body, headers = event
        return requests.post(run.addresses.url(function), json=body, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(4) as pool:
        return Counter(pool.map(send, itertools.islice(events, count)))


def test_a_thousand_forged_events_change_no_document(held: tuple[Run, dict[str, tuple[str, str]]]) -> None:
    """Events of missing objects, of attempts that were never made and of jobs that did not end are acknowledged."""
    run, tracks = held
    random.seed(1)
    before, paid, jobs = everything(), list(run.openai.paid), len(run.created_jobs())
    assert answers(run, forgeries(tracks), FORGED) == {200: FORGED}
    assert everything() == before
    assert (run.openai.paid, len(run.created_jobs())) == (paid, jobs)


def test_two_hundred_malformed_events_are_acknowledged(held: tuple[Run, dict[str, tuple[str, str]]]) -> None:
    """They raise no exception and change no document."""
    run, _ = held
    random.seed(1)
    before = everything()
    assert answers(run, malformed(), MALFORMED) == {200: MALFORMED}
    assert everything() == before
