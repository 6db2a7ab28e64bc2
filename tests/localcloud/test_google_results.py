import pytest
import requests
from google.cloud import pubsub_v1
from google.cloud.storage import Client

from localcloud.addresses import PROJECT
from pipeline.google_results import OtherResultError, PubsubEvents, StorageResults

BUCKET = "results"

pytestmark = pytest.mark.cloud


def test_a_result_is_served_with_its_type_and_kept_out_of_shared_caches(storage: str) -> None:
    """What was created is there for whoever knows the token, to be cached by nobody but the listener."""
    StorageResults(BUCKET, "served").create("music.mp3", b"music", "audio/mpeg")
    answer = requests.get(f"{storage}/{BUCKET}/served/music.mp3", timeout=10)
    assert (answer.content, answer.headers["Content-Type"]) == (b"music", "audio/mpeg")
    blob = Client().bucket(BUCKET).get_blob("served/music.mp3")
    assert blob.cache_control == "private, max-age=31536000, immutable"


@pytest.mark.usefixtures("storage")
def test_creating_the_same_result_again_changes_nothing() -> None:
    """A run that is repeated finds its own file, of the same generation as before."""
    results, bucket = StorageResults(BUCKET, "again"), Client().bucket(BUCKET)
    results.create("track.json", b"{}", "application/json")
    before = bucket.get_blob("again/track.json").generation
    results.create("track.json", b"{}", "application/json")
    assert bucket.get_blob("again/track.json").generation == before


@pytest.mark.usefixtures("storage")
def test_other_music_never_replaces_what_is_there() -> None:
    """A file that is there with other bytes stays, and the run hears of it."""
    results = StorageResults(BUCKET, "other")
    results.create("music.mp3", b"first", "audio/mpeg")
    with pytest.raises(OtherResultError, match=r"other/music\.mp3"):
        results.create("music.mp3", b"second", "audio/mpeg")
    assert results.read("music.mp3") == b"first"


@pytest.mark.usefixtures("storage")
def test_a_result_that_is_not_there_is_none() -> None:
    """A missing cover or track.json is an answer, not an error."""
    assert StorageResults(BUCKET, "nothing").read("cover.jpg") is None


@pytest.mark.usefixtures("pubsub")
def test_a_message_is_with_pubsub_when_publish_returns() -> None:
    """The message can be pulled with the bytes that were published."""
    topic = f"projects/{PROJECT}/topics/step-events"
    with pubsub_v1.PublisherClient() as publisher, pubsub_v1.SubscriberClient() as subscriber:
        publisher.create_topic(name=topic)
        path = subscriber.subscription_path(PROJECT, "step-events")
        subscriber.create_subscription(name=path, topic=topic)
        PubsubEvents(topic).publish(b"ready")
        pulled = subscriber.pull(subscription=path, max_messages=1, timeout=10)
    assert [received.message.data for received in pulled.received_messages] == [b"ready"]
