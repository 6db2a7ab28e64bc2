"""Deliveries: the push subscriptions, the trigger of the images bucket, the log sink and the tick.

A push subscription has an identity, a deadline longer than the function's time-out, back-off and dead letters.
Eventarc creates the trigger's subscription, and this step updates it.
"""

from collections.abc import Mapping
from typing import Final

from infra import late_grants, policies, public_api
from infra.gcloud import gcloud
from infra.installation import Installation
from infra.resources import BARRIER, Resource, Step
from infra.steps.functions import has_sketches

_BACKOFF: Final = ("--min-retry-delay=10s", "--max-retry-delay=600s")
_KEPT: Final = ("--message-retention-duration=7d", "--expiration-period=never")
# Topic, function, acknowledgement deadline in seconds, deliveries before the dead letter.
_DELIVERIES: Final = (
    ("pictures", "captioner", 240, 20),
    ("captions", "pipeline_launcher", 180, 50),
    ("pipeline-events", "result_notifier", 360, 20),
)
_UPLOADS: Final = (240, 20)
_EVERY_MINUTE: Final = "* * * * *"


def deliveries(at: Installation) -> Step:
    """Create the subscriptions and the trigger, then what depends on them, then their grants."""
    for source, function, deadline, attempts in _DELIVERIES:
        yield _delivery(at, source, function, deadline, attempts)
    if has_sketches(at):
        yield _sketches(at)
    yield _ticks(at)
    yield _trigger(at)
    yield BARRIER

    uploads, (deadline, attempts) = policies.uploads_subscription(at), _UPLOADS
    update = gcloud("pubsub subscriptions update", uploads, *_flags(at, "uploads", deadline, attempts))
    yield Resource(
        "subscriptions",
        uploads or "(the trigger's)",
        "subscription",
        want=_wants(at, "uploads", deadline, attempts),
        create=update,
        change=update,
    )
    yield _sink(at)
    yield _tick(at)
    yield BARRIER

    for resource in policies.homes():
        if resource == "function sketcher" and not has_sketches(at):
            continue
        if resource == "topic pipeline-events" or resource.partition(" ")[0] in {"function", "subscription"}:
            yield public_api.opened(at) if resource == public_api.RESOURCE else policies.granted(at, resource)


def _wants(at: Installation, source: str, deadline: int, attempts: int) -> dict[str, object]:
    return {
        "ackDeadlineSeconds": deadline,
        "messageRetentionDuration": "604800s",
        "expirationPolicy": None,
        "deadLetterPolicy/deadLetterTopic": at.names.topic_path(f"{source}-dead-letters"),
        "deadLetterPolicy/maxDeliveryAttempts": attempts,
        "retryPolicy/minimumBackoff": "10s",
        "retryPolicy/maximumBackoff": "600s",
    }


def _flags(at: Installation, source: str, deadline: int, attempts: int) -> tuple[str, ...]:
    return (
        f"--ack-deadline={deadline}",
        *_KEPT,
        *_BACKOFF,
        f"--dead-letter-topic={at.names.topic(f'{source}-dead-letters')}",
        f"--max-delivery-attempts={attempts}",
    )


def _delivery(at: Installation, source: str, function: str, deadline: int, attempts: int) -> Resource:
    wants, flags = _wants(at, source, deadline, attempts), _flags(at, source, deadline, attempts)
    return _push(at, source, function, wants, flags)


def _ticks(at: Installation) -> Resource:
    """Return the delivery of ticks. It has no dead letters and keeps none for long, because the next tick follows."""
    wants = {"ackDeadlineSeconds": 360, "messageRetentionDuration": "600s", "expirationPolicy": None}
    flags = ("--ack-deadline=360", "--message-retention-duration=10m", "--expiration-period=never")
    return _push(at, "ticks", "result_notifier", wants, flags)


def _sketches(at: Installation) -> Resource:
    """Return the delivery of captions to the sketcher: it keeps none for long, because a late sketch is useless."""
    wants = {
        "ackDeadlineSeconds": 90,
        "messageRetentionDuration": "600s",
        "expirationPolicy": None,
        "retryPolicy/minimumBackoff": "10s",
        "retryPolicy/maximumBackoff": "600s",
    }
    flags = ("--ack-deadline=90", "--message-retention-duration=10m", "--expiration-period=never", *_BACKOFF)
    return _push(at, "captions", "sketcher", wants, flags)


def _push(
    at: Installation, source: str, function: str, wants: Mapping[str, object], flags: tuple[str, ...]
) -> Resource:
    """Return a subscription that pushes to a function with the identity of the deliveries' account."""
    name, topic = at.names.topic(f"{source}-{function.replace('_', '-')}"), at.names.topic(source)
    url, account = at.url_of(function), at.names.account("push")
    flags = (*flags, f"--push-endpoint={url}", f"--push-auth-service-account={account}")
    return Resource(
        "subscriptions",
        name,
        "subscription",
        want={
            "topic": at.names.topic_path(source),
            "pushConfig/pushEndpoint": url,
            "pushConfig/oidcToken/serviceAccountEmail": account,
            **wants,
        },
        create=gcloud("pubsub subscriptions create", name, f"--topic={topic}", f"--labels=app={at.names.app}", *flags),
        change=gcloud("pubsub subscriptions update", name, *flags),
    )


def _trigger(at: Installation) -> Resource:
    names, name = at.names, at.names.topic("uploads")
    service, account = names.function("captioner"), names.account("eventarc_trigger")
    flags = (f"--location={names.region}", f"--destination-run-service={service}", f"--service-account={account}")
    return Resource(
        "triggers",
        name,
        "trigger",
        want={"destination/cloudRun/service": service, "serviceAccount": account},
        create=gcloud(
            "eventarc triggers create",
            name,
            *flags,
            f"--labels=app={names.app}",
            f"--destination-run-region={names.region}",
            "--event-filters=type=google.cloud.storage.object.v1.finalized",
            f"--event-filters=bucket={names.bucket('images')}",
            patience=(late_grants.TRIGGER,),
        ),
        change=gcloud("eventarc triggers update", name, *flags),
        # Eventarc creates the trigger's topic and subscription.
        touches=("topics", "subscriptions"),
    )


def _sink(at: Installation) -> Resource:
    name, project = at.names.topic("pipeline-events"), at.names.project
    destination = f"pubsub.googleapis.com/{at.names.topic_path('pipeline-events')}"
    ends = " OR ".join(f'jsonPayload.state="PIPELINE_STATE_{end}"' for end in ("SUCCEEDED", "FAILED", "CANCELLED"))
    events = " AND ".join(
        (
            'resource.type="aiplatform.googleapis.com/PipelineJob"',
            f'logName="projects/{project}/logs/aiplatform.googleapis.com%2Fpipeline_job_events"',
            'jsonPayload.pipelineName="musicgenerator"',
            'resource.labels.pipeline_job_id=~"^mg-"',
            f"({ends})",
        )
    )
    return Resource(
        "sinks",
        name,
        "log sink",
        want={"filter": events, "destination": destination},
        create=gcloud("logging sinks create", name, destination, f"--log-filter={events}"),
        change=gcloud("logging sinks update", name, destination, f"--log-filter={events}"),
    )


def _tick(at: Installation) -> Resource:
    name, topic = at.names.topic("tick"), at.names.topic("ticks")
    flags = (
        f"--location={at.names.region}",
        f"--schedule={_EVERY_MINUTE}",
        "--time-zone=Etc/UTC",
        f"--topic={topic}",
        '--message-body={"tick": true}',
    )
    return Resource(
        "jobs",
        name,
        "scheduler's tick",
        want={"schedule": _EVERY_MINUTE, "pubsubTarget/topicName": at.names.topic_path("ticks")},
        create=gcloud("scheduler jobs create pubsub", name, *flags),
        change=gcloud("scheduler jobs update pubsub", name, *flags),
    )
