"""Cancel an attempt of a track, and its pipeline job if it makes no other track."""

from dataclasses import dataclass, replace

from ports import Jobs, Tracks

from musicgenerator import ids, logs
from musicgenerator.changes import Change, TrackUpdate
from musicgenerator.errors import OrderError, TrackCancelledError
from musicgenerator.order_book import OrderBook
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack, Track, job_of


@dataclass(frozen=True)
class Stopped:
    """A track after ``call_off``, and its private track.

    ``job_may_write`` is true while the attempt's job may still write its results.
    """

    track: Track
    work: PrivateTrack
    job_may_write: bool


def call_off(tracks: Tracks, jobs: Jobs, book: OrderBook, track: str, attempt: int) -> Stopped | None:
    """Set an attempt to cancelled unless it is final, take it out of its pipeline job, and cancel a job without tracks.

    Returns the track as it is afterwards, or None if it does not exist.
    After a crash, a second call finds the track cancelled and does the rest.
    """

    def decide(current: Track, work: PrivateTrack) -> Change | None:
        # A final state stays: a second call changes nothing.
        if current.status.is_final or current.attempt != attempt:
            return None
        update = TrackUpdate(error=TrackCancelledError("cancelled by its session"))
        ended = replace(work, owner=None, lease_until=None, parked=False)
        if current.status is Status.AWAITING_UPLOAD:
            # Nothing has been uploaded, so the track counts for nobody.
            return Change(Status.CANCELLED, update, replace(ended, counted=()), give_back=work.counted)
        # A second take that has not been created yet never will be.
        spare = (work.twin_counted_for_all,) if work.twin_counted_for_all else ()
        ended = replace(ended, twin_counted_for_all="")
        if work.counted_for_all and _has_cost_nothing(current, work):
            freed = replace(ended, counted_for_all="")
            return Change(Status.CANCELLED, update, freed, give_back=(work.counted_for_all, *spare))
        return Change(Status.CANCELLED, update, ended, give_back=spare)

    tracks.advance(track, decide)
    found = tracks.find(track)
    if found is None:
        return None
    current, work = found
    may_write = False
    if current.status is Status.CANCELLED and current.brief is not None:
        may_write = stop_job(jobs, book, current, work)
    return Stopped(current, work, may_write)


def without_second_take(_: Track, work: PrivateTrack) -> Change | None:
    """Decide to give a second take back that a failed track has counted and that no retry creates any more."""
    if not work.twin_counted_for_all:
        # A second call gives nothing back.
        return None
    left = replace(work, twin_token="", twin_counted_for_all="")
    return Change(work=left, give_back=(work.twin_counted_for_all,))


def stop_job(jobs: Jobs, book: OrderBook, track: Track, work: PrivateTrack) -> bool:
    """Take a track out of its job, cancel the job if it makes no other one, and return whether it may still write."""
    job = job_of(track, work)
    left = out_of_job(book, job, track.track_id)
    if left is None and ids.is_shared_job(job):
        # The job has ended, or its orders are not written yet; then the launcher finds the track cancelled or gone.
        return False
    # A job of several tracks may be making this one, and goes on for the others.
    return True if left else jobs.cancel(job, work.region)


def out_of_job(book: OrderBook, job: str, track: str) -> int | None:
    """Call a track off; return how many tracks its job still makes, None if it does not make this one."""
    try:
        return book.call_off(job, track)
    except OrderError as error:
        logs.error("an order cannot be read", track=track, job=job, reason=str(error))
        return None


def _has_cost_nothing(current: Track, work: PrivateTrack) -> bool:
    """Say whether neither the describer nor a job has worked for a track whose picture has arrived."""
    if work.is_version:
        return current.status in {Status.CAPTIONING, Status.CAPTIONED}
    # The describer was not available.
    return current.status is Status.CAPTIONING and work.parked
