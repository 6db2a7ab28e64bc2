"""A dedicated endpoint of Vertex AI, for which gcloud 528 has no flag."""

import time
from typing import Final

from infra.rest.google import Google
from infra.stops import CommandFailedError

_POLL_SECONDS: Final = 2.0
_INFERENCE_TIMEOUT: Final = "600s"


def create(google: Google, region: str, title: str, app: str) -> None:
    """Create the endpoint and wait until it exists."""
    api = f"{region}-aiplatform"
    body = {
        "displayName": title,
        "dedicatedEndpointEnabled": True,
        "labels": {"app": app},
        # By default an endpoint waits one minute, but music takes longer.
        "clientConnectionConfig": {"inferenceTimeout": _INFERENCE_TIMEOUT},
    }
    operation = google.call("POST", api, f"v1/projects/{google.project}/locations/{region}/endpoints", body)
    while not operation.get("done"):
        time.sleep(_POLL_SECONDS)
        operation = google.call("GET", api, f"v1/{operation['name']}")
    if "error" in operation:
        raise CommandFailedError(str(operation["error"]))
