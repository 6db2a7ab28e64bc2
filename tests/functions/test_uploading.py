from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from admitting import Admission, Limits
from command_requests import CommandRequest
from ports import Session
from problems import (
    InvalidRequestError,
    KeyReusedError,
    ProblemError,
    TooManyBytesError,
    UnknownSessionError,
    UnknownTrackError,
    UnsupportedTypeError,
)
from sessions import OpenedSession, SessionOpener
from uploading import AnnouncedTrack, Uploads

from musicgenerator import ids
from musicgenerator.briefs import ENGINES
from musicgenerator.errors import MusicgeneratorError
from musicgenerator.states import Status
from musicgenerator.tracks import MAX_PICTURE_BYTES, PICTURE_TYPES, PrivateTrack, Track
from tests.contracts.recorded import recorded, without_timestamps
from tests.support.command_fakes import CommandSessions, HeardWakes, MemoryLedger
from tests.support.fakes import MemoryTracks, PlainPermits

KEY = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
BODY: dict[str, Any] = recorded("http_track_announced")["request"]["body"]


@dataclass
class VanishingTracks(MemoryTracks):
    """Tracks that another request deletes at once."""

    def create(self, track: Track, work: PrivateTrack, expires_at: datetime) -> None:
        super().create(track, work, expires_at)
        self.erase(track.session, track.track_id)


@dataclass
class Scene:
    """Sessions and uploads with fakes for their ports."""

    sessions: CommandSessions = field(default_factory=CommandSessions)
    tracks: MemoryTracks = field(default_factory=MemoryTracks)
    permits: PlainPermits = field(default_factory=PlainPermits)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    waker: HeardWakes = field(default_factory=HeardWakes)

    @property
    def uploads(self) -> Uploads:
        return Uploads(
            self.sessions,
            self.tracks,
            self.permits,
            Admission(self.ledger, Limits(), self.tracks.has_music),
            frozenset(ENGINES),
            self.waker,
        )

    @property
    def opener(self) -> SessionOpener:
        return SessionOpener(self.sessions, 30, Admission(self.ledger, Limits(), self.tracks.has_music))

    def announce(
        self, opened: OpenedSession, body: dict[str, Any] | None = None, key: str | None = None
    ) -> AnnouncedTrack:
        return self.uploads.announce_track(
            CommandRequest(opened.session, opened.secret, "", BODY if body is None else body, key)
        )


def test_a_session_is_stored_without_its_secret() -> None:
    """Reading the store does not allow commanding the session."""
    scene = Scene()
    opened = scene.opener.open_session({}, None)
    stored = scene.sessions.sessions[opened.session]
    assert ids.is_session_id(opened.session)
    assert ids.is_secret(opened.secret, stored.secret_hash)
    assert opened.secret not in repr(scene.sessions)


def test_a_session_expires_after_its_lifetime() -> None:
    """Thirty days from now."""
    before = datetime.now(UTC)
    opened = Scene().opener.open_session({}, None)
    assert before + timedelta(days=30) <= opened.expires_at <= datetime.now(UTC) + timedelta(days=30)


def test_without_a_key_every_request_opens_a_session() -> None:
    """A repeated request cannot be recognized."""
    scene = Scene()
    assert scene.opener.open_session({}, None).session != scene.opener.open_session({}, None).session


def test_the_same_key_and_body_give_the_same_session_again() -> None:
    """Id, secret and expiry are equal, and neither key nor secret is stored."""
    scene = Scene()
    first = scene.opener.open_session({}, KEY)
    assert scene.opener.open_session({}, KEY) == first
    assert list(scene.sessions.sessions) == [first.session]
    assert KEY not in repr(scene.sessions)
    assert first.secret not in repr(scene.sessions)


def test_the_same_key_in_another_deployment_is_another_session() -> None:
    """Session ids derive from the key and a random salt."""
    assert Scene().opener.open_session({}, KEY).session != Scene().opener.open_session({}, KEY).session


def test_the_same_key_with_another_body_is_refused() -> None:
    """Nothing is created."""
    scene = Scene()
    first = scene.opener.open_session({}, KEY)
    with pytest.raises(KeyReusedError):
        scene.opener.open_session({"a": 1}, KEY)
    assert list(scene.sessions.sessions) == [first.session]


@pytest.mark.parametrize("key", ["", "short", "k" * 15, "k" * 129])
def test_a_key_of_invalid_length_is_refused(key: str) -> None:
    """A key has 16 to 128 characters, for sessions and tracks."""
    scene = Scene()
    opened = scene.opener.open_session({}, None)
    for command in (lambda: scene.opener.open_session({}, key), lambda: scene.announce(opened, key=key)):
        with pytest.raises(InvalidRequestError) as caught:
            command()
        assert caught.value.members == {"field": "Idempotency-Key"}
    assert not scene.tracks.documents


@pytest.mark.parametrize("key", ["k" * 16, "k" * 128])
def test_a_key_of_the_shortest_or_longest_length_is_accepted(key: str) -> None:
    """The bounds are inclusive."""
    assert Scene().opener.open_session({}, key).session


def test_an_announced_track_waits_for_its_picture_as_recorded() -> None:
    """The document equals the recorded one and expires with its session."""
    scene = Scene()
    opened = scene.opener.open_session({}, None)
    announced = scene.announce(opened)
    assert (announced.session, announced.status) == (opened.session, Status.AWAITING_UPLOAD)
    assert without_timestamps(scene.tracks.documents[announced.track]) == without_timestamps(
        recorded("track_awaiting_upload")
    )
    assert scene.tracks.sessions[announced.track] == opened.session
    assert scene.tracks.expiries[announced.track] == opened.expires_at
    assert scene.tracks.works[announced.track].token.startswith("r")


def test_the_permit_is_for_one_object_type_and_size() -> None:
    """One object name, one content type, 20 MB."""
    scene = Scene()
    announced = scene.announce(scene.opener.open_session({}, None))
    assert scene.permits.asked == [(f"uploads/{announced.track}", "image/jpeg", 20_000_000)]
    assert announced.upload.headers["x-goog-content-length-range"] == f"1,{MAX_PICTURE_BYTES}"


def test_the_same_key_and_body_give_the_same_track_with_a_fresh_permit() -> None:
    """A page that lost the response asks again; the track may have another state by then."""
    scene = Scene()
    opened = scene.opener.open_session({}, None)
    first = scene.announce(opened, key=KEY)
    token = scene.tracks.works[first.track].token
    scene.tracks.documents[first.track]["status"] = "captioning"
    again = scene.announce(opened, dict(reversed(BODY.items())), KEY)
    assert (again.track, again.status) == (first.track, Status.CAPTIONING)
    assert len(scene.permits.asked) == 2
    assert list(scene.tracks.documents) == [first.track]
    assert scene.tracks.works[first.track].token == token


def test_the_same_key_with_another_wish_is_refused() -> None:
    """The first track keeps its request."""
    scene = Scene()
    opened = scene.opener.open_session({}, None)
    first = scene.announce(opened, key=KEY)
    with pytest.raises(KeyReusedError):
        scene.announce(opened, BODY | {"hint": "another"}, KEY)
    assert scene.tracks.documents[first.track]["request"]["hint"] == BODY["hint"]
    assert len(scene.permits.asked) == 1


def test_two_sessions_may_use_the_same_key() -> None:
    """A key is unique within its session."""
    scene = Scene()
    tracks = {scene.announce(scene.opener.open_session({}, None), key=KEY).track for _ in range(2)}
    assert len(tracks) == 2


def test_without_a_key_every_request_creates_a_track() -> None:
    """A repeated request cannot be recognized."""
    scene = Scene()
    opened = scene.opener.open_session({}, None)
    assert scene.announce(opened).track != scene.announce(opened).track


@pytest.mark.parametrize("secret", ["", "k" + "a" * 52, "바다"])
def test_a_wrong_secret_is_refused(secret: str) -> None:
    """Knowing a session's id allows reading it, not commanding it."""
    scene = Scene()
    opened = scene.opener.open_session({}, None)
    with pytest.raises(UnknownSessionError):
        scene.uploads.announce_track(CommandRequest(opened.session, secret, "", BODY, None))
    assert not scene.tracks.documents


def test_the_secret_of_another_session_is_refused() -> None:
    """So is the stored hash of the secret."""
    scene = Scene()
    opened, other = scene.opener.open_session({}, None), scene.opener.open_session({}, None)
    for secret in (other.secret, scene.sessions.sessions[opened.session].secret_hash):
        with pytest.raises(UnknownSessionError):
            scene.uploads.announce_track(CommandRequest(opened.session, secret, "", BODY, None))


@pytest.mark.parametrize("session", ["s" + "a" * 26, "", "../work", "s" + "a" * 26 + "/tracks"])
def test_an_unknown_session_gets_the_same_error_as_a_wrong_secret(session: str) -> None:
    """Nobody can find out which ids exist."""
    scene = Scene()
    opened = scene.opener.open_session({}, None)
    with pytest.raises(UnknownSessionError) as unknown:
        scene.uploads.announce_track(CommandRequest(session, opened.secret, "", BODY, None))
    with pytest.raises(UnknownSessionError) as wrong:
        scene.uploads.announce_track(CommandRequest(opened.session, "wrong", "", BODY, None))
    assert unknown.value.to_mapping() == wrong.value.to_mapping()


def test_an_expired_session_accepts_no_command() -> None:
    """The session ends at the moment of its expiry."""
    scene = Scene()
    secret, session = ids.new_secret(), ids.new_session_id()
    scene.sessions.create(Session(session, ids.secret_hash(secret), datetime.now(UTC)))
    with pytest.raises(UnknownSessionError):
        scene.uploads.announce_track(CommandRequest(session, secret, "", BODY, None))


def test_a_track_announced_during_its_session_s_deletion_is_deleted() -> None:
    """The deletion has listed nothing yet when the request writes its entry and its track."""
    scene = Scene()
    opened = scene.opener.open_session({}, None)
    scene.ledger.meanwhile.append(lambda: scene.sessions.end(opened.session))
    with pytest.raises(UnknownSessionError):
        scene.announce(opened, key=KEY)
    assert not scene.tracks.documents
    assert not scene.ledger.entries
    assert not scene.permits.asked


@pytest.mark.parametrize(
    ("change", "kind", "name"),
    [
        ({"contentType": "image/svg+xml"}, UnsupportedTypeError, "contentType"),
        ({"contentType": None}, UnsupportedTypeError, "contentType"),
        ({"contentType": ["image/jpeg"]}, UnsupportedTypeError, "contentType"),
        ({"contentType": "IMAGE/JPEG"}, UnsupportedTypeError, "contentType"),
        ({"bytes": MAX_PICTURE_BYTES + 1}, TooManyBytesError, "bytes"),
        ({"bytes": 0}, InvalidRequestError, "bytes"),
        ({"bytes": -1}, InvalidRequestError, "bytes"),
        ({"bytes": "5"}, InvalidRequestError, "bytes"),
        ({"bytes": 5.0}, InvalidRequestError, "bytes"),
        ({"bytes": True}, InvalidRequestError, "bytes"),
        ({"durationSeconds": 9}, InvalidRequestError, "durationSeconds"),
        ({"durationSeconds": 181}, InvalidRequestError, "durationSeconds"),
        ({"hint": "가" * 301}, InvalidRequestError, "hint"),
        ({"style": "가" * 61}, InvalidRequestError, "style"),
        ({"language": "fr"}, InvalidRequestError, "language"),
        ({"seed": -1}, InvalidRequestError, "seed"),
        ({"engine": 5}, InvalidRequestError, "engine"),
    ],
)
def test_a_field_out_of_bounds_is_named(change: dict[str, Any], kind: type[ProblemError], name: str) -> None:
    """No track is created and nothing is signed."""
    scene = Scene()
    opened = scene.opener.open_session({}, None)
    with pytest.raises(ProblemError) as caught:
        scene.announce(opened, BODY | change)
    assert (caught.type, caught.value.members["field"]) == (kind, name)
    assert not scene.tracks.documents
    assert not scene.permits.asked


@pytest.mark.parametrize("content_type", PICTURE_TYPES)
def test_every_accepted_type_can_be_announced(content_type: str) -> None:
    """The largest accepted size is accepted, too."""
    scene = Scene()
    scene.announce(scene.opener.open_session({}, None), {"contentType": content_type, "bytes": MAX_PICTURE_BYTES})
    assert scene.permits.asked[0][1] == content_type


def test_every_problem_has_its_own_code_and_title() -> None:
    """Every document has a status, a code and a title, and no two share a code or a title."""
    kinds = ProblemError.__subclasses__()
    assert len(kinds) == len({kind.code for kind in kinds}) == len({kind.title for kind in kinds})
    for kind in kinds:
        assert issubclass(kind, MusicgeneratorError)
        document = kind("Do this.", field="hint").to_mapping()
        assert 400 <= kind.status < 500 or kind.status == 503
        assert document == {
            "type": f"urn:musicgenerator:problem:{kind.code}",
            "title": kind.title,
            "status": kind.status,
            "detail": "Do this.",
            "code": kind.code,
            "field": "hint",
        }


@pytest.mark.parametrize("size", [{}, {"bytes": 1}, {"bytes": MAX_PICTURE_BYTES}])
def test_a_size_at_its_bounds_is_taken(size: dict[str, int]) -> None:
    """It may also be left out: the signed upload limits it."""
    scene = Scene()
    announced = scene.announce(scene.opener.open_session({}, None), {"contentType": "image/png"} | size)
    assert list(scene.tracks.documents) == [announced.track]


def test_a_session_opened_without_a_key_has_a_secret_that_its_entry_does_not_tell() -> None:
    """The secret derives from a random seed that is stored nowhere."""
    scene = Scene()
    opened = scene.opener.open_session({}, None)
    (entry,) = scene.ledger.entries.values()
    guesses = {ids.derived_session(entry.details["salt"], seed)[1] for seed in ("", "None", entry.details["salt"])}
    assert opened.secret not in guesses


def test_a_session_that_is_deleted_meanwhile_gets_no_track_of_a_repeated_request() -> None:
    """The first request's track is deleted with the rest, and so is its entry."""
    scene = Scene()
    opened = scene.opener.open_session({}, None)
    scene.announce(opened, key=KEY)
    scene.ledger.meanwhile.append(lambda: scene.sessions.end(opened.session))
    with pytest.raises(UnknownSessionError):
        scene.announce(opened, key=KEY)
    assert scene.tracks.documents == {}
    assert scene.ledger.of_session(opened.session) == []


def test_a_track_deleted_while_it_is_announced_gets_no_upload() -> None:
    """The person is told that it was deleted, and nothing is signed."""
    scene = Scene(tracks=VanishingTracks())
    with pytest.raises(UnknownTrackError, match="just been deleted"):
        scene.announce(scene.opener.open_session({}, None))
    assert scene.permits.asked == []


def test_an_announcement_wakes_the_functions_after_the_track_is_stored() -> None:
    """A refused announcement wakes none."""
    scene = Scene()
    opened = scene.opener.open_session({}, None)
    stored = list[int]()
    scene.waker.meanwhile = lambda: stored.append(len(scene.tracks.of_session(opened.session)))
    scene.announce(opened)
    assert stored == [1]
    with pytest.raises(ProblemError):
        scene.announce(opened, BODY | {"durationSeconds": -1})
    assert scene.waker.count == 1


def test_a_deleted_track_wakes_no_function() -> None:
    """Its picture will not come."""
    scene = Scene(tracks=VanishingTracks())
    with pytest.raises(UnknownTrackError):
        scene.announce(scene.opener.open_session({}, None))
    assert scene.waker.count == 0
