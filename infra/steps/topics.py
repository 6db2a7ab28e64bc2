"""Topics, and for each source of deliveries a dead-letter topic with a subscription that keeps its messages."""

from infra.gcloud import gcloud
from infra.installation import Installation
from infra.names import SOURCES
from infra.resources import BARRIER, Resource, Step

TOPICS = ("pictures", "captions", "pipeline-events", "ticks")


def topics(at: Installation) -> Step:
    """Create the topics, then the subscriptions that keep dead letters."""
    app, region = at.names.app, at.names.region
    # Without a storage policy, Google stores messages in the region nearest to their publisher.
    stored = ("--message-retention-duration=7d", f"--message-storage-policy-allowed-regions={region}")
    for short in (*TOPICS, *(f"{source}-dead-letters" for source in SOURCES)):
        name = at.names.topic(short)
        yield Resource(
            "topics",
            name,
            "topic",
            want={
                "labels/app": app,
                "messageRetentionDuration": "604800s",
                "messageStoragePolicy/allowedPersistenceRegions": [region],
            },
            create=gcloud("pubsub topics create", name, f"--labels=app={app}", *stored),
            change=gcloud("pubsub topics update", name, f"--update-labels=app={app}", *stored),
        )
    yield BARRIER

    for source in SOURCES:
        short, name = f"{source}-dead-letters", at.names.topic(f"{source}-dead-letters")
        kept = ("--message-retention-duration=31d", "--expiration-period=never")
        labels = f"--labels=app={app}"
        yield Resource(
            "subscriptions",
            name,
            "subscription",
            want={
                "topic": at.names.topic_path(short),
                "messageRetentionDuration": "2678400s",
                "expirationPolicy": None,
            },
            create=gcloud("pubsub subscriptions create", name, f"--topic={name}", labels, *kept, "--ack-deadline=60"),
            change=gcloud("pubsub subscriptions update", name, *kept),
        )
