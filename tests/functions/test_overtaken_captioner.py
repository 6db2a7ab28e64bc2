"""The captioner, while its track is erased, cancelled, retried or captioned by another invocation."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from musicgenerator.errors import (
    BlockedError,
    CaptionFailedError,
    CaptionUnavailableError,
    DescriberBlockedError,
    PermanentError,
    TransientError,
)
from musicgenerator.messages import CaptionMessage, GatheredMessage
from musicgenerator.states import FINAL, Status
from musicgenerator.tracks import PrivateTrack
from tests.contracts.recorded import SESSION, TOKEN, TRACK, recorded, recorded_work
from tests.functions.captioner_scene import Scene
from tests.support.fakes import HeardCaptions

COVER = ("musicgenerator-results", f"{TOKEN}/cover.jpg")
# What the describer answers, late.
ANSWERS: dict[str, PermanentError | TransientError | BlockedError | None] = {
    "brief": None,
    "unusable": CaptionFailedError("late"),
    "busy": CaptionUnavailableError("late"),
    "blocked": DescriberBlockedError("late"),
}
# The states that another invocation or a command may have left, with the attempt and the owner.
OVERTAKEN: list[tuple[Status, int, str | None]] = [
    (Status.CAPTIONING, 1, "another"),
    (Status.CAPTIONING, 2, None),
    (Status.CAPTIONING, 2, "another"),
    (Status.CAPTIONED, 1, "another"),
    (Status.CAPTIONED, 2, None),
    (Status.LAUNCHING, 1, "another"),
    (Status.COMPOSING, 2, None),
    *((status, 1, "another") for status in sorted(FINAL)),
]


@dataclass
class SlowCaptions(HeardCaptions):
    """``meanwhile`` runs after each message is published, before the captioner marks it."""

    meanwhile: Callable[[], None] = lambda: None

    def announce(self, message: CaptionMessage | GatheredMessage, engine: str) -> None:
        super().announce(message, engine)
        self.meanwhile()


def deliver(scene: Scene) -> None:
    """Deliver the event; a transient error has it delivered again, which is another invocation's work."""
    if isinstance(scene.describer.failure, TransientError):
        with pytest.raises(CaptionUnavailableError):
            scene.deliver()
    else:
        scene.deliver()


@pytest.mark.parametrize(("status", "attempt", "owner"), OVERTAKEN)
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_overtaken_captioner_changes_nothing(answer: str, status: Status, attempt: int, owner: str | None) -> None:
    """Neither its brief nor its error is written, nothing is announced, and the lease of the owner stays."""
    scene = Scene()
    scene.describer.failure = ANSWERS[answer]
    work = replace(recorded_work(), owner=owner, lease_until=datetime.now(UTC) + timedelta(minutes=1), claims=2)
    document = recorded(f"track_{status}") | {"attempt": attempt}
    scene.describer.meanwhile = lambda: scene.tracks.hold(document, SESSION, TRACK, work)
    deliver(scene)
    assert (scene.document, scene.work) == (document, work)
    assert scene.captions.heard == []


@pytest.mark.parametrize(("status", "attempt", "owner"), OVERTAKEN)
def test_the_cover_of_a_track_that_goes_on_stays(status: Status, attempt: int, owner: str | None) -> None:
    """Both invocations write the same cover; only a cancelled or erased track loses it."""
    scene = Scene()
    work = replace(recorded_work(), owner=owner)
    scene.describer.meanwhile = lambda: scene.tracks.hold(
        recorded(f"track_{status}") | {"attempt": attempt}, SESSION, TRACK, work
    )
    scene.deliver()
    assert (COVER in scene.objects.objects) is (status is not Status.CANCELLED)


@pytest.mark.parametrize("answer", ["busy", "blocked", "unusable"])
def test_the_owner_of_a_track_erased_meanwhile_writes_nothing(answer: str) -> None:
    """There is no lease to release, no error to write and no track to park."""
    scene = Scene()
    scene.describer.failure = ANSWERS[answer]
    scene.describer.meanwhile = lambda: scene.tracks.erase(SESSION, TRACK)
    deliver(scene)
    assert scene.tracks.documents == {}
    assert scene.captions.heard == []


def test_the_next_attempt_is_not_marked_as_announced_by_the_first() -> None:
    """The attempt failed and was retried between the message and its mark: the next attempt's message is not lost."""
    scene = Scene()
    document = recorded("track_captioned") | {"attempt": 2}
    scene.captions = SlowCaptions(meanwhile=lambda: scene.tracks.hold(document, SESSION, TRACK, PrivateTrack(TOKEN)))
    scene.deliver()
    assert scene.captions.heard == [(CaptionMessage(SESSION, TRACK, 1), "composer")]
    assert scene.work == PrivateTrack(TOKEN)


def test_a_message_is_marked_once() -> None:
    """Another invocation announced the same attempt meanwhile: its mark is not written a second time."""
    scene = Scene()
    scene.at(Status.CAPTIONED)
    scene.captions = SlowCaptions(meanwhile=lambda: scene.at(Status.CAPTIONED, published=True))
    scene.deliver()
    assert scene.work.published
    assert scene.tracks.dues == {}


def test_the_second_attempt_is_announced_as_such() -> None:
    """Retried without a brief, the track is captioned again, and its message names the second attempt."""
    scene = Scene()
    scene.tracks.hold(recorded("track_captioning") | {"attempt": 2}, SESSION, TRACK, PrivateTrack(TOKEN))
    scene.resume()
    assert scene.captions.heard == [(CaptionMessage(SESSION, TRACK, 2), "composer")]
    assert scene.work.published


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.CAPTIONING])
def test_a_picture_that_is_late_ends_only_a_track_that_waits_for_it(status: Status) -> None:
    """The track was cancelled or its picture arrived between decision and commit."""
    scene = Scene()
    scene.objects.erase(scene.event.bucket, scene.event.name)
    scene.tracks.meanwhile.append(lambda: scene.at(status))
    scene.resume()
    assert scene.document == recorded(f"track_{status}")
    assert scene.tracks.steps == []


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("unusable", ("WARNING", "track ended", "caption_failed")),
        ("blocked", ("ERROR", "track parked", None)),
    ],
)
def test_the_operator_sees_what_ended_or_parked_a_track(
    answer: str, line: tuple[str, str, str | None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The deployment's metrics count `track ended` by code and `track parked`."""
    scene = Scene()
    scene.describer.failure = ANSWERS[answer]
    scene.deliver()
    written = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [(each["severity"], each["message"], each.get("code")) for each in written] == [line]


def test_the_mark_keeps_what_the_launcher_has_set() -> None:
    """A track that waits for others is due when the launcher has said, not after the patience of its state."""
    scene, until = Scene(), datetime.now(UTC) + timedelta(seconds=1)
    scene.captions = SlowCaptions(meanwhile=lambda: scene.tracks.dues.update({TRACK: until}))
    scene.deliver()
    assert scene.work.published
    assert scene.tracks.dues[TRACK] == until
