"""The commands on an existing track: another version, cancel, retry."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from admitting import Admission, Admitted, Particulars, made_track, new_track
from calling_off import call_off, out_of_job
from command_requests import CommandRequest, check_engine, edited
from ports import Captions, Jobs, Objects, Pictures, Sessions, Tracks
from problems import UnknownSessionError, UnknownTrackError, WrongStateError
from sessions import authorised
from varying import asked_exception, kept_of

from musicgenerator import ids, logs
from musicgenerator.briefs import COMPOSER, ENGINES
from musicgenerator.changes import Change, TrackUpdate, mark_published
from musicgenerator.exports import Export
from musicgenerator.messages import CaptionMessage, PictureMessage
from musicgenerator.order_book import OrderBook
from musicgenerator.results import COVER, RESULT_TYPES, TRACK, Music, ResultsBucket
from musicgenerator.settings import SettingInvalidError, required, words
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack, Track, earlier_jobs, job_of


@dataclass(frozen=True)
class TrackState:
    """A track's state after a command."""

    session: str
    track: str
    status: Status
    attempt: int


@dataclass(frozen=True)
class Settings:
    """The results bucket, the engine of requests that name none, and the further engines that a request may name."""

    results: ResultsBucket
    default_engine: str
    allowed_engines: tuple[str, ...] = ()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError or SettingInvalidError naming a variable."""
        allowed = words(environ, "ALLOWED_ENGINES")
        unknown = [engine for engine in allowed if engine not in ENGINES]
        if unknown:
            raise SettingInvalidError(f"ALLOWED_ENGINES must be of {', '.join(ENGINES)}, not {unknown[0]!r}")
        return cls(ResultsBucket.from_environ(environ), required(environ, "DEFAULT_ENGINE"), allowed)

    @property
    def engines(self) -> frozenset[str]:
        """The engines that a request may name."""
        return frozenset((self.default_engine, *self.allowed_engines))


@dataclass(frozen=True)
class Commands:
    sessions: Sessions
    tracks: Tracks
    objects: Objects
    jobs: Jobs
    book: OrderBook
    captions: Captions
    pictures: Pictures
    admission: Admission
    settings: Settings

    def again(self, command: CommandRequest) -> TrackState:
        """Create a track from another track's picture and brief, with the body's edits.

        Fields that the body does not name keep their values, except the seed: without one, it is random.
        Words that a person wrote are moderated by the captioner before anything is made of them.
        With ``keep``, the composer keeps the source's music, except the part or section that ``keep`` names.
        """
        source, work, expires_at = self.owned(command)
        if source.request.export:
            raise WrongStateError("This track is an export: make another version of the track that it is made from.")
        if source.brief is None or source.image is None:
            raise WrongStateError("The picture has not been described yet: wait until the track has a brief.")
        exception = asked_exception(command.body)
        edit = edited(source.brief, source.request, command.body)
        request = edit.request
        if exception is not None:
            folder = self.settings.results.folder(work.token)
            facts = self.objects.read(folder.bucket, folder.name(TRACK))
            request = replace(request, engine=COMPOSER, keep=kept_of(source, facts, exception))
        if command.body.get("engine") is not None or exception is not None:
            check_engine(request, self.settings.engines)
        elif request.engine not in self.settings.engines:
            # The operator no longer offers the source's engine.
            request = replace(request, engine=None)
        # A copy of words that have not passed moderation has not passed it either.
        unchecked = edit.is_written or work.unchecked
        admitted = self.admission.admit(
            (command.session, command.track, "again"),
            command.body,
            command.key,
            Particulars(command.session, expires_at, new_track()),
            self.admission.limits.of_track(command.session, command.address),
        )
        track, token = made_track(admitted)
        new = Track(
            command.session,
            track,
            Status.CAPTIONING if unchecked else Status.CAPTIONED,
            1,
            request,
            source.image,
            edit.brief,
            source.prompt_version,
        )
        # The ledger already has the new folder's token, so an erasure finds this cover even after a crash here.
        cover = self.copy_cover(work.token, token, expires_at)
        private = PrivateTrack(
            token=token,
            dropped_object=work.dropped_object,
            counted_for_all=admitted.counted_for_all,
            unchecked=unchecked,
        )
        self.create(command, new, private, expires_at)
        self.tracks.advance(track, lambda latest, latest_work: with_cover(latest, latest_work, cover))
        logs.info("another version", track=track, of=source.track_id)
        return self.announced(track)

    def cancel(self, command: CommandRequest) -> TrackState:
        """Cancel a track; leave one in a final state as it is."""
        current, _, expires_at = self.owned(command)
        details = Particulars(command.session, expires_at, {"attempt": current.attempt})
        admitted = self.admission.admit((command.session, command.track, "cancel"), command.body, command.key, details)
        ended = call_off(self.tracks, self.jobs, self.book, command.track, admitted.details["attempt"])
        if ended is None:
            raise UnknownTrackError("The track has just been deleted.")
        return _state_of(ended.track)

    def retry(self, command: CommandRequest) -> TrackState:
        """Start the next attempt of a failed track whose error is retryable; leave a running track as it is.

        Raises EngineRefusedError if the track's engine may no longer be named.
        """
        _, work, expires_at = self.owned(command)
        # List the results, then read the track. If it is failed, every listed result is from the failed attempt.
        folder = self.settings.results.folder(work.token)
        results = self.objects.generations(folder.bucket, folder.name(""))
        current, work, _ = self.owned(command)
        due = current.status is Status.FAILED and current.retryable
        if due and current.request.export:
            self._check_newest(current.request.export, command.track)
        elif due:
            # The operator may no longer offer the engine that the first request named.
            check_engine(current.request, self.settings.engines)
        admitted = self.admission.admit(
            (command.session, command.track, "retry"),
            command.body,
            command.key,
            Particulars(command.session, expires_at, {"attempt": current.attempt if due else 0}),
        )
        failed: int = admitted.details["attempt"]
        if due and failed == current.attempt:
            # All requests for the next attempt share one entry, so they count it once. A track that is dropped again
            # after its deletion has the same id, but another token.
            counted = self.admission.admit(
                (command.session, command.track, "retry", work.token),
                {},
                ids.pipeline_job_id(command.track, failed),
                Particulars(command.session, expires_at, {}),
                self.admission.limits.of_track(command.session, command.address, _uncounted(work)),
            )
            # A job of several tracks may start again, and makes each track without results.
            out_of_job(self.book, job_of(current, work), command.track)
            for name, generation in results:
                if name != folder.name(COVER):
                    self.objects.delete(folder.bucket, name, generation)
            self.tracks.advance(command.track, lambda track, work: _next_attempt(track, work, failed, counted))
            return self.announced(command.track)
        if not (due or not current.status.is_final or 0 < failed < current.attempt):
            raise WrongStateError(
                f"A failed track whose error is retryable can be retried; this one is {current.status}."
            )
        return _state_of(current)

    def _check_newest(self, export: Export, track: str) -> None:
        """Raise WrongStateError if the source has a newer export of this kind: two would be made and counted."""
        source = self.tracks.find(export.track)
        if source is None or source[1].last_export(export.kind) != track:
            raise WrongStateError("This file has been asked for again since: that export counts, not this one.")

    def create(self, command: CommandRequest, track: Track, work: PrivateTrack, expires_at: datetime) -> None:
        """Write a new track; if its session's deletion has begun, leave nothing of it and raise UnknownSessionError."""
        self.tracks.create(track, work, expires_at)
        try:
            authorised(self.sessions, command.session, command.secret)
        except UnknownSessionError:
            # The session's deletion may already have listed the tracks, so delete this one here.
            self.erase_folder(work.token)
            self.tracks.erase(command.session, track.track_id)
            self.admission.forget(command.session)
            raise

    def erase_folder(self, token: str) -> None:
        """Delete everything in a folder of the results bucket."""
        folder = self.settings.results.folder(token)
        self.objects.erase(folder.bucket, folder.name(""))

    def owned(self, command: CommandRequest) -> tuple[Track, PrivateTrack, datetime]:
        """Return a command's track, and when its session expires; raise UnknownSessionError or UnknownTrackError."""
        owner = authorised(self.sessions, command.session, command.secret)
        found = self.tracks.find(command.track)
        if found is None or found[0].session != command.session:
            raise UnknownTrackError("Name a track of this session.")
        return found[0], found[1], owner.expires_at

    def copy_cover(self, source: str, target: str, expires_at: datetime) -> Music | None:
        """Copy the cover from folder to folder, by their tokens; return None if there is none."""
        source_folder, target_folder = self.settings.results.folder(source), self.settings.results.folder(target)
        jpeg = self.objects.read(source_folder.bucket, source_folder.name(COVER))
        if jpeg is None:
            return None
        self.objects.create(target_folder.bucket, target_folder.name(COVER), jpeg, RESULT_TYPES[COVER], expires_at)
        return Music(target_folder)

    def announced(self, track: str) -> TrackState:
        """Publish the track's next message, unless it has been published, and return the track's state."""
        found = self.tracks.find(track)
        if found is None:
            raise UnknownTrackError("The track has just been deleted.")
        current, work = found
        if current.status is Status.CAPTIONED and not work.published:
            # Publish, then mark: after a crash in between, the message is published again and launches nothing twice.
            engine = current.request.engine or self.settings.default_engine
            self.captions.announce(CaptionMessage(current.session, track, current.attempt), engine)
            self.tracks.advance(track, lambda latest, latest_work: mark_published(latest, latest_work, current.attempt))
        elif current.status is Status.CAPTIONING and work.owner is None:
            self.pictures.announce(PictureMessage(track))
        return _state_of(current)


def with_cover(current: Track, work: PrivateTrack, cover: Music | None) -> Change | None:
    """Decide to write a cover into a new track."""
    # After its message is published, the track may already have its music, which includes the same cover.
    due = current.status in {Status.CAPTIONING, Status.CAPTIONED} and not work.published
    return Change(update=TrackUpdate(music=cover)) if cover and due else None


def _next_attempt(current: Track, work: PrivateTrack, failed: int, counted: Admitted) -> Change | None:
    # If the response of the first write was lost, this is called again, finds the next attempt and changes nothing.
    if current.status is not Status.FAILED or current.attempt != failed:
        return None
    status = Status.CAPTIONED if current.brief and not work.unchecked else Status.CAPTIONING
    fresh = PrivateTrack(
        work.token,
        dropped_object=work.dropped_object,
        hint=work.hint,
        # Without a brief, the attempt may pay for one, unlike another version.
        counted=() if current.brief else counted.counted,
        counted_for_all=counted.counted_for_all,
        twin_token=work.twin_token,
        # So that no later attempt counts the second take again, and its end gives the count back.
        twin_counted_for_all=work.twin_counted_for_all or counted.twin_counted_for_all,
        unchecked=work.unchecked,
        source=work.source,
        # An attempt without a brief had no job.
        earlier_jobs=(*earlier_jobs(current, work), job_of(current, work)) if current.brief else work.earlier_jobs,
    )
    return Change(status, TrackUpdate(sketch=None, error=None), fresh, attempt=failed + 1)


def _uncounted(work: PrivateTrack) -> int:
    """Return how many tracks the next attempt makes that are not counted: this one, and a second take to come."""
    return 2 if work.twin_token and not work.twin_counted_for_all else 1


def _state_of(track: Track) -> TrackState:
    return TrackState(track.session, track.track_id, track.status, track.attempt)
