from dataclasses import asdict
from itertools import pairwise
from typing import Any

import pytest

from musicgenerator.errors import BriefError
from musicgenerator.states import Status
from musicgenerator.tracks import Request
from tests.contracts.recorded import recorded, recorded_track

INSIDE = [
    ("hint", "가" * 300),
    ("style", "가" * 60),
    ("durationSeconds", 10),
    ("durationSeconds", 180),
    ("language", "en"),
    ("engine", "lyria-002"),
    ("seed", 0),
    ("seed", 2**32 - 1),
]
OUTSIDE = [
    ("hint", "가" * 301),
    ("hint", 5),
    ("hint", ["a"]),
    ("style", "가" * 61),
    ("style", {"a": 1}),
    ("durationSeconds", 9),
    ("durationSeconds", 181),
    ("durationSeconds", 0),
    ("durationSeconds", 30.0),
    ("durationSeconds", "30"),
    ("durationSeconds", True),
    ("language", "fr"),
    ("language", ["ko"]),
    ("engine", "no-such-engine"),
    ("durationSeconds", 10_000),
    ("engine", 3),
    ("seed", -1),
    ("seed", 2**32),
    ("seed", 1.5),
    ("seed", True),
]


def test_a_request_that_asks_for_nothing_leaves_it_to_the_system() -> None:
    """Thirty seconds, Korean words, no wish, engine and seed open."""
    assert Request.from_mapping({}) == Request("", "", 30, "ko", None, None)
    asked_nothing = dict.fromkeys(("hint", "style", "durationSeconds", "language", "engine", "seed"))
    assert Request.from_mapping(asked_nothing) == Request()


def test_a_request_reads_what_the_track_document_holds() -> None:
    """Reading the recorded request and writing it again changes nothing."""
    document = recorded("track_awaiting_upload")["request"]
    assert asdict(Request.from_mapping(document)) == document


@pytest.mark.parametrize(("field", "value"), INSIDE)
def test_a_wish_at_its_bound_is_taken(field: str, value: Any) -> None:
    """The bounds themselves are inside."""
    assert getattr(Request.from_mapping({field: value}), field) == value


@pytest.mark.parametrize(("field", "value"), OUTSIDE)
def test_a_wish_out_of_bounds_is_named(field: str, value: Any) -> None:
    """The error says which field is wrong."""
    with pytest.raises(BriefError) as caught:
        Request.from_mapping({field: value})
    assert caught.value.field == field


@pytest.mark.parametrize("field", ["hint", "style", "engine"])
def test_half_a_character_is_no_wish(field: str) -> None:
    """A lone surrogate, which JSON can spell and no store can keep, is refused."""
    with pytest.raises(BriefError) as caught:
        Request.from_mapping({field: "\ud83c"})
    assert caught.value.field == field


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_recorded_document_that_can_be_read(status: Status) -> None:
    """The documents share their fields; the timeline names the states reached, the last being the present one."""
    document = recorded(f"track_{status}")
    assert set(document) == set(recorded("track_awaiting_upload"))
    assert status is recorded_track(status).status
    reached = [Status(name) for name in document["timeline"]]
    assert status is reached[-1]
    assert all(now.may_become(then) for now, then in pairwise(reached))
    assert (status in {Status.FAILED, Status.REJECTED, Status.CANCELLED}) is (document["error"] is not None)
    assert (status is Status.READY) is ("url" in (document["music"] or {}))
    assert (document["brief"] is None) or document["describer"]["calls"] == 1


def test_a_parked_track_is_one_that_is_being_captioned_with_words_about_the_wait() -> None:
    """Clients show the words; nothing else differs."""
    parked, captioning = recorded("track_parked"), recorded("track_captioning")
    assert list(parked) == list(captioning)
    assert {name for name in parked if parked[name] != captioning[name]} == {"error", "updatedAt"}


@pytest.mark.parametrize("status", Status)
def test_a_describer_s_use_has_the_same_members_everywhere(status: Status) -> None:
    """Whose model, which prompt, how many paid calls, tokens and dollars; absent before anybody was asked."""
    describer = recorded(f"track_{status}")["describer"]
    members = ["model", "promptVersion", "calls", "inputTokens", "outputTokens", "costUsd"]
    assert describer is None or list(describer) == members
