"""Settle tracks whose pipeline has ended, and sweep: the composition root, the only reader of the environment."""

import functools
import os

import functions_framework
from closing import Closer
from cloudevents.http import CloudEvent
from gathering import Gathering
from notifying import Notifier, Settings
from otlp_spans import OtlpSpans
from storage_results import StorageResults
from sweeping import Handlers, Sweeper

from musicgenerator import logs
from musicgenerator.delivery import acknowledging_poison
from musicgenerator.events import message_data
from musicgenerator.messages import JobMessage, PipelineMessage, Tick, pipeline_event
from musicgenerator.order_book import OrderBook
from musicgenerator.settings import required
from musicgenerator_google.adapters import Adapters
from musicgenerator_google.pubsub_topics import CaptionsTopic, PicturesTopic
from musicgenerator_google.vertex_pipelines import VertexPipelines


@functions_framework.cloud_event
@acknowledging_poison
def on_pipeline_event(event: CloudEvent) -> None:
    """Settle a track or sweep; a return acknowledges the message, an exception causes another delivery."""
    message = pipeline_event(message_data(event.data))
    handlers = bootstrap()
    match message:
        case Tick():
            handlers.sweeper.sweep()
        case JobMessage(job):
            handlers.closer.close(job)
        case PipelineMessage():
            handlers.notifier.notify(message)


@functools.cache
def bootstrap() -> Handlers:
    """Build the clients, once an instance and after the server has forked."""
    logs.redact_libraries()
    env, google = os.environ, Adapters(os.environ)
    tracks, objects, pipelines = google.tracks, google.objects, VertexPipelines.from_environ(env)
    spans = OtlpSpans(google.rest_session(), required(env, "TELEMETRY_URL"), google.project)
    book = OrderBook(objects, required(env, "PIPELINE_BUCKET"))
    notifier = Notifier(tracks, pipelines, StorageResults(objects), book, spans, Settings.from_environ(env))
    closer = Closer(tracks, notifier)
    pictures, captions = PicturesTopic(env), CaptionsTopic(env)
    sweeper = Sweeper(tracks, closer, pictures, captions, Gathering.from_environ(env))
    return Handlers(notifier, closer, sweeper)
