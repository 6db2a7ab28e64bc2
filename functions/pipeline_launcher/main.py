"""A track has been captioned: the composition root, and the only reader of the environment."""

import gc

# While modules are loaded nothing is garbage, and looking for it takes a tenth of a start.
gc.disable()

import functools
import os

import functions_framework
from cloudevents.http import CloudEvent
from firestore_regions import FirestoreRegions
from google.cloud import firestore, storage
from launching import Launcher, Settings
from yaml_templates import template_at

from musicgenerator.delivery import acknowledging_poison
from musicgenerator.events import message_data
from musicgenerator.messages import CaptionMessage
from musicgenerator.patience import Patience
from musicgenerator.settings import required
from musicgenerator_google.firestore_switch import FirestoreSwitch
from musicgenerator_google.firestore_tracks import FirestoreTracks
from musicgenerator_google.storage_objects import StorageObjects
from musicgenerator_google.vertex_pipelines import VertexPipelines

gc.freeze()
gc.enable()


@functions_framework.cloud_event
@acknowledging_poison
def on_track_captioned(event: CloudEvent) -> None:
    """Launch the track's pipeline; returning acknowledges the message, raising has it delivered again."""
    message = CaptionMessage.from_bytes(message_data(event.data))
    bootstrap().launch(message)


@functools.cache
def bootstrap() -> Launcher:
    """Build the clients and read the pipeline's template, once an instance and after the server has forked."""
    env, project = os.environ, required(os.environ, "GOOGLE_CLOUD_PROJECT")
    database = firestore.Client(project=project, database=env.get("FIRESTORE_DATABASE"))
    objects = StorageObjects(storage.Client(project=project))
    return Launcher(
        tracks=FirestoreTracks(database, Patience.from_environ(env)),
        pipelines=VertexPipelines(required(env, "VERTEX_URL"), project, required(env, "REGION")),
        objects=objects,
        regions=FirestoreRegions(database),
        template=template_at(required(env, "PIPELINE_TEMPLATE"), objects),
        settings=Settings.from_environ(env),
        switch=FirestoreSwitch(database),
    )
