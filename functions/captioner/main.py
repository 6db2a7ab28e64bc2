"""A picture has been uploaded: the composition root, and the only reader of the environment."""

import functools
import os

import functions_framework
from captioning import Captioner, Places
from cloudevents.http import CloudEvent
from firestore_breaker import FirestoreBreaker
from google.cloud import firestore, pubsub_v1, storage
from openai import OpenAI
from openai_briefs import Models, OpenAIBriefs
from pillow_pictures import decode

from musicgenerator.delivery import acknowledging_poison
from musicgenerator.events import MESSAGE_PUBLISHED, ObjectFinalized, message_data
from musicgenerator.messages import PictureMessage, picture_event
from musicgenerator.settings import required
from musicgenerator_google.firestore_tracks import FirestoreTracks
from musicgenerator_google.pubsub_topics import CaptionsTopic
from musicgenerator_google.storage_objects import StorageObjects


@functions_framework.cloud_event
@acknowledging_poison
def on_image_uploaded(event: CloudEvent) -> None:
    """Caption the picture; returning acknowledges the event, raising has it delivered again."""
    again = event["type"] == MESSAGE_PUBLISHED
    happened = picture_event(message_data(event.data)) if again else ObjectFinalized.from_data(event.data)
    if isinstance(happened, PictureMessage):
        bootstrap().resume(happened)
    else:
        bootstrap().caption(happened)


@functools.cache
def bootstrap() -> Captioner:
    """Build the clients, once an instance and after the server has forked."""
    env, project = os.environ, required(os.environ, "GOOGLE_CLOUD_PROJECT")
    database = firestore.Client(project=project)
    return Captioner(
        tracks=FirestoreTracks(database),
        objects=StorageObjects(storage.Client(project=project)),
        decode=decode,
        describer=OpenAIBriefs(OpenAI(timeout=60, max_retries=1), Models.from_environ(env)),
        breaker=FirestoreBreaker(database),
        captions=CaptionsTopic(pubsub_v1.PublisherClient(), project, required(env, "CAPTIONS_TOPIC")),
        places=Places.from_environ(env),
    )
