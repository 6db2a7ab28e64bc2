"""Three functions written as in the vendors' samples: clients at module scope, calls in sequence.

They claim nothing and write unconditionally: an event that is delivered twice is handled twice.
"""

import base64
import json
import os
from typing import Any

import functions_framework
from cloudevents.http import CloudEvent
from google.cloud import firestore, pubsub_v1, storage

from benchmarks.peers.vendors import brief_of, folder_of, sign_in, submitted

PROJECT = os.environ["GOOGLE_CLOUD_PROJECT"]

database = firestore.Client(project=PROJECT)
bucket = storage.Client(project=PROJECT).bucket(os.environ["IMAGES_BUCKET"])
publisher = pubsub_v1.PublisherClient()
openai = sign_in()


@functions_framework.cloud_event
def describe(event: CloudEvent) -> None:
    """Describe the picture and publish the brief."""
    name = event.data["name"]
    brief = brief_of(openai, bucket.blob(name).download_as_bytes())
    database.document("plain", name).set({"status": "captioned"})
    message = json.dumps({"name": name, "brief": brief}).encode()
    publisher.publish(publisher.topic_path(PROJECT, os.environ["PEER_CAPTIONS"]), message).result()


@functions_framework.cloud_event
def launch(event: CloudEvent) -> None:
    """Submit a pipeline job for the brief."""
    caption = _message(event)
    submitted(caption["name"], caption["brief"])


@functions_framework.cloud_event
def notify(event: CloudEvent) -> None:
    """Write the music's URL."""
    name = _message(event)["pipelineJobId"]
    url = f"{os.environ['STORAGE_URL']}/{os.environ['RESULTS_BUCKET']}/{folder_of(name)}/music.mp3"
    database.document("plain", name).set({"status": "ready", "url": url})


def _message(event: CloudEvent) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(base64.b64decode(event.data["message"]["data"]))
    return message
