"""The commands on a track, while it is erased, ended or retried by somebody else, and what each leaves to the next."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

import commanding
import pytest
from commanding import TrackState
from problems import UnknownSessionError, UnknownTrackError, WrongStateError

from musicgenerator.errors import ContentRejectedError, PipelineFailedError
from musicgenerator.messages import CaptionMessage, GatheredMessage, PictureMessage
from musicgenerator.results import ResultsBucket
from musicgenerator.settings import SettingInvalidError, SettingMissingError
from musicgenerator.states import FINAL, Status
from musicgenerator.tracks import PrivateTrack
from tests.contracts.recorded import JOB, SESSION, TOKEN, TRACK, recorded, recorded_work
from tests.functions.commands_scene import KEY, RESULTS, UNDER_WAY, Scene, failed
from tests.support.fakes import HeardCaptions

FAILED = PipelineFailedError("").to_mapping("ko")


@dataclass
class SlowCaptions(HeardCaptions):
    """``meanwhile`` runs after each message is published, before the command marks it."""

    meanwhile: list[Callable[[], None]] = field(default_factory=list)

    def announce(self, message: CaptionMessage | GatheredMessage, engine: str) -> None:
        super().announce(message, engine)
        if self.meanwhile:
            self.meanwhile.pop(0)()


@pytest.mark.parametrize("status", Status)
def test_a_cancellation_leaves_the_next_attempt_alone(status: Status) -> None:
    """The attempt failed and was retried between decision and commit: its job runs on."""
    scene = Scene(status=Status.COMPOSING)
    scene.tracks.meanwhile.append(lambda: scene.at(status, attempt=2))
    assert scene.command("cancel") == TrackState(SESSION, TRACK, status, 2)
    assert scene.document == recorded(f"track_{status}") | {"attempt": 2}
    second = [f"{JOB[:-1]}2"] if status is Status.CANCELLED else []
    assert (scene.tracks.steps, scene.jobs.cancelled) == ([], second)


@pytest.mark.parametrize("status", [Status.CAPTIONED, Status.LAUNCHING, Status.COMPOSING])
def test_the_second_attempt_is_cancelled_with_its_own_job(status: Status) -> None:
    """The first attempt's job has ended."""
    scene = Scene(status=status, fields={"attempt": 2})
    assert scene.command("cancel") == TrackState(SESSION, TRACK, Status.CANCELLED, 2)
    assert scene.jobs.cancelled == [f"{JOB[:-1]}2"]


def test_a_cancelled_track_is_held_by_nobody() -> None:
    """Owner, lease and parking end with the attempt; the rest of the private track stays."""
    scene = Scene(status=Status.CAPTIONING)
    rest = PrivateTrack(TOKEN, published=True, claims=3, region="europe-west4")
    scene.tracks.works[TRACK] = replace(rest, owner="captioner", lease_until=datetime.now(UTC), parked=True)
    scene.command("cancel")
    assert scene.tracks.works[TRACK] == rest


@pytest.mark.parametrize("name", ["cancel", "retry"])
def test_a_command_on_a_track_erased_meanwhile_says_so(name: str) -> None:
    """Another browser deleted it between the request's entry and its commit; nothing is announced."""
    scene = failed() if name == "retry" else Scene(status=Status.COMPOSING)
    scene.tracks.meanwhile.append(lambda: scene.tracks.erase(SESSION, TRACK))
    with pytest.raises(UnknownTrackError, match="just been deleted"):
        scene.command(name)
    assert scene.tracks.documents == {}
    assert (scene.captions.heard, scene.pictures.heard, scene.jobs.cancelled) == ([], [], [])


def test_another_version_that_is_erased_at_once_says_so() -> None:
    """It was deleted before its message: it is not announced, and does not come back."""
    scene = Scene()
    scene.tracks.meanwhile.append(lambda: scene.tracks.erase(SESSION, scene.other_tracks()[0]))
    with pytest.raises(UnknownTrackError, match="just been deleted"):
        scene.command("again")
    assert scene.other_tracks() == []
    assert scene.captions.heard == []


@pytest.mark.parametrize(("status", "attempt"), [*((status, 2) for status in Status), (Status.CANCELLED, 1)])
def test_an_overtaken_retry_begins_no_attempt(status: Status, attempt: int) -> None:
    """Another retry came first, and its attempt may have ended: the track stays as it is, and the answer says how."""
    scene = failed()
    there = PrivateTrack(TOKEN, owner="another", published=True)
    scene.tracks.meanwhile.append(lambda: scene.at(status, there, attempt=attempt))
    assert scene.command("retry") == TrackState(SESSION, TRACK, status, attempt)
    assert scene.document == recorded(f"track_{status}") | {"attempt": attempt}
    assert scene.tracks.works[TRACK] == there
    assert (scene.tracks.steps, scene.captions.heard, scene.pictures.heard) == ([], [], [])


def test_an_overtaken_retry_announces_what_the_first_one_has_not() -> None:
    """The first one may have crashed before its message; the launcher takes a repeated message once."""
    scene = failed()
    scene.tracks.meanwhile.append(lambda: scene.at(Status.CAPTIONED, recorded_work(), attempt=2))
    scene.command("retry")
    assert scene.captions.heard == [(CaptionMessage(SESSION, TRACK, 2), "composer")]
    assert scene.tracks.works[TRACK].published


@pytest.mark.parametrize(("owner", "heard"), [(None, [PictureMessage(TRACK)]), ("captioner", [])])
def test_a_picture_is_announced_until_the_captioner_has_claimed_it(
    owner: str | None, heard: list[PictureMessage]
) -> None:
    """The first retry may have crashed before its message; a claimed track needs no other."""
    scene = failed(brief=False)
    work = PrivateTrack(TOKEN, owner=owner)
    scene.tracks.meanwhile.append(lambda: scene.at(Status.CAPTIONING, work, attempt=2))
    scene.command("retry")
    assert scene.pictures.heard == heard


@pytest.mark.parametrize(("attempt", "published"), [(2, True), (3, False)])
def test_only_the_announced_attempt_is_marked(attempt: int, published: bool) -> None:
    """The attempt failed and was retried between the message and its mark: the third attempt's message is not lost."""
    captions = SlowCaptions()
    scene = failed()
    scene.captions = captions
    captions.meanwhile.append(lambda: scene.at(Status.CAPTIONED, PrivateTrack(TOKEN), attempt=attempt))
    scene.command("retry")
    assert scene.captions.heard == [(CaptionMessage(SESSION, TRACK, 2), "composer")]
    assert scene.tracks.works[TRACK] == PrivateTrack(TOKEN, published=published)


def test_a_message_is_marked_once() -> None:
    """Another request announced the same attempt meanwhile: its mark is not written a second time."""
    captions = SlowCaptions()
    scene = failed()
    scene.captions = captions
    captions.meanwhile.append(lambda: scene.at(Status.CAPTIONED, attempt=2))
    scene.command("retry")
    marked = scene.tracks.works[TRACK]
    assert marked.published
    # Created, begun and held by the other request, but not written by this one again.
    assert scene.tracks.versions[TRACK] == 3


@pytest.mark.parametrize(
    ("status", "published"),
    [
        (Status.CAPTIONED, True),
        *((status, published) for status in sorted({Status.COMPOSING, *FINAL}) for published in (True, False)),
    ],
)
def test_a_repeated_request_for_another_version_changes_nothing(status: Status, published: bool) -> None:
    """The take goes on meanwhile, even if a crash left it unmarked: its music is not replaced by the cover."""
    scene = Scene()
    track = scene.command("again", key=KEY).track
    work = replace(scene.tracks.works[track], published=published)
    scene.tracks.hold(recorded(f"track_{status}"), SESSION, track, work)
    version = scene.tracks.versions[track]
    assert scene.command("again", key=KEY) == TrackState(SESSION, track, status, 1)
    assert scene.tracks.documents[track] == recorded(f"track_{status}")
    assert (scene.tracks.works[track], scene.tracks.versions[track]) == (work, version)
    assert len(scene.captions.heard) == 1


def test_the_second_attempt_can_be_retried_and_an_old_key_is_answered() -> None:
    """A key stands for one attempt: repeated after the next ones have begun, it starts nothing."""
    scene = failed(attempt=2)
    assert scene.command("retry", key=KEY) == TrackState(SESSION, TRACK, Status.CAPTIONED, 3)
    for status in (Status.FAILED, Status.READY, Status.CANCELLED):
        scene.at(status, attempt=3, error=FAILED if status is Status.FAILED else None)
        assert scene.command("retry", key=KEY) == TrackState(SESSION, TRACK, status, 3)
    assert [each.attempt for message, _ in scene.captions.heard for each in message.attempts] == [3]


def test_a_key_of_an_attempt_under_way_starts_nothing_when_it_has_failed_for_good() -> None:
    """The track was under way the first time and has an error that no attempt fixes the second time."""
    scene = Scene(status=Status.COMPOSING)
    scene.command("retry", key=KEY)
    scene.at(Status.FAILED, error=ContentRejectedError("").to_mapping("ko"))
    with pytest.raises(WrongStateError):
        scene.command("retry", key=KEY)


def test_a_retry_that_does_not_begin_an_attempt_deletes_nothing() -> None:
    """Its key has begun the attempt that failed now: what that one left is the next key's to delete."""
    scene = failed()
    scene.command("retry", key=KEY)
    scene.at(Status.FAILED, attempt=2, error=FAILED)
    scene.buckets.put(RESULTS, f"{TOKEN}/track.json")
    scene.command("retry", key=KEY)
    assert scene.buckets.names(RESULTS) == [f"{TOKEN}/cover.jpg", f"{TOKEN}/track.json"]
    scene.command("retry", key=f"{KEY}-2")
    assert scene.buckets.names(RESULTS) == [f"{TOKEN}/cover.jpg"]


def test_what_is_under_way_keeps_its_results() -> None:
    """A retry of a track under way deletes and counts nothing, even if a retryable error is still written there."""
    for status, error in product(UNDER_WAY, (None, FAILED)):
        scene = Scene(status=status, fields={"error": error})
        scene.buckets.put(RESULTS, f"{TOKEN}/track.json")
        scene.command("retry")
        assert scene.buckets.names(RESULTS) == [f"{TOKEN}/cover.jpg", f"{TOKEN}/track.json"]
        assert scene.ledger.counts == {}


@pytest.mark.parametrize("status", sorted(FINAL))
def test_another_version_of_a_track_at_its_end_takes_its_brief(status: Status) -> None:
    """A rejected track has none; the others have the one that they ended with."""
    fields: dict[str, Any] = {"brief": recorded("track_ready")["brief"], "image": recorded("track_ready")["image"]}
    scene = Scene(status=status, fields=fields | {"describer": {"promptVersion": "7"}})
    track = scene.command("again").track
    assert scene.tracks.documents[track]["brief"] == fields["brief"]
    assert scene.tracks.documents[track]["describer"] == {"promptVersion": "7"}


@pytest.mark.parametrize("missing", ["brief", "image"])
def test_another_version_needs_a_brief_and_a_picture(missing: str) -> None:
    """Each of them is missing in an old or damaged document."""
    scene = Scene(fields={missing: None})
    with pytest.raises(WrongStateError):
        scene.command("again")
    assert scene.other_tracks() == []
    assert scene.ledger.counts == {}


def test_the_default_engine_and_the_results_bucket_are_settings() -> None:
    """The function does not start without them."""
    environ = {"STORAGE_URL": "https://storage.example", "RESULTS_BUCKET": RESULTS, "DEFAULT_ENGINE": "composer"}
    expected = commanding.Settings(ResultsBucket("https://storage.example", RESULTS), "composer")
    assert commanding.Settings.from_environ(environ) == expected
    for name in environ:
        with pytest.raises(SettingMissingError, match=name):
            commanding.Settings.from_environ(environ | {name: ""})


def test_the_engines_that_visitors_may_name_are_a_setting() -> None:
    """Without it, only the default engine is one; an unknown name is refused at the start."""
    environ = {"STORAGE_URL": "https://storage.example", "RESULTS_BUCKET": RESULTS, "DEFAULT_ENGINE": "composer"}
    assert commanding.Settings.from_environ(environ).engines == {"composer"}
    allowed = commanding.Settings.from_environ(environ | {"ALLOWED_ENGINES": "lyria-002  endpoint"})
    assert allowed.engines == {"composer", "lyria-002", "endpoint"}
    with pytest.raises(SettingInvalidError, match="ALLOWED_ENGINES"):
        commanding.Settings.from_environ(environ | {"ALLOWED_ENGINES": "lyria-002,endpoint"})


def test_another_version_in_a_session_that_ends_meanwhile_leaves_no_cover() -> None:
    """The deletion had listed the session's tracks and entries before: it does not find the copy."""
    scene = Scene()
    before = dict(scene.buckets.objects)
    scene.ledger.meanwhile.append(lambda: scene.sessions.end(SESSION))
    with pytest.raises(UnknownSessionError):
        scene.command("again", key=KEY)
    assert scene.buckets.objects == before
    assert (scene.other_tracks(), scene.ledger.entries, scene.captions.heard) == ([], {}, [])
