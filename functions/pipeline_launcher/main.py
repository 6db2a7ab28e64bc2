"""A track has been captioned: the composition root, and the only reader of the environment."""

import functools
import os

import functions_framework
from cloudevents.http import CloudEvent
from google.api_core.client_options import ClientOptions
from google.cloud import firestore, storage
from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient
from launching import Launcher, Places
from yaml_templates import template_at

from musicgenerator.delivery import acknowledging_poison
from musicgenerator.events import message_data
from musicgenerator.messages import CaptionMessage
from musicgenerator.settings import required
from musicgenerator_google.firestore_switch import FirestoreSwitch
from musicgenerator_google.firestore_tracks import FirestoreTracks
from musicgenerator_google.storage_objects import StorageObjects
from musicgenerator_google.vertex_pipelines import VertexPipelines


@functions_framework.cloud_event
@acknowledging_poison
def on_track_captioned(event: CloudEvent) -> None:
    """Launch the track's pipeline; returning acknowledges the message, raising has it delivered again."""
    bootstrap().launch(CaptionMessage.from_bytes(message_data(event.data)))


@functools.cache
def bootstrap() -> Launcher:
    """Build the clients and read the pipeline's template, once an instance and after the server has forked."""
    env, project = os.environ, required(os.environ, "GOOGLE_CLOUD_PROJECT")
    vertex = PipelineServiceClient(
        transport="rest", client_options=ClientOptions(api_endpoint=required(env, "VERTEX_URL"))
    )
    database = firestore.Client(project=project)
    return Launcher(
        tracks=FirestoreTracks(database),
        pipelines=VertexPipelines(vertex, project, required(env, "REGION")),
        template=template_at(required(env, "PIPELINE_TEMPLATE"), StorageObjects(storage.Client(project=project))),
        places=Places.from_environ(env),
        switch=FirestoreSwitch(database),
    )
