"""Something happened to a pipeline job, or it is time to look: the composition root, the environment's only reader."""

import functools
import os

import functions_framework
from cloudevents.http import CloudEvent
from google.api_core.client_options import ClientOptions
from google.cloud import firestore, pubsub_v1, storage
from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient
from notifying import Notifier, Places
from storage_results import StorageResults
from sweeping import Sweeper

from musicgenerator.delivery import acknowledging_poison
from musicgenerator.events import message_data
from musicgenerator.messages import Tick, pipeline_event
from musicgenerator.settings import required
from musicgenerator_google.firestore_tracks import FirestoreTracks
from musicgenerator_google.pubsub_topics import CaptionsTopic, PicturesTopic
from musicgenerator_google.storage_objects import StorageObjects
from musicgenerator_google.vertex_pipelines import VertexPipelines


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
    tracks, publisher = FirestoreTracks(firestore.Client(project=project)), pubsub_v1.PublisherClient()
    vertex = PipelineServiceClient(
        transport="rest", client_options=ClientOptions(api_endpoint=required(env, "VERTEX_URL"))
    )
    notifier = Notifier(
        tracks=tracks,
        pipelines=VertexPipelines(vertex, project, required(env, "REGION")),
        results=StorageResults(StorageObjects(storage.Client(project=project))),
        places=Places.from_environ(env),
    )
    return Sweeper(
        tracks=tracks,
        notifier=notifier,
        pictures=PicturesTopic(publisher, project, required(env, "PICTURES_TOPIC")),
        captions=CaptionsTopic(publisher, project, required(env, "CAPTIONS_TOPIC")),
        default_engine=required(env, "DEFAULT_ENGINE"),
    )
