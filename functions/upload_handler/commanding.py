"""What a person may still want of a track that is under way or at its end: another take, an end, another attempt."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol, Self

from admitting import Admission, Particulars, made_track, new_track
from problems import InvalidRequestError, UnknownSessionError, UnknownTrackError, WrongStateError
from uploading import Sessions, authorised, requested

from musicgenerator import ids, logs
from musicgenerator.briefs import LENGTHS, SEED, Brief
from musicgenerator.errors import BriefError, TrackCancelledError
from musicgenerator.messages import CaptionMessage, PictureMessage
from musicgenerator.plain_text import plain
from musicgenerator.results import COVER, RESULT_TYPES, Music, ResultsBucket
from musicgenerator.settings import required
from musicgenerator.states import Status
from musicgenerator.tracks import Change, Decision, Outcome, PrivateTrack, Request, Track, TrackUpdate

_WISHES: Final = ("durationSeconds", "seed", "engine")
_WORDS: Final = ("title", "caption", "prompt", "avoid")
EDITABLE: Final = (*_WORDS, "moods", "genre", "instruments", "tempoBpm", "key", "valence", "energy", *_WISHES)


@dataclass(frozen=True)
class TrackState:
    """Where a track stands after a command."""

    session: str
    track: str
    status: Status
    attempt: int


@dataclass(frozen=True)
class Settings:
    """The two buckets, and the engine of whoever asked for none."""

    images_bucket: str
    results: ResultsBucket
    default_engine: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError naming a variable that is not set."""
        return cls(
            images_bucket=required(environ, "IMAGES_BUCKET"),
            results=ResultsBucket.from_environ(environ),
            default_engine=required(environ, "DEFAULT_ENGINE"),
        )


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

    def cancel(self, job: str, region: str) -> None:
        """Cancel a job, if it is there and has not ended."""
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
            self.objects.erase(self.settings.results.name, self.settings.results.folder(token).name(""))
            self.tracks.erase(command.session, track)
            self.admission.forget(command.session)
            raise
        self.tracks.advance(track, lambda current, it: _with_cover(current, it, cover))
        logs.info("another take", track=track, of=source.track_id)
        return self._announced(track)

    def cancel(self, command: CommandRequest) -> TrackState:
        """End a track that is under way; one that is at its end stays as it is."""
        current, _, expires_at = self._owned(command)
        details = Particulars(command.session, expires_at, {"attempt": current.attempt})
        stands = self.admission.admit((command.session, command.track, "cancel"), command.body, command.key, details)
        ended = call_off(self.tracks, self.jobs, command.track, stands["attempt"])
        if ended is None:
            raise UnknownTrackError("The track has just been deleted.")
        return _state_of(ended)

    def retry(self, command: CommandRequest) -> TrackState:
        """Begin the next attempt of a track that has failed and may succeed; one that is under way stays as it is."""
        _, work, expires_at = self._owned(command)
        # Listed before the look that decides: what is there while the attempt still counts as failed is its leftover.
        folder = self.settings.results.folder(work.token)
        results = self.objects.generations(folder.bucket, folder.name(""))
        current, _, _ = self._owned(command)
        due = current.status is Status.FAILED and current.retryable
        stands = self.admission.admit(
            (command.session, command.track, "retry"),
            command.body,
            command.key,
            Particulars(command.session, expires_at, {"attempt": current.attempt if due else 0}),
            self.admission.limits.of_track(command.session, command.address) if due else (),
        )
        failed: int = stands["attempt"]
        if due and failed == current.attempt:
            for name, generation in results:
                if name != folder.name(COVER):
                    self.objects.delete(folder.bucket, name, generation)
            self.tracks.advance(command.track, lambda track, work: _next_attempt(track, work, failed))
            return self._announced(command.track)
        if not (due or not current.status.is_final or 0 < failed < current.attempt):
            raise WrongStateError(
                f"A failed track whose error is retryable can be retried; this one is {current.status}."
            )
        return _state_of(current)

    def _owned(self, command: CommandRequest) -> tuple[Track, PrivateTrack, datetime]:
        owner = authorised(self.sessions, command.session, command.secret)
        found = self.tracks.find(command.track)
        if found is None or found[0].session != command.session:
            raise UnknownTrackError("Name a track of this session.")
        return found[0], found[1], owner.expires_at

    def _copy_cover(self, source: str, target: str) -> Music | None:
        here, there = self.settings.results.folder(source), self.settings.results.folder(target)
        jpeg = self.objects.read(here.bucket, here.name(COVER))
        if jpeg is None:
            return None
        self.objects.create(there.bucket, there.name(COVER), jpeg, RESULT_TYPES[COVER])
        return Music(there)

    def _announced(self, track: str) -> TrackState:
        """Say that a track waits to be taken up, where it does and nobody has said so, and return where it stands."""
        found = self.tracks.find(track)
        if found is None:
            raise UnknownTrackError("The track has just been deleted.")
        current, work = found
        if current.status is Status.CAPTIONED and not work.published:
            # Published before it is marked: a crash in between repeats the message, which launches nothing twice.
            engine = current.request.engine or self.settings.default_engine
            self.captions.announce(CaptionMessage(current.session, track, current.attempt), engine)
            self.tracks.advance(track, lambda then, it: _mark_published(then, it, current.attempt))
        elif current.status is Status.CAPTIONING and work.owner is None:
            self.pictures.announce(PictureMessage(track))
        return _state_of(current)


def call_off(tracks: Tracks, jobs: Jobs, track: str, attempt: int) -> Track | None:
    """End an attempt of a track as cancelled, unless it is at its end, and cancel its pipeline job.

    Returns the track as it is then, or None where it is gone.
    Repeated after a crash it finds the track cancelled and cancels the job that was left running.
    """

    def decide(current: Track, work: PrivateTrack) -> Change | None:
        if current.status.is_final or current.attempt != attempt:
            return None
        update = TrackUpdate(error=TrackCancelledError("cancelled by its session"))
        return Change(Status.CANCELLED, update, replace(work, owner=None, lease_until=None, parked=False))

    tracks.advance(track, decide)
    found = tracks.find(track)
    if found is None:
        return None
    current, work = found
    if current.status is Status.CANCELLED and current.brief is not None:
        jobs.cancel(ids.pipeline_job_id(track, current.attempt), work.region)
    return current


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
    return edited, requested(request.to_mapping() | wishes)


def _with_cover(current: Track, work: PrivateTrack, cover: Music | None) -> Change | None:
    # Later the field holds the music, with the same cover.
    due = current.status is Status.CAPTIONED and not work.published
    return Change(update=TrackUpdate(music=cover)) if cover and due else None


def _next_attempt(current: Track, work: PrivateTrack, failed: int) -> Change | None:
    # Asked again after a lost answer, it sees the next attempt already and leaves it.
    if current.status is not Status.FAILED or current.attempt != failed:
        return None
    status = Status.CAPTIONED if current.brief else Status.CAPTIONING
    return Change(status, TrackUpdate(error=None), PrivateTrack(work.token), attempt=failed + 1)


def _mark_published(current: Track, work: PrivateTrack, attempt: int) -> Change | None:
    if work.published or current.attempt != attempt:
        return None
    return Change(work=replace(work, published=True))


def _state_of(track: Track) -> TrackState:
    return TrackState(track.session, track.track_id, track.status, track.attempt)
