"""Fakes of the ports that only the commands need, in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import flask
from admitting import Admission, Entry, Limits, Quota, limit_reached
from commanding import Commands, Settings
from erasing import Erasures
from http_api import HttpApi
from uploading import Session, Uploads

from musicgenerator.messages import PictureMessage
from musicgenerator.tracks import Change, Decision, Outcome, PrivateTrack, Track, check_step
from tests.support.fakes import HeardCaptions, MemoryPipelines, MemorySessions, MemoryTracks, PlainPermits


@dataclass
class CommandTracks(MemoryTracks):
    """Tracks that know another attempt, and can be listed and forgotten."""

    def find(self, track: str) -> tuple[Track, PrivateTrack] | None:
        found = super().find(track)
        if found is None:
            return None
        error = self.documents[track]["error"] or {}
        return replace(found[0], retryable=bool(error.get("retryable"))), found[1]

    def advance(self, track: str, decide: Decision) -> Outcome | None:
        def checked(now: Track, work: PrivateTrack) -> Change | None:
            change = decide(now, work)
            if change is None or change.status is None or "attempt" not in change.fields:
                return change
            check_step(now, change)
            # Handed on as a plain field: what it leads out of is a final state, which is checked here.
            return Change(None, {**change.fields, "status": change.status.value}, change.work)

        return super().advance(track, checked)

    def of_session(self, session: str) -> list[str]:
        return [track for track, owner in self.sessions.items() if owner == session and track in self.documents]


@dataclass
class CommandSessions(MemorySessions):
    """Sessions that can be ended and forgotten."""

    def create(self, session: Session) -> None:
        self.sessions.setdefault(session.session, session)

    def end(self, session: str) -> None:
        self.sessions[session] = replace(self.sessions[session], ended=True)

    def erase(self, session: str) -> None:
        self.sessions.pop(session, None)


@dataclass
class MemoryLedger:
    """Entries by name and counters by subject and unit; ``failures`` are raised first, one a call of ``enter``.

    ``meanwhile`` holds what others do before an entry is written.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    meanwhile: list[Callable[[], None]] = field(default_factory=list)

    def enter(self, entry: Entry, quotas: Sequence[Quota]) -> Entry:
        if self.failures:
            raise self.failures.pop(0)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        if entry.name in self.entries:
            return self.entries[entry.name]
        for quota in quotas:
            if self.counts.get((quota.subject, quota.unit), 0) >= quota.limit:
                raise limit_reached(quota, datetime.now(UTC))
        for quota in quotas:
            self.counts[quota.subject, quota.unit] = self.counts.get((quota.subject, quota.unit), 0) + 1
        self.entries[entry.name] = entry
        return entry

    def close(self, track: str) -> None:
        for name, entry in self.entries.items():
            if entry.details.get("track") == track:
                self.entries[name] = replace(entry, details={})

    def of_session(self, session: str) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.session == session]

    def erase(self, name: str) -> None:
        self.entries.pop(name, None)


@dataclass
class MemoryBuckets:
    """Objects by bucket, name and generation.

    ``before`` and ``meanwhile`` hold what others do before a listing is made and before anybody has looked at it.
    """

    objects: dict[tuple[str, str, int], bytes] = field(default_factory=dict)
    before: list[Callable[[], None]] = field(default_factory=list)
    meanwhile: list[Callable[[], None]] = field(default_factory=list)

    def put(self, bucket: str, name: str, data: bytes = b"bytes", generation: int = 1) -> None:
        """Hold an object."""
        self.objects[bucket, name, generation] = data

    def read(self, bucket: str, name: str) -> bytes | None:
        found = [data for (where, called, _), data in self.objects.items() if (where, called) == (bucket, name)]
        return found[-1] if found else None

    def create(self, bucket: str, name: str, data: bytes, content_type: str) -> None:
        del content_type
        if self.read(bucket, name) is None:
            self.put(bucket, name, data)

    def generations(self, bucket: str, prefix: str) -> list[tuple[str, int]]:
        if self.before:
            self.before.pop(0)()
        found = [(name, age) for where, name, age in self.objects if where == bucket and name.startswith(prefix)]
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return found

    def delete(self, bucket: str, name: str, generation: int) -> None:
        self.objects.pop((bucket, name, generation), None)

    def erase(self, bucket: str, prefix: str) -> None:
        for name, generation in self.generations(bucket, prefix):
            self.delete(bucket, name, generation)

    def names(self, bucket: str) -> list[str]:
        """Return the names of all objects in a bucket."""
        return sorted(name for where, name, _ in self.objects if where == bucket)


@dataclass
class HeardPictures:
    """A topic that remembers what was published; ``failures`` are raised first, one a call."""

    heard: list[PictureMessage] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def announce(self, message: PictureMessage) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.heard.append(message)


@dataclass
class MemorySwitch:
    """A switch that stays as it was turned."""

    paused: bool = False

    def is_paused(self) -> bool:
        return self.paused


@dataclass
class Door:
    """The whole function over its fakes, asked by HTTP."""

    sessions: CommandSessions = field(default_factory=CommandSessions)
    tracks: CommandTracks = field(default_factory=CommandTracks)
    buckets: MemoryBuckets = field(default_factory=MemoryBuckets)
    jobs: MemoryPipelines = field(default_factory=MemoryPipelines)
    captions: HeardCaptions = field(default_factory=HeardCaptions)
    pictures: HeardPictures = field(default_factory=HeardPictures)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    switch: MemorySwitch = field(default_factory=MemorySwitch)
    limits: Limits = field(default_factory=Limits)
    settings: Settings = field(
        default_factory=lambda: Settings(
            "musicgenerator-images",
            "musicgenerator-results",
            "https://storage.googleapis.com",
            "composer",
            "musicgenerator-pipeline",
        )
    )
    origins: tuple[str, ...] = ("https://music.example", "http://127.0.0.1:8080")

    @property
    def api(self) -> HttpApi:
        admission = Admission(self.ledger, self.limits)
        permits = PlainPermits("https://storage.googleapis.com/musicgenerator-images")
        return HttpApi(
            Uploads(self.sessions, self.tracks, permits, timedelta(days=30), admission),
            Commands(
                self.sessions,
                self.tracks,
                self.buckets,
                self.jobs,
                self.captions,
                self.pictures,
                admission,
                self.settings,
            ),
            Erasures(self.sessions, self.tracks, self.buckets, self.jobs, self.ledger, self.settings),
            self.switch,
            self.origins,
        )

    def ask(self, method: str, path: str, **request: Any) -> flask.Response:
        """Send a request and return the answer."""
        with flask.Flask("door").test_request_context(path, method=method, **request):
            return self.api.answer(flask.request)
