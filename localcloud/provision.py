"""Create what a deployment creates in Google Cloud: the buckets, the drop session and the pipeline's template."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore, storage

from localcloud.addresses import (
    IMAGES_BUCKET,
    PIPELINE_BUCKET,
    PROJECT,
    REGION,
    REPOSITORY,
    RESULTS_BUCKET,
    Addresses,
)
from musicgenerator import ids

TEMPLATE: Final = REPOSITORY / "build" / "pipeline" / "musicgenerator.yaml"
_DROP_SESSION_LIFETIME: Final = timedelta(days=3650)


def storage_client() -> storage.Client:
    """Return a client for the Cloud Storage that the environment names."""
    return storage.Client(project=PROJECT, credentials=AnonymousCredentials())


def make_buckets() -> None:
    """Create the three buckets, if they do not exist."""
    client = storage_client()
    for name in (IMAGES_BUCKET, RESULTS_BUCKET, PIPELINE_BUCKET):
        try:
            client.create_bucket(name, location=REGION)
        except exceptions.Conflict:
            continue


def upload_template(path: Path = TEMPLATE) -> str:
    """Upload the compiled pipeline, named by its content's hash, and return its ``gs://`` address."""
    data = path.read_bytes()
    name = f"templates/{hashlib.sha256(data).hexdigest()}.yaml"
    storage_client().bucket(PIPELINE_BUCKET).blob(name).upload_from_string(data, content_type="application/yaml")
    return f"gs://{PIPELINE_BUCKET}/{name}"


def make_drop_session(addresses: Addresses) -> str:
    """Create the session of dropped pictures, write its id and secret to a private file and return its id."""
    session, secret = ids.new_session_id(), ids.new_secret()
    firestore.Client(project=PROJECT).document("sessions", session).set(
        {
            "secretHash": ids.secret_hash(secret),
            "createdAt": firestore.SERVER_TIMESTAMP,
            "expiresAt": datetime.now(UTC) + _DROP_SESSION_LIFETIME,
        }
    )
    file = addresses.drop_session_file
    file.touch(mode=0o600)
    file.write_text(json.dumps({"session": session, "secret": secret}) + "\n")
    return session


def drop_session(addresses: Addresses) -> str:
    """Return the id of the running local cloud's drop session."""
    return str(json.loads(addresses.drop_session_file.read_text())["session"])


def prepare_home(addresses: Addresses) -> None:
    """Create the local cloud's folder, with its own gcloud configuration and access token."""
    (addresses.home / "gcloud").mkdir(parents=True, exist_ok=True)
    (addresses.home / "access-token").write_text("local\n")
