"""Use the running local cloud as clients and operators do, over its protocols."""

import base64
import json
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.cloud import firestore
from google.cloud.aiplatform_v1.services.metadata_service import MetadataServiceClient
from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient
from google.cloud.aiplatform_v1.types import PipelineJob

from localcloud.addresses import IMAGES_BUCKET, PROJECT, REGION, RESULTS_BUCKET, Addresses
from localcloud.demo import drop
from localcloud.provision import drop_session, storage_client
from musicgenerator import ids
from operations.following import sightings
from tests.support.dropped import dropped_track


def drop_bytes(name: str, data: bytes, metadata: Mapping[str, str] | None = None) -> str:
    """Put an object into the images bucket and return the track it becomes."""
    blob = storage_client().bucket(IMAGES_BUCKET).blob(name)
    blob.metadata = dict(metadata or {})
    blob.upload_from_string(data, content_type="image/jpeg")
    return dropped_track(blob)


def drop_files(paths: Sequence[Path], metadata: Mapping[str, str] | None = None) -> list[str]:
    """Drop pictures and return their tracks."""
    return [drop(path.name, path, dict(metadata or {})).track for path in paths]


def ends(addresses: Addresses, tracks: Sequence[str], session: str | None = None) -> dict[str, dict[str, Any]]:
    """Follow tracks to their final states and return the documents."""
    documents = {}
    for sighting in sightings(session or drop_session(addresses), tracks):
        documents[sighting.track] = sighting.document
    return documents


def document(session: str, track: str) -> dict[str, Any]:
    """Return a track's current document."""
    found = firestore.Client(project=PROJECT).document("sessions", session, "tracks", track).get()
    return dict(found.to_dict() or {})


def fetch(url: str) -> bytes:
    """Return the content of a URL."""
    with urllib.request.urlopen(url, timeout=30) as response:
        return bytes(response.read())


def post(url: str, body: object, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """POST JSON and return the status and the JSON answer."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} | dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, _json(response.read())
    except urllib.error.HTTPError as error:
        return error.code, _json(error.read())


def finalized_event(name: str, generation: int, size: int = 1) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the body and headers of a storage event as Eventarc delivers it."""
    body = {
        "bucket": IMAGES_BUCKET,
        "name": name,
        "generation": str(generation),
        "metageneration": "1",
        "size": str(size),
        "contentType": "image/jpeg",
    }
    headers = {
        "ce-specversion": "1.0",
        "ce-id": f"{name}-{generation}",
        "ce-time": "2026-11-23T00:00:00Z",
        "ce-type": "google.cloud.storage.object.v1.finalized",
        "ce-source": f"//storage.googleapis.com/projects/_/buckets/{IMAGES_BUCKET}",
        "ce-subject": f"objects/{name}",
        "ce-bucket": IMAGES_BUCKET,
    }
    return body, headers


def traces(words: set[str]) -> list[str]:
    """Return every object and document whose name or content contains one of these words."""
    client = firestore.Client(project=PROJECT)
    documents: list[Any] = []
    due = list(client.collections())
    while due:
        collection = due.pop()
        for found in collection.list_documents():
            documents.append(found)
            due += found.collections()
    contents = {each.reference.path: f"{each.reference.path} {each.to_dict()}" for each in client.get_all(documents)}
    found = [path for path, content in contents.items() if any(word in content for word in words)]
    return found + objects(words)


def objects(words: set[str]) -> list[str]:
    """Return every object whose name contains one of these words."""
    names = [
        f"gs://{bucket}/{blob.name}"
        for bucket in (IMAGES_BUCKET, RESULTS_BUCKET)
        for blob in storage_client().list_blobs(bucket, versions=True)
    ]
    return [name for name in names if any(word in name for word in words)]


def token_of(track: str) -> str:
    """Return the folder name of a track's results."""
    return str(firestore.Client(project=PROJECT).document("work", track).get().get("token"))


def tick(addresses: Addresses) -> int:
    """Let the notifier sweep and return the status of its answer."""
    data = base64.b64encode(json.dumps({"tick": True}).encode()).decode()
    body = {"message": {"data": data, "messageId": "1"}, "subscription": "projects/p/subscriptions/s"}
    return post(addresses.url("result_notifier"), body)[0]


def settled_state(addresses: Addresses, job: str) -> str:
    """Wait until a job has ended and return its state, for example ``SUCCEEDED``."""
    options = ClientOptions(api_endpoint=addresses.url("vertex"))
    client = PipelineServiceClient(transport="rest", client_options=options)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        state = client.get_pipeline_job(name=f"projects/{PROJECT}/locations/{REGION}/pipelineJobs/{job}").state.name
        if state.rpartition("_")[2] in {"SUCCEEDED", "FAILED", "CANCELLED"}:
            return str(state.rpartition("_")[2])
        time.sleep(0.5)
    raise TimeoutError(f"{job} has not ended")


class Jobs:
    """The pipeline jobs of the local Vertex AI, by Google's clients."""

    def __init__(self, addresses: Addresses) -> None:
        options = ClientOptions(api_endpoint=addresses.url("vertex"))
        self._client = PipelineServiceClient(transport="rest", client_options=options)
        self._metadata = MetadataServiceClient(transport="rest", client_options=options)
        self._parent = f"projects/{PROJECT}/locations/{REGION}"

    def of(self, track: str) -> list[str]:
        """Return the ids of all jobs that carry a track's label."""
        found = self._client.list_pipeline_jobs(parent=self._parent)
        return [job.name.rpartition("/")[2] for job in found if job.labels.get("track") == track]

    def record(self, job: str) -> dict[str, Any]:
        """Return all that the API shows of a job."""
        found = self._client.get_pipeline_job(name=f"{self._parent}/pipelineJobs/{job}")
        return dict(PipelineJob.to_dict(found))

    def forgotten(self, track: str) -> bool:
        """Wait until Vertex AI has neither a job of a track nor its run's metadata, and return whether that happens."""
        context = f"{self._parent}/metadataStores/default/contexts/{ids.pipeline_job_id(track, 1)}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if not self.of(track):
                try:
                    self._metadata.query_context_lineage_subgraph(context=context)
                except exceptions.NotFound:
                    return True
            time.sleep(0.3)
        return False

    def cancel(self, job: str) -> None:
        """Cancel a job as an operator does in the console."""
        self._client.cancel_pipeline_job(name=f"{self._parent}/pipelineJobs/{job}")


def _json(data: bytes) -> Any:
    return json.loads(data) if data.startswith((b"{", b"[")) else data.decode()
