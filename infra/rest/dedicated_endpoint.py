"""Create a dedicated endpoint of Vertex AI, for which gcloud 528 has no flag: ``REGION TITLE APP``."""

import sys
import time
from os import environ
from typing import Final

from infra.rest.rest import GoogleRefusedError, call, token

_POLL_SECONDS: Final = 2.0
_INFERENCE_TIMEOUT: Final = "600s"


def main(region: str, title: str, app: str) -> int:
    """Create the endpoint and wait until it exists."""
    bearer, api = token(), f"{region}-aiplatform"
    body = {
        "displayName": title,
        "dedicatedEndpointEnabled": True,
        "labels": {"app": app},
        # By default an endpoint waits one minute, but music takes longer.
        "clientConnectionConfig": {"inferenceTimeout": _INFERENCE_TIMEOUT},
    }
    path = f"v1/projects/{environ['PROJECT']}/locations/{region}/endpoints"
    operation = call(bearer, "POST", api, path, body)
    while not operation.get("done"):
        time.sleep(_POLL_SECONDS)
        operation = call(bearer, "GET", api, f"v1/{operation['name']}")
    if "error" in operation:
        print(operation["error"], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except GoogleRefusedError as error:
        sys.exit(str(error))
