"""The door and the captioner over the same fakes, and a picture for which two takes are asked."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from captioning import Captioner, Settings
from command_requests import CommandRequest
from ports import Session

from musicgenerator import ids
from musicgenerator.encodings import StoredBytes
from musicgenerator.events import ObjectFinalized
from musicgenerator.messages import PictureMessage
from musicgenerator.tracks import PrivateTrack
from tests.contracts.recorded import SESSION
from tests.functions.captioner_scene import ENVIRON, PICTURE, picture_of, recorded_describer
from tests.functions.commands_scene import IMAGES, RESULTS, SECRET
from tests.support.command_fakes import MemoryBuckets, UploadHandler
from tests.support.fakes import MemoryBreaker, ScriptedDescriber

TAKES: Final = {"contentType": "image/jpeg", "takes": 2}


@dataclass
class Buckets(MemoryBuckets):
    """Objects that the captioner can read, too."""

    def find(self, bucket: str, name: str, generation: int | None = None) -> ObjectFinalized | None:
        found = self.read_generation(bucket, name)
        if found is None or generation not in {None, found[1]}:
            return None
        return ObjectFinalized(bucket, name, found[1], len(found[0]), "image/jpeg")

    def start(self, bucket: str, name: str, length: int, generation: int | None = None) -> StoredBytes | None:
        found = self.find(bucket, name, generation)
        return StoredBytes((self.read(bucket, name) or b"")[:length], "") if found else None


@dataclass
class Scene(UploadHandler):
    """An open session, and a captioner with its describer."""

    buckets: Buckets = field(default_factory=Buckets)
    describer: ScriptedDescriber = field(default_factory=recorded_describer)
    decode: Any = picture_of
    breaker: MemoryBreaker = field(default_factory=MemoryBreaker)
    environ: dict[str, str] = field(default_factory=lambda: dict(ENVIRON))
    announced_tracks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sessions.create(Session(SESSION, ids.secret_hash(SECRET), datetime.now(UTC) + timedelta(days=1)))

    def announced(self, key: str | None = None, **wishes: Any) -> str:
        """Announce a picture with two takes, upload it, and return its track."""
        request = CommandRequest(SESSION, SECRET, "", TAKES | wishes, key, "203.0.113.9")
        track = self.api.uploads.announce_track(request).track
        self.buckets.put(IMAGES, ids.upload_name(track), PICTURE, 7)
        return track

    def deliver(self, track: str) -> None:
        """Deliver the picture's event to the captioner, unless the picture is gone."""
        found = self.buckets.find(IMAGES, ids.upload_name(track))
        if found:
            self.captioner.caption(found)

    def resume(self, track: str) -> None:
        """Deliver a message of a replay or a sweep."""
        self.captioner.resume(PictureMessage(track))

    def command(self, track: str, name: str, key: str | None = None) -> None:
        getattr(self.api.commands, name)(CommandRequest(SESSION, SECRET, track, {}, key, "203.0.113.9"))

    def erase(self, track: str = "") -> None:
        """Erase a track, or the session."""
        if track:
            self.api.erasures.erase_track(SESSION, SECRET, track)
        else:
            self.api.erasures.erase_session(SESSION, SECRET)

    def without_lease(self, track: str) -> None:
        """Let the lease of a claim end, whose owner has crashed."""
        work = self.tracks.works[track]
        self.tracks.works[track] = replace(work, lease_until=datetime.now(UTC) - timedelta(seconds=1))

    @property
    def captioner(self) -> Captioner:
        return Captioner(
            tracks=self.tracks,
            objects=self.buckets,
            decode=self.decode,
            describer=self.describer,
            breaker=self.breaker,
            captions=self.captions,
            settings=Settings.from_environ(self.environ),
        )

    @property
    def covers(self) -> set[str]:
        """The folders in the results bucket."""
        return {name.partition("/")[0] for name in self.buckets.names(RESULTS)}

    def folders(self) -> set[str]:
        """Return the folders that the tracks name; a first one's erasure deletes that of a second one to come."""
        works = self.tracks.works.values()
        return {work.token for work in works} | {work.twin_token for work in works}

    def status(self, track: str) -> str:
        return str(self.tracks.documents[track]["status"]) if track in self.tracks.documents else "gone"

    def work(self, track: str) -> PrivateTrack:
        return self.tracks.works[track]
