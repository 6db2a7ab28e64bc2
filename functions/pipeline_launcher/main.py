"""Launch the pipeline of each captioned track: the composition root, and the only reader of the environment."""

import functools
import os

import functions_framework
from cloudevents.http import CloudEvent
from creating import Creator, JobSettings
from firestore_regions import FirestoreRegions
from launching import Launcher, Settings
from yaml_templates import template_at

from musicgenerator import logs
from musicgenerator.delivery import acknowledging_poison
from musicgenerator.events import message_data
from musicgenerator.messages import Wake, caption_event
from musicgenerator.order_book import OrderBook
from musicgenerator.settings import required
from musicgenerator_google.adapters import Adapters
from musicgenerator_google.vertex_pipelines import VertexPipelines


@functions_framework.cloud_event
@acknowledging_poison
def on_track_captioned(event: CloudEvent) -> None:
    """Launch the tracks' pipeline; a return acknowledges the message, an exception causes another delivery."""
    message = caption_event(message_data(event.data))
    launcher = bootstrap()
    if not isinstance(message, Wake):
        launcher.launch(message)


@functools.cache
def bootstrap() -> Launcher:
    """Build the clients and read the pipeline's template, once an instance and after the server has forked."""
    logs.redact_libraries()
    google = Adapters(os.environ)
    settings = JobSettings.from_environ(os.environ)
    creator = Creator(
        pipelines=VertexPipelines.from_environ(os.environ),
        book=OrderBook(google.objects, settings.pipeline_bucket),
        template=template_at(required(os.environ, "PIPELINE_TEMPLATE"), google.objects),
        settings=settings,
    )
    return Launcher(
        tracks=google.tracks,
        creator=creator,
        regions=FirestoreRegions(google.database),
        settings=Settings.from_environ(os.environ),
        switch=google.switch,
    )
