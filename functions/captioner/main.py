"""Caption each uploaded picture: the composition root, and the only reader of the environment."""

import functools
import os

import functions_framework
from captioning import Captioner, Settings
from cloudevents.http import CloudEvent
from openai_briefs import OpenAIBriefs
from pillow_pictures import PreparedDecoder

from musicgenerator import logs
from musicgenerator.delivery import acknowledging_poison
from musicgenerator.events import MESSAGE_PUBLISHED, ObjectFinalized, message_data
from musicgenerator.messages import PictureMessage, Wake, picture_event
from musicgenerator_google.adapters import Adapters
from musicgenerator_google.firestore_breaker import FirestoreBreaker
from musicgenerator_google.pubsub_topics import CaptionsTopic


@functions_framework.cloud_event
@acknowledging_poison
def on_image_uploaded(event: CloudEvent) -> None:
    """Caption the picture; a return acknowledges the event, an exception causes another delivery."""
    is_message, data = event["type"] == MESSAGE_PUBLISHED, event.data
    picture = picture_event(message_data(data)) if is_message else ObjectFinalized.from_data(data)
    captioner = bootstrap()
    if isinstance(picture, PictureMessage):
        captioner.resume(picture)
    elif not isinstance(picture, Wake):
        captioner.caption(picture)


@functools.cache
def bootstrap() -> Captioner:
    """Build the clients, once an instance and after the server has forked."""
    logs.redact_libraries()
    google = Adapters(os.environ)
    return Captioner(
        tracks=google.tracks,
        objects=google.objects,
        decode=PreparedDecoder().decode,
        describer=OpenAIBriefs.from_environ(os.environ),
        breaker=FirestoreBreaker(google.database),
        captions=CaptionsTopic(os.environ),
        settings=Settings.from_environ(os.environ),
    )
