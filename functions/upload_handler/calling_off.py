"""Cancel an attempt of a track and its pipeline job."""

from dataclasses import dataclass, replace

from ports import Jobs, Tracks

from musicgenerator import ids
from musicgenerator.errors import TrackCancelledError
from musicgenerator.states import Status
from musicgenerator.tracks import Change, PrivateTrack, Track, TrackUpdate


@dataclass(frozen=True)
class CalledOff:
    """A track after ``call_off``, and the region of its job.

    ``job_may_write`` is true while a cancelled job may still write results.
    """

    track: Track
    region: str
    job_may_write: bool


def call_off(tracks: Tracks, jobs: Jobs, track: str, attempt: int) -> CalledOff | None:
    """Set an attempt to cancelled unless it is final, and cancel its pipeline job.

    Returns the track as it is afterwards, or None if it does not exist.
    After a crash, a second call finds the track cancelled and cancels the job that is still running.
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
        if work.counted_for_all and _has_cost_nothing(current, work):
            freed = replace(ended, counted_for_all="")
            return Change(Status.CANCELLED, update, freed, give_back=(work.counted_for_all,))
        return Change(Status.CANCELLED, update, ended)

    tracks.advance(track, decide)
    found = tracks.find(track)
    if found is None:
        return None
    current, work = found
    cancelled = False
    if current.status is Status.CANCELLED and current.brief is not None:
        cancelled = jobs.cancel(ids.pipeline_job_id(track, current.attempt), work.region)
    return CalledOff(current, work.region, cancelled)


def _has_cost_nothing(current: Track, work: PrivateTrack) -> bool:
    """Say whether neither the describer nor a job has worked for a track whose picture has arrived."""
    if work.is_take:
        return current.status in {Status.CAPTIONING, Status.CAPTIONED}
    # The describer was not available.
    return current.status is Status.CAPTIONING and work.parked
