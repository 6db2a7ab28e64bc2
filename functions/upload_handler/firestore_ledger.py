"""Entries and daily counters in Firestore.

Entries are at ``idempotency/{entry}``. Counters are at ``limits/{day}-{shard}`` for everybody, and at
``limits/{day}-{hash}`` for an address or a session. ``limits/{day}`` has the random salt of the hashes. It expires with
them after two days; then the counted addresses and sessions can no longer be found by trying hashes.
"""

import hashlib
import random
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from admitting import Entry, Quota, limit_reached
from google.api_core import exceptions
from google.cloud import firestore
from problems import LimitReachedError, unknown_session

from musicgenerator.errors import ContentionError
from musicgenerator_google.firestore_counters import count, count_on, find_room, warn_at_half

_TRIES: Final = 40
_RPC_TIMEOUT_SECONDS: Final = 15.0
_COUNTER_LIFETIME: Final = timedelta(days=2)


class FirestoreLedger:
    """Enters and counts each request once, by conditional writes."""

    def __init__(self, client: firestore.Client) -> None:
        self._client = client

    def enter(self, entry: Entry, quotas: Sequence[Quota]) -> Entry:
        """Write an entry and count it in one commit, or return the existing entry and count nothing.

        Raises LimitReachedError if a quota is used up, UnknownSessionError if the entry's session has ended or is gone,
        and ContentionError if other writers keep winning.
        """
        document, session = self._entry(entry.name), self._client.document("sessions", entry.session or "none")
        for attempt in range(_TRIES):
            now = datetime.now(UTC)
            today = self._client.document("limits", now.date().isoformat())
            found = self._read([document, today, session])
            if found[document.path].exists:
                # An equal request wrote it, or this one did and the response was lost: it is counted in both cases.
                return _entry(entry.name, found[document.path].to_dict())
            batch = self._client.batch()
            if entry.in_session:
                self._hold(batch, found[session.path])
            try:
                counted, everybody = self._count(batch, found[today.path], quotas, now)
            except LimitReachedError:
                # An equal request may have used the last place after the read above; then return its entry.
                snapshot = self._read([document])[document.path]
                if snapshot.exists:
                    return _entry(entry.name, snapshot.to_dict())
                raise
            first, second = (*everybody, "", "")[:2]
            counting = replace(entry, counted=counted, counted_for_all=first, twin_counted_for_all=second)
            batch.create(document, _document(counting))
            try:
                batch.commit(timeout=_RPC_TIMEOUT_SECONDS)
            except (exceptions.AlreadyExists, exceptions.FailedPrecondition, exceptions.Aborted, exceptions.NotFound):
                time.sleep(random.uniform(0, 0.03 * (attempt + 1)))  # noqa: S311  jitter, not a secret
            else:
                return counting
        raise ContentionError("the day's counters kept changing")

    def close(self, track: str) -> None:
        """Empty the details of the entries that created this track."""
        entries = self._entries().where(filter=firestore.FieldFilter("details.track", "==", track))
        for found in entries.stream(timeout=_RPC_TIMEOUT_SECONDS):
            found.reference.update({"details": {}}, timeout=_RPC_TIMEOUT_SECONDS)

    def of_session(self, session: str) -> list[Entry]:
        """Return all entries of a session."""
        found = self._entries().where(filter=firestore.FieldFilter("session", "==", session))
        return [_entry(entry.id, entry.to_dict()) for entry in found.stream(timeout=_RPC_TIMEOUT_SECONDS)]

    def of_source(self, track: str) -> list[Entry]:
        """Return the entries of requests for exports of a track that have not been closed."""
        found = self._entries().where(filter=firestore.FieldFilter("details.source", "==", track))
        return [_entry(entry.id, entry.to_dict()) for entry in found.stream(timeout=_RPC_TIMEOUT_SECONDS)]

    def erase(self, name: str) -> None:
        """Delete an entry; deleting it again changes nothing."""
        self._entry(name).delete(timeout=_RPC_TIMEOUT_SECONDS)

    def _hold(self, batch: Any, session: Any) -> None:
        """Make the batch fail if the session's deletion begins before it is committed."""
        document = session.to_dict()
        if document is None or "endedAt" in document:
            raise unknown_session()
        # The deletion lists the entries after it has changed this document. So it finds each entry that was written
        # before, and none is written after. The value is the one that the document has: clients see no change.
        unchanged = self._client.write_option(last_update_time=session.update_time)
        batch.update(session.reference, {"secretHash": document["secretHash"]}, option=unchanged)

    def _count(
        self, batch: Any, today: Any, quotas: Sequence[Quota], now: datetime
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Add the counts to the batch, and return the ids of the counters that are not everybody's, and everybody's."""
        if not quotas:
            return (), ()
        salt = (today.to_dict() or {"salt": secrets.token_hex(16)})["salt"]
        if not today.exists:
            batch.create(today.reference, {"salt": salt, "expiresAt": now + _COUNTER_LIFETIME})
        counters = {quota: self._counter(today.reference, salt, quota) for quota in quotas if quota.subject}
        # One counter may count several units.
        found = self._read(list({counter.path: counter for counter in counters.values()}.values()))
        # New values by document, since one address may be counted in two units.
        values: dict[str, dict[str, int]] = {}
        everybody: tuple[str, ...] = ()
        for quota in quotas:
            if quota.subject:
                snapshot = found[counters[quota].path]
                left = quota.limit - count(snapshot, quota.unit)
                snapshots = (snapshot,) * quota.number
            else:
                within = quota.limit - quota.reserve
                room = find_room(self._client, today.reference.path, quota.unit, within, quota.number)
                left, snapshots = room.left, room.shards
                if quota.counts and snapshots:
                    warn_at_half(quota.unit, room.used + quota.number, quota.limit)
                    everybody = tuple(str(snapshot.id) for snapshot in snapshots)
            if left < quota.number:
                raise limit_reached(quota, now, left)
            for snapshot in snapshots if quota.counts else ():
                found[snapshot.reference.path] = snapshot
                value = values.setdefault(snapshot.reference.path, {})
                value[quota.unit] = value.get(quota.unit, count(snapshot, quota.unit)) + 1
        for path, value in values.items():
            count_on(self._client, batch, found[path], value, now + _COUNTER_LIFETIME)
        return _times(counters), everybody

    def _counter(self, today: Any, salt: str, quota: Quota) -> Any:
        subject = hashlib.sha256(f"{salt}\0{quota.subject}".encode()).hexdigest()
        return self._client.document("limits", f"{today.id}-{subject}")

    def _read(self, documents: Sequence[Any]) -> dict[str, Any]:
        found = self._client.get_all(documents, timeout=_RPC_TIMEOUT_SECONDS)
        return {snapshot.reference.path: snapshot for snapshot in found}

    def _entries(self) -> Any:
        return self._client.collection("idempotency")

    def _entry(self, name: str) -> Any:
        return self._entries().document(name)


def _times(counters: Mapping[Quota, Any]) -> tuple[str, ...]:
    """Return the ids of counters, one that counts a request twice being named twice."""
    numbers: Counter[str] = Counter()
    for quota, counter in counters.items():
        numbers[counter.id] = max(numbers[counter.id], quota.number)
    return tuple(numbers.elements())


def _document(entry: Entry) -> dict[str, Any]:
    return {
        "session": entry.session,
        "fingerprint": entry.fingerprint,
        "details": dict(entry.details),
        "counted": list(entry.counted),
        "countedForAll": entry.counted_for_all,
        "twinCountedForAll": entry.twin_counted_for_all,
        "expiresAt": entry.expires_at,
    }


def _entry(name: str, document: dict[str, Any]) -> Entry:
    return Entry(
        name,
        document["session"],
        document["fingerprint"],
        document["details"],
        document["expiresAt"],
        tuple(document.get("counted", ())),
        document.get("countedForAll", ""),
        document.get("twinCountedForAll", ""),
    )
