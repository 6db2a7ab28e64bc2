from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from admitting import Entry
from command_requests import CommandRequest
from commanding import TrackState
from ports import Session
from problems import (
    InvalidRequestError,
    KeyReusedError,
    ProblemError,
    UnknownSessionError,
    UnknownTrackError,
    WrongStateError,
)

from musicgenerator import ids
from musicgenerator.errors import ContentRejectedError, MoreToEraseError, PipelineFailedError, TrackCancelledError
from musicgenerator.jobs import JobFacts, JobState, job_labels
from musicgenerator.messages import CaptionMessage, PictureMessage
from musicgenerator.orders import order_name
from musicgenerator.states import FINAL, Status
from musicgenerator.tracks import Change, PrivateTrack, Track, check_step
from tests.contracts.recorded import (
    JOB,
    PIPELINE_BUCKET,
    SESSION,
    TOKEN,
    TRACK,
    recorded,
    recorded_track,
    recorded_work,
)
from tests.support.command_fakes import UploadHandler

SECRET = "k" + "a" * 52
OTHER = "s" + "a" * 26
OTHER_SECRET = "k" + "b" * 52
KEY = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
IMAGES, RESULTS = "musicgenerator-images", "musicgenerator-results"
UNDER_WAY = [status for status in Status if status not in FINAL]
COMMANDS = ["again", "cancel", "retry"]


@dataclass
class Scene(UploadHandler):
    """The commands among their fakes, with two sessions open and one recorded track in the first."""

    status: Status = Status.READY
    fields: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        self.sessions.create(Session(SESSION, ids.secret_hash(SECRET), tomorrow))
        self.sessions.create(Session(OTHER, ids.secret_hash(OTHER_SECRET), tomorrow))
        self.at(self.status, **self.fields)
        self.buckets.put(IMAGES, f"uploads/{TRACK}", b"original", 7)
        self.buckets.put(RESULTS, f"{TOKEN}/cover.jpg", b"cover")

    def at(self, status: Status, work: PrivateTrack | None = None, **fields: Any) -> None:
        """Put the track where the recorded document of this status is, some fields changed."""
        document = recorded(f"track_{status}") | fields
        self.tracks.hold(document, SESSION, TRACK, work or recorded_work(published=True))

    def command(self, name: str, body: dict[str, Any] | None = None, key: str | None = None) -> TrackState:
        asked = CommandRequest(SESSION, SECRET, TRACK, body or {}, key, "203.0.113.9")
        standing: TrackState = getattr(self.api.commands, name)(asked)
        return standing

    def erase_track(self, session: str = SESSION, secret: str = SECRET, track: str = TRACK) -> None:
        self.api.erasures.erase_track(session, secret, track)

    def erase_session(self, session: str = SESSION, secret: str = SECRET) -> None:
        self.api.erasures.erase_session(session, secret)

    @property
    def document(self) -> dict[str, Any]:
        return self.tracks.documents[TRACK]

    def other_tracks(self) -> list[str]:
        return [track for track in self.tracks.documents if track != TRACK]


def failed(*, brief: bool = True, retryable: bool = True, attempt: int = 1) -> Scene:
    error = (PipelineFailedError("") if retryable else ContentRejectedError("")).to_mapping("ko")
    fields = {"error": error, "attempt": attempt} | ({} if brief else {"brief": None})
    return Scene(status=Status.FAILED, fields=fields)


def test_again_makes_another_track_of_the_same_picture() -> None:
    """At `captioned`, first attempt, the picture's facts copied, a folder and a seed of its own, announced."""
    scene = Scene()
    standing = scene.command("again")
    (track,) = scene.other_tracks()
    assert TrackState(SESSION, track, Status.CAPTIONED, 1) == standing
    document, source = scene.tracks.documents[track], scene.document
    for name in ("image", "brief"):
        assert document[name] == source[name]
    token = scene.tracks.works[track].token
    assert token != TOKEN
    assert document["music"]["coverUrl"] == f"https://storage.googleapis.com/{RESULTS}/{token}/cover.jpg"
    assert scene.buckets.read(RESULTS, f"{token}/cover.jpg") == b"cover"
    assert document["request"] == source["request"] | {"seed": document["request"]["seed"]}
    assert 0 <= document["request"]["seed"] < 2**32
    assert scene.captions.heard == [(CaptionMessage(SESSION, track, 1), "composer")]
    assert scene.tracks.works[track].published
    assert scene.tracks.expiries[track] == scene.sessions.sessions[SESSION].expires_at


def test_the_source_of_another_take_stays_as_it_was() -> None:
    """Its document, its work and its objects."""
    scene = Scene()
    scene.command("again", {"title": "밤"})
    assert scene.document == recorded("track_ready")
    assert scene.tracks.works[TRACK] == recorded_work(published=True)


def test_what_is_edited_stands_in_the_brief_and_the_request() -> None:
    """Every field that a person may edit; the rest is as it was."""
    scene = Scene()
    edit = {
        "title": "밤바다",
        "caption": "달빛이 비쳐요.",
        "prompt": "Dark waltz",
        "avoid": "",
        "moods": ["dark"],
        "genre": "waltz",
        "instruments": ["cello", "harp"],
        "tempoBpm": 90,
        "key": "D minor",
        "valence": -0.5,
        "energy": 0.9,
    }
    wishes = {"durationSeconds": 60, "seed": 5, "engine": "lyria-002"}
    track = scene.command("again", edit | wishes).track
    document = scene.tracks.documents[track]
    assert document["brief"] == scene.document["brief"] | edit
    assert document["request"] == scene.document["request"] | wishes
    assert scene.captions.heard[0][1] == "lyria-002"


def test_words_are_brought_down_to_plain_text() -> None:
    """Addresses, markup and invisible characters go, as they go from a model's words."""
    scene = Scene()
    track = scene.command("again", {"title": "<b>밤</b>\u202e https://evil.example 바다"}).track
    assert scene.tracks.documents[track]["brief"]["title"] == "밤 바다"


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        ({"title": "가" * 81}, "title"),
        ({"title": ""}, "title"),
        ({"title": "https://evil.example"}, "title"),
        ({"title": "\ud83c"}, "title"),
        ({"caption": 5}, "caption"),
        ({"moods": ["Dark!"]}, "moods"),
        ({"moods": []}, "moods"),
        ({"genre": "polka"}, "genre"),
        ({"instruments": ["kazoo"]}, "instruments"),
        ({"instruments": "piano"}, "instruments"),
        ({"tempoBpm": 201}, "tempoBpm"),
        ({"tempoBpm": float("nan")}, "tempoBpm"),
        ({"key": "H major"}, "key"),
        ({"valence": -1.1}, "valence"),
        ({"energy": True}, "energy"),
        ({"durationSeconds": 9}, "durationSeconds"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"engine": "kazoo"}, "engine"),
        ({"altText": "another"}, "altText"),
        ({"language": "en"}, "language"),
        ({"attempt": 2}, "attempt"),
    ],
)
def test_an_edit_out_of_bounds_is_named(edit: dict[str, Any], name: str) -> None:
    """Nothing is made, counted or announced."""
    scene = Scene()
    with pytest.raises(InvalidRequestError) as caught:
        scene.command("again", edit)
    assert caught.value.members == {"field": name}
    assert not scene.other_tracks()
    assert not scene.ledger.counts
    assert not scene.captions.heard


@pytest.mark.parametrize("status", [Status.AWAITING_UPLOAD, Status.CAPTIONING, Status.REJECTED])
def test_a_track_without_a_brief_has_no_other_take(status: Status) -> None:
    """There is nothing to make it of."""
    scene = Scene(status=status, fields={"brief": None})
    with pytest.raises(WrongStateError):
        scene.command("again")
    assert not scene.other_tracks()


def test_another_take_without_a_cover_is_made_all_the_same() -> None:
    """The cover may have been removed by hand."""
    scene = Scene()
    scene.buckets.objects.clear()
    track = scene.command("again").track
    assert scene.tracks.documents[track]["music"] is None
    assert len(scene.captions.heard) == 1


def test_the_same_key_and_body_make_one_take() -> None:
    """One track with one seed, counted once and announced once."""
    scene = Scene()
    first, again = (scene.command("again", {"title": "밤"}, KEY) for _ in range(2))
    assert again == first
    assert scene.other_tracks() == [first.track]
    assert set(scene.ledger.counts.values()) == {1}
    assert len(scene.captions.heard) == 1


def test_a_crash_before_the_announcement_is_made_up_for_by_the_repeated_request() -> None:
    """The topic failed: the same track is announced the second time, in the same folder."""
    scene = Scene()
    scene.captions.failures.append(ConnectionError("reset"))
    with pytest.raises(ConnectionError):
        scene.command("again", key=KEY)
    (track,) = scene.other_tracks()
    assert not scene.tracks.works[track].published
    assert scene.command("again", key=KEY).track == track
    assert [message for message, _ in scene.captions.heard] == [CaptionMessage(SESSION, track, 1)]
    assert len(scene.buckets.objects) == 3


@pytest.mark.parametrize("name", COMMANDS)
def test_a_key_belongs_to_one_body(name: str) -> None:
    """Another body under the same key is refused, whatever the command."""
    scene = failed()
    scene.command(name, {}, KEY)
    before = dict(scene.tracks.documents)
    with pytest.raises(KeyReusedError):
        scene.command(name, {"seed": 1}, KEY)
    assert scene.tracks.documents == before


@pytest.mark.parametrize("status", UNDER_WAY)
def test_a_track_under_way_is_cancelled_with_words(status: Status) -> None:
    """In the person's language; the second time nothing changes."""
    scene = Scene(status=status)
    for _ in range(2):
        assert scene.command("cancel") == TrackState(SESSION, TRACK, Status.CANCELLED, 1)
        assert (scene.document["error"]) == {
            "code": "cancelled",
            "message": TrackCancelledError.words["ko"],
            "retryable": False,
        }
    assert scene.tracks.steps == [(TRACK, Status.CANCELLED)]


@pytest.mark.parametrize("status", [Status.CAPTIONED, Status.LAUNCHING, Status.COMPOSING])
def test_with_the_track_its_job_is_cancelled(status: Status) -> None:
    """And again when the command is repeated: the first one may have crashed before."""
    scene = Scene(status=status)
    scene.command("cancel")
    assert scene.jobs.cancelled == [JOB]
    scene.command("cancel")
    assert scene.jobs.cancelled == [JOB, JOB]


def test_a_track_without_a_brief_has_no_job_to_cancel() -> None:
    """Nobody asks Vertex AI."""
    scene = Scene(status=Status.CAPTIONING)
    scene.command("cancel")
    assert not scene.jobs.cancelled


@pytest.mark.parametrize("status", sorted(FINAL - {Status.CANCELLED}))
def test_a_track_at_its_end_stays_as_it_is(status: Status) -> None:
    """The answer says where it stands."""
    scene = Scene(status=status)
    assert status is scene.command("cancel").status
    assert scene.document == recorded(f"track_{status}")
    assert not scene.jobs.cancelled


def test_music_that_is_ready_in_the_very_moment_stays() -> None:
    """The notifier wrote between the decision and the commit."""
    scene = Scene(status=Status.COMPOSING)
    scene.tracks.meanwhile.append(lambda: scene.at(Status.READY))
    assert scene.command("cancel").status is Status.READY
    assert scene.document == recorded("track_ready")


def test_a_repeated_cancellation_does_not_reach_the_next_attempt() -> None:
    """A key stands for the attempt that it was given to."""
    scene = Scene(status=Status.FAILED)
    assert scene.command("cancel", key=KEY).status is Status.FAILED
    scene.at(Status.COMPOSING, attempt=2)
    assert scene.command("cancel", key=KEY).status is Status.COMPOSING


def test_a_failed_track_begins_its_next_attempt() -> None:
    """At `captioned` with its brief, without the error, announced for the launcher."""
    scene = failed()
    assert scene.command("retry") == TrackState(SESSION, TRACK, Status.CAPTIONED, 2)
    assert (scene.document["attempt"], scene.document["error"]) == (2, None)
    assert scene.document["brief"] == recorded("track_failed")["brief"]
    assert scene.captions.heard == [(CaptionMessage(SESSION, TRACK, 2), "composer")]
    assert scene.tracks.works[TRACK].published


def test_a_track_that_was_never_described_goes_back_to_the_captioner() -> None:
    """At `captioning`, held by nobody, its picture on `pictures`."""
    scene = failed(brief=False)
    scene.tracks.works[TRACK] = PrivateTrack(TOKEN, "owner", datetime.now(UTC), claims=25)
    assert scene.command("retry") == TrackState(SESSION, TRACK, Status.CAPTIONING, 2)
    assert PrivateTrack(TOKEN) == scene.tracks.works[TRACK]
    assert scene.pictures.heard == [PictureMessage(TRACK)]
    assert not scene.captions.heard


def test_what_the_failed_attempt_left_is_deleted_but_for_the_cover() -> None:
    """Or the next attempt's end would be judged by it; other folders are not touched."""
    scene = failed()
    for name in (f"{TOKEN}/track.json", f"{TOKEN}/music.mp3", f"{TOKEN}/take.json", "another/track.json"):
        scene.buckets.put(RESULTS, name)
    scene.command("retry")
    assert scene.buckets.names(RESULTS) == ["another/track.json", f"{TOKEN}/cover.jpg"]


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_slow_retry_deletes_nothing_of_the_attempt_that_another_one_began(when: str) -> None:
    """It slept before or after its listing while the other one's pipeline ran to its end: the new music stays."""
    scene = failed()
    scene.buckets.put(RESULTS, f"{TOKEN}/track.json", b"old", 1)

    def meanwhile() -> None:
        scene.command("retry")
        scene.buckets.put(RESULTS, f"{TOKEN}/track.json", b"new", 2)
        scene.at(Status.COMPOSING, attempt=2)

    getattr(scene.buckets, when).append(meanwhile)
    scene.command("retry")
    assert scene.buckets.read(RESULTS, f"{TOKEN}/track.json") == b"new"
    assert scene.document["attempt"] == 2


@pytest.mark.parametrize("status", UNDER_WAY)
def test_a_track_under_way_is_not_retried(status: Status) -> None:
    """It stays as it is, and so says the answer; nothing is counted."""
    scene = Scene(status=status, fields={"attempt": 2})
    assert scene.command("retry") == TrackState(SESSION, TRACK, status, 2)
    assert scene.document == recorded(f"track_{status}") | {"attempt": 2}
    assert not scene.ledger.counts


@pytest.mark.parametrize("status", [Status.READY, Status.REJECTED, Status.CANCELLED])
def test_an_end_that_is_not_a_failure_cannot_be_retried(status: Status) -> None:
    """409, the first time and the second."""
    scene = Scene(status=status)
    for key in (KEY, KEY, None):
        with pytest.raises(WrongStateError):
            scene.command("retry", key=key)
    assert scene.document == recorded(f"track_{status}")


def test_a_failure_that_another_attempt_does_not_mend_cannot_be_retried() -> None:
    """Its error says so."""
    scene = failed(retryable=False)
    with pytest.raises(WrongStateError):
        scene.command("retry")
    assert scene.document["attempt"] == 1


def test_the_same_key_begins_one_attempt() -> None:
    """Though that attempt has failed meanwhile: another attempt takes another key."""
    scene = failed()
    scene.command("retry", key=KEY)
    scene.at(Status.FAILED, attempt=2, error=PipelineFailedError("").to_mapping("ko"))
    assert scene.command("retry", key=KEY) == TrackState(SESSION, TRACK, Status.FAILED, 2)
    assert scene.command("retry", key=KEY + "-2") == TrackState(SESSION, TRACK, Status.CAPTIONED, 3)


def test_a_key_that_was_used_while_the_track_was_under_way_begins_nothing_later() -> None:
    """Its answer was that the track is under way."""
    scene = Scene(status=Status.COMPOSING)
    scene.command("retry", key=KEY)
    scene.at(Status.FAILED, error=PipelineFailedError("").to_mapping("ko"))
    assert scene.command("retry", key=KEY).status is Status.FAILED


def test_of_two_retries_at_once_one_begins_an_attempt() -> None:
    """The other one finds it begun."""
    scene = failed()
    scene.tracks.meanwhile.append(lambda: scene.at(Status.CAPTIONED, attempt=2))
    assert scene.command("retry").attempt == 2
    assert scene.document["attempt"] == 2


def test_a_lost_answer_of_the_store_begins_one_attempt() -> None:
    """It was written: asked again the decision sees its own mark, and the attempt is announced."""
    scene = failed()
    scene.tracks.lost_answers = 1
    assert scene.command("retry").attempt == 2
    assert [message.attempt for message, _ in scene.captions.heard] == [2]


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("attempt", [1, 2, 3])
@pytest.mark.parametrize("then", list(Status))
def test_only_the_next_attempt_of_a_failed_track_leads_back(status: Status, attempt: int, then: Status) -> None:
    """What never falls is the attempt and, within it, the rank."""
    current = Track(SESSION, TRACK, status, 1, recorded_track(Status.READY).request)
    allowed = status.may_become(then) if attempt == 1 else (attempt, status) == (2, "failed") and not then.is_final
    change = Change(then, attempt=attempt)
    if allowed:
        check_step(current, change)
    else:
        with pytest.raises(ValueError, match="may not pass"):
            check_step(current, change)


def test_an_attempt_without_a_status_is_no_step() -> None:
    """Nobody raises the attempt of a track that stays where it is."""
    with pytest.raises(ValueError, match="may not pass"):
        check_step(recorded_track(Status.FAILED), Change(attempt=2))


@pytest.mark.parametrize("name", COMMANDS)
def test_another_session_s_track_is_not_there(name: str) -> None:
    """404, and nothing is changed, whichever of the two sessions is named."""
    scene = failed()
    before = dict(scene.document)
    command = getattr(scene.api.commands, name)
    with pytest.raises(UnknownTrackError):
        command(CommandRequest(OTHER, OTHER_SECRET, TRACK, {}))
    with pytest.raises(UnknownSessionError):
        command(CommandRequest(SESSION, OTHER_SECRET, TRACK, {}))
    with pytest.raises(UnknownTrackError):
        command(CommandRequest(SESSION, SECRET, "t" + "a" * 26, {}))
    assert scene.document == before
    assert not scene.other_tracks()


def test_a_deleted_track_leaves_nothing() -> None:
    """Every generation of its picture, its whole folder, its documents; others' objects stay."""
    scene = Scene()
    scene.buckets.put(IMAGES, f"uploads/{TRACK}", b"older", 6)
    scene.buckets.put(IMAGES, "uploads/another")
    scene.buckets.put(RESULTS, f"{TOKEN}/music.mp3")
    scene.buckets.put(RESULTS, "another/music.mp3")
    scene.erase_track()
    assert not scene.tracks.documents
    assert not scene.tracks.works
    assert sorted(scene.buckets.objects) == [(IMAGES, "uploads/another", 1), (RESULTS, "another/music.mp3", 1)]


@pytest.mark.parametrize("status", [Status.CAPTIONED, Status.LAUNCHING, Status.COMPOSING])
def test_what_runs_is_cancelled_before_it_is_deleted(status: Status) -> None:
    """First the track, so that the launcher sees it, then the job."""
    scene = Scene(status=status)
    scene.erase_track()
    assert scene.tracks.steps == [(TRACK, Status.CANCELLED)]
    assert scene.jobs.cancelled == [JOB]
    assert not scene.tracks.documents


def orders(scene: Scene) -> list[str]:
    """Put the orders of two attempts, and of another track, into the pipeline's bucket and return their names."""
    names = [order_name(job) for job in (JOB, JOB.replace("-1", "-2"), f"mg-t{'a' * 26}-1")]
    for name in names:
        scene.buckets.put(PIPELINE_BUCKET, name)
    return names


@pytest.mark.parametrize("status", list(Status))
def test_a_deleted_track_leaves_no_order(status: Status) -> None:
    """No job of any attempt can write any more; another track's order stays."""
    scene = Scene(status=status)
    *_, others = orders(scene)
    scene.erase_track()
    assert scene.buckets.names(PIPELINE_BUCKET) == [others]


@pytest.mark.parametrize("status", [Status.LAUNCHING, Status.COMPOSING, Status.CANCELLED])
def test_the_order_of_a_job_that_may_still_write_stays(status: Status) -> None:
    """The notifier needs it when the job has ended; the deletion is repeated after that, or not needed."""
    scene = Scene(status=status)
    scene.jobs.jobs[JOB] = JobFacts(JobState.UNDER_WAY, job_labels(TRACK, 1))
    names = orders(scene)
    scene.erase_track()
    assert scene.buckets.names(PIPELINE_BUCKET) == sorted(names)
    assert scene.buckets.names(RESULTS) == []


def test_a_deletion_that_another_one_overtook_leaves_the_order_to_it() -> None:
    """The other one has cancelled the job and knows whether it may still write."""
    scene = Scene(status=Status.COMPOSING)
    names = orders(scene)
    scene.tracks.meanwhile.append(lambda: scene.tracks.erase(SESSION, TRACK))
    scene.erase_track()
    assert scene.buckets.names(PIPELINE_BUCKET) == sorted(names)


def test_deleting_twice_is_deleting_once() -> None:
    """The second time there is nothing left to do."""
    scene = Scene()
    for _ in range(2):
        scene.erase_track()
    for _ in range(2):
        scene.erase_session()
    assert not scene.tracks.documents
    assert list(scene.sessions.sessions) == [OTHER]


def test_a_dropped_picture_is_deleted_but_not_what_was_dropped_there_later() -> None:
    """Its name is the person's, so only its own generation goes."""
    image = recorded("track_ready")["image"] | {"object": "beach.jpg", "generation": 3}
    scene = Scene(fields={"image": image})
    scene.buckets.put(IMAGES, "beach.jpg", b"mine", 3)
    scene.buckets.put(IMAGES, "beach.jpg", b"another's", 4)
    scene.erase_track()
    assert sorted(scene.buckets.objects) == [(IMAGES, "beach.jpg", 4)]


def test_another_session_s_track_is_not_deleted() -> None:
    """404 for a stranger, 401 for a wrong secret."""
    scene = Scene()
    with pytest.raises(UnknownTrackError):
        scene.erase_track(OTHER, OTHER_SECRET)
    for deletion in (scene.erase_track, scene.erase_session):
        with pytest.raises(UnknownSessionError):
            deletion(SESSION, OTHER_SECRET)
    assert scene.document == recorded("track_ready")
    assert len(scene.buckets.objects) == 2


def test_a_deleted_track_does_not_come_back_by_the_request_that_made_it() -> None:
    """The late repetition of a request is told that its track was deleted."""
    scene = Scene()
    track = scene.command("again", key=KEY).track
    scene.erase_track(track=track)
    with pytest.raises(UnknownTrackError):
        scene.command("again", key=KEY)
    assert not scene.other_tracks()


def test_a_deleted_session_leaves_nothing() -> None:
    """Its tracks with all their objects, its entries, itself; the other session keeps everything."""
    scene = Scene()
    scene.command("again", {"title": "밤"}, KEY)
    scene.command("cancel", key=KEY)
    mine = scene.api.uploads.announce_track(CommandRequest(SESSION, SECRET, "", {"contentType": "image/png"}, None))
    theirs = scene.api.uploads.announce_track(
        CommandRequest(OTHER, OTHER_SECRET, "", {"contentType": "image/png"}, None)
    )
    scene.buckets.put(IMAGES, f"uploads/{mine.track}")
    scene.erase_session()
    assert [theirs.track] == list(scene.tracks.documents) == list(scene.tracks.works)
    assert [OTHER] == list(scene.sessions.sessions) == [entry.session for entry in scene.ledger.entries.values()]
    assert not scene.buckets.objects


def test_a_session_s_deletion_finds_the_cover_that_a_crash_left() -> None:
    """The request stopped after the copy: no track knows the folder, but its entry does."""
    scene = Scene()
    entry = {"track": ids.new_track_id(), "token": "r" + "b" * 26}
    scene.ledger.enter(_entry(entry), ())
    scene.buckets.put(RESULTS, f"{entry['token']}/cover.jpg")
    scene.erase_session()
    assert not scene.buckets.objects


def test_a_session_that_is_being_deleted_takes_no_command() -> None:
    """Interrupted by an outage, it is closed; its secret still deletes it."""
    scene = Scene(status=Status.COMPOSING)
    scene.buckets.meanwhile.append(_outage)
    with pytest.raises(ConnectionError):
        scene.erase_session()
    with pytest.raises(UnknownSessionError):
        scene.command("again")
    scene.erase_session()
    assert not scene.tracks.documents
    assert not scene.buckets.objects


def test_an_expired_session_can_still_be_deleted() -> None:
    """Whoever comes back late may still have everything removed."""
    scene = Scene()
    expired = replace(scene.sessions.sessions[SESSION], expires_at=datetime.now(UTC) - timedelta(days=1))
    scene.sessions.sessions[SESSION] = expired
    scene.erase_track()
    scene.erase_session()
    assert not scene.tracks.documents


def test_another_take_in_a_session_that_is_deleted_meanwhile_does_not_stay() -> None:
    """The deletion has looked for tracks and entries, and found none, before the request writes its own."""
    scene = Scene()
    scene.ledger.meanwhile.append(scene.erase_session)
    with pytest.raises(UnknownSessionError):
        scene.command("again", key=KEY)
    assert not scene.tracks.documents
    assert not scene.ledger.entries
    assert not scene.buckets.objects
    assert not scene.captions.heard


def test_a_large_session_is_deleted_in_several_requests() -> None:
    """The time of each is bounded; what is left keeps its secret, and the next request goes on."""
    scene = Scene()
    for _ in range(20):
        scene.command("again")
    scene.erase_budget_seconds = -1.0
    with pytest.raises(MoreToEraseError):
        scene.erase_session()
    assert len(scene.tracks.documents) == 21
    with pytest.raises(UnknownSessionError):
        scene.command("again")
    scene.erase_budget_seconds = 40.0
    scene.erase_session()
    assert not scene.tracks.documents
    assert not scene.buckets.objects


@pytest.mark.parametrize("name", COMMANDS)
def test_a_key_that_anybody_could_guess_is_refused(name: str) -> None:
    """Before anything is changed."""
    scene = failed()
    before = dict(scene.document)
    with pytest.raises(ProblemError) as caught:
        scene.command(name, key="short")
    assert caught.value.members == {"field": "Idempotency-Key"}
    assert scene.document == before


def _entry(details: dict[str, str]) -> Entry:
    return Entry("name", SESSION, "fingerprint", details, datetime.now(UTC))


def _outage() -> None:
    raise ConnectionError("reset")
