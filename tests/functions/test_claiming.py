from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from captioning import MAX_CLAIMS

from musicgenerator.errors import CaptionAbandonedError, CaptionFailedError, CaptionUnavailableError, LeasedError
from musicgenerator.states import FINAL, Status
from tests.contracts.recorded import recorded, without_timestamps
from tests.functions.captioner_scene import ANNOUNCED, Scene, soon


def test_a_second_delivery_pays_and_announces_nothing_twice() -> None:
    """The describer is called once and one message is published."""
    scene = Scene()
    scene.deliver()
    before = scene.document
    scene.deliver()
    assert scene.document == before
    assert len(scene.describer.asked) == 1
    assert scene.captions.heard == [ANNOUNCED]


def test_another_holder_s_lease_has_the_event_come_again() -> None:
    """Two invocations never process one track at the same time."""
    scene = Scene()
    scene.at(Status.CAPTIONING, owner="another", lease_until=soon())
    with pytest.raises(LeasedError):
        scene.deliver()
    assert not scene.describer.asked


@pytest.mark.parametrize("until", [datetime(2026, 1, 1, tzinfo=UTC), None], ids=["ended", "released"])
def test_a_lease_that_has_ended_is_taken_over(until: datetime | None) -> None:
    """The first holder crashed or released it; the track is captioned."""
    scene = Scene()
    scene.at(Status.CAPTIONING, owner="another", lease_until=until)
    scene.deliver()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_captioned"))
    assert scene.captions.heard == [ANNOUNCED]


def test_a_lease_lasts_longer_than_a_description_can() -> None:
    """Two calls of a minute each fit into it."""
    scene = Scene()
    leases: list[datetime | None] = []
    scene.describer.meanwhile = lambda: leases.append(scene.work.lease_until)
    before = datetime.now(UTC)
    scene.deliver()
    assert leases[0] is not None
    lease = timedelta(seconds=150)
    assert before + lease <= leases[0] <= datetime.now(UTC) + lease


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_lost_answer_to_an_own_write_is_no_duplicate(lost: int) -> None:
    """The commit succeeded but its answer was lost: the handler recognizes its own claim and continues."""
    scene = Scene()
    scene.tracks.lost_answers = lost
    scene.deliver()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_captioned"))
    assert scene.captions.heard == [ANNOUNCED]
    assert scene.work.published
    assert len(scene.describer.asked) == 1


def test_a_picture_delivered_five_times_at_once_is_paid_and_announced_once() -> None:
    """The first delivery describes it, the other four are delivered again and find it done."""
    scene = Scene()
    refused: list[LeasedError] = []

    def deliver_the_others() -> None:
        for _ in range(4):
            with pytest.raises(LeasedError) as caught:
                scene.deliver()
            refused.append(caught.value)

    scene.describer.meanwhile = deliver_the_others
    scene.deliver()
    for _ in refused:
        scene.deliver()
    assert len(refused) == 4
    assert len(scene.describer.asked) == 1
    assert scene.captions.heard == [ANNOUNCED]
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_captioned"))


def test_of_two_claims_at_once_one_wins() -> None:
    """The other writer claimed between decision and commit: this one decides again and leaves the track."""
    scene = Scene()
    scene.tracks.meanwhile.append(lambda: scene.at(Status.CAPTIONING, owner="another", lease_until=soon()))
    with pytest.raises(LeasedError):
        scene.deliver()
    assert scene.work.owner == "another"
    assert not scene.describer.asked


@pytest.mark.parametrize("failure", [None, CaptionFailedError("late"), CaptionUnavailableError("late")])
def test_a_slow_handler_that_was_overtaken_writes_nothing(failure: Any) -> None:
    """Its lease ended and another invocation owns the track: neither its brief nor its error is written."""
    scene = Scene()
    scene.describer.failure = failure
    until = soon()
    scene.describer.meanwhile = lambda: scene.at(Status.CAPTIONING, owner="another", lease_until=until)
    if isinstance(failure, CaptionUnavailableError):
        with pytest.raises(CaptionUnavailableError):
            scene.deliver()
    else:
        scene.deliver()
    assert scene.document == recorded("track_captioning")
    assert (scene.work.owner, scene.work.lease_until) == ("another", until)
    assert not scene.captions.heard


@pytest.mark.parametrize("end", sorted(FINAL))
def test_a_track_that_ended_meanwhile_stays_ended(end: Status) -> None:
    """A handler that was still describing the picture does not caption a cancelled track."""
    scene = Scene()
    scene.describer.meanwhile = lambda: scene.at(end)
    scene.deliver()
    assert scene.document == recorded(f"track_{end}")
    assert not scene.captions.heard


def test_a_busy_describer_releases_the_lease_and_has_the_event_come_again() -> None:
    """The next delivery need not wait for the lease to end."""
    scene = Scene()
    scene.describer.failure = CaptionUnavailableError("429")
    with pytest.raises(CaptionUnavailableError):
        scene.deliver()
    assert scene.document["status"] == "captioning"
    assert scene.work.lease_until is None
    scene.describer.failure = None
    scene.deliver()
    assert scene.document["status"] == "captioned"
    assert scene.captions.heard == [ANNOUNCED]


@pytest.mark.parametrize(("claims", "status"), [(MAX_CLAIMS - 1, "captioned"), (MAX_CLAIMS, "failed")])
def test_a_picture_that_was_claimed_too_often_fails(claims: int, status: str) -> None:
    """After too many crashes or transient errors the track fails, and the describer is not called again."""
    scene = Scene()
    scene.at(Status.CAPTIONING, owner="another", claims=claims)
    scene.deliver()
    assert scene.document["status"] == status
    assert bool(scene.describer.asked) is (status == "captioned")
    ended = CaptionAbandonedError("").to_mapping("ko")
    assert scene.document["error"] == (ended if status == "failed" else None)


def test_every_claim_is_counted() -> None:
    """A claim counts even if its description fails."""
    scene = Scene()
    scene.describer.failure = CaptionUnavailableError("429")
    for claims in (1, 2, 3):
        with pytest.raises(CaptionUnavailableError):
            scene.deliver()
        assert scene.work.claims == claims
