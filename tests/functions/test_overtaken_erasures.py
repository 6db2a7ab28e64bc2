"""Deletions, while their tracks and sessions change or come back."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import erasing
import pytest
from admitting import Entry
from problems import UnknownSessionError

from musicgenerator import ids
from musicgenerator.errors import ContentionError
from musicgenerator.results import ResultsBucket
from musicgenerator.settings import SettingMissingError
from musicgenerator.states import FINAL, Status
from tests.contracts.recorded import JOB, PIPELINE_BUCKET, SESSION, TOKEN, TRACK
from tests.functions.commands_scene import IMAGES, OTHER, RESULTS, UNDER_WAY, Scene
from tests.support.command_fakes import MemoryLedger
from tests.support.fakes import HOME, MemoryTracks

ENVIRON = {
    "IMAGES_BUCKET": IMAGES,
    "RESULTS_BUCKET": RESULTS,
    "STORAGE_URL": "https://storage.googleapis.com",
    "PIPELINE_BUCKET": PIPELINE_BUCKET,
    "REGION": HOME,
}


@dataclass
class StubbornTracks(MemoryTracks):
    """Tracks that come back: another writer creates each of them again after its deletion."""

    def erase(self, session: str, track: str) -> None: ...


@dataclass
class StubbornLedger(MemoryLedger):
    """Entries that come back."""

    def erase(self, name: str) -> None: ...


@dataclass
class HalfErasedTracks(MemoryTracks):
    """``remains`` are tracks whose private track was deleted before a crash: no read finds them."""

    remains: set[str] = field(default_factory=set)

    def of_session(self, session: str) -> list[str]:
        return [*super().of_session(session), *self.remains]

    def erase(self, session: str, track: str) -> None:
        super().erase(session, track)
        self.remains.discard(track)


def test_a_track_that_comes_back_is_not_answered_as_deleted() -> None:
    """The request is answered 503 and sent again."""
    scene = Scene(tracks=StubbornTracks())
    with pytest.raises(ContentionError):
        scene.erase_track()


def test_a_session_whose_tracks_come_back_keeps_its_secret() -> None:
    """The same request again deletes the rest."""
    scene = Scene(tracks=StubbornTracks())
    with pytest.raises(ContentionError):
        scene.erase_session()
    assert scene.sessions.sessions[SESSION].ended


def test_a_session_whose_entries_come_back_keeps_its_secret() -> None:
    """A request that was under way may have entered its key meanwhile."""
    scene = Scene(ledger=StubbornLedger())
    scene.ledger.enter(Entry("name", SESSION, "fingerprint", {}, datetime.now(UTC)), ())
    with pytest.raises(ContentionError):
        scene.erase_session()
    assert scene.sessions.sessions[SESSION].ended


def test_a_half_erased_track_of_a_session_is_erased_to_its_end() -> None:
    """The first deletion crashed between its two documents."""
    tracks = HalfErasedTracks(remains={ids.new_track_id()})
    scene = Scene(tracks=tracks)
    scene.erase_session()
    assert (tracks.documents, tracks.remains) == ({}, set())
    assert list(scene.sessions.sessions) == [OTHER]


@pytest.mark.parametrize("status", UNDER_WAY)
@pytest.mark.parametrize("whole", [False, True], ids=["track", "session"])
def test_a_deletion_ends_the_current_attempt_first(status: Status, *, whole: bool) -> None:
    """The second attempt is cancelled with its job before anything is deleted."""
    scene = Scene(status=status, fields={"attempt": 2})
    if whole:
        scene.erase_session()
    else:
        scene.erase_track()
    assert scene.tracks.steps == [(TRACK, Status.CANCELLED)]
    described = status.rank >= Status.CAPTIONED.rank
    assert scene.jobs.cancelled == ([f"{JOB[:-1]}2"] if described else [])
    assert (scene.tracks.documents, scene.buckets.objects) == ({}, {})


@pytest.mark.parametrize("status", [*sorted(FINAL), *UNDER_WAY])
def test_a_track_retried_while_it_is_deleted_is_deleted_all_the_same(status: Status) -> None:
    """The retry began the next attempt between decision and commit of the cancellation."""
    scene = Scene(status=Status.COMPOSING)
    scene.tracks.meanwhile.append(lambda: scene.at(status, attempt=2))
    scene.buckets.put(RESULTS, f"{TOKEN}/music.mp3")
    scene.erase_track()
    assert (scene.tracks.documents, scene.tracks.works, scene.buckets.objects) == ({}, {}, {})


def test_an_ended_session_deletes_nothing_but_with_its_secret() -> None:
    """Neither a wrong secret nor another session's deletes what is left of it."""
    scene = Scene()
    scene.sessions.end(SESSION)
    with pytest.raises(UnknownSessionError):
        scene.erase_session(secret="k" + "b" * 52)
    assert list(scene.tracks.documents) == [TRACK]


def test_an_entry_without_a_folder_has_no_results_to_delete() -> None:
    """A cancellation's entry names an attempt: other sessions' results stay."""
    scene = Scene()
    scene.ledger.enter(Entry("name", SESSION, "fingerprint", {"attempt": 1}, datetime.now(UTC)), ())
    scene.buckets.put(RESULTS, "another/music.mp3")
    scene.erase_session()
    assert list(scene.buckets.objects) == [(RESULTS, "another/music.mp3", 1)]
    assert scene.ledger.entries == {}


def test_the_buckets_are_settings() -> None:
    """The function does not start without them."""
    results = ResultsBucket("https://storage.googleapis.com", RESULTS)
    assert erasing.Buckets.from_environ(ENVIRON) == erasing.Buckets(IMAGES, results, PIPELINE_BUCKET, (HOME,))
    for name in ENVIRON:
        with pytest.raises(SettingMissingError, match=name):
            erasing.Buckets.from_environ(ENVIRON | {name: ""})
