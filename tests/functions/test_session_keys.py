"""Who knows a session's Idempotency-Key gets its secret: only for ten minutes, and only if the key looks random."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from admitting import Admission, Limits
from ports import Session
from problems import InvalidRequestError, KeyReusedError
from sessions import SessionOpener, looks_random

from tests.support.command_fakes import CommandSessions, MemoryLedger

KEY = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
GUESSABLE = [
    "a" * 32,
    "00000000-0000-0000-0000-000000000000",
    "12345678901234567890",
    "abcdefghijklmnop1234",
    "abcabcabcabcabcabc123123",
    "my-first-session",
    "password-password",
    "a1a1a1a1a1a1a1a1a1a1a1a1",
    "session-session-1",
]


class Scene:
    def __init__(self) -> None:
        self.sessions, self.ledger = CommandSessions(), MemoryLedger()

    def open(self, key: str | None) -> str:
        opener = SessionOpener(self.sessions, 30, Admission(self.ledger, Limits(), lambda _: False))
        return opener.open_session({}, key).secret

    def age(self, **ago: int) -> None:
        """Let the entries be older."""
        opened_at = datetime.now(UTC) - timedelta(**ago)
        self.change({"openedAt": opened_at.isoformat()})

    def change(self, details: dict[str, str], without: str = "") -> None:
        for name, entry in self.ledger.entries.items():
            changed = {**entry.details, **details}
            changed.pop(without, None)
            self.ledger.entries[name] = replace(entry, details=changed)


@pytest.mark.parametrize(
    "key", [KEY, "Zk3vQ9xT1bLw7RfY2mPc8A", "01JDZ8XK3V9Q4M7N2B6C5T0RWY", "9f86d081884c7d659a2feaa0"]
)
def test_a_random_key_replays_its_session_for_ten_minutes(key: str) -> None:
    """After that it is refused, and opens no other session: a key is for one request."""
    scene = Scene()
    first = scene.open(key)
    scene.age(minutes=9)
    assert scene.open(key) == first
    scene.age(minutes=11)
    with pytest.raises(KeyReusedError):
        scene.open(key)
    assert len(scene.sessions.sessions) == 1


@pytest.mark.parametrize("whole", [True, False])
def test_a_replay_brings_no_deleted_session_back(whole: bool) -> None:
    """The deletion has erased its entry, or all of it, between the replay's entry and its session."""
    scene = Scene()
    scene.open(KEY)
    (session,), create = scene.sessions.sessions, scene.sessions.create

    def after_deletion(opened: Session) -> None:
        scene.ledger.entries.clear()
        if whole:
            scene.sessions.erase(session)
        create(opened)

    scene.sessions.create = after_deletion  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyReusedError):
        scene.open(KEY)
    assert not scene.sessions.sessions


@pytest.mark.parametrize("key", GUESSABLE)
def test_a_key_that_can_be_guessed_replays_nothing(key: str) -> None:
    """Each request opens another session, as without a key. Before, a guess returned somebody else's secret."""
    scene = Scene()
    assert len({scene.open(key) for _ in range(3)}) == 3


def test_an_entry_without_a_time_is_not_replayed() -> None:
    """It is of an older version."""
    scene = Scene()
    scene.open(KEY)
    scene.change({}, without="openedAt")
    with pytest.raises(KeyReusedError):
        scene.open(KEY)


@pytest.mark.parametrize("key", ["", "short", "x" * 129])
def test_a_key_of_a_wrong_length_is_refused(key: str) -> None:
    """As for every request."""
    with pytest.raises(InvalidRequestError):
        Scene().open(key)


def test_every_uuid_looks_random() -> None:
    """Of a thousand, all versions that clients use."""
    assert all(looks_random(str(uuid.uuid4())) for _ in range(1000))
    assert looks_random(str(uuid.uuid1()))
