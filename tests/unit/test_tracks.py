from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from musicgenerator.changes import Change, TrackUpdate
from musicgenerator.errors import BriefError, PipelineFailedError
from musicgenerator.results import Music, ResultsBucket
from musicgenerator.states import Status
from musicgenerator.track_requests import Request
from musicgenerator.tracks import PrivateTrack, Track, earlier_jobs, job_of
from tests.contracts.recorded import (
    SESSION,
    TOKEN,
    TRACK,
    recorded,
    recorded_track,
    recorded_usage,
    with_moments,
    without_timestamps,
)

EXPIRES_AT = datetime(2026, 12, 22, 9, 14, 58, tzinfo=UTC)

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


def test_an_empty_request_has_defaults() -> None:
    """The defaults are thirty seconds and Korean; engine and seed are open."""
    assert Request.from_mapping({}) == Request("", "", 30, "ko", None, None)
    asked_nothing = dict.fromkeys(("hint", "style", "durationSeconds", "language", "engine", "seed"))
    assert Request.from_mapping(asked_nothing) == Request()


def test_a_request_reads_and_writes_the_track_documents_field() -> None:
    """Reading the recorded request and writing it again changes nothing."""
    document = recorded("track_awaiting_upload")["request"]
    assert Request.from_mapping(document).to_mapping() == document


@pytest.mark.parametrize(("field", "value"), INSIDE)
def test_a_wish_at_its_bound_is_taken(field: str, value: Any) -> None:
    """The bounds are inclusive."""
    assert Request.from_mapping({field: value}).to_mapping()[field] == value


@pytest.mark.parametrize(("field", "value"), OUTSIDE)
def test_a_wish_out_of_bounds_is_named(field: str, value: Any) -> None:
    """The error names the invalid field."""
    with pytest.raises(BriefError) as caught:
        Request.from_mapping({field: value})
    assert caught.value.field == field


@pytest.mark.parametrize("field", ["hint", "style", "engine"])
def test_a_lone_surrogate_is_no_wish(field: str) -> None:
    """A lone surrogate, which JSON can contain and no store can encode, is refused."""
    with pytest.raises(BriefError) as caught:
        Request.from_mapping({field: "\ud83c"})
    assert caught.value.field == field


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_recorded_document_that_can_be_read(status: Status) -> None:
    """The documents have the same fields; the timeline ends with the current state."""
    document = recorded(f"track_{status}")
    assert set(document) == set(recorded("track_awaiting_upload"))
    assert status is recorded_track(status).status
    reached = [Status(name) for name in document["timeline"]]
    assert status is reached[-1]
    assert all(current.may_become(then) for current, then in pairwise(reached))
    assert (status in {Status.FAILED, Status.REJECTED, Status.CANCELLED}) is (document["error"] is not None)
    assert (status is Status.READY) is ("url" in (document["music"] or {}))
    assert (document["brief"] is None) or document["describer"]["calls"] == 1


def test_a_parked_track_is_a_captioning_one_with_an_error() -> None:
    """Only `error`, which clients show, and `updatedAt` differ."""
    parked, captioning = recorded("track_parked"), recorded("track_captioning")
    assert list(parked) == list(captioning)
    assert {name for name in parked if parked[name] != captioning[name]} == {"error", "updatedAt"}


@pytest.mark.parametrize("status", Status)
def test_a_describer_s_use_has_the_same_members_everywhere(status: Status) -> None:
    """Model, prompt version, paid calls, tokens and dollars; null before the describer was called."""
    describer = recorded(f"track_{status}")["describer"]
    members = ["model", "promptVersion", "calls", "inputTokens", "outputTokens", "costUsd"]
    assert describer is None or list(describer) == members


@pytest.mark.parametrize("status", [Status.AWAITING_UPLOAD, Status.CAPTIONING])
def test_a_track_writes_what_it_was_read_from(status: Status) -> None:
    """A document without music, error and usage is the same after reading and writing it."""
    document = recorded(f"track_{status}")
    written = recorded_track(status).to_document("now", EXPIRES_AT)
    assert without_timestamps(written) == without_timestamps(document) | {"timeline": [status]}
    assert {written[name] for name in ("createdAt", "updatedAt")} == {"now", *written["timeline"].values()}
    assert written["expiresAt"] == EXPIRES_AT


def test_a_new_attempt_s_track_names_the_prompt_of_its_brief() -> None:
    """Another version keeps only the prompt version of the describer's usage."""
    captioned = recorded_track(Status.CAPTIONED)
    written = captioned.to_document("now", EXPIRES_AT)
    assert written["describer"] == {"promptVersion": "1"}
    assert (written["brief"], written["image"]) == (
        recorded("track_captioned")["brief"],
        recorded("track_captioned")["image"],
    )
    assert replace(captioned, prompt_version="").to_document("now", EXPIRES_AT)["describer"] is None


@pytest.mark.parametrize(("status", "retryable"), [("failed", True), ("rejected", False), ("ready", False)])
def test_a_track_says_whether_it_can_be_retried(status: str, retryable: bool) -> None:
    """`retryable` is read from the error."""
    assert recorded_track(Status(status)).retryable is retryable


def test_a_private_track_writes_what_it_reads() -> None:
    """Every field has its name in the document."""
    document = {
        "token": TOKEN,
        "owner": "me",
        "leaseUntil": EXPIRES_AT,
        "published": True,
        "parked": True,
        "claims": 3,
        "region": "europe-west4",
        "job": "mg-j" + "a" * 26,
        "earlierJobs": [f"mg-{TRACK}-1"],
        "droppedObject": "beach.jpg",
        "hint": "waves",
        "counted": ["2026-11-28-a"],
        "countedForAll": "2026-11-28-3",
        "twinToken": "r" + "t" * 26,
        "twinCountedForAll": "2026-11-28-4",
        "unchecked": True,
        "source": "t" + "b" * 26,
        "stems": "t" + "c" * 26,
        "loop": "t" + "d" * 26,
    }
    private = PrivateTrack(
        *(TOKEN, "me", EXPIRES_AT),
        published=True,
        parked=True,
        claims=3,
        region="europe-west4",
        job="mg-j" + "a" * 26,
        earlier_jobs=(f"mg-{TRACK}-1",),
        dropped_object="beach.jpg",
        hint="waves",
        counted=("2026-11-28-a",),
        counted_for_all="2026-11-28-3",
        twin_token="r" + "t" * 26,
        twin_counted_for_all="2026-11-28-4",
        unchecked=True,
        source="t" + "b" * 26,
        stems="t" + "c" * 26,
        loop="t" + "d" * 26,
    )
    assert private.to_fields() == document
    assert PrivateTrack.from_document({**document, "session": SESSION, "dueAt": EXPIRES_AT}) == private


def test_an_old_private_track_has_defaults_for_newer_fields() -> None:
    """Only the token is required."""
    assert PrivateTrack.from_document({"session": SESSION, "token": TOKEN}) == PrivateTrack(TOKEN)
    with pytest.raises(KeyError, match="token"):
        PrivateTrack.from_document({"session": SESSION})


def test_an_empty_change_leaves_the_document_alone() -> None:
    """Not even `updatedAt` is written."""
    assert Change().to_fields("ko", "now") == {}
    assert Change(work=PrivateTrack(TOKEN), due_at=EXPIRES_AT).to_fields("ko", "now") == {}


def test_a_change_writes_the_recorded_fields() -> None:
    """It writes the captioned track's fields, the status with its time, and null for None."""
    captioned, read = recorded("track_captioned"), recorded_track(Status.CAPTIONED)
    assert read.brief
    assert read.image
    music = Music(ResultsBucket("https://storage.googleapis.com", "musicgenerator-results").folder(TOKEN))
    update = TrackUpdate(read.image, read.brief, recorded_usage(), music, error=None)
    fields = {name: captioned[name] for name in ("image", "brief", "describer", "music")}
    assert Change(Status.CAPTIONED, update, attempt=2).to_fields("ko", "now") == fields | {
        "error": None,
        "status": "captioned",
        "timeline.captioned": "now",
        "attempt": 2,
        "updatedAt": "now",
    }


@pytest.mark.parametrize("language", ["ko", "en"])
def test_an_error_is_written_in_the_track_s_language(language: str) -> None:
    """Only `error` and `updatedAt` are written."""
    error = PipelineFailedError("")
    fields = {"error": error.to_mapping(language), "updatedAt": "now"}
    assert Change(update=TrackUpdate(error=error)).to_fields(language, "now") == fields


def test_a_track_knows_when_it_entered_each_state() -> None:
    """The timeline is the document's, or empty."""
    document = with_moments(recorded("track_ready"))
    assert Track.from_document(SESSION, TRACK, document).timeline == document["timeline"]
    assert Track.from_document(SESSION, TRACK, document | {"timeline": None}).timeline == {}


def test_a_new_private_track_has_no_owner() -> None:
    """It is not announced, not parked, and was never claimed."""
    fields = {"owner": None, "leaseUntil": None, "published": False, "parked": False, "claims": 0, "region": ""}
    dropped = {"droppedObject": "", "hint": ""}
    new = {
        "counted": [],
        "countedForAll": "",
        "twinToken": "",
        "twinCountedForAll": "",
        "unchecked": False,
        "job": "",
        "earlierJobs": [],
        "source": "",
        "stems": "",
        "loop": "",
    }
    assert PrivateTrack(TOKEN).to_fields() == {"token": TOKEN} | fields | dropped | new


def test_a_track_without_a_claimed_job_has_jobs_of_its_own() -> None:
    """Also one of an earlier release, whose private track names no job; a claimed job may make other tracks."""
    track = replace(recorded_track(Status.COMPOSING), attempt=3)
    own = [f"mg-{TRACK}-{attempt}" for attempt in (1, 2, 3)]
    old, new = PrivateTrack(TOKEN), PrivateTrack(TOKEN, job="mg-j" + "a" * 26, earlier_jobs=("mg-j" + "b" * 26,))
    assert (job_of(track, old), earlier_jobs(track, old)) == (own[2], tuple(own[:2]))
    assert (job_of(track, new), earlier_jobs(track, new)) == (new.job, new.earlier_jobs)


def test_a_new_track_cannot_be_retried() -> None:
    """It has no error."""
    track = Track(SESSION, TRACK, Status.AWAITING_UPLOAD, 1, Request())
    assert (track.retryable, track.created_at, dict(track.timeline)) == (False, None, {})
