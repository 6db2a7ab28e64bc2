import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from admitting import Entry, Quota
from firestore_ledger import FirestoreLedger
from firestore_sessions import FirestoreSessions
from google.cloud import firestore
from ports import Session
from problems import LimitReachedError, UnknownSessionError

from localcloud.addresses import PROJECT, Addresses
from musicgenerator import ids
from musicgenerator_google.firestore_counters import total
from tests.cloud.api_visitors import visitor
from tests.cloud.clients import traces

pytestmark = pytest.mark.cloud


def test_a_session_s_limit_holds_for_requests_at_once(local_cloud: Addresses) -> None:
    """Of 64 tracks announced at once exactly 50 are accepted; the others get 429 with Retry-After."""
    someone = visitor(local_cloud)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: someone.send("POST", "/tracks", {"contentType": "image/jpeg"}), range(64)))
    assert Counter(status for status, _, _ in answers) == {201: 50, 429: 14}
    refused = [headers for status, _, headers in answers if status == 429]
    assert all(1 <= int(headers["Retry-After"]) <= 86_400 for headers in refused)
    tracks = firestore.Client(project=PROJECT).collection("sessions", someone.session, "tracks")
    assert len(list(tracks.list_documents())) == 50


@pytest.mark.parametrize("whose", ["one session", "everybody", "one session in pairs", "everybody in pairs"])
def test_the_ledger_counts_each_entry_once(local_cloud: Addresses, whose: str) -> None:
    """Of 32 entries, each sent twice at once, the limit of 20 is admitted, and both requests get the same answer.

    Of pairs ten are admitted within a limit of 21: one track is left, which is not enough.
    """
    del local_cloud
    client = firestore.Client(project=PROJECT)
    ledger, subject = FirestoreLedger(client), ids.new_session_id()
    counted = total(client, f"limits/{datetime.now(UTC).date()}", "tracks")
    quotas = {
        "one session": Quota(subject, "tracks", 20, "tracks"),
        "everybody": Quota("", "tracks", counted + 20, "tracks"),
        "one session in pairs": Quota(subject, "tracks", 21, "tracks", number=2),
        "everybody in pairs": Quota("", "tracks", counted + 21, "tracks", number=2),
    }
    quota = quotas[whose]
    barrier = threading.Barrier(16)

    def enter(number: int) -> int | None:
        barrier.wait()
        entry = Entry(
            f"{subject}-{number % 32}", subject, "f", {"number": number}, datetime.now(UTC) + timedelta(days=1)
        )
        try:
            return int(ledger.enter(entry, [quota]).details["number"])
        except LimitReachedError:
            return None

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(enter, range(64)))
    taken = ledger.of_session(subject)
    assert len(taken) == 20 // quota.number
    assert {len(entry.counted) for entry in taken} == {quota.number if quota.subject else 0}
    takes = 0 if quota.subject else quota.number
    assert {(bool(each.counted_for_all), bool(each.twin_counted_for_all)) for each in taken} == {(takes > 0, takes > 1)}
    everybody = total(client, f"limits/{datetime.now(UTC).date()}", "tracks") - counted
    assert everybody == (0 if quota.subject else 20)
    by_name: dict[int, set[int]] = {}
    for number, answer in enumerate(answers):
        if answer is not None:
            by_name.setdefault(number % 32, set()).add(answer)
    assert all(len(found) == 1 for found in by_name.values())
    assert not [path for path in traces({subject}) if path.startswith("limits/")]


class Interrupted(firestore.Client):
    """A client that calls ``meanwhile`` once, after a request's reads and before its commit."""

    meanwhile: Callable[[], None] | None = None

    def batch(self) -> firestore.WriteBatch:
        call, self.meanwhile = self.meanwhile, None
        if call:
            call()
        return super().batch()


def test_no_entry_is_written_after_its_session_s_deletion_has_begun(local_cloud: Addresses) -> None:
    """Nor is it counted; before that, entries at once of one session are all written, and its document stays as it is.

    Entries of no session, or of one that does not exist yet, need no document.
    """
    del local_cloud
    client = Interrupted(project=PROJECT)
    ledger, sessions, session = FirestoreLedger(client), FirestoreSessions(client), ids.new_session_id()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    quota = Quota(session, "tracks", 20, "tracks")

    def enter(name: str, *, in_session: bool = True) -> None:
        ledger.enter(Entry(f"{session}-{name}", session, "f", {}, tomorrow, in_session=in_session), [quota])

    with pytest.raises(UnknownSessionError):
        enter("unknown")
    enter("opener", in_session=False)
    sessions.create(Session(session, "hash", tomorrow))
    before = client.document("sessions", session).get().to_dict()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(enter, "abcdefgh"))
    assert client.document("sessions", session).get().to_dict() == before
    client.meanwhile = lambda: sessions.end(session)
    with pytest.raises(UnknownSessionError):
        enter("late")
    assert len(ledger.of_session(session)) == 9
    (counter,) = {counter for entry in ledger.of_session(session) for counter in entry.counted}
    assert client.document("limits", counter).get().get("tracks") == 9
    with pytest.raises(UnknownSessionError):
        enter("later")
    sessions.erase(session)
    with pytest.raises(UnknownSessionError):
        enter("last")
    # A repeated request writes nothing, so it gets its answer.
    enter("a")
    for entry in ledger.of_session(session):
        ledger.erase(entry.name)


def test_equal_requests_for_the_last_of_the_day_are_answered_alike(local_cloud: Addresses) -> None:
    """Of four equal requests at once, the one that takes the last place answers for all."""
    del local_cloud
    ledger, expires_at = FirestoreLedger(firestore.Client(project=PROJECT)), datetime.now(UTC) + timedelta(days=1)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(30):
            subject, barrier = ids.new_session_id(), threading.Barrier(4)

            def enter(number: int, subject: str = subject, barrier: threading.Barrier = barrier) -> object:
                barrier.wait()
                entry = Entry(f"last-{subject}", subject, "f", {"number": number}, expires_at)
                return ledger.enter(entry, [Quota(subject, "tracks", 1, "tracks")]).details["number"]

            assert len(set(pool.map(enter, range(4)))) == 1
