"""A picture has been uploaded: the composition root, and the only reader of the environment."""

import gc

# While modules are loaded nothing is garbage, and looking for it takes a tenth of a start.
gc.disable()

import functools
import os

import functions_framework
from captioning import Captioner, Describer, Settings
from cloudevents.http import CloudEvent
from google.cloud import firestore, storage
from loading import LoadingDescriber
from openai_models import Models
from pillow_pictures import PreparedDecoder

from musicgenerator.delivery import acknowledging_poison
from musicgenerator.events import MESSAGE_PUBLISHED, ObjectFinalized, message_data
from musicgenerator.messages import PictureMessage, picture_event
from musicgenerator.settings import required
from musicgenerator_google.firestore_breaker import FirestoreBreaker
from musicgenerator_google.firestore_tracks import FirestoreTracks
from musicgenerator_google.pubsub_topics import CaptionsTopic
from musicgenerator_google.storage_objects import StorageObjects

gc.freeze()
gc.enable()


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
    key, models = required(env, "OPENAI_API_KEY"), Models.from_environ(env)
    describer = LoadingDescriber(lambda: _describer(key, models))
    database = firestore.Client(project=project, database=env.get("FIRESTORE_DATABASE"))
    settings = Settings.from_environ(env)
    return Captioner(
        tracks=FirestoreTracks(database, settings.patience),
        objects=StorageObjects(storage.Client(project=project)),
        decode=PreparedDecoder().decode,
        describer=describer,
        breaker=FirestoreBreaker(database),
        captions=CaptionsTopic(project, required(env, "CAPTIONS_TOPIC")),
        settings=settings,
    )


def _describer(key: str, models: Models) -> Describer:
    from openai import OpenAI
    from openai_briefs import OpenAIBriefs

    return OpenAIBriefs(OpenAI(api_key=key, timeout=60, max_retries=1), models)
