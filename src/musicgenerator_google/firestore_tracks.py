"""Tracks and private tracks in Firestore, changed only by conditional writes.

A track is at ``sessions/{session}/tracks/{track}``, its private track at ``work/{track}``. An object name or a job id
contains only the track's id; the private track names the session.
Every write has the update times of the documents that it was decided on as preconditions. If two writers change a
track at the same time, the second one reads it again and decides again. Transactions would make many writers wait for
each other's locks, and most of them would fail.
"""

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from google.api_core import exceptions
from google.cloud import firestore

from musicgenerator.changes import KEEP, Change, Decision, NewTrack, Outcome, TrackUpdate, check_step
from musicgenerator.counting import DailyPictures
from musicgenerator.errors import BudgetSpentError, ContentionError
from musicgenerator.patience import Patience
from musicgenerator.states import FINAL, Status
from musicgenerator.tracks import PrivateTrack, Track
from musicgenerator_google.firestore_counters import count, count_in, find_room, warn_at_half

_TRIES: Final = 40
_RPC_TIMEOUT_SECONDS: Final = 15.0
_BUDGET_LIFETIME: Final = timedelta(days=90)
_LIMITS_LIFETIME: Final = timedelta(days=2)
_MAX_CACHED_SESSIONS: Final = 10_000


class FirestoreTracks:
    def __init__(self, client: firestore.Client, patience: Patience) -> None:
        self._client, self._patience = client, patience
        # A track never changes its session, and one invocation reads it several times.
        self._sessions: dict[str, str] = {}

    def create(self, track: Track, work: PrivateTrack, expires_at: datetime) -> None:
        """Write a new track and its private track, or leave the existing ones; write no export of an erased source.

        A second delivery finds the first one's documents: its commit fails as a whole and changes nothing.
        """
        batch = self._client.batch()
        self._create(batch, NewTrack(replace(track, expires_at=expires_at), work, TrackUpdate()))
        if track.request.export:
            # In the same commit, so that a source that is erased gains no export any more.
            batch.update(self._work(work.source), {track.request.export.kind: track.track_id})
        try:
            batch.commit(timeout=_RPC_TIMEOUT_SECONDS)
        except (exceptions.AlreadyExists, exceptions.NotFound):
            return

    def find(self, track: str) -> tuple[Track, PrivateTrack] | None:
        """Return a track and its private track, or None if it does not exist."""
        found = self._read(track)
        return (found[0], found[1]) if found else None

    def advance(self, track: str, decide: Decision) -> Outcome | None:
        """Write the change that ``decide`` returns in one commit, or nothing if it returns None.

        Returns what was decided on and whether this call wrote it, or None if the track does not exist.
        If another write came first, ``decide`` is called again. The other write may be an earlier one of this call,
        whose response was lost, so ``decide`` must recognize its own change.
        Raises ContentionError if other writers keep winning.
        """
        for attempt in range(_TRIES):
            found = self._read(track)
            if found is None:
                return None
            current, work, snapshots = found
            change = decide(current, work)
            if change is None:
                return Outcome(current, work, changed=False)
            check_step(current, change)
            if self._commit(current, change, snapshots):
                return Outcome(current, work, changed=True)
            time.sleep(random.uniform(0, 0.03 * (attempt + 1)))  # noqa: S311  jitter, not a secret
        raise ContentionError(f"track {track} kept changing")

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return session and id of the overdue tracks, the longest overdue first."""
        query = self._client.collection("work").where(filter=firestore.FieldFilter("dueAt", "<=", now))
        found = query.select(["session"]).order_by("dueAt").limit(limit).stream(timeout=_RPC_TIMEOUT_SECONDS)
        # A document that lacks its session counts as one of an unknown session, so that it hides no other track.
        return [(self._remembered(work), work.id) for work in found]

    def to_forget(self, now: datetime, limit: int) -> list[str]:
        """Return the tracks whose jobs' records are to be deleted, the longest overdue first."""
        query = self._client.collection("work").where(filter=firestore.FieldFilter("forgetAt", "<=", now))
        found = query.select(["session"]).order_by("forgetAt").limit(limit).stream(timeout=_RPC_TIMEOUT_SECONDS)
        # A sweep reads each of them next.
        return [work.id for work in found if self._remembered(work)]

    def of_session(self, session: str) -> list[str]:
        """Return the ids of a session's tracks, found by either of their documents."""
        documents = self._client.collection("sessions", session, "tracks").list_documents(timeout=_RPC_TIMEOUT_SECONDS)
        works = self._client.collection("work").where(filter=firestore.FieldFilter("session", "==", session))
        return sorted(
            {document.id for document in documents} | {work.id for work in works.stream(timeout=_RPC_TIMEOUT_SECONDS)}
        )

    def of_job(self, job: str) -> list[str]:
        """Return the ids of the tracks whose current attempt is claimed for a job."""
        works = self._client.collection("work").where(filter=firestore.FieldFilter("job", "==", job)).select([])
        return [work.id for work in works.stream(timeout=_RPC_TIMEOUT_SECONDS)]

    def exports_of(self, source: str) -> list[str]:
        """Return the ids of the exports of a track, also if it is erased."""
        works = self._client.collection("work").where(filter=firestore.FieldFilter("source", "==", source)).select([])
        return [work.id for work in works.stream(timeout=_RPC_TIMEOUT_SECONDS)]

    def has_music(self, session: str) -> bool:
        """Return whether a track of the session has become music."""
        tracks = self._client.collection("sessions", session, "tracks")
        ready = tracks.where(filter=firestore.FieldFilter("status", "==", Status.READY.value)).select([]).limit(1)
        return any(True for _ in ready.stream(timeout=_RPC_TIMEOUT_SECONDS))

    def erase(self, session: str, track: str) -> None:
        """Delete a track and its private track in one commit; deleting them again changes nothing."""
        batch = self._client.batch()
        batch.delete(self._track(session, track))
        batch.delete(self._work(track))
        batch.commit(timeout=_RPC_TIMEOUT_SECONDS)

    def _create(self, batch: Any, new: NewTrack) -> None:
        track, expires_at = new.track, new.track.expires_at
        if expires_at is None:
            raise ValueError("a track is created with the end of its session")
        document = track.to_document(firestore.SERVER_TIMESTAMP, expires_at)
        store_fields = {"session": track.session, "dueAt": self._patience.due_at(track.status), "expiresAt": expires_at}
        first = new.update.to_fields(track.request.language)
        batch.create(self._track(track.session, track.track_id), document | first)
        batch.create(self._work(track.track_id), new.work.to_fields() | store_fields)

    def _commit(self, current: Track, change: Change, snapshots: tuple[Any, Any]) -> bool:
        batch = self._client.batch()
        if change.daily_limit is not None:
            self._count_launch(batch, change.daily_limit)
        track, work = snapshots
        parked = change.work is not None and change.work.parked
        private = change.work.to_fields() if change.work else {}
        if change.picture is not None:
            private |= self._count_pictures(batch, change.picture)
        if change.created is not None:
            # Another commit may have created it; then this one fails as a whole, and is decided on again.
            self._create(batch, change.created)
        self._give_back(batch, change.give_back)
        if change.forget_at is not KEEP:
            private["forgetAt"] = change.forget_at
        elif change.due_at is not KEEP:
            private["dueAt"] = change.due_at or self._patience.due_at(change.status or current.status, parked=parked)
            if change.status in FINAL and current.brief is not None:
                # An attempt with a brief may have a job. In the same commit, so that no crash leaves its record.
                private["forgetAt"] = self._patience.forget_at()
        public = change.to_fields(current.request.language, firestore.SERVER_TIMESTAMP)
        # The preconditions make a write that was decided on old documents fail instead of undoing a newer one.
        # Every change but one of the sketch or the like writes the private track, so two others that were decided on
        # the same documents never both succeed.
        if private:
            batch.update(work.reference, private, option=self._unchanged(work))
        if public:
            batch.update(track.reference, public, option=self._unchanged(track))
        try:
            batch.commit(timeout=_RPC_TIMEOUT_SECONDS)
        except (
            exceptions.FailedPrecondition,
            exceptions.Aborted,
            exceptions.NotFound,
            exceptions.AlreadyExists,
        ):
            return False
        return True

    def _count_launch(self, batch: Any, limit: int) -> None:
        now = datetime.now(UTC)
        room = find_room(self._client, f"budget/{now.date()}", "launched", limit)
        if not room.shards:
            raise BudgetSpentError(f"{limit} launches on {now.date()}")
        # The commit that changes the track also counts the launch, so both happen, once, or neither.
        count_in(self._client, batch, room, "launched", now + _BUDGET_LIFETIME)
        warn_at_half("launched", room.used + 1, limit)

    def _count_pictures(self, batch: Any, pictures: DailyPictures) -> dict[str, str]:
        """Count a picture's takes for everybody in the commit that claims its track, and return the counters' ids."""
        now = datetime.now(UTC)
        limit, number = pictures.limit - pictures.reserve, pictures.number
        room = find_room(self._client, f"limits/{now.date()}", "tracks", limit, number)
        if not room.shards:
            raise BudgetSpentError(f"{room.used} of {pictures.limit} tracks on {now.date()}, and {number} are wanted")
        counted = count_in(self._client, batch, room, "tracks", now + _LIMITS_LIFETIME)
        warn_at_half("tracks", room.used + number, pictures.limit)
        return dict(zip(("countedForAll", "twinCountedForAll"), counted, strict=False))

    def _give_back(self, batch: Any, counters: Sequence[str]) -> None:
        # The commit that clears the track's list of counters also gives back, so a second one gives nothing back.
        times = Counter(counters)
        documents = [self._client.document("limits", counter) for counter in times]
        for found in self._client.get_all(documents, timeout=_RPC_TIMEOUT_SECONDS) if documents else ():
            if count(found, "tracks") > 0:
                left = max(0, count(found, "tracks") - times[str(found.id)])
                batch.update(found.reference, {"tracks": left}, option=self._unchanged(found))

    def _unchanged(self, snapshot: Any) -> Any:
        return self._client.write_option(last_update_time=snapshot.update_time)

    def _read(self, track: str) -> tuple[Track, PrivateTrack, tuple[Any, Any]] | None:
        session = self._session(track)
        if session is None:
            return None
        # Read both documents at one moment: two reads could return an old track with a newer private track.
        references = [self._track(session, track), self._work(track)]
        found = {each.reference.path: each for each in self._client.get_all(references, timeout=_RPC_TIMEOUT_SECONDS)}
        document, work = (found[reference.path] for reference in references)
        if not document.exists or not work.exists:
            return None
        return (
            Track.from_document(session, track, document.to_dict()),
            PrivateTrack.from_document(work.to_dict()),
            (document, work),
        )

    def _session(self, track: str) -> str | None:
        session = self._sessions.get(track)
        if session is None:
            work = self._work(track).get(timeout=_RPC_TIMEOUT_SECONDS)
            if not work.exists:
                return None
            session = str(work.get("session"))
            self._remember(track, session)
        return session

    def _remembered(self, work: Any) -> str:
        """Return the session that a private track names, and keep it for the next read of the track."""
        session = (work.to_dict() or {}).get("session")
        if isinstance(session, str):
            self._remember(work.id, session)
        return str(session)

    def _remember(self, track: str, session: str) -> None:
        if len(self._sessions) >= _MAX_CACHED_SESSIONS:
            self._sessions.clear()
        self._sessions[track] = session

    def _track(self, session: str, track: str) -> Any:
        return self._client.document("sessions", session, "tracks", track)

    def _work(self, track: str) -> Any:
        return self._client.document("work", track)
