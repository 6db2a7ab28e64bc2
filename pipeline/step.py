"""The pipeline's one step: it makes the tracks of a job's orders, and publishes a message about each."""

import faulthandler
import os
from collections.abc import Sequence
from typing import Final

from musicgenerator import logs
from musicgenerator.orders import Order
from pipeline.runs import RUN_SECONDS, TRACK_SECONDS, Run, RunLimits, read_orders
from pipeline.slots import LOCAL_ENGINES, Slots

_STDERR: Final = 2


def run(job: str, order: str, time_limit_seconds: float = RUN_SECONDS, track_seconds: float = TRACK_SECONDS) -> None:
    """Run the step of a job with Google's clients; ``order`` is the ``gs://`` address of its orders.

    If an order's engine fails, the order's fallback engine makes the music, if it names one.
    The variables ``VERTEX_URL``, ``SECRETS_URL`` and ``STORAGE_EMULATOR_HOST`` replace the addresses of Vertex AI,
    Secret Manager and Cloud Storage.
    Raises OrderError if the orders are missing or not valid; nothing has been written or paid for then.
    Otherwise it raises only if there were tracks to make and none was made.

    Vertex AI pipelines have no time limit for a step, so this function sets one for the run and one for each track: a
    process that exceeds its limit writes its stacks to standard error and ends, even inside native code.
    """
    from pipeline.google_results import GoogleConnections

    logs.redact_libraries()
    connections = GoogleConnections(os.environ.get("VERTEX_URL", ""), os.environ.get("SECRETS_URL", ""))
    faulthandler.dump_traceback_later(time_limit_seconds, exit=True, file=_STDERR)
    try:
        orders = read_orders(job, order, connections.objects())
    finally:
        # From here on each process has its own limit. This one's must not be running when a process is forked.
        faulthandler.cancel_dump_traceback_later()
    _prepare([each for each in orders if isinstance(each, Order)])
    limits = RunLimits(time_limit_seconds, track_seconds)
    Run(job, order, connections, Slots.of_this_machine(limits.track_bytes), limits).make(orders)


def _prepare(orders: Sequence[Order]) -> None:
    for order in orders[:1]:
        # A job's environment does not name its project; the topic does.
        os.environ.setdefault("GOOGLE_CLOUD_PROJECT", order.events_topic.split("/")[1])
    if any(order.engine in LOCAL_ENGINES for order in orders):
        # Imported here once, and not in each process.
        import pipeline.engines.composer.musicxml  # noqa: F401  for the processes to come
