"""Both peers' calls to OpenAI and Vertex AI, with the vendors' clients and as in their samples."""

import base64
import json
import os
from collections.abc import Mapping
from typing import Any, Final

from google.cloud import aiplatform, storage
from google.cloud.aiplatform.utils import resource_manager_utils
from google.oauth2.credentials import Credentials
from openai import OpenAI

from musicgenerator.briefs import Brief
from musicgenerator.ids import derived_track_id
from musicgenerator.orders import ORDER_TYPE, Order, order_address, order_name, orders_to_bytes
from musicgenerator.results import COVER

_TEXTS: Final = ("title", "caption", "altText", "language", "prompt", "avoid", "genre", "key")
_LISTS: Final = ("moods", "instruments")
_NUMBERS: Final = ("valence", "energy")
_FIELDS: Final[Mapping[str, Any]] = {
    **{name: {"type": "string"} for name in _TEXTS},
    **{name: {"type": "array", "items": {"type": "string"}} for name in _LISTS},
    **{name: {"type": "number"} for name in _NUMBERS},
    "tempoBpm": {"type": "integer"},
}
_SCHEMA: Final = {
    "type": "object",
    "properties": dict(_FIELDS),
    "required": list(_FIELDS),
    "additionalProperties": False,
}


def sign_in() -> OpenAI:
    """Configure Vertex AI's client and return OpenAI's."""
    # For each submission the client asks the Resource Manager, which has no local server, for the project number.
    # This answers without a request; the local storage uses project number 0.
    resource_manager_utils.get_project_number = lambda *_: "0"
    aiplatform.init(
        project=os.environ["GOOGLE_CLOUD_PROJECT"],
        location=os.environ["REGION"],
        api_endpoint=os.environ["VERTEX_URL"],
        api_transport="rest",
        credentials=Credentials("worthless"),
    )
    return OpenAI()


def brief_of(openai: OpenAI, picture: bytes) -> dict[str, Any]:
    """Describe a picture."""
    image = "data:image/jpeg;base64," + base64.b64encode(picture).decode()
    asked: Any = [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": '{"language": "en"}'},
                {"type": "input_image", "image_url": image, "detail": "low"},
            ],
        }
    ]
    form: Any = {"format": {"type": "json_schema", "name": "brief", "schema": _SCHEMA, "strict": True}}
    answer = openai.responses.create(model=os.environ["OPENAI_MODEL"], input=asked, text=form, store=False)
    brief: dict[str, Any] = json.loads(answer.output_text)
    return brief


def folder_of(name: str) -> str:
    """Return the results folder of a picture, which has the form of a results token."""
    return "r" + derived_track_id(name)[1:]


def submitted(name: str, brief: Mapping[str, Any]) -> aiplatform.PipelineJob:
    """Submit a pipeline job that writes its music below ``folder_of(name)``."""
    project, bucket, results = (
        os.environ[key] for key in ("GOOGLE_CLOUD_PROJECT", "PIPELINE_BUCKET", "RESULTS_BUCKET")
    )
    order = Order(
        track=derived_track_id(name),
        attempt=1,
        brief=Brief.from_mapping(brief),
        engine="composer",
        seconds=10,
        seed=1,
        results_bucket=results,
        results_token=folder_of(name),
        events_topic=f"projects/{project}/topics/{os.environ['PEER_EVENTS']}",
        cover=f"gs://{results}/{folder_of(name)}/{COVER}",
    )
    blob = storage.Client(project=project).bucket(bucket).blob(order_name(name))
    blob.upload_from_string(orders_to_bytes([order]), content_type=ORDER_TYPE)
    job = aiplatform.PipelineJob(
        display_name="musicgenerator",
        template_path=os.environ["PEER_TEMPLATE"],
        pipeline_root=os.environ["PIPELINE_ROOT"],
        parameter_values={"job": name, "order": order_address(bucket, name)},
        labels={"track": name},
        # The client's default ids contain the second, so that two jobs in one second would clash.
        job_id=f"peer-{os.urandom(8).hex()}",
        enable_caching=False,
    )
    job.submit(service_account=os.environ["PIPELINE_ACCOUNT"])
    return job
