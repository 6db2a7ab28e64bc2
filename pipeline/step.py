"""The pipeline's one step: it makes the music, masters it, writes the results and publishes a message.

The step may run twice, if a machine is lost. A second run that finds ``track.json`` only repeats the message.
Otherwise it makes the same files as the first one, byte for byte, and leaves those that exist.
If an engine would make different music in a second run, its take is stored before mastering, and a second run reads it.
"""

import faulthandler
import os
from typing import Final, Protocol

from musicgenerator import logs
from musicgenerator.errors import OrderError
from musicgenerator.orders import Order, bucket_and_name, order_address, order_from_bytes
from pipeline.engines import Cloud
from pipeline.engines.choice import chosen
from pipeline.making import make_music

TIME_LIMIT_SECONDS: Final = 900.0

_STDERR: Final = 2


class Objects(Protocol):
    def read(self, address: str) -> bytes | None:
        """Return the bytes of the object at a ``gs://`` address, or None if it is missing."""


def run(job: str, order: str, time_limit_seconds: float = TIME_LIMIT_SECONDS) -> None:
    """Run the step of a job with Google's clients; ``order`` is the ``gs://`` address of its order.

    If the order's engine fails, the order's fallback engine makes the music, if it names one.
    The variables ``VERTEX_URL`` and ``STORAGE_EMULATOR_HOST`` replace the addresses of Vertex AI and Cloud Storage.
    Raises OrderError if the order is missing or not valid; nothing has been written or paid for then.

    Vertex AI pipelines have no time limit for a step, so this function sets one: a run that exceeds it writes its
    stacks to standard error and ends the process with status 1, even inside native code.
    """
    from pipeline.google_results import GoogleStorage, PubsubEvents, StorageResults

    logs.redact_libraries()
    faulthandler.dump_traceback_later(time_limit_seconds, exit=True, file=_STDERR)
    try:
        objects = GoogleStorage()
        wanted = read_order(job, order, objects)
        # A job's environment does not name its project; the topic does.
        project = wanted.events_topic.split("/")[1]
        os.environ.setdefault("GOOGLE_CLOUD_PROJECT", project)
        cloud = Cloud(project, os.environ.get("VERTEX_URL", ""), wanted.model_endpoint)
        engine = chosen(wanted.engine, wanted.fallback_engine, cloud)
        make_music(job, wanted, engine, StorageResults(objects, wanted), PubsubEvents(wanted.events_topic))
    finally:
        faulthandler.cancel_dump_traceback_later()


def read_order(job: str, address: str, objects: Objects) -> Order:
    """Read the order of a job; raise OrderError if the address is another job's, or the order is missing or invalid."""
    bucket, _ = bucket_and_name(address)
    if address != order_address(bucket, job):
        raise OrderError("address", f"must be that of the order of {job}")
    data = objects.read(address)
    if data is None:
        # The launcher writes the order before it creates the job, so the track has been erased or settled since.
        raise OrderError("order", f"is missing at {address}")
    return order_from_bytes(data)
