"""Runs of the step over files, because each track is made in a process of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from musicgenerator.briefs import Brief
from musicgenerator.ids import derived_track_id, run_id
from musicgenerator.messages import PipelineMessage, pipeline_event
from musicgenerator.orders import CalledOff, Order, orders_to_bytes
from pipeline.audio import Audio
from pipeline.engines import Take
from pipeline.runs import Run, RunLimits
from pipeline.slots import Slots

BRIEF = Brief.from_mapping(
    {
        "title": "바다의 아침",
        "caption": "푸른 바다 위로 해가 뜬다",
        "altText": "해가 뜨는 바다",
        "language": "ko",
        "prompt": "calm sea at dawn",
        "avoid": "drums",
        "moods": ["calm"],
        "genre": "ambient",
        "instruments": ["piano"],
        "tempoBpm": 84,
        "key": "D major",
        "valence": 0.4,
        "energy": 0.3,
    }
)
FIRST, SECOND, THIRD = (derived_track_id("track", str(number)) for number in range(3))
MEMORY = 2**31
TWO_AT_A_TIME = Slots(local=2, remote=2, all=4)
A_MINUTE = RunLimits(60, 60, MEMORY)

Making = Callable[[], None]


def order_of(track: str, attempt: int = 1, engine: str = "composer") -> Order:
    token = "r" + track[1:]
    return Order(
        track=track,
        attempt=attempt,
        brief=BRIEF,
        engine=engine,
        seconds=10,
        seed=7,
        results_bucket="results",
        results_token=token,
        events_topic="projects/p/topics/pipeline-events",
        cover=f"gs://results/{token}/cover.jpg",
    )


@dataclass(frozen=True)
class Folder:
    """A results folder on disk that allows no overwriting; ``is_broken`` says that it takes no failure."""

    path: Path
    is_broken: bool = False

    def cover(self) -> bytes | None:
        return None

    def read(self, file: str) -> bytes | None:
        return (self.path / file).read_bytes() if (self.path / file).exists() else None

    def create(self, file: str, data: bytes, content_type: str, download_name: str = "") -> None:
        del download_name
        if self.is_broken and file.startswith("failure"):
            raise ConnectionError("the bucket is away")
        self.path.mkdir(exist_ok=True)
        with (self.path / file).open("xb") as out:
            out.write(data)
        (self.path / f"{file}.type").write_text(content_type)


@dataclass(frozen=True)
class Topic:
    """A topic in a file; it loses the first ``refusals`` messages."""

    file: Path
    refusals: int = 0

    def publish(self, data: bytes) -> None:
        refused = self.file.with_name("refused")
        if self.refusals and len(refused.read_bytes() if refused.exists() else b"") < self.refusals:
            with refused.open("ab") as out:
                out.write(b"x")
            raise ConnectionError("Pub/Sub is away")
        with self.file.open("ab") as out:
            out.write(data + b"\n")


@dataclass(frozen=True)
class Player:
    """An engine that does what the test wants, then makes a tone; a file has its beginnings and ends."""

    name: str
    track: str
    diary: Path
    before: Making | None

    def make(self, brief: Brief, seconds: float, seed: int, picture: bytes | None = None) -> Take:  # noqa: ARG002  the port
        self._note("begin")
        if self.before:
            self.before()
        moments = np.arange(int(seconds * 44_100)) / 44_100
        tone = 0.3 * np.sin(2 * np.pi * 220 * moments) * (1 + 0.2 * np.sin(2 * np.pi * moments))
        samples = np.stack([tone, tone], axis=1).astype(np.float32)
        self._note("end")
        return Take(Audio(samples, 44_100), self.name, "tone-1", seed, 0.0, b"MThd", {"key": brief.key})

    def _note(self, what: str) -> None:
        with self.diary.open("a") as out:
            out.write(f"{what} {self.track}\n")


@dataclass
class Scene:
    """The orders of a job on disk, and what its run left."""

    path: Path
    before: dict[str, Making] = field(default_factory=dict)
    has_broken_results: bool = False
    refusals: int = 0

    # The connections of a process.
    def objects(self) -> "Scene":
        return self

    def read(self, address: str) -> bytes | None:
        assert address == self.address
        file = self.path / "orders"
        return file.read_bytes() if file.exists() else None

    def results(self, order: Order) -> Folder:
        return Folder(self.path / order.track, self.has_broken_results)

    def events(self, order: Order) -> Topic:
        assert order.events_topic.endswith("pipeline-events")
        return Topic(self.path / "messages", self.refusals)

    def engine(self, order: Order) -> Player:
        return Player(order.engine, order.track, self.path / "diary", self.before.get(order.track))

    def await_signers(self, orders: Sequence[Order]) -> None:
        self.awaited.append(([order.track for order in orders], self.begun()))

    def signer(self, order: Order) -> None:
        assert order.signer == ""

    # What a test does and looks at.
    awaited: list[tuple[list[str], list[str]]] = field(default_factory=list)
    job: str = ""
    address: str = ""

    def write(self, orders: Sequence[Order | CalledOff]) -> None:
        self.job = run_id("r", [(order.track, order.attempt) for order in orders])
        self.address = f"gs://pipeline/orders/{self.job}.json"
        (self.path / "orders").write_bytes(orders_to_bytes(orders))

    def call_off(self, orders: Sequence[Order], *tracks: str) -> None:
        """Replace the orders of these tracks, as the order book does."""
        left = [
            CalledOff(order.track, order.attempt, order.results_token) if order.track in tracks else order
            for order in orders
        ]
        new = self.path / "orders.new"
        new.write_bytes(orders_to_bytes(left))
        new.replace(self.path / "orders")

    def run(
        self,
        orders: Sequence[Order | CalledOff],
        slots: Slots = TWO_AT_A_TIME,
        limits: RunLimits = A_MINUTE,
    ) -> None:
        """Write the orders and run the step over them."""
        self.write(orders)
        Run(self.job, self.address, self, slots, limits).make(orders)

    def diary(self) -> list[str]:
        file = self.path / "diary"
        return file.read_text().splitlines() if file.exists() else []

    def begun(self) -> list[str]:
        return [line.split()[1] for line in self.diary() if line.startswith("begin")]

    def messages(self) -> list[PipelineMessage]:
        file = self.path / "messages"
        lines = file.read_bytes().splitlines() if file.exists() else []
        found = [pipeline_event(line) for line in lines]
        return [message for message in found if isinstance(message, PipelineMessage)]

    def told(self) -> list[str]:
        return [message.track for message in self.messages()]

    def files(self, track: str) -> Mapping[str, bytes]:
        folder = self.path / track
        found = sorted(folder.iterdir()) if folder.exists() else []
        return {file.name: file.read_bytes() for file in found if file.suffix != ".type"}
