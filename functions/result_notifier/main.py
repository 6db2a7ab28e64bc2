"""Something happened to a pipeline job, or it is time to look: the composition root, the environment's only reader."""

import gc

# While modules are loaded nothing is garbage, and looking for it takes a tenth of a start.
gc.disable()

import functools
import os

import functions_framework
import google.auth
from cloudevents.http import CloudEvent
from google.auth.transport.requests import AuthorizedSession
from google.cloud import firestore, storage
from notifying import Notifier, Settings
from otlp_spans import OtlpSpans
from storage_results import StorageResults
from sweeping import Sweeper

from musicgenerator.delivery import acknowledging_poison
from musicgenerator.events import message_data
from musicgenerator.messages import Tick, pipeline_event
from musicgenerator.patience import Patience
from musicgenerator.settings import required
from musicgenerator_google.firestore_tracks import FirestoreTracks
from musicgenerator_google.pubsub_topics import CaptionsTopic, PicturesTopic
from musicgenerator_google.storage_objects import StorageObjects
from musicgenerator_google.vertex_pipelines import VertexPipelines

gc.freeze()
gc.enable()


@functions_framework.cloud_event
@acknowledging_poison
def on_pipeline_event(event: CloudEvent) -> None:
    """Settle a track or sweep; returning acknowledges the message, raising has it delivered again."""
    happened = pipeline_event(message_data(event.data))
    if isinstance(happened, Tick):
        bootstrap().sweep()
    else:
        bootstrap().notifier.notify(happened)


@functools.cache
def bootstrap() -> Sweeper:
    """Build the clients, once an instance and after the server has forked."""
    env, project = os.environ, required(os.environ, "GOOGLE_CLOUD_PROJECT")
    database = firestore.Client(project=project, database=env.get("FIRESTORE_DATABASE"))
    tracks = FirestoreTracks(database, Patience.from_environ(env))
    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    objects = StorageObjects(storage.Client(project=project))
    notifier = Notifier(
        tracks=tracks,
        pipelines=VertexPipelines(required(env, "VERTEX_URL"), project, required(env, "REGION")),
        results=StorageResults(objects),
        objects=objects,
        spans=OtlpSpans(AuthorizedSession(credentials), required(env, "TELEMETRY_URL"), project),
        settings=Settings.from_environ(env),
    )
    return Sweeper(
        tracks=tracks,
        notifier=notifier,
        pictures=PicturesTopic(project, required(env, "PICTURES_TOPIC")),
        captions=CaptionsTopic(project, required(env, "CAPTIONS_TOPIC")),
        default_engine=required(env, "DEFAULT_ENGINE"),
    )
