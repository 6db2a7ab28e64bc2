"""Something happened to a pipeline job: the composition root, and the only reader of the environment."""

import functools
import os

import functions_framework
from cloudevents.http import CloudEvent
from google.api_core.client_options import ClientOptions
from google.cloud import firestore, storage
from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient
from notifying import Notifier, Places
from storage_results import StorageResults

from musicgenerator.delivery import acknowledging_poison
from musicgenerator.events import message_data
from musicgenerator.messages import PipelineMessage
from musicgenerator.settings import required
from musicgenerator_google.firestore_tracks import FirestoreTracks
from musicgenerator_google.storage_objects import StorageObjects
from musicgenerator_google.vertex_pipelines import VertexPipelines


@functions_framework.cloud_event
@acknowledging_poison
def on_pipeline_event(event: CloudEvent) -> None:
    """Settle the track; returning acknowledges the message, raising has it delivered again."""
    bootstrap().notify(PipelineMessage.from_bytes(message_data(event.data)))


@functools.cache
def bootstrap() -> Notifier:
    """Build the clients, once an instance and after the server has forked."""
    env, project = os.environ, required(os.environ, "GOOGLE_CLOUD_PROJECT")
    vertex = PipelineServiceClient(
        transport="rest", client_options=ClientOptions(api_endpoint=required(env, "VERTEX_URL"))
    )
    return Notifier(
        tracks=FirestoreTracks(firestore.Client(project=project)),
        pipelines=VertexPipelines(vertex, project, required(env, "REGION")),
        results=StorageResults(StorageObjects(storage.Client(project=project))),
        places=Places.from_environ(env),
    )
