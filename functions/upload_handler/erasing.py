"""Delete a track or a session with all its objects and documents."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Self, TypeVar

from admitting import Entry, Ledger
from calling_off import Stopped, call_off, out_of_job, stop_job, without_second_take
from ports import Jobs, Moves, Objects, Sessions, Tracks
from problems import UnknownTrackError
from sessions import authorised

from musicgenerator import ids, logs
from musicgenerator.errors import ContentionError, MoreToEraseError, OrderError
from musicgenerator.order_book import OrderBook
from musicgenerator.orders import CalledOff, Order, track_orders_prefix
from musicgenerator.results import ResultsBucket
from musicgenerator.settings import regions, required
from musicgenerator.tracks import Image, PrivateTrack, Track, earlier_jobs, job_of

_T = TypeVar("_T")

_AT_ONCE: Final = 8
# The captioner may create the second take of a listed track until that one is called off, and of no other.
_ROUNDS: Final = 2


@dataclass(frozen=True)
class Buckets:
    """The buckets that hold a track's objects, and the regions that its jobs may have run in."""

    images_bucket: str
    results: ResultsBucket
    pipeline_bucket: str
    regions: tuple[str, ...]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError naming a variable that is not set."""
        return cls(
            images_bucket=required(environ, "IMAGES_BUCKET"),
            results=ResultsBucket.from_environ(environ),
            pipeline_bucket=required(environ, "PIPELINE_BUCKET"),
            regions=regions(environ),
        )


@dataclass(frozen=True)
class Erasures:
    """Deletes tracks and sessions; a failed deletion can be repeated.

    One request deletes for up to ``budget_seconds``, well within the function's time-out; the same request continues.
    """

    sessions: Sessions
    tracks: Tracks
    objects: Objects
    jobs: Jobs
    book: OrderBook
    ledger: Ledger
    moves: Moves
    buckets: Buckets
    budget_seconds: float = 40.0

    def erase_track(self, session: str, secret: str, track: str) -> None:
        """Delete a track of this session with its exports; do nothing for what does not exist."""
        authorised(self.sessions, session, secret, even_closed=True)
        found = self.tracks.find(track)
        if found and found[0].session != session:
            raise UnknownTrackError("Name a track of this session.")
        if found:
            # First, so that the person sees a track that is left if the deletion breaks off here.
            self._erase_exports(session, track)
            self._erase(*found)
            if self.tracks.find(track):
                raise ContentionError(f"track {track} came back")
        # The source is gone, so it gains no export any more: this finds one that was created meanwhile.
        self._erase_exports(session, track)

    def _erase_exports(self, session: str, source: str) -> None:
        for name in self.tracks.exports_of(source):
            export = self.tracks.find(name)
            if export and export[0].session == session:
                self._erase(*export)
        for entry in self.ledger.of_source(source):
            # Those of the exports' keys, and of requests that crashed before they created the export.
            if entry.session == session:
                self._erase_entry(entry)

    def erase_session(self, session: str, secret: str) -> None:
        """Delete a session and everything in it; do nothing if it does not exist.

        Raises MoreToEraseError if time runs out; the same request, sent again, continues.
        """
        found = self.sessions.find(session)
        if found is None:
            return
        authorised(self.sessions, session, secret, even_closed=True)
        # From now on the session accepts only deletions, and clients cannot read it.
        self.sessions.end(session)
        until = time.monotonic() + self.budget_seconds
        for _ in range(_ROUNDS):
            _for_each(self.tracks.of_session(session), lambda track: self._erase_named(session, track), until)
        _for_each(self.ledger.of_session(session), self._erase_entry, until)
        _for_each(self.moves.of_session(session), self.moves.erase, until)
        if self.tracks.of_session(session) or self.ledger.of_session(session) or self.moves.of_session(session):
            raise ContentionError("the session kept changing")
        self.sessions.erase(session)
        logs.info("session erased")

    def _erase_named(self, session: str, track: str) -> None:
        found = self.tracks.find(track)
        if found:
            self._erase(*found)
        else:
            self.tracks.erase(session, track)

    def _erase_entry(self, entry: Entry) -> None:
        # A crashed request may have written a cover to a folder that no track names.
        if "token" in entry.details:
            self._erase_results(entry.details["token"])
        self.ledger.erase(entry.name)

    def _erase(self, track: Track, work: PrivateTrack) -> None:
        # Cancel first, so that no handler writes the documents any more. The notifier deletes what the job still
        # writes, when the job has ended.
        stopped = call_off(self.tracks, self.jobs, self.book, track.track_id, track.attempt)
        if not track.request.export:
            # An export's picture is that of its source.
            self._erase_original(track.track_id, track.image, work.dropped_object)
        self._erase_results(work.token)
        if stopped is not None and stopped.work.twin_token:
            # The captioner may have written the cover of a second take, which it does not create any more.
            self._erase_results(stopped.work.twin_token)
            self.tracks.advance(track.track_id, without_second_take)
        ended = stopped is not None and not stopped.job_may_write
        if stopped is not None and ended:
            # Otherwise the order stays until the job has ended: only the order tells the notifier where the job wrote.
            ended = self._erase_jobs(stopped)
        self.ledger.close(track.track_id)
        # The documents last: a repeated deletion needs them to find the rest.
        self.tracks.erase(track.session, track.track_id)
        if stopped is not None and not ended and not stop_job(self.jobs, self.book, stopped.track, stopped.work):
            # The job ended before the documents were gone. The message about its end may have found the track, and
            # then deleted neither what the job wrote last nor its record.
            self._erase_results(work.token)
            self._erase_jobs(stopped)
        if stopped is not None:
            self._close_shared_jobs(stopped)
        logs.info("track erased", track=track.track_id)

    def _erase_jobs(self, stopped: Stopped) -> bool:
        """Delete the orders of a track and the records of its own jobs; return False if one has not ended.

        The launcher cannot launch again: it finds no track, and cancels a job that it has just created.
        """
        track = stopped.track
        self.objects.erase(self.buckets.pipeline_bucket, track_orders_prefix(track.track_id))
        if track.brief is None:
            return True
        left = 0
        for job, places in self._jobs(stopped).items():
            if ids.is_shared_job(job):
                # Other tracks need the job's orders and its record.
                out_of_job(self.book, job, track.track_id)
                continue
            for region in places:
                left += not self.jobs.delete(job, region)
        return not left

    def _close_shared_jobs(self, stopped: Stopped) -> None:
        """Close the jobs of several tracks of which no track is left, as the notifier does at the end of a job.

        A job that was never created has no end.
        """
        for job, places in self._jobs(stopped).items():
            if not ids.is_shared_job(job) or self.tracks.of_job(job):
                continue
            orders = self._orders(job)
            # The step still makes a track; or the job is being cancelled, and may still write. Its end closes it.
            if any(isinstance(order, Order) for order in orders) or any(self.jobs.cancel(job, each) for each in places):
                continue
            for order in orders:
                found = self.tracks.find(order.track)
                if found is None or found[1].token != order.results_token:
                    self._erase_results(order.results_token)
            self.book.delete(job)
            for region in places:
                self.jobs.delete(job, region)

    def _orders(self, job: str) -> Sequence[Order | CalledOff]:
        try:
            return self.book.read(job) or ()
        except OrderError as error:
            logs.error("an order cannot be read", job=job, reason=str(error))
            return ()

    def _jobs(self, stopped: Stopped) -> dict[str, Sequence[str]]:
        """Return the jobs of a track's attempts, and the regions in which each may be."""
        track, work = stopped.track, stopped.work
        earlier: dict[str, Sequence[str]] = dict.fromkeys(earlier_jobs(track, work), self.buckets.regions)
        return earlier | {job_of(track, work): [work.region]}

    def _erase_results(self, token: str) -> None:
        folder = self.buckets.results.folder(token)
        self.objects.erase(folder.bucket, folder.name(""))

    def _erase_original(self, track: str, image: Image | None, dropped_object: str) -> None:
        announced = ids.upload_name(track)
        # The listing also has names that start with the announced one, such as a dropped `uploads/TRACK.jpg`.
        for name, generation in self.objects.generations(self.buckets.images_bucket, announced):
            if name == announced:
                self.objects.delete(self.buckets.images_bucket, name, generation)
        name = dropped_object or (image.object if image else announced)
        if image is not None and name != announced:
            # Delete only this generation of a dropped picture: a later one with the same name is another track's.
            self.objects.delete(image.bucket, name, image.generation)


def _for_each(things: Sequence[_T], erase: Callable[[_T], None], until: float) -> None:
    def erase_in_time(thing: _T) -> None:
        if time.monotonic() > until:
            raise MoreToEraseError(f"some of {len(things)} are left")
        erase(thing)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(erase_in_time, things))
