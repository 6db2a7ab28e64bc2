"""Caption each uploaded picture: the composition root, and the only reader of the environment."""

import functools
import os

import functions_framework
from captioning import Captioner, Settings
from cloudevents.http import CloudEvent
from google.cloud import firestore, storage
from openai_briefs import OpenAIBriefs
from pillow_pictures import PreparedDecoder

from musicgenerator import delivery, events, messages
from musicgenerator.settings import required
from musicgenerator_google.firestore_breaker import FirestoreBreaker
from musicgenerator_google.firestore_tracks import FirestoreTracks
from musicgenerator_google.pubsub_topics import CaptionsTopic
from musicgenerator_google.storage_objects import StorageObjects


@functions_framework.cloud_event
@delivery.acknowledging_poison
def on_image_uploaded(event: CloudEvent) -> None:
    """Caption the picture; a return acknowledges the event, an exception causes another delivery."""
    again, data = event["type"] == events.MESSAGE_PUBLISHED, event.data
    picture = messages.picture_event(events.message_data(data)) if again else events.ObjectFinalized.from_data(data)
    if isinstance(picture, messages.PictureMessage):
        bootstrap().resume(picture)
    else:
        bootstrap().caption(picture)


@functools.cache
def bootstrap() -> Captioner:
    """Build the clients, once an instance and after the server has forked."""
    env, project = os.environ, required(os.environ, "GOOGLE_CLOUD_PROJECT")
    database = firestore.Client(project=project, database=env.get("FIRESTORE_DATABASE"))
    settings = Settings.from_environ(env)
    return Captioner(
        tracks=FirestoreTracks(database, settings.patience),
        objects=StorageObjects(storage.Client(project=project)),
        decode=PreparedDecoder().decode,
        describer=OpenAIBriefs.from_environ(env),
        breaker=FirestoreBreaker(database),
        captions=CaptionsTopic(project, required(env, "CAPTIONS_TOPIC")),
        settings=settings,
    )
