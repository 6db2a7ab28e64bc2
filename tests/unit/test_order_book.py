import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest

from musicgenerator import ids
from musicgenerator.errors import ContentionError, OrderError
from musicgenerator.order_book import OrderBook
from musicgenerator.orders import CalledOff, Order
from tests.contracts.recorded import PIPELINE_BUCKET, recorded
from tests.support.fakes import MemoryObjects

A, B, C = ("t" + letter * 26 for letter in "abc")
JOB = ids.run_id("us-central1", [(A, 1), (B, 1), (C, 1)])
NAME = f"orders/{JOB}.json"
ORDERS = tuple(replace(Order.from_mapping(recorded("order")[0]), track=track) for track in (A, B, C))


class SlowObjects(MemoryObjects):
    """Objects of a service that takes a moment to read and to write."""

    lock = threading.Lock()

    def read_generation(self, bucket: str, name: str) -> tuple[bytes, int] | None:
        found = super().read_generation(bucket, name)
        time.sleep(0.01)
        return found

    def replace(self, bucket: str, name: str, data: bytes, content_type: str, generation: int) -> bool:
        time.sleep(0.02)
        with self.lock:
            return super().replace(bucket, name, data, content_type, generation)


@dataclass
class Scene:
    objects: MemoryObjects = field(default_factory=MemoryObjects)

    def __post_init__(self) -> None:
        self.book = OrderBook(self.objects, PIPELINE_BUCKET)

    @property
    def wanted(self) -> list[str]:
        return [order.track for order in self.book.read(JOB) or () if isinstance(order, Order)]


def test_orders_are_written_once() -> None:
    """A second launch leaves the first one's orders, whatever it has claimed."""
    scene = Scene()
    assert scene.book.write(JOB, ORDERS[:2]) is True
    assert scene.book.write(JOB, ORDERS) is False
    assert scene.book.read(JOB) == ORDERS[:2]
    scene.book.delete(JOB)
    assert (scene.book.read(JOB), scene.book.is_written(JOB)) == (None, False)


def test_calling_off_leaves_no_brief_and_counts_those_that_are_left() -> None:
    """The order keeps its place; calling off again changes nothing."""
    scene = Scene()
    scene.book.write(JOB, ORDERS)
    assert scene.book.call_off(JOB, B) == 2
    off = CalledOff(B, 1, ORDERS[1].results_token)
    assert scene.book.read(JOB) == (ORDERS[0], off, ORDERS[2])
    held = json.loads(scene.objects.objects[PIPELINE_BUCKET, NAME])
    assert "brief" not in held[1]
    generation = scene.objects.generations[PIPELINE_BUCKET, NAME]
    assert scene.book.call_off(JOB, B) == 2
    assert scene.objects.generations[PIPELINE_BUCKET, NAME] == generation
    assert [scene.book.call_off(JOB, track) for track in (A, C, "t" + "d" * 26)] == [1, 0, None]


def test_nothing_is_called_off_where_there_are_no_orders() -> None:
    """The launcher has not written them, or the notifier has deleted them."""
    assert Scene().book.call_off(JOB, A) is None


def test_two_tracks_that_are_called_off_at_once_are_both_off() -> None:
    """The second write finds a newer generation and reads again."""
    scene = Scene()
    scene.book.write(JOB, ORDERS)

    def call_off_another() -> None:
        scene.book.call_off(JOB, A)

    scene.objects.meanwhile.append(call_off_another)
    assert scene.book.call_off(JOB, B) == 1
    assert scene.wanted == [C]


def test_orders_that_are_deleted_meanwhile_are_not_written_again() -> None:
    """The job has ended."""
    scene = Scene()
    scene.book.write(JOB, ORDERS)
    scene.objects.meanwhile.append(lambda: scene.book.delete(JOB))
    assert scene.book.call_off(JOB, B) is None
    assert not scene.objects.objects


def test_orders_that_keep_changing_are_tried_again_later() -> None:
    """The message or request is repeated."""
    scene = Scene()
    scene.book.write(JOB, ORDERS)

    def touch() -> None:
        place = PIPELINE_BUCKET, NAME
        scene.objects.generations[place] = scene.objects.generations.get(place, 1) + 1

    scene.objects.meanwhile += [touch] * 40
    with pytest.raises(ContentionError):
        replace(scene.book, pause_seconds=0.0).call_off(JOB, B)


def test_all_tracks_of_a_full_job_can_be_called_off_at_once() -> None:
    """Each write makes those of the others fail, which try again after a random pause."""
    tracks = [f"t{number:0>26}".translate(str.maketrans("0189", "wxyz")) for number in range(50)]
    job = ids.run_id("us-central1", [(track, 1) for track in tracks])
    scene = Scene(SlowObjects())
    scene.book.write(job, [replace(ORDERS[0], track=track) for track in tracks])
    with ThreadPoolExecutor(50) as pool:
        left = list(pool.map(lambda track: scene.book.call_off(job, track), tracks))
    assert sorted(left, key=lambda count: count or 0) == list(range(50))


@pytest.mark.parametrize("data", [b"", b"[]", b"[{}]"])
def test_an_object_that_is_no_order_is_told(data: bytes) -> None:
    """Nothing is overwritten."""
    scene = Scene(MemoryObjects({(PIPELINE_BUCKET, NAME): data}))
    for ask in (lambda: scene.book.read(JOB), lambda: scene.book.call_off(JOB, A)):
        with pytest.raises(OrderError):
            ask()
    assert scene.book.is_written(JOB)
