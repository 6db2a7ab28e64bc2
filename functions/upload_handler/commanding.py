"""What a person may still want of a track that is under way or at its end: another take, an end, another attempt."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Protocol, Self

from admitting import Admission, Particulars, made_track, new_track
from problems import InvalidRequestError, UnknownSessionError, UnknownTrackError, WrongStateError
from uploading import Sessions, authorised, requested

from musicgenerator import ids, logs
from musicgenerator.briefs import LENGTHS, SEED, Brief
from musicgenerator.errors import BriefError, PermanentError
from musicgenerator.messages import CaptionMessage, PictureMessage
from musicgenerator.plain_text import plain
from musicgenerator.results import COVER, RESULT_TYPES, ResultsFolder
from musicgenerator.settings import required
from musicgenerator.states import Status
from musicgenerator.tracks import Change, Decision, Outcome, PrivateTrack, Request, Track

_WISHES: Final = ("durationSeconds", "seed", "engine")
_WORDS: Final = ("title", "caption", "prompt", "avoid")
EDITABLE: Final = (*_WORDS, "moods", "genre", "instruments", "tempoBpm", "key", "valence", "energy", *_WISHES)


class TrackCancelledError(PermanentError):
    """The person cancelled the track."""

    code = "cancelled"
    status = Status.CANCELLED
    words = {
        "ko": "요청하신 대로 음악 만들기를 취소했어요. 원하시면 언제든 다시 만들 수 있어요.",
        "en": "Making this music was cancelled, as you command. You can make it anew whenever you like.",
    }


@dataclass(frozen=True)
class TrackState:
    """Where a track stands after a command."""

    session: str
    track: str
    status: Status
    attempt: int


@dataclass(frozen=True)
class Settings:
    """The three buckets, where results can be read, and the engine of a request that names none."""

    images_bucket: str
    results_bucket: str
    results_url: str
    default_engine: str
    pipeline_bucket: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError naming a variable that is not set."""
        return cls(
            images_bucket=required(environ, "IMAGES_BUCKET"),
            results_bucket=required(environ, "RESULTS_BUCKET"),
            results_url=required(environ, "STORAGE_URL"),
            default_engine=required(environ, "DEFAULT_ENGINE"),
            pipeline_bucket=required(environ, "PIPELINE_BUCKET"),
        )

    def folder(self, token: str) -> ResultsFolder:
        """Return the folder of one track's results."""
        return ResultsFolder(self.results_url, self.results_bucket, token)


class Tracks(Protocol):
    """The truth about every track."""

    def create(self, track: Track, work: PrivateTrack, expires_at: datetime) -> None:
        """Write a new track, or leave the one that is there."""
        ...

    def find(self, track: str) -> tuple[Track, PrivateTrack] | None:
        """Return a track and its work, or None."""
        ...

    def advance(self, track: str, decide: Decision) -> Outcome | None:
        """Write what ``decide`` says, once or not at all."""
        ...

    def erase(self, session: str, track: str) -> None:
        """Delete a track and its work, if they are there."""
        ...


class Objects(Protocol):
    """The objects in the results bucket."""

    def read(self, bucket: str, name: str) -> bytes | None:
        """Return an object's bytes, or None where it is gone."""
        ...

    def create(self, bucket: str, name: str, data: bytes, content_type: str) -> None:
        """Write an object, or leave the one that is there."""
        ...

    def generations(self, bucket: str, prefix: str) -> list[tuple[str, int]]:
        """Return the name and generation of everything whose name starts so."""
        ...

    def delete(self, bucket: str, name: str, generation: int) -> None:
        """Delete just this generation of an object, if it is there."""
        ...

    def erase(self, bucket: str, prefix: str) -> None:
        """Delete everything whose name starts so and look again until nothing is left."""
        ...


class Jobs(Protocol):
    """The pipeline jobs of Vertex AI."""

    def cancel(self, job: str, region: str) -> bool:
        """Cancel a job, or return False if it does not exist or has ended."""
        ...


class Captions(Protocol):
    """The topic that wakes the launcher."""

    def announce(self, message: CaptionMessage, engine: str) -> None:
        """Publish and return when it is confirmed."""
        ...


class Pictures(Protocol):
    """The topic that has the captioner take a picture up again."""

    def announce(self, message: PictureMessage) -> None:
        """Publish and return when it is confirmed."""
        ...


@dataclass(frozen=True)
class CommandRequest:
    """One request: its session and secret, the track it names, its body, its key and where it came from."""

    session: str
    secret: str
    track: str
    body: Mapping[str, Any]
    key: str | None = None
    address: str = ""


@dataclass(frozen=True)
class Commands:
    """The commands that are given to a track."""

    sessions: Sessions
    tracks: Tracks
    objects: Objects
    jobs: Jobs
    captions: Captions
    pictures: Pictures
    admission: Admission
    settings: Settings

    def again(self, command: CommandRequest) -> TrackState:
        """Make another take of a track's picture, its brief edited as the body says.

        What does not stand in the body is as it was, except for the seed: without one the take is a different one.
        """
        source, work, expires_at = self._owned(command)
        if source.brief is None or source.image is None:
            raise WrongStateError("The picture has not been described yet: wait until the track has a brief.")
        brief, request = _edited(source.brief, source.request, command.body)
        stands = self.admission.admit(
            (command.session, command.track, "again"),
            command.body,
            command.key,
            Particulars(command.session, expires_at, new_track()),
            self.admission.limits.of_track(command.session, command.address),
        )
        track, token = made_track(stands)
        new = Track(command.session, track, Status.CAPTIONED, 1, request, source.image, brief, source.prompt_version)
        # Its folder was entered first, so that a crash leaves no cover that no erasure would find.
        cover = self._copy_cover(work.token, token)
        self.tracks.create(new, PrivateTrack(token=token), expires_at)
        try:
            authorised(self.sessions, command.session, command.secret)
        except UnknownSessionError:
            # Its deletion began meanwhile and may have looked for tracks already: nobody else would find this one.
            self.objects.erase(self.settings.results_bucket, self.settings.folder(token).name(""))
            self.tracks.erase(command.session, track)
            self.admission.forget(command.session)
            raise
        self.tracks.advance(track, lambda now, it: _with_cover(now, it, cover))
        logs.info("another take", track=track, of=source.track_id)
        return self._announced(track)

    def cancel(self, command: CommandRequest) -> TrackState:
        """End a track that is under way; one that is at its end stays as it is."""
        now, _, expires_at = self._owned(command)
        details = Particulars(command.session, expires_at, {"attempt": now.attempt})
        stands = self.admission.admit((command.session, command.track, "cancel"), command.body, command.key, details)
        ended = call_off(self.tracks, self.jobs, command.track, stands["attempt"])
        if ended is None:
            raise UnknownTrackError("The track has just been deleted.")
        return _state_of(ended.track)

    def retry(self, command: CommandRequest) -> TrackState:
        """Begin the next attempt of a track that has failed and may succeed; one that is under way stays as it is."""
        _, work, expires_at = self._owned(command)
        # Listed before the look that decides: what is there while the attempt still counts as failed is its leftover.
        folder = self.settings.folder(work.token)
        results = self.objects.generations(folder.bucket, folder.name(""))
        now, _, _ = self._owned(command)
        due = now.status is Status.FAILED and now.retryable
        stands = self.admission.admit(
            (command.session, command.track, "retry"),
            command.body,
            command.key,
            Particulars(command.session, expires_at, {"attempt": now.attempt if due else 0}),
            self.admission.limits.of_track(command.session, command.address) if due else (),
        )
        failed: int = stands["attempt"]
        if due and failed == now.attempt:
            for name, generation in results:
                if name != folder.name(COVER):
                    self.objects.delete(folder.bucket, name, generation)
            self.tracks.advance(command.track, lambda now, _: _next_attempt(now, failed))
            return self._announced(command.track)
        if not (due or not now.status.is_final or 0 < failed < now.attempt):
            raise WrongStateError(f"A failed track whose error is retryable can be retried; this one is {now.status}.")
        return _state_of(now)

    def _owned(self, command: CommandRequest) -> tuple[Track, PrivateTrack, datetime]:
        owner = authorised(self.sessions, command.session, command.secret)
        found = self.tracks.find(command.track)
        if found is None or found[0].session != command.session:
            raise UnknownTrackError("Name a track of this session.")
        return found[0], found[1], owner.expires_at

    def _copy_cover(self, source: str, target: str) -> dict[str, Any]:
        here, there = self.settings.folder(source), self.settings.folder(target)
        jpeg = self.objects.read(here.bucket, here.name(COVER))
        if jpeg is None:
            return {}
        self.objects.create(there.bucket, there.name(COVER), jpeg, RESULT_TYPES[COVER])
        return {"music": {"coverUrl": there.url(COVER)}}

    def _announced(self, track: str) -> TrackState:
        """Say that a track waits to be taken up, where it does and nobody has said so, and return where it stands."""
        found = self.tracks.find(track)
        if found is None:
            raise UnknownTrackError("The track has just been deleted.")
        now, work = found
        if now.status is Status.CAPTIONED and not work.published:
            # Published before it is marked: a crash in between repeats the message, which launches nothing twice.
            engine = now.request.engine or self.settings.default_engine
            self.captions.announce(CaptionMessage(now.session, track, now.attempt), engine)
            self.tracks.advance(track, lambda then, it: _mark_published(then, it, now.attempt))
        elif now.status is Status.CAPTIONING and work.owner is None:
            self.pictures.announce(PictureMessage(track))
        return _state_of(now)


@dataclass(frozen=True)
class CalledOff:
    """A track after ``call_off``; ``job_may_write`` says whether a cancelled job may go on writing for a while."""

    track: Track
    job_may_write: bool


def call_off(tracks: Tracks, jobs: Jobs, track: str, attempt: int) -> CalledOff | None:
    """End an attempt of a track as cancelled, unless it is at its end, and cancel its pipeline job.

    Returns the track as it is then, or None if it is gone.
    Repeated after a crash it finds the track cancelled and cancels the job that was left running.
    """

    def decide(now: Track, _: PrivateTrack) -> Change | None:
        if now.status.is_final or now.attempt != attempt:
            return None
        error = TrackCancelledError("cancelled by its session").to_mapping(now.request.language)
        return Change(Status.CANCELLED, {"error": error}, {"owner": None, "lease_until": None, "parked": False})

    tracks.advance(track, decide)
    found = tracks.find(track)
    if found is None:
        return None
    now, work = found
    cancelled = False
    if now.status is Status.CANCELLED and now.brief is not None:
        cancelled = jobs.cancel(ids.pipeline_job_id(track, now.attempt), work.region)
    return CalledOff(now, cancelled)


def _edited(brief: Brief, request: Request, body: Mapping[str, Any]) -> tuple[Brief, Request]:
    for name in body:
        if name not in EDITABLE:
            raise InvalidRequestError(f"Only these can be edited: {', '.join(EDITABLE)}.", field=name)
    edit = {name: value for name, value in body.items() if value is not None}
    wishes = {"seed": secrets.randbelow(SEED[1] + 1)} | {name: edit.pop(name) for name in _WISHES if name in edit}
    try:
        # Checked twice: as it was written, and as what is left of it once addresses and markup are gone.
        checked = Brief.from_mapping(brief.to_mapping() | edit).to_mapping()
        words = {name: plain(checked[name], LENGTHS[name]) for name in _WORDS if name in edit}
        edited = Brief.from_mapping(checked | words)
    except BriefError as error:
        raise InvalidRequestError(f"{error.field} {error.problem}.", field=error.field) from error
    return edited, requested(asdict(request) | wishes)


def _with_cover(now: Track, work: PrivateTrack, cover: Mapping[str, Any]) -> Change | None:
    # Later on the music stands there, with the same cover.
    return Change(fields=cover) if cover and now.status is Status.CAPTIONED and not work.published else None


def _next_attempt(now: Track, failed: int) -> Change | None:
    # CommandRequest again after a lost answer it sees the next attempt already, and leaves it.
    if now.status is not Status.FAILED or now.attempt != failed:
        return None
    status = Status.CAPTIONED if now.brief else Status.CAPTIONING
    work = {"owner": None, "lease_until": None, "published": False, "parked": False, "claims": 0, "region": ""}
    return Change(status, {"attempt": failed + 1, "error": None}, work)


def _mark_published(now: Track, work: PrivateTrack, attempt: int) -> Change | None:
    return None if work.published or now.attempt != attempt else Change(work={"published": True})


def _state_of(track: Track) -> TrackState:
    return TrackState(track.session, track.track_id, track.status, track.attempt)
