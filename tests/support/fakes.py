"""Fakes of every port: in memory where the port is ours, at HTTP where it is somebody else's API."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from captioning import Description, Picture
from uploading import Permit, Session

from musicgenerator.briefs import Brief
from musicgenerator.errors import BlockedError, ContentionError, LaunchUnavailableError, PermanentError, TransientError
from musicgenerator.events import ObjectFinalized
from musicgenerator.jobs import JobFacts, JobRequest, JobState
from musicgenerator.messages import CaptionMessage
from musicgenerator.results import MusicFacts, ResultsFolder
from musicgenerator.states import Status
from musicgenerator.tracks import Change, Decision, Image, Outcome, PrivateTrack, Request, Track

HOME = "us-central1"

_TRIES = 40


@dataclass
class MemoryTracks:
    """Tracks as the documents that Firestore would hold, changed by conditional writes like those.

    ``meanwhile`` holds what other writers do between a decision and its commit, one for each commit to come;
    ``lost_answers`` counts commits to come that are written but look refused, so that ``decide`` is asked again;
    ``steps`` lists every status written, by track; ``dues`` holds when a track asked to be looked after.
    """

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    works: dict[str, PrivateTrack] = field(default_factory=dict)
    expiries: dict[str, datetime] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    steps: list[tuple[str, Status]] = field(default_factory=list)
    dues: dict[str, datetime | None] = field(default_factory=dict)
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    lost_answers: int = 0

    def create(self, track: Track, work: PrivateTrack, expires_at: datetime) -> None:
        if track.track_id in self.documents:
            return
        now = datetime.now(UTC)
        self.documents[track.track_id] = {
            "status": track.status.value,
            "attempt": track.attempt,
            "image": asdict(track.image) if track.image else None,
            "request": asdict(track.request),
            "brief": track.brief.to_mapping() if track.brief else None,
            "describer": None,
            "music": None,
            "error": None,
            "timeline": {track.status.value: now},
            "createdAt": now,
            "updatedAt": now,
            "expiresAt": expires_at,
        }
        self.sessions[track.track_id] = track.session
        self.works[track.track_id] = work
        self.expiries[track.track_id] = expires_at
        self.versions[track.track_id] = 1

    def find(self, track: str) -> tuple[Track, PrivateTrack] | None:
        document = self.documents.get(track)
        if document is None:
            return None
        return _track(self.sessions[track], track, document), self.works[track]

    def advance(self, track: str, decide: Decision) -> Outcome | None:
        for _ in range(_TRIES):
            found, version = self.find(track), self.versions.get(track)
            if found is None:
                return None
            now, work = found
            change = decide(now, work)
            if change is None:
                return Outcome(now, work, changed=False)
            if change.status is not None and not now.status.may_become(change.status):
                raise ValueError(f"a track may not pass from {now.status} to {change.status}")
            if self.meanwhile:
                self.meanwhile.pop(0)()
            if self.versions.get(track) != version:
                continue
            self._write(track, change)
            if self.lost_answers:
                self.lost_answers -= 1
                continue
            return Outcome(now, work, changed=True)
        raise ContentionError(f"track {track} kept changing")

    def hold(self, document: Mapping[str, Any], session: str, track: str, work: PrivateTrack) -> None:
        """Hold a track that is already under way, as its document says."""
        self.documents[track] = dict(document)
        self.sessions[track], self.works[track] = session, work
        self.versions[track] = self.versions.get(track, 0) + 1

    def erase(self, session: str, track: str) -> None:
        """Forget a track of this session, if it is there."""
        if self.sessions.get(track) == session and track in self.documents:
            del self.documents[track], self.works[track]
            self.versions[track] += 1

    def _write(self, track: str, change: Change) -> None:
        document = self.documents[track] | dict(change.fields)
        if change.status is not None:
            document["status"] = change.status.value
            document["timeline"] = {**document["timeline"], change.status.value: datetime.now(UTC)}
            self.steps.append((track, change.status))
        self.documents[track] = document
        self.works[track] = replace(self.works[track], **change.work)
        self.dues[track] = change.due_at
        self.versions[track] += 1


def _track(session: str, track: str, document: Mapping[str, Any]) -> Track:
    image, brief = document["image"], document["brief"]
    return Track(
        session=session,
        track_id=track,
        status=Status(document["status"]),
        attempt=document["attempt"],
        request=Request.from_mapping(document["request"]),
        image=Image(**image) if image else None,
        brief=Brief.from_mapping(brief) if brief else None,
        prompt_version=str((document.get("describer") or {}).get("promptVersion", "")),
        created_at=datetime.fromisoformat(str(document["createdAt"])),
        timeline={name: datetime.fromisoformat(str(moment)) for name, moment in document["timeline"].items()},
    )


@dataclass
class MemorySpans:
    """Who ended when, and with which error's code."""

    sent: list[tuple[Track, Mapping[str, datetime], str]] = field(default_factory=list)

    def send(self, track: Track, timeline: Mapping[str, datetime], error: str) -> None:
        self.sent.append((track, timeline, error))


@dataclass
class MemoryObjects:
    """Objects by bucket and name; ``facts`` are those of the uploads, ``read_names`` lists what was asked for."""

    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    types: dict[tuple[str, str], str] = field(default_factory=dict)
    facts: dict[tuple[str, str], ObjectFinalized] = field(default_factory=dict)
    read_names: list[str] = field(default_factory=list)

    def upload(self, facts: ObjectFinalized, data: bytes) -> None:
        """Have an object come whole, in place of the one that was there."""
        self.facts[facts.bucket, facts.name] = facts
        self.objects[facts.bucket, facts.name] = data

    def find(self, bucket: str, name: str, generation: int | None = None) -> ObjectFinalized | None:
        found = self.facts.get((bucket, name))
        return found if found and generation in {None, found.generation} else None

    def read(self, bucket: str, name: str, generation: int | None = None) -> bytes | None:
        self.read_names.append(name)
        found = self.facts.get((bucket, name))
        if found and generation not in {None, found.generation}:
            return None
        return self.objects.get((bucket, name))

    def create(self, bucket: str, name: str, data: bytes, content_type: str) -> None:
        self.objects.setdefault((bucket, name), data)
        self.types.setdefault((bucket, name), content_type)

    def delete(self, bucket: str, name: str) -> None:
        self.objects.pop((bucket, name), None)

    def erase(self, bucket: str, prefix: str) -> None:
        for place in [place for place in self.objects if place[0] == bucket and place[1].startswith(prefix)]:
            del self.objects[place]
            self.types.pop(place, None)
            self.facts.pop(place, None)


@dataclass
class ScriptedDescriber:
    """Answers with a brief or a failure; ``meanwhile`` runs while it looks at the picture."""

    brief: Brief
    usage: Mapping[str, Any] = field(default_factory=dict)
    failure: PermanentError | TransientError | BlockedError | None = None
    meanwhile: Callable[[], None] = lambda: None
    asked: list[tuple[Picture, Request]] = field(default_factory=list)

    def describe(self, picture: Picture, request: Request) -> Description:
        self.asked.append((picture, request))
        self.meanwhile()
        if isinstance(self.failure, TransientError | BlockedError):
            raise self.failure
        return Description(self.failure or self.brief, self.usage)


@dataclass
class MemoryBreaker:
    """A breaker that stays as it is until somebody changes it; ``reasons`` lists what opened it."""

    reasons: list[str] = field(default_factory=list)
    opened: bool = False

    def is_open(self) -> bool:
        return self.opened

    def open(self, reason: str) -> None:
        self.reasons.append(reason)
        self.opened = True


@dataclass
class HeardCaptions:
    """A topic that remembers what was published; ``failures`` are raised first, one a call."""

    heard: list[tuple[CaptionMessage, str]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def announce(self, message: CaptionMessage, engine: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.heard.append((message, engine))


@dataclass
class MemoryPipelines:
    """Pipeline jobs, each id granted once a region; ``failures`` are raised first, one a call of ``create``.

    A job is known by its id, one that is not at home by ``REGION/ID``, as ``named`` says.
    ``lost_answers`` counts jobs to come that are created although the caller hears of a failure or a conflict.
    Regions in ``silent`` say nothing of a job; ``asked`` is which were.
    """

    jobs: dict[str, JobFacts] = field(default_factory=dict)
    wanted: list[JobRequest] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    lost_answers: int = 0
    meanwhile: Callable[[], None] = lambda: None
    cancelled: list[str] = field(default_factory=list)
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

    def cancel(self, job: str, region: str) -> bool:
        self.cancelled.append(named(job, region))
        found = self.jobs.get(named(job, region))
        return found is not None and found.state is JobState.UNDER_WAY


def named(job: str, region: str) -> str:
    """Return what a job is known by: an empty region is home."""
    return job if region in {"", HOME} else f"{region}/{job}"


@dataclass
class MemoryRegions:
    """Until when each region is busy."""

    busy: dict[str, datetime] = field(default_factory=dict)

    def busy_until(self) -> Mapping[str, datetime]:
        return dict(self.busy)

    def spare(self, region: str, until: datetime) -> None:
        self.busy[region] = until


@dataclass
class MemoryResults:
    """The music in each folder, or the failure that looking at it is; an empty folder has none."""

    found: dict[str, MusicFacts | PermanentError] = field(default_factory=dict)
    erased: list[str] = field(default_factory=list)

    def music(self, folder: ResultsFolder) -> MusicFacts | None:
        found = self.found.get(folder.token)
        if isinstance(found, PermanentError):
            raise found
        return found

    def erase(self, folder: ResultsFolder) -> None:
        self.erased.append(folder.token)
        self.found.pop(folder.token, None)


@dataclass
class MemorySessions:
    """Sessions, and the idempotency keys that made some of them."""

    sessions: dict[str, Session] = field(default_factory=dict)

    def create(self, session: Session) -> None:
        self.sessions[session.session] = session

    def find(self, session: str) -> Session | None:
        return self.sessions.get(session)


@dataclass
class PlainPermits:
    """Permits that nobody signed."""

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


@dataclass(frozen=True)
class Exchange:
    """One request that a scripted server has heard."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What a scripted server answers; ``cut`` resets the connection instead, ``silent`` never answers.

    ``missing`` bytes of the announced length are never sent.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    cut: bool = False
    silent: bool = False
    missing: int = 0

    def encoded(self) -> bytes:
        """Return the bytes of the body: JSON unless it is bytes already."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class ScriptedServer:
    """An HTTP server whose answers are scripted by ``"METHOD /path"``; the last one of each is repeated."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    heard: list[Exchange] = field(default_factory=list)
    url: str = ""
    ended: threading.Event = field(default_factory=threading.Event)

    def script(self, call: str, *answers: Answer) -> None:
        """Answer this method and path in turn."""
        self.answers[call] = list(answers)

    def heard_at(self, path: str) -> list[Exchange]:
        """Return the requests for one path, oldest first."""
        return [exchange for exchange in self.heard if exchange.path.split("?")[0] == path]

    def next(self, method: str, path: str) -> Answer:
        """Return the answer that is due."""
        due = self.answers.get(f"{method} {path.split('?', maxsplit=1)[0]}")
        if not due:
            return Answer({"error": {"code": 404, "message": "not scripted", "status": "NOT_FOUND"}}, 404)
        return due.pop(0) if len(due) > 1 else due[0]


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """Serve on a free loopback port until the block ends."""
    script = ScriptedServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        script.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(script: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            script.heard.append(Exchange(self.command, self.path, dict(self.headers), body))
            answer = script.next(self.command, self.path)
            if answer.silent:
                script.ended.wait()
            if answer.cut or answer.silent:
                self.close_connection = True
                # Closed at once and without a farewell, which the other side sees as a reset.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
            data = answer.encoded()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data) + answer.missing))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
            self.close_connection = self.close_connection or answer.missing > 0

        do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815  the names http.server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            """Say nothing."""

    return Handler
