"""Caption a finished upload: claim its track, describe its picture and announce the brief on `captions`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Protocol, Self

from announcing import Announcements, Captions
from counted_claims import CountedTracks, claim_within_limit, end_uncounted, given_back, person
from dropped_tracks import Tracks as DroppedTracks
from dropped_tracks import dropped_name, image_of, track_of_drop
from picture_objects import Objects, kind_of_object, read_picture
from second_takes import cover_tokens, finished, folders_of
from unwanted_uploads import delete_upload, is_unwanted

from musicgenerator import drops, ids, logs
from musicgenerator.briefs import Brief
from musicgenerator.changes import Change, Outcome, TrackUpdate
from musicgenerator.counting import DailyPictures
from musicgenerator.errors import (
    BlockedError,
    BudgetSpentError,
    CaptionAbandonedError,
    ContentRejectedError,
    DescriberBlockedError,
    LeasedError,
    PermanentError,
    PictureError,
    UploadMissingError,
)
from musicgenerator.events import ObjectFinalized
from musicgenerator.messages import PictureMessage
from musicgenerator.patience import Patience
from musicgenerator.redaction import error_for_log
from musicgenerator.results import COVER, RESULT_TYPES, Music, ResultsBucket
from musicgenerator.settings import TRACKS_A_DAY, required, seconds, whole_number
from musicgenerator.signatures import Kind
from musicgenerator.states import Status
from musicgenerator.track_requests import Request
from musicgenerator.tracks import DescriberUsage, PrivateTrack, Track

MAX_CLAIMS: Final = 25


@dataclass(frozen=True)
class Picture:
    """A decoded picture: an upright RGB JPEG without metadata, and the pixel size of the original."""

    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Settings:
    """Buckets, the session of dropped pictures, the engine of requests that name none, and limits.

    ``tracks_a_day`` limits everybody's announced tracks whose picture has arrived.
    """

    images_bucket: str
    results: ResultsBucket
    drop_session: str
    default_engine: str
    patience: Patience
    lease: timedelta = timedelta(seconds=150)
    tracks_a_day: int = TRACKS_A_DAY

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError for a variable that is not set."""
        return cls(
            images_bucket=required(environ, "IMAGES_BUCKET"),
            results=ResultsBucket.from_environ(environ),
            drop_session=required(environ, "DROP_SESSION"),
            default_engine=required(environ, "DEFAULT_ENGINE"),
            patience=Patience.from_environ(environ),
            lease=seconds(environ, "CAPTION_LEASE_SECONDS", cls.lease),
            tracks_a_day=whole_number(environ, "TRACKS_A_DAY", cls.tracks_a_day),
        )


class Tracks(DroppedTracks, CountedTracks, Protocol):
    """The tracks in Firestore."""


@dataclass(frozen=True)
class Description:
    """The describer's brief, or the error that ends the track, and what its calls used and cost."""

    outcome: Brief | PermanentError
    usage: DescriberUsage


class Describer(Protocol):
    def describe(self, picture: Picture, request: Request, person: str) -> Description:
        """Describe a picture; raise TransientError if a later call may succeed, BlockedError if none will.

        ``person`` names the person who sent it, so that a violation of the model's rules counts for nobody else.
        """

    def check(self, brief: Brief) -> None:
        """Moderate the words of a brief; raise ContentRejectedError if they are refused, and as ``describe`` does."""


class Breaker(Protocol):
    """Open while no call to the describer can succeed."""

    def is_open(self) -> bool: ...

    def open(self, reason: str) -> None: ...


@dataclass(frozen=True)
class Captioner:
    """Captions each track once, however often its event is delivered."""

    tracks: Tracks
    objects: Objects
    decode: Callable[[bytes], Picture]
    describer: Describer
    breaker: Breaker
    captions: Captions
    settings: Settings

    def caption(self, event: ObjectFinalized) -> None:
        """Handle one finished upload.

        Raises LeasedError while another invocation holds the track, so that the event is delivered again.
        """
        if event.bucket != self.settings.images_bucket:
            logs.info("not an object of the images bucket", bucket=event.bucket)
            return
        announced = ids.announced_track(event.name)
        if announced is None and (reason := drops.unwanted(event.name)):
            _ignore(event, reason)
            return
        # Read the object's facts: those in the event may be forged or outdated.
        found = self.objects.find(event.bucket, event.name, event.generation)
        kind = kind_of_object(self.objects, event) if found and announced is None else Kind.PICTURE
        if found is None or kind is None:
            logs.warning("the object of the event does not exist", generation=event.generation)
        elif kind is not Kind.PICTURE:
            _ignore(event, kind)
        elif announced is not None and is_unwanted(self.tracks, announced):
            delete_upload(self.objects, announced, found)
        else:
            self._process(announced or track_of_drop(self.tracks, self.settings.drop_session, found), found)

    def resume(self, message: PictureMessage) -> None:
        """Process a parked or overdue track again, as its storage event would.

        Ends a track whose announced picture was not uploaded in time.
        Raises LeasedError while another invocation holds the track, so that the message is delivered again.
        """
        found = self.tracks.find(message.track)
        if found is None:
            logs.warning("the track is gone", track=message.track)
            return
        picture = self._picture_of(*found)
        if picture is None:
            self._end_without_picture(found[0])
        else:
            self._process(message.track, picture)

    def _process(self, track: str, event: ObjectFinalized) -> None:
        owner = ids.new_secret()
        try:
            outcome = claim_within_limit(
                self.tracks, track, self.settings.tracks_a_day, partial(self._claim, track, event, owner)
            )
        except BudgetSpentError as error:
            self._end_uncounted(track, event, error)
            return
        if outcome is None:
            logs.warning("the track is gone", track=track)
        if outcome is None or (outcome.track.status is Status.CANCELLED and not outcome.changed):
            # The track was erased or cancelled after the caller looked at it.
            if ids.announced_track(event.name) == track:
                delete_upload(self.objects, track, event)
        elif outcome.changed or _owns(outcome, owner):
            self._settle(outcome, event, owner)
        elif outcome.track.status is Status.CAPTIONING:
            raise LeasedError(f"track {track} is being captioned")
        elif outcome.track.status is Status.CAPTIONED and not outcome.work.published:
            self._announcements.announce(outcome.track)

    @property
    def _announcements(self) -> Announcements:
        return Announcements(self.tracks, self.captions, self.settings.default_engine)

    def _picture_of(self, track: Track, work: PrivateTrack) -> ObjectFinalized | None:
        image = track.image
        if image is not None:
            name = work.dropped_object or image.object
            return ObjectFinalized(image.bucket, name, image.generation, image.bytes, image.content_type)
        # No storage event of this track was handled: the event was lost, or nothing was uploaded.
        return self.objects.find(self.settings.images_bucket, ids.upload_name(track.track_id))

    def _end_without_picture(self, track: Track) -> None:
        if datetime.now(UTC) - (track.created_at or _LONG_AGO) < self.settings.patience.awaiting_upload:
            logs.info("the picture may still be uploaded", track=track.track_id)
            return
        end_uncounted(
            self.tracks, track.track_id, _end(track, UploadMissingError("the announced picture was not uploaded"))
        )

    def _end_uncounted(self, track: str, event: ObjectFinalized, error: BudgetSpentError) -> None:
        found = self.tracks.find(track)
        if found is not None:
            # The image is stored, so that a retry finds the picture.
            end_uncounted(self.tracks, track, _end(found[0], error, TrackUpdate(image=image_of(event))))

    def _claim(self, track: str, event: ObjectFinalized, owner: str, pictures: DailyPictures) -> Outcome | None:
        def decide(current: Track, work: PrivateTrack) -> Change | None:
            now = datetime.now(UTC)
            claimed = replace(
                work,
                owner=owner,
                lease_until=now + self.settings.lease,
                parked=False,
                claims=work.claims + 1,
                # The private track gets the name in the commit that may take it out of an older track.
                dropped_object=dropped_name(event),
            )
            if current.status is Status.AWAITING_UPLOAD:
                # An announced track counts for everybody from here on, once: only this commit leaves the state.
                counted = None if claimed.dropped_object else replace(pictures, number=current.request.takes)
                return Change(Status.CAPTIONING, TrackUpdate(image=image_of(event)), claimed, picture=counted)
            # The owner may have crashed: after the end of its lease, the next delivery claims the track.
            if current.status is Status.CAPTIONING and (work.lease_until or _LONG_AGO) < now:
                return Change(work=claimed)
            return None

        return self.tracks.advance(track, decide)

    def _settle(self, outcome: Outcome, event: ObjectFinalized, owner: str) -> None:
        track = outcome.track
        is_parked = is_refused = False
        try:
            change = self._describe(track, outcome.work, event)
        except PermanentError as error:
            # Moderation of another version's words costs nothing, nor does a picture that cannot be used.
            is_refused = isinstance(error, PictureError if track.brief is None else ContentRejectedError)
            change = _end(track, error)
        except BlockedError as error:
            # Acknowledge the event, because redeliveries would exhaust its attempts; a replay resumes the track.
            logs.error("track parked", track=track.track_id, reason=str(error))
            change, is_parked = Change(update=TrackUpdate(error=error)), True
        except BaseException:
            self._release(track, owner)
            raise

        def decide(current: Track, work: PrivateTrack) -> Change | None:
            if current.status is Status.CANCELLED and work.counted_for_all and (is_refused or is_parked):
                # The track was cancelled in the meantime, and its picture has cost nothing.
                return given_back(Change(), work)
            # Only the owner writes: if another invocation has claimed the track since, this one changes nothing.
            if current.status is not Status.CAPTIONING or work.owner != owner:
                return None
            if is_parked:
                return replace(change, work=replace(work, parked=True, lease_until=None, claims=0))
            return finished(change, current, work, self.settings.results, is_refused=is_refused)

        settled = self.tracks.advance(track.track_id, decide)
        if settled is None or settled.track.status is Status.CANCELLED:
            self._erase_covers(track, outcome.work)
        elif (settled.changed or _owns(settled, owner)) and change.status is Status.CAPTIONED:
            self._announcements.announce(track)

    def _erase_covers(self, track: Track, work: PrivateTrack) -> None:
        # The track was cancelled or erased after the claim, and no document refers to its covers.
        for folder in map(self.settings.results.folder, cover_tokens(self.tracks, track, work)):
            self.objects.erase(folder.bucket, folder.name(COVER))

    def _release(self, track: Track, owner: str) -> None:
        # The event is delivered again soon; without the lease, that delivery can claim the track at once.
        self.tracks.advance(
            track.track_id,
            lambda _, work: Change(work=replace(work, lease_until=None)) if work.owner == owner else None,
        )

    def _describe(self, track: Track, work: PrivateTrack, event: ObjectFinalized) -> Change:
        if work.claims >= MAX_CLAIMS:
            raise CaptionAbandonedError(f"claimed {work.claims} times")
        if track.brief is not None:
            return self._check(track.brief)
        event, data = read_picture(self.objects, track, event)
        picture = self.decode(data)
        image = replace(image_of(event), width=picture.width, height=picture.height)
        request = replace(track.request, hint=work.hint or track.request.hint)
        description = self._ask(picture, request, person(track.session))
        update = TrackUpdate(image=image, describer=description.usage)
        if isinstance(description.outcome, PermanentError):
            return _end(track, description.outcome, update)
        for folder in map(self.settings.results.folder, folders_of(work)):
            self.objects.create(folder.bucket, folder.name(COVER), picture.jpeg, RESULT_TYPES[COVER], track.expires_at)
        cover = Music(self.settings.results.folder(work.token))
        return Change(Status.CAPTIONED, replace(update, brief=description.outcome, music=cover, error=None))

    def _ask(self, picture: Picture, request: Request, person: str) -> Description:
        with self._breaking():
            return self.describer.describe(picture, request, person)

    def _check(self, brief: Brief) -> Change:
        # The track is another version, and a person wrote words of its brief.
        with self._breaking():
            self.describer.check(brief)
        return Change(Status.CAPTIONED, TrackUpdate(error=None))

    @contextmanager
    def _breaking(self) -> Iterator[None]:
        if self.breaker.is_open():
            raise DescriberBlockedError("the breaker is open")
        try:
            yield
        except BlockedError as error:
            self.breaker.open(str(error))
            raise


_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_UPDATE: Final = TrackUpdate()


def _ignore(event: ObjectFinalized, reason: str) -> None:
    # Nobody waits for a track of this object, so a metric counts the line. The name may be private.
    logs.info("not a picture", reason=reason, generation=event.generation)


def _end(track: Track, error: PermanentError, update: TrackUpdate = _NO_UPDATE) -> Change:
    logs.warning("track ended", track=track.track_id, code=error.code, reason=error_for_log(error))
    return Change(error.status, replace(update, error=error))


def _owns(outcome: Outcome, owner: str) -> bool:
    return outcome.work.owner == owner
