"""Sketch each captioned track once, so that the person hears music while the pipeline's machine starts.

A sketch changes nothing but the track's field ``sketch``: it neither delays nor fails a track.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from musicgenerator import logs
from musicgenerator.briefs import Brief
from musicgenerator.changes import KEEP, Change, Decision, Outcome, TrackUpdate
from musicgenerator.errors import MusicgeneratorError
from musicgenerator.messages import CaptionMessage
from musicgenerator.results import SKETCH_TYPE, ResultsBucket, Sketch, sketch_name
from musicgenerator.states import Status
from musicgenerator.track_requests import Kept
from musicgenerator.tracks import PrivateTrack, Track

# The states with a brief that the describer and the moderation have passed, and without an end.
_WAITS_FOR_MUSIC: Final = frozenset({Status.CAPTIONED, Status.LAUNCHING, Status.COMPOSING})


class NoSketchError(MusicgeneratorError):
    """The brief gives no audible sketch, and another attempt would give none either."""


@dataclass(frozen=True)
class Sketched:
    """The sketch's MP3, its duration, and evenly spaced peaks from 0 to 1."""

    mp3: bytes
    duration_seconds: float
    peaks: tuple[float, ...]


class Tracks(Protocol):
    def find(self, track: str) -> tuple[Track, PrivateTrack] | None: ...

    def advance(self, track: str, decide: Decision) -> Outcome | None: ...


class Objects(Protocol):
    def create(
        self, bucket: str, name: str, data: bytes, content_type: str, expires_at: datetime | None = None
    ) -> bool:
        """Write an object, or leave the existing one and return False.

        It is deleted about a day after ``expires_at``.
        """

    def erase(self, bucket: str, prefix: str) -> None: ...


class Sketches(Protocol):
    def make(self, brief: Brief, seconds: int, seed: int, prompt_version: str, keep: Sequence[Kept] = ()) -> Sketched:
        """Return the sketch of music of this length; raise NoSketchError if the brief gives none.

        ``keep`` is what the music keeps of other seeds, as in an order.
        """


class Switch(Protocol):
    def is_paused(self) -> bool: ...


@dataclass(frozen=True)
class Sketcher:
    """Sketches an attempt once, however often its message is delivered."""

    tracks: Tracks
    objects: Objects
    sketches: Sketches
    results: ResultsBucket
    switch: Switch

    def sketch(self, message: CaptionMessage) -> None:
        """Handle one message: make the sketch, store it and write its address into the track."""
        if self.switch.is_paused():
            logs.info("paused", track=message.track)
            return
        found = self.tracks.find(message.track)
        if found is None:
            logs.info("the track is gone", track=message.track)
            return
        track, work = found
        if track.request.export:
            logs.info("an export has no sketch", track=message.track)
            return
        folder, file = self.results.folder(work.token), sketch_name(message.attempt)
        if not _is_due(track, message.attempt):
            logs.info("no sketch is due", track=message.track)
            if not (track.attempt == message.attempt and track.sketched):
                # An earlier delivery may have crashed after it had written the object.
                self.objects.erase(folder.bucket, folder.name(file))
            return
        sketched = self._make(track)
        if sketched is None:
            return
        self.objects.create(folder.bucket, folder.name(file), sketched.mp3, SKETCH_TYPE, track.expires_at)
        sketch = Sketch(folder, file, sketched.duration_seconds, sketched.peaks, track.seed)

        def decide(current: Track, _: PrivateTrack) -> Change | None:
            # The track does not become overdue later than without a sketch.
            due = _is_due(current, message.attempt)
            return Change(update=TrackUpdate(sketch=sketch), due_at=KEEP) if due else None

        outcome = self.tracks.advance(message.track, decide)
        if outcome is not None and _has_sketch(outcome, message.attempt):
            logs.info("sketched", track=message.track, seconds=sketched.duration_seconds)
            return
        # The track ended or was erased in the meantime, and no document names the object.
        self.objects.erase(folder.bucket, folder.name(file))
        logs.info("sketched too late", track=message.track)

    def _make(self, track: Track) -> Sketched | None:
        brief, request = track.brief, track.request
        if brief is None:
            return None
        try:
            return self.sketches.make(brief, request.duration_seconds, track.seed, track.prompt_version, request.keep)
        except NoSketchError as error:
            # Acknowledge the message: another delivery would fail in the same way.
            logs.error("no sketch", track=track.track_id, reason=str(error))
            return None


def _is_due(track: Track, attempt: int) -> bool:
    return track.attempt == attempt and track.status in _WAITS_FOR_MUSIC and not track.sketched


def _has_sketch(outcome: Outcome, attempt: int) -> bool:
    # An earlier write of this call may have succeeded although its response was lost.
    return outcome.changed or (outcome.track.attempt == attempt and outcome.track.sketched)
