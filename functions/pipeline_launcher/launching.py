"""Launch each attempt in one pipeline job, alone or with others, however often its message is delivered.

Each track is claimed for its job by a commit of its own. The job's id follows from the tracks that were meant for it.
The orders are written after the claims and never gain a track. So an invocation that continues an interrupted launch
reads which tracks are claimed for the job, and which of them the job makes; a track that it does not make gets a job of
its own.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, Self

from creating import Creator

from musicgenerator import ids, logs
from musicgenerator.changes import Change, Decision, Outcome, TrackUpdate
from musicgenerator.errors import (
    BlockedError,
    BudgetSpentError,
    LaunchUnavailableError,
    OrderError,
    PermanentError,
    RegionBusyError,
)
from musicgenerator.messages import CaptionMessage, GatheredMessage
from musicgenerator.orders import CalledOff, Order
from musicgenerator.redaction import error_for_log
from musicgenerator.settings import DAILY_LIMIT, regions, seconds, whole_number
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack, Track, job_of

BLOCKED_PAUSE: Final = timedelta(minutes=2)

Member = tuple[Track, PrivateTrack]


@dataclass(frozen=True)
class Settings:
    """The regions of pipeline jobs, the daily limit, and how long tracks wait.

    The first of ``regions`` is the installation's. After a region has refused a job, the launcher creates no job there
    for ``pause``, because the region's quota counts jobs per minute. A new track waits ``gathering`` for others with
    which it shares a job. It also waits for others while all regions have refused a job within ``crowded``: jobs of one
    track would use up the quota that jobs of many tracks need.
    """

    regions: tuple[str, ...]
    daily_limit: int
    pause: timedelta = timedelta(seconds=30)
    gathering: timedelta = timedelta(0)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError naming a variable that is not set."""
        return cls(
            regions=regions(environ),
            daily_limit=whole_number(environ, "DAILY_LIMIT", DAILY_LIMIT),
            pause=seconds(environ, "REGION_PAUSE_SECONDS", cls.pause),
            gathering=seconds(environ, "BATCH_SECONDS", cls.gathering),
        )

    @property
    def crowded(self) -> timedelta:
        """How long after a refusal a region's jobs are kept for tracks that have waited."""
        return 10 * self.pause


class Tracks(Protocol):
    def find(self, track: str) -> Member | None: ...

    def advance(self, track: str, decide: Decision) -> Outcome | None:
        """Write the change that ``decide`` returns, in one commit."""
        ...

    def of_job(self, job: str) -> Sequence[str]:
        """Return the tracks that are claimed for a job."""
        ...


class Regions(Protocol):
    """The regions that refused a job, shared by all instances."""

    def busy_until(self) -> Mapping[str, datetime]: ...

    def spare(self, region: str, until: datetime) -> None:
        """Launch no job in a region until a moment."""
        ...


class Switch(Protocol):
    def is_paused(self) -> bool: ...


@dataclass(frozen=True)
class Launch:
    """A job to create in a region, and the tracks that are claimed for it, by their ids."""

    job: str
    region: str
    members: dict[str, Member]


@dataclass(frozen=True)
class Launcher:
    """Launches each track's attempt exactly once, in one job in one region."""

    tracks: Tracks
    creator: Creator
    regions: Regions
    settings: Settings
    switch: Switch

    def launch(self, message: CaptionMessage | GatheredMessage) -> None:
        """Handle one message.

        While no region accepts a job, or while the tracks wait for others, they keep their state, and the sweeper
        announces them again, together.
        """
        if self.switch.is_paused():
            # Acknowledge the message. The tracks do not change, so the sweeper announces them again later.
            for attempt in message.attempts:
                logs.warning("paused", track=attempt.track)
            return
        now = datetime.now(UTC)
        refused = self.regions.busy_until()
        busy = {region: until for region, until in refused.items() if until > now}
        crowded = {region for region, until in refused.items() if until + self.settings.crowded > now}
        region = self._choose(busy, crowded)
        waits_until = busy.get(region)
        gathers = bool(self.settings.gathering) or region in crowded
        if isinstance(message, CaptionMessage) and gathers and waits_until is None:
            waits_until = now + self.settings.gathering
        # An earlier delivery may have chosen another region.
        attempts = [(attempt.track, attempt.attempt) for attempt in message.attempts]
        names = {each: ids.run_id(each, attempts) for each in self.settings.regions}
        launches: dict[str, Launch] = {}
        for attempt in message.attempts:
            member = self._member(attempt, self._claim(attempt, names, region, waits_until), waits_until or now)
            if member:
                # If the track was `launching` before, another launch has crashed, was refused, or runs at the same
                # time. All of them create a job with the same id in the same region, and Vertex AI accepts one.
                track, work = member
                name, where = job_of(track, work), work.region or self.settings.regions[0]
                launches.setdefault(name, Launch(name, where, {})).members[track.track_id] = member
        for launch in launches.values():
            self._complete(launch, busy)

    def _claim(
        self, attempt: CaptionMessage, names: Mapping[str, str], region: str, waits_until: datetime | None
    ) -> Outcome | None:
        """Claim a track for a region's job unless it waits; return None if it is gone, or the daily limit ended it."""
        job = names[region]

        def claim(current: Track, work: PrivateTrack) -> Change | None:
            # The commit that claims the track also stores its job and region and counts the day's launch, so it is
            # launched in one job and counted once. A track that is claimed for a job is not claimed for another one.
            due = current.status is Status.CAPTIONED and current.attempt == attempt.attempt and waits_until is None
            taken = replace(work, region=region, job=job)
            return Change(Status.LAUNCHING, work=taken, daily_limit=self.settings.daily_limit) if due else None

        try:
            outcome = self.tracks.advance(attempt.track, claim)
        except BudgetSpentError as error:
            self._end(attempt, Status.CAPTIONED, error)
            return None
        if outcome is None:
            # The deleted track no longer says in which job and region it is.
            for gone in {*names.values(), ids.pipeline_job_id(attempt.track, attempt.attempt)}:
                self._call_off(attempt, gone, self.settings.regions)
        elif outcome.changed:
            return replace(outcome, work=replace(outcome.work, region=region, job=job))
        return outcome

    def _member(self, attempt: CaptionMessage, claim: Outcome | None, until: datetime) -> Member | None:
        """Return a track that is claimed for a job; let one wait that is not, and call a cancelled one off."""
        if claim is None:
            return None
        track, work = claim.track, claim.work
        if claim.changed or (track.status is Status.LAUNCHING and track.attempt == attempt.attempt):
            return track, work
        if _is_called_off(track, attempt):
            self._call_off(attempt, job_of(track, work), [work.region])
        elif track.status is Status.CAPTIONED and track.attempt == attempt.attempt:
            self._wait(attempt, Status.CAPTIONED, until)
        else:
            logs.info("nothing to launch", track=track.track_id, status=track.status)
        return None

    def _complete(self, launch: Launch, busy: Mapping[str, datetime]) -> None:
        """Launch a job with all tracks that are claimed for it, or let them wait while its region is busy."""
        if ids.is_shared_job(launch.job):
            # An earlier delivery may have claimed some of them.
            for name in self.tracks.of_job(launch.job):
                found = None if name in launch.members else self.tracks.find(name)
                if found and found[0].status is Status.LAUNCHING:
                    launch.members[name] = found
        if launch.region in busy:
            for track, _ in launch.members.values():
                self._wait(_attempt(track), Status.LAUNCHING, busy[launch.region], launch.job)
        else:
            self._launch(launch)

    def _launch(self, launch: Launch) -> None:
        job, region, members = launch.job, launch.region, launch.members
        attempts = {name: _attempt(track) for name, (track, _) in members.items()}
        try:
            orders = self.creator.create(job, region, list(members.values()))
        except LaunchUnavailableError as error:
            logs.warning("job refused", job=job, region=region, reason=str(error))
            until = datetime.now(UTC) + self.settings.pause
            # After an outage only these tracks wait. If the region has no capacity, all its tracks wait.
            if isinstance(error, RegionBusyError):
                self.regions.spare(region, until)
            settled = {name: self._wait(each, Status.LAUNCHING, until, job) for name, each in attempts.items()}
        except BlockedError as error:
            settled = {name: self._park(each, error, job) for name, each in attempts.items()}
        except PermanentError as error:
            for each in attempts.values():
                self._end(each, Status.LAUNCHING, error, job)
            return
        else:
            made = {order.track for order in orders if _is_made(order, members.get(order.track))}
            # A parked track has an error, which is over.
            composing = Change(Status.COMPOSING, TrackUpdate(error=None))
            settled = {name: self._settle(attempts[name], Status.LAUNCHING, composing, job) for name in made}
            for name in members.keys() - made:
                self._launch_alone(members[name], job)
            self._call_off_others(launch, orders)
        # The job may exist even if its creation raised an error. If a track is cancelled or gone, only this call takes
        # it out of the job.
        for name, outcome in settled.items():
            if outcome is None or _is_called_off(outcome.track, attempts[name]):
                self._call_off(attempts[name], job, [region])

    def _call_off_others(self, launch: Launch, orders: Sequence[Order | CalledOff]) -> None:
        """Take out of a job the tracks that were cancelled or erased after an interrupted launch had ordered them."""
        for order in orders:
            if isinstance(order, CalledOff) or order.track in launch.members:
                continue
            found = self.tracks.find(order.track)
            attempt = CaptionMessage(found[0].session if found else "", order.track, order.attempt)
            if found is None or _is_called_off(found[0], attempt):
                self._call_off(attempt, launch.job, [launch.region])

    def _launch_alone(self, member: Member, job: str) -> None:
        """Launch a track in a job of its own, because the job that it was claimed for does not make it."""
        track, work = member
        attempt, own = _attempt(track), ids.pipeline_job_id(track.track_id, track.attempt)

        def move(current: Track, current_work: PrivateTrack) -> Change | None:
            # The job's orders never gain a track, so it never makes this one.
            left_out = current.status is Status.LAUNCHING and current.attempt == track.attempt
            if not left_out or job_of(current, current_work) != job:
                return None
            return Change(work=replace(current_work, job=own))

        logs.warning("launched alone", track=track.track_id, job=job)
        outcome = self.tracks.advance(track.track_id, move)
        if outcome is None or _is_called_off(outcome.track, attempt):
            return
        if outcome.changed:
            self._launch(Launch(own, work.region, {track.track_id: (track, replace(outcome.work, job=own))}))

    def _choose(self, busy: Mapping[str, datetime], crowded: Collection[str]) -> str:
        """Return a random free region, one that is not crowded if possible; if none is free, the first to become so."""
        free = [region for region in self.settings.regions if region not in busy]
        free = [region for region in free if region not in crowded] or free
        return secrets.choice(free) if free else min(self.settings.regions, key=lambda region: busy[region])

    def _wait(self, attempt: CaptionMessage, state: Status, until: datetime, job: str = "") -> Outcome | None:
        # Acknowledge the message, because redeliveries during an outage would exhaust its attempts. When the track is
        # due and its session has its turn, the sweeper publishes the message again.
        logs.info("waits for a job", track=attempt.track, status=state, until=until)
        return self._settle(attempt, state, Change(due_at=until), job)

    def _park(self, attempt: CaptionMessage, error: BlockedError, job: str) -> Outcome | None:
        # Acknowledge the message, because redeliveries would exhaust its attempts. The sweeper publishes it again soon,
        # since a new grant takes effect within minutes, and a replay does so at once.
        logs.error("track parked", track=attempt.track, reason=str(error))

        def decide(current: Track, work: PrivateTrack) -> Change | None:
            # A track that was cancelled or has ended since keeps its state.
            if current.status is not Status.LAUNCHING or current.attempt != attempt.attempt:
                return None
            if job_of(current, work) != job:
                return None
            until = datetime.now(UTC) + BLOCKED_PAUSE
            return Change(update=TrackUpdate(error=error), work=replace(work, parked=True), due_at=until)

        return self.tracks.advance(attempt.track, decide)

    def _call_off(self, attempt: CaptionMessage, job: str, regions: Sequence[str]) -> None:
        """Take a cancelled or erased track out of a job, and cancel the job if it makes no other track."""
        # The command that cancelled or erased the track may have run before the orders existed.
        logs.warning("the track was cancelled or is gone", track=attempt.track)
        try:
            left = self.creator.book.call_off(job, attempt.track)
        except OrderError as error:
            logs.error("an order cannot be read", track=attempt.track, job=job, reason=str(error))
            left = None
        if left or (left is None and ids.is_shared_job(job)):
            return
        outage, pipelines, is_running = None, self.creator.pipelines, False
        for region in regions:
            try:
                is_running |= pipelines.cancel(job, region)
            except LaunchUnavailableError as error:
                # The job may run in a region that answers.
                outage = error
        if outage:
            raise outage
        if left == 0 and not is_running and not any(pipelines.facts(job, region) for region in regions):
            # The job was never created, so no end of it deletes what names the folders of erased tracks.
            self.creator.book.delete(job)

    def _end(self, attempt: CaptionMessage, state: Status, error: PermanentError, job: str = "") -> None:
        logs.error("track ended", track=attempt.track, code=error.code, reason=error_for_log(error))
        self._settle(attempt, state, Change(error.status, TrackUpdate(error=error)), job)

    def _settle(self, attempt: CaptionMessage, state: Status, change: Change, job: str = "") -> Outcome | None:
        """Change an attempt that is in this state and, if a job is given, still claimed for it."""

        def decide(current: Track, work: PrivateTrack) -> Change | None:
            # The music may be ready before this write: then the track has a later state and keeps it.
            if current.status is not state or current.attempt != attempt.attempt:
                return None
            if job and job_of(current, work) != job:
                return None
            return replace(change, work=replace(work, parked=False)) if change.status and work.parked else change

        return self.tracks.advance(attempt.track, decide)


def _attempt(track: Track) -> CaptionMessage:
    return CaptionMessage(track.session, track.track_id, track.attempt)


def _is_called_off(track: Track, attempt: CaptionMessage) -> bool:
    return track.status is Status.CANCELLED and track.attempt == attempt.attempt


def _is_made(order: Order | CalledOff, member: Member | None) -> bool:
    """Say whether an order is a member's: a dropped picture's track can be erased and come back with another folder."""
    return isinstance(order, Order) and member is not None and member[1].token == order.results_token
