"""Sketch the music of each captioned track: the composition root, and the only reader of the environment."""

import functools
import os

import functions_framework
from cloudevents.http import CloudEvent
from composed_sketches import ComposedSketches
from sketching import Sketcher

from musicgenerator.delivery import acknowledging_poison
from musicgenerator.events import message_data
from musicgenerator.messages import Wake, caption_event
from musicgenerator.results import ResultsBucket
from musicgenerator_google.adapters import Adapters


@functions_framework.cloud_event
@acknowledging_poison
def on_track_captioned(event: CloudEvent) -> None:
    """Sketch the track; a return acknowledges the message, an exception causes another delivery."""
    message = caption_event(message_data(event.data))
    sketcher = bootstrap()
    # Each of several tracks was announced alone before, and was sketched then.
    if not isinstance(message, Wake) and len(message.attempts) == 1:
        sketcher.sketch(message.attempts[0])


@functools.cache
def bootstrap() -> Sketcher:
    """Build the clients, once an instance and after the server has forked."""
    google = Adapters(os.environ)
    return Sketcher(
        tracks=google.tracks,
        objects=google.objects,
        sketches=ComposedSketches(),
        results=ResultsBucket.from_environ(os.environ),
        switch=google.switch,
    )
