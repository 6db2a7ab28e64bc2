"""Fakes of the ports that only the API needs, in memory."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import commanding
import erasing
import exporting
import flask
from admitting import Admission, Entry, Limits, Quota, limit_reached
from bodies import BodyReader
from http_api import HttpApi
from liking import Likes
from marking_videos import VideoMarks
from moving import Mover
from ports import Move, Session
from problems import unknown_session
from sessions import SessionOpener
from uploading import Uploads

from musicgenerator.briefs import ENGINES
from musicgenerator.marks.signers import Signer
from musicgenerator.messages import PictureMessage
from musicgenerator.order_book import OrderBook
from musicgenerator.results import ResultsBucket
from tests.support.fakes import HOME, HeardCaptions, MemoryPipelines, MemorySessions, MemoryTracks, PlainPermits


@dataclass
class CommandSessions(MemorySessions):
    """Sessions that can be ended and erased."""

    def create(self, session: Session) -> None:
        self.sessions.setdefault(session.session, session)

    def end(self, session: str) -> None:
        self.sessions[session] = replace(self.sessions[session], ended=True)

    def erase(self, session: str) -> None:
        self.sessions.pop(session, None)

    def is_open(self, session: str) -> bool:
        return session in self.sessions and not self.sessions[session].ended


@dataclass
class MemoryLedger:
    """Entries by name and counters by subject and unit; ``failures`` are raised first, one a call of ``enter``.

    ``meanwhile`` holds what other writers do before an entry is written; ``is_open`` says whether a session exists and
    has not ended.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    is_open: Callable[[str], bool] = lambda _: True

    def enter(self, entry: Entry, quotas: Sequence[Quota]) -> Entry:
        if self.failures:
            raise self.failures.pop(0)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        if entry.name in self.entries:
            return self.entries[entry.name]
        if entry.in_session and not self.is_open(entry.session):
            raise unknown_session()
        for quota in quotas:
            left = quota.limit - quota.reserve - self.counts.get((quota.subject, quota.unit), 0)
            if left < quota.number:
                raise limit_reached(quota, datetime.now(UTC), left)
        for quota in quotas:
            if quota.counts:
                self.counts[quota.subject, quota.unit] = self.counts.get((quota.subject, quota.unit), 0) + quota.number
        numbers: Counter[str] = Counter()
        for quota in quotas:
            numbers[quota.subject] = max(numbers[quota.subject], quota.number if quota.subject else 0)
        counted = tuple(numbers.elements())
        everybody = sum(quota.number for quota in quotas if quota.counts and not quota.subject) * ("everybody",)
        first, second = (*everybody, "", "")[:2]
        self.entries[entry.name] = replace(entry, counted=counted, counted_for_all=first, twin_counted_for_all=second)
        return self.entries[entry.name]

    def close(self, track: str) -> None:
        for name, entry in self.entries.items():
            if entry.details.get("track") == track:
                self.entries[name] = replace(entry, details={})

    def of_session(self, session: str) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.session == session]

    def of_source(self, track: str) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.details.get("source") == track]

    def erase(self, name: str) -> None:
        self.entries.pop(name, None)


@dataclass
class MemoryMoves:
    """Moves by name; ``meanwhile`` holds what other writers do before a move is written."""

    moves: dict[str, Move] = field(default_factory=dict)
    meanwhile: list[Callable[[], None]] = field(default_factory=list)

    def create(self, move: Move) -> None:
        if self.meanwhile:
            self.meanwhile.pop(0)()
        self.moves.setdefault(move.name, move)

    def take(self, name: str) -> Move | None:
        return self.moves.pop(name, None)

    def of_session(self, session: str) -> list[str]:
        return [name for name, move in self.moves.items() if move.session == session]

    def erase(self, name: str) -> None:
        self.moves.pop(name, None)


@dataclass
class MemoryBuckets:
    """Objects by bucket, name and generation.

    ``before`` and ``meanwhile`` hold what other writers do before and after a listing is made.
    """

    objects: dict[tuple[str, str, int], bytes] = field(default_factory=dict)
    lifetimes: dict[tuple[str, str], datetime | None] = field(default_factory=dict)
    before: list[Callable[[], None]] = field(default_factory=list)
    meanwhile: list[Callable[[], None]] = field(default_factory=list)

    def put(self, bucket: str, name: str, data: bytes = b"bytes", generation: int = 1) -> None:
        """Store an object."""
        self.objects[bucket, name, generation] = data

    def read(self, bucket: str, name: str) -> bytes | None:
        found = [data for (where, called, _), data in list(self.objects.items()) if (where, called) == (bucket, name)]
        return found[-1] if found else None

    def create(
        self, bucket: str, name: str, data: bytes, content_type: str, expires_at: datetime | None = None
    ) -> bool:
        del content_type
        is_new = self.read(bucket, name) is None
        if is_new:
            self.lifetimes[bucket, name] = expires_at
            self.put(bucket, name, data)
        return is_new

    def read_generation(self, bucket: str, name: str) -> tuple[bytes, int] | None:
        ages = [age for where, called, age in list(self.objects) if (where, called) == (bucket, name)]
        return (self.objects[bucket, name, ages[-1]], ages[-1]) if ages else None

    def replace(self, bucket: str, name: str, data: bytes, content_type: str, generation: int) -> bool:
        del content_type
        found = self.read_generation(bucket, name)
        if found is None or found[1] != generation:
            return False
        self.objects.pop((bucket, name, generation))
        self.put(bucket, name, data, generation + 1)
        return True

    def generations(self, bucket: str, prefix: str) -> list[tuple[str, int]]:
        if self.before:
            self.before.pop(0)()
        found = [(name, age) for where, name, age in list(self.objects) if where == bucket and name.startswith(prefix)]
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return found

    def delete(self, bucket: str, name: str, generation: int | None = None) -> None:
        for where, called, age in list(self.objects):
            if (where, called) == (bucket, name) and generation in {None, age}:
                self.objects.pop((where, called, age))

    def erase(self, bucket: str, prefix: str) -> None:
        for name, generation in self.generations(bucket, prefix):
            self.delete(bucket, name, generation)

    def names(self, bucket: str) -> list[str]:
        """Return the names of all objects in a bucket."""
        return sorted(name for where, name, _ in list(self.objects) if where == bucket)


@dataclass
class HeardPictures:
    """Records the published messages; ``failures`` are raised first, one a call."""

    heard: list[PictureMessage] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def announce(self, message: PictureMessage) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.heard.append(message)


@dataclass
class HeardWakes:
    """Counts the wakes; ``meanwhile`` runs when one begins."""

    count: int = 0
    meanwhile: Callable[[], None] = lambda: None

    @contextmanager
    def wake(self) -> Iterator[None]:
        self.count += 1
        self.meanwhile()
        yield


@dataclass
class MemorySwitch:
    """A switch in memory."""

    paused: bool = False

    def is_paused(self) -> bool:
        return self.paused


@dataclass
class UploadHandler:
    """The upload handler with fakes for its ports, called by HTTP requests."""

    sessions: CommandSessions = field(default_factory=CommandSessions)
    tracks: MemoryTracks = field(default_factory=MemoryTracks)
    buckets: MemoryBuckets = field(default_factory=MemoryBuckets)
    jobs: MemoryPipelines = field(default_factory=MemoryPipelines)
    captions: HeardCaptions = field(default_factory=HeardCaptions)
    pictures: HeardPictures = field(default_factory=HeardPictures)
    waker: HeardWakes = field(default_factory=HeardWakes)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    moves: MemoryMoves = field(default_factory=MemoryMoves)
    switch: MemorySwitch = field(default_factory=MemorySwitch)
    limits: Limits = field(default_factory=Limits)
    images_bucket: str = "musicgenerator-images"
    pipeline_bucket: str = "musicgenerator-pipeline"
    results: ResultsBucket = field(
        default_factory=lambda: ResultsBucket("https://storage.googleapis.com", "musicgenerator-results")
    )
    regions: tuple[str, ...] = (HOME,)
    erase_budget_seconds: float = 40.0
    origins: tuple[str, ...] = ("https://music.example", "http://127.0.0.1:8080")
    trusted_proxies: int = 0
    default_engine: str = "composer"
    allowed_engines: tuple[str, ...] = ENGINES
    bodies: BodyReader = field(default_factory=BodyReader)
    signer: Signer | None = None

    @property
    def api(self) -> HttpApi:
        self.ledger.is_open = self.sessions.is_open
        admission = Admission(self.ledger, self.limits, self.tracks.has_music)
        settings = commanding.Settings(self.results, self.default_engine, self.allowed_engines)
        permits = PlainPermits("https://storage.googleapis.com/musicgenerator-images")
        commands = commanding.Commands(
            self.sessions,
            self.tracks,
            self.buckets,
            self.jobs,
            OrderBook(self.buckets, self.pipeline_bucket),
            self.captions,
            self.pictures,
            admission,
            settings,
        )
        return HttpApi(
            SessionOpener(self.sessions, 30, admission),
            Uploads(self.sessions, self.tracks, permits, admission, settings.engines, self.waker),
            commands,
            exporting.Exporter(commands),
            Likes(self.sessions, self.tracks, admission),
            Mover(self.sessions, self.moves, admission),
            erasing.Erasures(
                self.sessions,
                self.tracks,
                self.buckets,
                self.jobs,
                OrderBook(self.buckets, self.pipeline_bucket),
                self.ledger,
                self.moves,
                erasing.Buckets(self.images_bucket, self.results, self.pipeline_bucket, self.regions),
                self.erase_budget_seconds,
            ),
            self.switch,
            self.origins,
            self.trusted_proxies,
            self.bodies,
            marks=VideoMarks(self.sessions, self.tracks, self.buckets, self.results, admission, lambda: self.signer),
        )

    def ask(self, method: str, path: str, **request: Any) -> flask.Response:
        """Send a request and return the response."""
        with flask.Flask("upload_handler").test_request_context(path, method=method, **request):
            return self.api.answer(flask.request)
