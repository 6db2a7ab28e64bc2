"""Measure the time that the chain adds to its two models; the baseline is the deliveries and writes that it needs.

One picture needs three deliveries and five writes. The baseline delivers to a server that does nothing, and writes a
small document; it is measured in the same run on the same emulators, one at a time.
"""

import queue
import statistics
import time
from contextlib import ExitStack
from typing import Any, Final

from google.cloud import firestore, pubsub_v1

from benchmarks.rows import Row
from benchmarks.stage import Stage
from localcloud.addresses import HOST, PROJECT
from musicgenerator import ids
from musicgenerator.states import Status
from tests.support.delivering import delivering, push_route
from tests.support.servers import serve
from tests.support.visitors import drop, picture

_WARM: Final = 5
_PICTURES: Final = 40
_HOPS: Final = 60
_DELIVERIES: Final = 3
_WRITES: Final = 5
_GIVE_UP_SECONDS: Final = 60.0
_TOPIC: Final = "bench-hops"
_AGAINST: Final = f"{_DELIVERIES} bare deliveries and {_WRITES} writes"


def measure(stage: Stage) -> list[Row]:
    """Return the median and 99th percentile of the chain's own seconds, one picture at a time."""
    with stage.functions():
        took = [_one(stage, f"drop-overhead-{number}") for number in range(_WARM + _PICTURES)][_WARM:]
    floor = _DELIVERIES * _delivery(stage.addresses.ports["bridge"]) + _WRITES * _write()
    return [
        Row("chain, median", statistics.median(took), floor, "s", _AGAINST, 3),
        Row("chain, p99", statistics.quantiles(took, n=100)[98], floor, "s", _AGAINST, 10),
    ]


def _one(stage: Stage, name: str) -> float:
    """Send one picture through the chain; return its seconds without those of the two models."""
    described = len(stage.described)
    data = picture()
    began = time.time()
    track = drop(name, data)
    until = time.monotonic() + _GIVE_UP_SECONDS
    while (document := stage.document(track)).get("status") != Status.READY:
        if time.monotonic() > until:
            raise TimeoutError(f"{name} is {document.get('status')}")
        time.sleep(0.05)
    ended = document["timeline"][Status.READY].timestamp()
    composing, composed = stage.await_job(ids.pipeline_job_id(track, 1))
    return float(ended - began - sum(stage.described[described:]) - (composed - composing))


def _delivery(port: int) -> float:
    """Return the median seconds from publishing a message to its arrival at a server that does nothing."""
    arrived: queue.SimpleQueue[float] = queue.SimpleQueue()

    def answer(environ: Any, start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        arrived.put(time.perf_counter())
        start_response("204 No Content", [])
        return []

    with ExitStack() as stack:
        serve(stack, answer, port)
        stack.enter_context(delivering([push_route(_TOPIC, _TOPIC, f"http://{HOST}:{port}")]))
        publisher = stack.enter_context(pubsub_v1.PublisherClient())
        topic, seconds = publisher.topic_path(PROJECT, _TOPIC), []
        for _ in range(_HOPS):
            began = time.perf_counter()
            publisher.publish(topic, b"{}").result(timeout=_GIVE_UP_SECONDS)
            seconds.append(arrived.get(timeout=_GIVE_UP_SECONDS) - began)
    return statistics.median(seconds[_WARM:])


def _write() -> float:
    """Return the median seconds of a small conditional write."""
    document = firestore.Client(project=PROJECT).document("bench", "write")
    document.set({"number": -1})
    seconds = []
    for number in range(_HOPS):
        began = time.perf_counter()
        document.update({"number": number})
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[_WARM:])
