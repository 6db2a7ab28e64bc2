"""Fakes of the ports, in memory."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from captioning import Description, Picture
from ports import Permit, Session

from musicgenerator.briefs import Brief
from musicgenerator.changes import KEEP, Change, Decision, NewTrack, Outcome, TrackUpdate, check_step
from musicgenerator.encodings import StoredBytes
from musicgenerator.errors import (
    BlockedError,
    BudgetSpentError,
    ContentionError,
    LaunchUnavailableError,
    MusicMissingError,
    PermanentError,
    TransientError,
)
from musicgenerator.events import ObjectFinalized
from musicgenerator.jobs import JobFacts, JobRequest, JobState
from musicgenerator.messages import CaptionMessage, GatheredMessage
from musicgenerator.results import RESULT_TYPES, MusicFacts, ResultsFolder, sketch_name
from musicgenerator.states import FINAL, Status
from musicgenerator.track_requests import Request
from musicgenerator.tracks import DescriberUsage, PrivateTrack, Track
from tests.contracts.recorded import with_moments

HOME = "us-central1"

_TRIES = 40
_EVERYBODY = "everybody"


@dataclass
class MemoryTracks:
    """Track documents in memory, changed by conditional writes as in Firestore.

    ``meanwhile`` holds what other writers do between a decision and its commit, one for each future commit;
    ``erased`` is called by each erasure;
    ``lost_answers`` is the number of future commits that are written but appear refused, so that ``decide`` is called
    again; ``steps`` lists every status written, by track; ``dues`` holds the ``due_at`` of each track's last change;
    ``forgets`` holds when the records of each track's jobs are deleted, ``job_record`` after its end.
    ``commits`` makes each read and each commit one step, since a sweep uses threads.
    ``pictures`` are those of everybody, and ``given_back`` lists the counters that no longer count a track.
    """

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    works: dict[str, PrivateTrack] = field(default_factory=dict)
    expiries: dict[str, datetime] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    steps: list[tuple[str, Status]] = field(default_factory=list)
    dues: dict[str, datetime | None] = field(default_factory=dict)
    forgets: dict[str, datetime | None] = field(default_factory=dict)
    job_record: timedelta = timedelta(hours=1)
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    lost_answers: int = 0
    pictures: int = 0
    given_back: list[str] = field(default_factory=list)
    erased: Callable[[], None] = lambda: None
    commits: threading.RLock = field(default_factory=threading.RLock)

    def create(self, track: Track, work: PrivateTrack, expires_at: datetime) -> None:
        """Write a new track, and name an export in its source's private track, in one commit."""
        if track.track_id in self.documents:
            return
        if track.request.export:
            if work.source not in self.works:
                return
            fields = self.works[work.source].to_fields() | {track.request.export.kind: track.track_id}
            self.works[work.source] = PrivateTrack.from_document(fields)
            self.versions[work.source] += 1
        self._create(NewTrack(track, work, TrackUpdate()), expires_at)

    def find(self, track: str) -> tuple[Track, PrivateTrack] | None:
        with self.commits:
            document = self.documents.get(track)
            if document is None:
                return None
            return Track.from_document(self.sessions[track], track, with_moments(document)), self.works[track]

    def advance(self, track: str, decide: Decision) -> Outcome | None:
        for _ in range(_TRIES):
            # In this order, so that a change between the two is noticed.
            version, found = self.versions.get(track), self.find(track)
            if found is None:
                return None
            current, work = found
            change = decide(current, work)
            if change is None:
                return Outcome(current, work, changed=False)
            check_step(current, change)
            with self.commits:
                if self.meanwhile:
                    self.meanwhile.pop(0)()
                if self.versions.get(track) != version:
                    continue
                pictures = change.picture
                if pictures and self.pictures + pictures.number > pictures.limit - pictures.reserve:
                    raise BudgetSpentError("the pictures of the day")
                if change.created and change.created.track.track_id in self.documents:
                    continue
                self._write(current, change)
                if self.lost_answers:
                    self.lost_answers -= 1
                    continue
            return Outcome(current, work, changed=True)
        raise ContentionError(f"track {track} kept changing")

    def hold(self, document: Mapping[str, Any], session: str, track: str, work: PrivateTrack) -> None:
        """Store a track with this document."""
        self.documents[track] = dict(document)
        self.sessions[track], self.works[track] = session, work
        self.versions[track] = self.versions.get(track, 0) + 1

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        due = [(when, track) for track, when in self.dues.items() if when and when <= now and track in self.works]
        return [(self.sessions[track], track) for _, track in sorted(due)][:limit]

    def to_forget(self, now: datetime, limit: int) -> list[str]:
        due = [(when, track) for track, when in self.forgets.items() if when and when <= now and track in self.works]
        return [track for _, track in sorted(due)][:limit]

    def of_session(self, session: str) -> list[str]:
        return [track for track, owner in self.sessions.items() if owner == session and track in self.documents]

    def of_job(self, job: str) -> list[str]:
        return [track for track, work in self.works.items() if work.job == job]

    def exports_of(self, source: str) -> list[str]:
        return [track for track, work in self.works.items() if work.source == source]

    def has_music(self, session: str) -> bool:
        return any(self.documents[track]["status"] == Status.READY for track in self.of_session(session))

    def erase(self, session: str, track: str) -> None:
        """Delete a track of this session, if it exists."""
        with self.commits:
            if self.sessions.get(track) != session or track not in self.documents:
                return
            del self.documents[track], self.works[track]
            self.versions[track] += 1
        self.erased()

    def _create(self, new: NewTrack, expires_at: datetime) -> None:
        track = new.track.track_id
        document = new.track.to_document(datetime.now(UTC), expires_at)
        self.documents[track] = document | new.update.to_fields(new.track.request.language)
        self.sessions[track] = new.track.session
        self.works[track] = new.work
        self.expiries[track] = expires_at
        self.versions[track] = self.versions.get(track, 0) + 1

    def _write(self, current: Track, change: Change) -> None:
        track = current.track_id
        document = dict(self.documents[track])
        for path, value in change.to_fields(current.request.language, datetime.now(UTC)).items():
            name, _, inner = path.partition(".")
            document[name] = {**document[name], inner: value} if inner else value
        if change.status is not None:
            self.steps.append((track, change.status))
        self.documents[track] = document
        self.works[track] = change.work or self.works[track]
        if change.created and change.created.track.expires_at:
            self._create(change.created, change.created.track.expires_at)
        if change.picture:
            self.pictures += change.picture.number
            twin = _EVERYBODY if change.picture.number > 1 else ""
            self.works[track] = replace(self.works[track], counted_for_all=_EVERYBODY, twin_counted_for_all=twin)
        self.pictures -= change.give_back.count(_EVERYBODY)
        self.given_back += change.give_back
        if change.forget_at is not KEEP:
            self.forgets[track] = change.forget_at
        elif change.due_at is not KEEP:
            self.dues[track] = change.due_at
            if change.status in FINAL and current.brief is not None:
                self.forgets[track] = datetime.now(UTC) + self.job_record
        self.versions[track] += 1


@dataclass
class MemorySpans:
    """Records the tracks that ended, with timeline and error code."""

    sent: list[tuple[Track, Mapping[str, datetime], str]] = field(default_factory=list)

    def send(self, track: Track, timeline: Mapping[str, datetime], error: str) -> None:
        self.sent.append((track, timeline, error))


@dataclass
class MemoryObjects:
    """Objects by bucket and name; ``facts`` are those of the uploads, ``read_names`` lists the names read.

    ``encodings`` holds what an object's ``Content-Encoding`` says, ``lifetimes`` when a created one expires.
    ``meanwhile`` holds what other writers do before a replacement, one for each future one.
    """

    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    lifetimes: dict[tuple[str, str], datetime | None] = field(default_factory=dict)
    types: dict[tuple[str, str], str] = field(default_factory=dict)
    facts: dict[tuple[str, str], ObjectFinalized] = field(default_factory=dict)
    encodings: dict[tuple[str, str], str] = field(default_factory=dict)
    read_names: list[str] = field(default_factory=list)
    generations: dict[tuple[str, str], int] = field(default_factory=dict)
    meanwhile: list[Callable[[], None]] = field(default_factory=list)

    def upload(self, facts: ObjectFinalized, data: bytes) -> None:
        """Store a whole object, replacing the existing one."""
        self.facts[facts.bucket, facts.name] = facts
        self.objects[facts.bucket, facts.name] = data

    def find(self, bucket: str, name: str, generation: int | None = None) -> ObjectFinalized | None:
        found = self.facts.get((bucket, name))
        return found if found and generation in {None, found.generation} else None

    def start(self, bucket: str, name: str, length: int, generation: int | None = None) -> StoredBytes | None:
        self.read_names.append(name)
        found = self.facts.get((bucket, name))
        if (bucket, name) not in self.objects or (found and generation not in {None, found.generation}):
            return None
        return StoredBytes(self.objects[bucket, name][:length], self.encodings.get((bucket, name), ""))

    def read(self, bucket: str, name: str) -> bytes | None:
        self.read_names.append(name)
        return self.objects.get((bucket, name))

    def create(
        self, bucket: str, name: str, data: bytes, content_type: str, expires_at: datetime | None = None
    ) -> bool:
        is_new = (bucket, name) not in self.objects
        if is_new:
            self.lifetimes[bucket, name] = expires_at
        self.objects.setdefault((bucket, name), data)
        self.types.setdefault((bucket, name), content_type)
        return is_new

    def read_generation(self, bucket: str, name: str) -> tuple[bytes, int] | None:
        data = self.objects.get((bucket, name))
        return None if data is None else (data, self.generations.get((bucket, name), 1))

    def replace(self, bucket: str, name: str, data: bytes, content_type: str, generation: int) -> bool:
        del content_type
        if self.meanwhile:
            self.meanwhile.pop(0)()
        if (bucket, name) not in self.objects or self.generations.get((bucket, name), 1) != generation:
            return False
        self.objects[bucket, name], self.generations[bucket, name] = data, generation + 1
        return True

    def delete(self, bucket: str, name: str, generation: int | None = None) -> None:
        found = self.facts.get((bucket, name))
        if found is None or generation in {None, found.generation}:
            self.facts.pop((bucket, name), None)
            self.objects.pop((bucket, name), None)

    def erase(self, bucket: str, prefix: str) -> None:
        for place in [place for place in self.objects if place[0] == bucket and place[1].startswith(prefix)]:
            del self.objects[place]
            self.types.pop(place, None)
            self.facts.pop(place, None)


@dataclass
class ScriptedDescriber:
    """Returns a brief or a failure; ``meanwhile`` runs during the call."""

    brief: Brief
    usage: DescriberUsage
    failure: PermanentError | TransientError | BlockedError | None = None
    meanwhile: Callable[[], None] = lambda: None
    asked: list[tuple[Picture, Request]] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    checked: list[Brief] = field(default_factory=list)

    def describe(self, picture: Picture, request: Request, person: str) -> Description:
        self.people.append(person)
        self.asked.append((picture, request))
        self.meanwhile()
        if isinstance(self.failure, TransientError | BlockedError):
            raise self.failure
        return Description(self.failure or self.brief, self.usage)

    def check(self, brief: Brief) -> None:
        self.checked.append(brief)
        if self.failure:
            raise self.failure


@dataclass
class MemoryBreaker:
    """A breaker that never closes by itself; ``reasons`` lists what opened it."""

    reasons: list[str] = field(default_factory=list)
    opened: bool = False

    def is_open(self) -> bool:
        return self.opened

    def open(self, reason: str) -> None:
        self.reasons.append(reason)
        self.opened = True


@dataclass
class HeardCaptions:
    """Records the published messages; ``failures`` are raised first, one a call."""

    heard: list[tuple[CaptionMessage | GatheredMessage, str]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    @property
    def tracks(self) -> list[str]:
        """The tracks that the messages name, in their order."""
        return [attempt.track for message, _ in self.heard for attempt in message.attempts]

    def announce(self, message: CaptionMessage | GatheredMessage, engine: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.heard.append((message, engine))


@dataclass
class MemoryPipelines:
    """Pipeline jobs, each id granted once a region; ``failures`` are raised first, one a call of ``create``.

    A job's key is its id, or ``REGION/ID`` outside the home region, as ``named`` returns it.
    ``lost_answers`` is the number of future jobs that are created although ``create`` reports a conflict.
    Regions in ``silent`` do not answer; ``asked`` lists the regions that were asked for a job's facts.
    ``deleted`` lists the jobs whose deletion was requested; a deleted job's id is free again.
    """

    jobs: dict[str, JobFacts] = field(default_factory=dict)
    wanted: list[JobRequest] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    lost_answers: int = 0
    meanwhile: Callable[[], None] = lambda: None
    cancelled: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def create(self, wanted: JobRequest, region: str) -> bool:
        self.meanwhile()
        if self.failures:
            raise self.failures.pop(0)
        if named(wanted.job, region) in self.jobs:
            return False
        self.wanted.append(wanted)
        self.jobs[named(wanted.job, region)] = JobFacts(
            JobState.UNDER_WAY, dict(wanted.labels), order=str(wanted.parameters["order"])
        )
        if self.lost_answers:
            self.lost_answers -= 1
            return False
        return True

    def facts(self, job: str, region: str) -> JobFacts | None:
        self.asked.append(region)
        if region in self.silent:
            raise LaunchUnavailableError(f"{region} does not answer")
        return self.jobs.get(named(job, region))

    def delete(self, job: str, region: str) -> bool:
        key = named(job, region)
        if region in self.silent:
            raise LaunchUnavailableError(f"{region} does not answer")
        if key in self.jobs and self.jobs[key].state is JobState.UNDER_WAY:
            return False
        self.deleted.append(key)
        self.jobs.pop(key, None)
        return True

    def cancel(self, job: str, region: str) -> bool:
        self.cancelled.append(named(job, region))
        found = self.jobs.get(named(job, region))
        return found is not None and found.state is JobState.UNDER_WAY


def named(job: str, region: str) -> str:
    """Return a job's key; an empty region is the home region."""
    return job if region in {"", HOME} else f"{region}/{job}"


@dataclass
class MemoryRegions:
    """The time until which each region is busy."""

    busy: dict[str, datetime] = field(default_factory=dict)

    def busy_until(self) -> Mapping[str, datetime]:
        return dict(self.busy)

    def spare(self, region: str, until: datetime) -> None:
        self.busy[region] = until


@dataclass
class MemoryResults:
    """The music in each folder, or the error that reading it raises; other folders have none."""

    found: dict[str, MusicFacts | PermanentError] = field(default_factory=dict)
    erased: list[str] = field(default_factory=list)
    failures: dict[tuple[str, int], str] = field(default_factory=dict)

    def failure(self, folder: ResultsFolder, attempt: int) -> str | None:
        return self.failures.get((folder.token, attempt))

    def music(self, folder: ResultsFolder, file: str) -> MusicFacts | None:
        found = self.found.get(folder.token)
        if isinstance(found, MusicFacts) and found.mime_type != RESULT_TYPES[file]:
            raise MusicMissingError(f"{file} is missing")
        if isinstance(found, PermanentError):
            raise found
        return found

    def erase(self, folder: ResultsFolder) -> None:
        self.erased.append(folder.token)
        self.found.pop(folder.token, None)

    def erase_sketch(self, folder: ResultsFolder, attempt: int) -> None:
        self.erased.append(folder.name(sketch_name(attempt)))


@dataclass
class MemorySessions:
    """Sessions by id."""

    sessions: dict[str, Session] = field(default_factory=dict)

    def create(self, session: Session) -> None:
        self.sessions[session.session] = session

    def find(self, session: str) -> Session | None:
        return self.sessions.get(session)


@dataclass
class PlainPermits:
    """Permits without a signature."""

    url: str = "https://storage.example/images"
    asked: list[tuple[str, str, int]] = field(default_factory=list)

    def permit(self, name: str, content_type: str, max_bytes: int) -> Permit:
        self.asked.append((name, content_type, max_bytes))
        headers = {
            "x-goog-content-length-range": f"1,{max_bytes}",
            "x-goog-if-generation-match": "0",
            "Content-Type": content_type,
        }
        return Permit("PUT", f"{self.url}/{name}?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature=2f", headers)
