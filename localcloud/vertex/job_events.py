"""The log entry that a job writes when it ends, as a log sink publishes it."""

import base64
import json
import secrets
import urllib.request
from datetime import UTC, datetime
from typing import Any, Final

from localcloud.vertex.jobs import PipelineJob, State, timestamp

_TIMEOUT_SECONDS: Final = 10.0


def log_entry(job: PipelineJob) -> dict[str, Any]:
    """Return the LogEntry of the log ``pipeline_job_events`` for a job's present state."""
    _, project, _, location = job.parent.split("/")
    failed = job.state is State.PIPELINE_STATE_FAILED
    now = timestamp(datetime.now(UTC))
    payload: dict[str, Any] = {
        "@type": "type.googleapis.com/google.cloud.aiplatform.logging.PipelineJobLogEntry",
        "pipelineName": job.request.pipeline_name,
        "state": job.state.name,
    }
    if job.error:
        payload["error"] = dict(job.error)
    return {
        "insertId": secrets.token_hex(8),
        "jsonPayload": payload,
        "resource": {
            "type": "aiplatform.googleapis.com/PipelineJob",
            "labels": {"pipeline_job_id": job.id, "location": location, "resource_container": project},
        },
        "timestamp": now,
        "severity": "ERROR" if failed else "INFO",
        "logName": f"projects/{project}/logs/aiplatform.googleapis.com%2Fpipeline_job_events",
        "receiveTimestamp": now,
    }


def publish(entry: dict[str, Any], emulator: str, topic: str) -> None:
    """Publish an entry on a topic of the emulator at ``host:port``; raise OSError if that fails.

    It sends one request by hand, so the server loads no client library.
    """
    message = {"data": base64.b64encode(json.dumps(entry).encode()).decode()}
    request = urllib.request.Request(
        f"http://{emulator}/v1/{topic}:publish",
        json.dumps({"messages": [message]}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):
        pass
