import pytest
import requests
from google.cloud import pubsub_v1
from google.cloud.storage import Client

from localcloud.addresses import PROJECT
from pipeline.google_results import OtherResultError, PubsubEvents, StorageResults

BUCKET = "results"

pytestmark = pytest.mark.cloud


def test_a_result_is_served_with_its_type_and_kept_out_of_shared_caches(storage: str) -> None:
    """Anyone who knows the token can read a result, and only the listener's browser may cache it."""
    StorageResults(BUCKET, "served").create("music.mp3", b"music", "audio/mpeg")
    answer = requests.get(f"{storage}/{BUCKET}/served/music.mp3", timeout=10)
    assert (answer.content, answer.headers["Content-Type"]) == (b"music", "audio/mpeg")
    blob = Client().bucket(BUCKET).get_blob("served/music.mp3")
    assert blob.cache_control == "private, max-age=31536000, immutable"


@pytest.mark.usefixtures("storage")
def test_creating_the_same_result_again_changes_nothing() -> None:
    """A repeated run finds its own file with the same generation."""
    results, bucket = StorageResults(BUCKET, "again"), Client().bucket(BUCKET)
    results.create("track.json", b"{}", "application/json")
    before = bucket.get_blob("again/track.json").generation
    results.create("track.json", b"{}", "application/json")
    assert bucket.get_blob("again/track.json").generation == before


@pytest.mark.usefixtures("storage")
def test_other_music_never_replaces_a_result() -> None:
    """An existing file with other bytes stays, and the run gets an error."""
    results = StorageResults(BUCKET, "other")
    results.create("music.mp3", b"first", "audio/mpeg")
    with pytest.raises(OtherResultError, match=r"other/music\.mp3"):
        results.create("music.mp3", b"second", "audio/mpeg")
    assert results.read("music.mp3") == b"first"


@pytest.mark.usefixtures("storage")
def test_a_missing_result_is_none() -> None:
    """A missing cover or track.json is None, not an error."""
    assert StorageResults(BUCKET, "nothing").read("cover.jpg") is None


@pytest.mark.usefixtures("pubsub")
def test_a_message_is_with_pubsub_when_publish_returns() -> None:
    """After publish returns, the message can be pulled with the same bytes."""
    topic = f"projects/{PROJECT}/topics/step-events"
    with pubsub_v1.PublisherClient() as publisher, pubsub_v1.SubscriberClient() as subscriber:
        publisher.create_topic(name=topic)
        path = subscriber.subscription_path(PROJECT, "step-events")
        subscriber.create_subscription(name=path, topic=topic)
        PubsubEvents(topic).publish(b"ready")
        pulled = subscriber.pull(subscription=path, max_messages=1, timeout=10)
    assert [received.message.data for received in pulled.received_messages] == [b"ready"]
