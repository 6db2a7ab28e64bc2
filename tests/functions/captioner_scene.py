"""The captioner with fakes for its ports."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from captioning import Captioner, Describer, Picture, Settings

from musicgenerator.briefs import Brief
from musicgenerator.errors import PermanentError
from musicgenerator.events import ObjectFinalized
from musicgenerator.messages import CaptionMessage, PictureMessage
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack
from tests.contracts.recorded import SESSION, TRACK, recorded, recorded_usage, recorded_work
from tests.support.fakes import HeardCaptions, MemoryBreaker, MemoryObjects, MemoryTracks, ScriptedDescriber

ENVIRON: Final = {
    "IMAGES_BUCKET": "musicgenerator-images",
    "RESULTS_BUCKET": "musicgenerator-results",
    "STORAGE_URL": "https://storage.googleapis.com",
    "DROP_SESSION": "s" + "d" * 26,
    "DEFAULT_ENGINE": "composer",
}
PICTURE: Final = b"\xff\xd8\xff picture"
ANNOUNCED: Final = (CaptionMessage(SESSION, TRACK, 1), "composer")


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def picture_of(_: bytes) -> Picture:
    """Decode any bytes to the same picture."""
    return Picture(b"\xff\xd8jpeg", 4032, 3024)


@dataclass
class RefusingDecoder:
    """Refuses every picture with the same error."""

    failure: PermanentError

    def __call__(self, _: bytes) -> Picture:
        raise self.failure


def recorded_describer() -> ScriptedDescriber:
    """Return a describer whose brief and usage are those of ``track_captioned.json``."""
    return ScriptedDescriber(Brief.from_mapping(recorded("track_captioned")["brief"]), recorded_usage())


@dataclass
class Scene:
    """The captioner with one announced track whose picture has been uploaded.

    ``adapter`` is a real describer that replaces the scripted one.
    """

    tracks: MemoryTracks = field(default_factory=MemoryTracks)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    describer: ScriptedDescriber = field(default_factory=recorded_describer)
    adapter: Describer | None = None
    breaker: MemoryBreaker = field(default_factory=MemoryBreaker)
    captions: HeardCaptions = field(default_factory=HeardCaptions)
    decode: Any = picture_of
    event: ObjectFinalized = field(
        default_factory=lambda: ObjectFinalized.from_data(recorded("storage_finalized")["body"])
    )

    def __post_init__(self) -> None:
        self.objects.upload(self.event, PICTURE)
        self.at(Status.AWAITING_UPLOAD)

    def at(self, status: Status, **work: Any) -> None:
        """Store the recorded track of this status."""
        self.tracks.hold(recorded(f"track_{status}"), SESSION, TRACK, replace(recorded_work(), **work))

    def asking(self, **request: Any) -> None:
        """Store a track that waits for its picture, with these wishes in its request."""
        document = recorded("track_awaiting_upload")
        self.tracks.hold(document | {"request": document["request"] | request}, SESSION, TRACK, recorded_work())

    def parked(self) -> None:
        """Store the recorded parked track."""
        self.tracks.hold(recorded("track_parked"), SESSION, TRACK, replace(recorded_work(), owner="gone", parked=True))

    def deliver(self) -> None:
        """Deliver the storage event."""
        self._captioner().caption(self.event)

    def resume(self, track: str = TRACK) -> None:
        """Deliver a message of a replay or sweep."""
        self._captioner().resume(PictureMessage(track))

    def _captioner(self) -> Captioner:
        return Captioner(
            tracks=self.tracks,
            objects=self.objects,
            decode=self.decode,
            describer=self.adapter or self.describer,
            breaker=self.breaker,
            captions=self.captions,
            settings=Settings.from_environ(ENVIRON),
        )

    @property
    def document(self) -> dict[str, Any]:
        return self.tracks.documents[TRACK]

    @property
    def work(self) -> PrivateTrack:
        return self.tracks.works[TRACK]
