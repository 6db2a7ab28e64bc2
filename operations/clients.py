"""Google's clients for the project that the environment names.

``GOOGLE_CLOUD_PROJECT`` and ``FIRESTORE_DATABASE`` name the project and the database.
``GOOGLE_OAUTH_ACCESS_TOKEN``, which ``operations/operate.sh`` gets from gcloud, authenticates the clients.
Without it they use application default credentials, or the emulators that the environment names.
"""

import os
from typing import Any

from google.cloud import firestore, pubsub_v1, storage
from google.oauth2.credentials import Credentials

from musicgenerator.settings import required


def credentials() -> Any:
    """Return gcloud's credentials, or None if the clients find their own."""
    token = os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN")
    return Credentials(token) if token else None


def database_client() -> firestore.Client:
    """Return a client for the installation's database."""
    project = required(os.environ, "GOOGLE_CLOUD_PROJECT")
    database = os.environ.get("FIRESTORE_DATABASE") or None
    return firestore.Client(project=project, database=database, credentials=credentials())


def storage_client() -> storage.Client:
    """Return a client of the project's buckets, at the address that ``STORAGE_URL`` names."""
    return storage.Client(
        project=required(os.environ, "GOOGLE_CLOUD_PROJECT"),
        credentials=credentials(),
        client_options={"api_endpoint": required(os.environ, "STORAGE_URL")},
    )


def publisher_client() -> pubsub_v1.PublisherClient:
    """Return a Pub/Sub publisher."""
    return pubsub_v1.PublisherClient(credentials=credentials())


def subscriber_client() -> pubsub_v1.SubscriberClient:
    """Return a Pub/Sub subscriber."""
    return pubsub_v1.SubscriberClient(credentials=credentials())
