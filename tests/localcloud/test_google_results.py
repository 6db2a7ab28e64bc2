import gzip
from dataclasses import replace
from urllib.parse import unquote

import pytest
import requests
from google.cloud import pubsub_v1
from google.cloud.storage import Client

from localcloud.addresses import PROJECT
from musicgenerator.orders import Order
from pipeline.google_results import (
    MAX_READ_BYTES,
    GoogleStorage,
    OtherResultError,
    PubsubEvents,
    ResultsUnavailableError,
    StorageResults,
)
from tests.contracts.recorded import recorded
from tests.support.scripted_http import Answer, scripted_server

BUCKET = "results"

pytestmark = pytest.mark.cloud


def results_in(
    token: str, cover: str = f"gs://{BUCKET}/no/cover.jpg", max_bytes: int = MAX_READ_BYTES
) -> StorageResults:
    """Return the results of an order that names this folder."""
    order = replace(Order.from_mapping(recorded("order")[0]), results_bucket=BUCKET, results_token=token, cover=cover)
    return StorageResults(GoogleStorage(max_bytes), order)


def test_a_result_is_served_with_its_type_and_kept_out_of_shared_caches(storage: str) -> None:
    """A created result can be read by everyone who knows the token, and only the listener's browser caches it."""
    results_in("served").create("music.mp3", b"music", "audio/mpeg")
    answer = requests.get(f"{storage}/{BUCKET}/served/music.mp3", timeout=10)
    assert (answer.content, answer.headers["Content-Type"]) == (b"music", "audio/mpeg")
    blob = Client().bucket(BUCKET).get_blob("served/music.mp3")
    assert blob.cache_control == "private, max-age=31536000, immutable"
    assert "Content-Disposition" not in answer.headers


def test_an_export_is_saved_under_its_name(storage: str) -> None:
    """The name of the object is another one; the header has letters of every script."""
    name = "바다 (D major, 84 BPM).wav"
    results_in("exported").create("loop.wav", b"RIFF", "audio/wav", name)
    answer = requests.get(f"{storage}/{BUCKET}/exported/loop.wav", timeout=10)
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment; filename*=UTF-8''")
    assert unquote(disposition.partition("''")[2]) == name


@pytest.mark.usefixtures("storage")
def test_creating_the_same_result_again_changes_nothing() -> None:
    """A repeated run finds the file that it created, with the same generation."""
    results, bucket = results_in("again"), Client().bucket(BUCKET)
    results.create("track.json", b"{}", "application/json")
    before = bucket.get_blob("again/track.json").generation
    results.create("track.json", b"{}", "application/json")
    assert bucket.get_blob("again/track.json").generation == before


@pytest.mark.usefixtures("storage")
def test_other_bytes_never_replace_an_existing_result() -> None:
    """An existing file with other bytes stays, and the run gets an error."""
    results = results_in("other")
    results.create("music.mp3", b"first", "audio/mpeg")
    with pytest.raises(OtherResultError, match=r"^music\.mp3 exists already"):
        results.create("music.mp3", b"second", "audio/mpeg")
    assert results.read("music.mp3") == b"first"


@pytest.mark.usefixtures("storage")
def test_a_missing_result_is_none() -> None:
    """A missing cover or track.json is no error."""
    assert results_in("nothing").read("cover.jpg") is None


@pytest.mark.usefixtures("storage")
def test_objects_are_read_by_their_address() -> None:
    """The order and the cover are read by a gs:// address; a missing object is None."""
    Client().bucket(BUCKET).blob("covers/sea 1.jpg").upload_from_string(b"jpeg")
    results = results_in("any", f"gs://{BUCKET}/covers/sea 1.jpg")
    assert (results.cover(), results_in("any").cover()) == (b"jpeg", None)
    assert GoogleStorage().read(f"gs://{BUCKET}/covers/sea 1.jpg") == b"jpeg"


@pytest.mark.usefixtures("storage")
def test_objects_are_read_as_they_are_stored() -> None:
    """An object that says gzip is not inflated, an empty one is empty, and one beyond the bound counts as missing."""
    bucket, zipped = Client().bucket(BUCKET), gzip.compress(b"0" * 100_000)
    blob = bucket.blob("stored/take.json")
    blob.content_encoding = "gzip"
    blob.upload_from_string(zipped)
    bucket.blob("stored/track.json").upload_from_string(b"")
    results = results_in("stored")
    assert (results.read("take.json"), results.read("track.json")) == (zipped, b"")
    assert results_in("stored", max_bytes=len(zipped) - 1).read("take.json") is None


def test_bytes_with_another_checksum_are_reported_without_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's error contains the object's address, and is no error of its API."""
    token = recorded("order")[0]["resultsToken"]
    broken = Answer({}, headers={"Content-Type": "application/json", "X-Goog-Hash": "crc32c=AAAAAA=="})
    with scripted_server() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        results = results_in(token, f"gs://{BUCKET}/{token}/cover.jpg")
        server.script(f"GET /download/storage/v1/b/{BUCKET}/o/{token}%2Ftrack.json", *[broken] * 5)
        with pytest.raises(ResultsUnavailableError, match="TOKEN") as caught:
            results.read("track.json")
    assert token not in str(caught.value)


def test_an_error_of_cloud_storage_is_shown_without_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's errors contain the object's address, and the job's record shows the step's last output."""
    token = recorded("order")[0]["resultsToken"]
    answer = Answer({"error": {"message": f"gs://{BUCKET}/{token}/track.json it is not"}}, 400)
    with scripted_server() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        results = results_in(token, f"gs://{BUCKET}/{token}/cover.jpg")
        for file in ("track.json", "cover.jpg"):
            server.script(f"GET /download/storage/v1/b/{BUCKET}/o/{token}%2F{file}", answer)
        server.script(f"POST /upload/storage/v1/b/{BUCKET}/o", answer)
        calls = (
            lambda: results.read("track.json"),
            results.cover,
            lambda: results.create("track.json", b"{}", "application/json"),
        )
        for call in calls:
            with pytest.raises(ResultsUnavailableError) as caught:
                call()
            assert "TOKEN" in str(caught.value)
            assert token not in str(caught.value)
            assert caught.value.__suppress_context__


@pytest.mark.usefixtures("pubsub")
def test_a_message_can_be_pulled_when_publish_returns() -> None:
    """The pulled message has the same bytes."""
    topic = f"projects/{PROJECT}/topics/step-events"
    with pubsub_v1.PublisherClient() as publisher, pubsub_v1.SubscriberClient() as subscriber:
        publisher.create_topic(name=topic)
        path = subscriber.subscription_path(PROJECT, "step-events")
        subscriber.create_subscription(name=path, topic=topic)
        PubsubEvents(topic).publish(b"ready")
        pulled = subscriber.pull(subscription=path, max_messages=1, timeout=10)
    assert [received.message.data for received in pulled.received_messages] == [b"ready"]
