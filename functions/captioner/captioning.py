"""Caption a finished upload: claim its track, describe its picture and announce the brief on `captions`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, Self

from musicgenerator import ids, logs
from musicgenerator.briefs import Brief
from musicgenerator.errors import (
    BlockedError,
    BriefError,
    CaptionAbandonedError,
    DescriberBlockedError,
    LeasedError,
    PermanentError,
    PictureGoneError,
    PictureTooLargeError,
    UploadMissingError,
)
from musicgenerator.events import ObjectFinalized
from musicgenerator.messages import CaptionMessage, PictureMessage
from musicgenerator.patience import Patience
from musicgenerator.redaction import error_for_log
from musicgenerator.results import COVER, RESULT_TYPES, Music, ResultsBucket
from musicgenerator.settings import required, seconds
from musicgenerator.states import Status
from musicgenerator.tracks import (
    MAX_PICTURE_BYTES,
    Change,
    Decision,
    DescriberUsage,
    Image,
    Outcome,
    PrivateTrack,
    Request,
    Track,
    TrackUpdate,
)

MAX_CLAIMS: Final = 25
DROPPED_TRACKS_LIVE: Final = timedelta(days=30)


@dataclass(frozen=True)
class Picture:
    """A decoded picture: an upright RGB JPEG without metadata, and the pixel size of the original."""

    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Settings:
    """Buckets, the session of dropped pictures, the engine of requests that name none, and time limits."""

    images_bucket: str
    results: ResultsBucket
    drop_session: str
    default_engine: str
    patience: Patience
    lease: timedelta = timedelta(seconds=150)

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
        )


class Tracks(Protocol):
    def create(self, track: Track, work: PrivateTrack, expires_at: datetime) -> None:
        """Write a new track, or leave the existing one."""

    def find(self, track: str) -> tuple[Track, PrivateTrack] | None: ...

    def advance(self, track: str, decide: Decision) -> Outcome | None: ...


class Objects(Protocol):
    def find(self, bucket: str, name: str, generation: int | None = None) -> ObjectFinalized | None: ...

    def read(self, bucket: str, name: str, generation: int | None = None) -> bytes | None: ...

    def create(self, bucket: str, name: str, data: bytes, content_type: str) -> None:
        """Write an object, or leave the existing one."""

    def erase(self, bucket: str, prefix: str) -> None: ...


@dataclass(frozen=True)
class Description:
    """The describer's brief, or the error that ends the track, and what its calls used and cost."""

    outcome: Brief | PermanentError
    usage: DescriberUsage


class Describer(Protocol):
    def describe(self, picture: Picture, request: Request) -> Description:
        """Describe a picture; raise TransientError if a later call may succeed, BlockedError if none will."""


class Breaker(Protocol):
    """Open while no call to the describer can succeed."""

    def is_open(self) -> bool: ...

    def open(self, reason: str) -> None: ...


class Captions(Protocol):
    def announce(self, message: CaptionMessage, engine: str) -> None: ...


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
        if event.bucket != self.settings.images_bucket or event.name.endswith("/"):
            logs.info("not an uploaded picture", bucket=event.bucket, object=event.name)
            return
        # Read the object's facts: those in the event may be forged or outdated.
        found = self.objects.find(event.bucket, event.name, event.generation)
        if found is None:
            logs.warning("the object of the event does not exist", object=event.name, generation=event.generation)
            return
        self._process(ids.announced_track(found.name) or self._dropped(found), found)

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
        outcome = self._claim(track, event, owner)
        if outcome is None:
            logs.warning("the track is gone", track=track)
            return
        if outcome.changed or _owns(outcome, owner):
            self._settle(outcome, event, owner)
        elif outcome.track.status is Status.CAPTIONING:
            raise LeasedError(f"track {track} is being captioned")
        elif outcome.track.status is Status.CAPTIONED and not outcome.work.published:
            self._announce(outcome.track)

    def _dropped(self, found: ObjectFinalized) -> str:
        track = ids.dropped_track_id(found.bucket, found.name, found.generation)
        request = _dropped_request(found)
        # The id is derived from the object: a second delivery finds this track and creates nothing.
        self.tracks.create(
            # The image is stored now, so that the sweeper can resume the track if this invocation crashes.
            Track(
                self.settings.drop_session,
                track,
                Status.AWAITING_UPLOAD,
                1,
                replace(request, hint=""),
                _image(found),
            ),
            PrivateTrack(token=ids.new_results_token(), dropped_object=found.name, hint=request.hint),
            datetime.now(UTC) + DROPPED_TRACKS_LIVE,
        )
        return track

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
        change = _end(track, UploadMissingError("the announced picture was not uploaded"))
        # If the picture's event is handled at the same time, the track has another status and does not change.
        self.tracks.advance(
            track.track_id, lambda current, _: change if current.status is Status.AWAITING_UPLOAD else None
        )

    def _claim(self, track: str, event: ObjectFinalized, owner: str) -> Outcome | None:
        def decide(current: Track, work: PrivateTrack) -> Change | None:
            now = datetime.now(UTC)
            claimed = replace(
                work,
                owner=owner,
                lease_until=now + self.settings.lease,
                parked=False,
                claims=work.claims + 1,
                # The private track gets the name in the commit that may take it out of an older track.
                dropped_object=_dropped_name(event),
            )
            if current.status is Status.AWAITING_UPLOAD:
                return Change(Status.CAPTIONING, TrackUpdate(image=_image(event)), claimed)
            # The owner may have crashed: after the end of its lease, the next delivery claims the track.
            if current.status is Status.CAPTIONING and (work.lease_until or _LONG_AGO) < now:
                return Change(work=claimed)
            return None

        return self.tracks.advance(track, decide)

    def _settle(self, outcome: Outcome, event: ObjectFinalized, owner: str) -> None:
        track = outcome.track
        is_parked = False
        try:
            change = self._describe(track, outcome.work, event)
        except PermanentError as error:
            change = _end(track, error)
        except BlockedError as error:
            # Acknowledge the event, because redeliveries would exhaust its attempts; a replay resumes the track.
            logs.error("track parked", track=track.track_id, reason=str(error))
            change, is_parked = Change(update=TrackUpdate(error=error)), True
        except BaseException:
            self._release(track, owner)
            raise

        def decide(current: Track, work: PrivateTrack) -> Change | None:
            # Only the owner writes: if another invocation has claimed the track since, this one changes nothing.
            if current.status is not Status.CAPTIONING or work.owner != owner:
                return None
            return replace(change, work=replace(work, parked=True, lease_until=None, claims=0)) if is_parked else change

        settled = self.tracks.advance(track.track_id, decide)
        if settled is None or settled.track.status is Status.CANCELLED:
            # The track was cancelled or erased after the claim. Erase the cover, because no document refers to it.
            folder = self.settings.results.folder(outcome.work.token)
            self.objects.erase(folder.bucket, folder.name(COVER))
        elif (settled.changed or _owns(settled, owner)) and change.status is Status.CAPTIONED:
            self._announce(track)

    def _release(self, track: Track, owner: str) -> None:
        # The event is delivered again soon; without the lease, that delivery can claim the track at once.
        self.tracks.advance(
            track.track_id,
            lambda _, work: Change(work=replace(work, lease_until=None)) if work.owner == owner else None,
        )

    def _describe(self, track: Track, work: PrivateTrack, event: ObjectFinalized) -> Change:
        if work.claims >= MAX_CLAIMS:
            raise CaptionAbandonedError(f"claimed {work.claims} times")
        if event.size > MAX_PICTURE_BYTES:
            raise PictureTooLargeError(f"{event.size} bytes")
        data = self.objects.read(event.bucket, event.name, event.generation)
        if data is None:
            raise PictureGoneError("the object does not exist any more")
        picture = self.decode(data)
        image = replace(_image(event), width=picture.width, height=picture.height)
        description = self._ask(picture, replace(track.request, hint=work.hint or track.request.hint))
        update = TrackUpdate(image=image, describer=description.usage)
        if isinstance(description.outcome, PermanentError):
            return _end(track, description.outcome, update)
        folder = self.settings.results.folder(work.token)
        self.objects.create(folder.bucket, folder.name(COVER), picture.jpeg, RESULT_TYPES[COVER])
        return Change(Status.CAPTIONED, replace(update, brief=description.outcome, music=Music(folder), error=None))

    def _ask(self, picture: Picture, request: Request) -> Description:
        if self.breaker.is_open():
            raise DescriberBlockedError("the breaker is open")
        try:
            return self.describer.describe(picture, request)
        except BlockedError as error:
            self.breaker.open(str(error))
            raise

    def _announce(self, track: Track) -> None:
        # Publish, then mark: after a crash in between, the message is published again and launches nothing twice.
        engine = track.request.engine or self.settings.default_engine
        self.captions.announce(CaptionMessage(track.session, track.track_id, track.attempt), engine)
        self.tracks.advance(track.track_id, lambda current, work: _mark_published(current, work, track.attempt))


_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_UPDATE: Final = TrackUpdate()


def _end(track: Track, error: PermanentError, update: TrackUpdate = _NO_UPDATE) -> Change:
    logs.warning("track ended", track=track.track_id, code=error.code, reason=error_for_log(error))
    return Change(error.status, replace(update, error=error))


def _owns(outcome: Outcome, owner: str) -> bool:
    return outcome.work.owner == owner


def _mark_published(current: Track, work: PrivateTrack, attempt: int) -> Change | None:
    # The next attempt may have started in the meantime. The command that started it publishes and marks its message.
    if work.published or current.attempt != attempt:
        return None
    return Change(work=replace(work, published=True))


def _image(event: ObjectFinalized) -> Image:
    name = "" if _dropped_name(event) else event.name
    return Image(event.bucket, name, event.generation, 0, 0, event.content_type, event.size)


def _dropped_name(event: ObjectFinalized) -> str:
    """Return the object's name if it was dropped, else an empty text: an announced name has only the track's id."""
    return "" if ids.announced_track(event.name) else event.name


def _dropped_request(event: ObjectFinalized) -> Request:
    """Return the request in an object's custom metadata, without the values that are invalid."""
    wishes: dict[str, Any] = {}
    for name, value in event.metadata.items():
        try:
            wish = {name: int(value) if name in {"durationSeconds", "seed"} else value}
            Request.from_mapping(wish)
        except (BriefError, ValueError) as error:
            # The error of int() quotes the value.
            reason = error_for_log(error) if isinstance(error, BriefError) else f"{name} is not valid"
            logs.warning("invalid metadata", object=event.name, reason=reason)
            continue
        wishes |= wish
    return Request.from_mapping(wishes)
