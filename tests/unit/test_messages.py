import base64
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import flask
import pytest
from functions_framework.event_conversion import background_event_to_cloud_event
from hypothesis import example, given, settings
from hypothesis import strategies as st

from localcloud.vertex.job_events import log_entry
from localcloud.vertex.jobs import PipelineJob, State
from localcloud.vertex.specs import PipelineRequest
from musicgenerator.errors import MalformedEventError
from musicgenerator.events import ObjectFinalized, message_data
from musicgenerator.messages import (
    ENGINE_ATTRIBUTE,
    CaptionMessage,
    GatheredMessage,
    JobMessage,
    PictureMessage,
    PipelineMessage,
    Tick,
    Wake,
    caption_event,
    picture_event,
    pipeline_event,
    step_message,
)
from tests.contracts.recorded import JOB, SESSION, TRACK, recorded
from tests.unit.json_values import JSON

SHARED = "mg-j" + "a" * 26
ATTEMPT = {"session": SESSION, "track": TRACK, "attempt": 1}
CAPTION_LIKE = st.fixed_dictionaries(
    {},
    optional={"session": JSON | st.just(SESSION), "track": JSON | st.just(TRACK), "attempt": JSON | st.integers(-1, 3)},
)
EVENT_LIKE = st.fixed_dictionaries(
    {},
    optional={
        "pipelineJobId": JSON | st.just(JOB),
        "resource": JSON
        | st.fixed_dictionaries(
            {"type": JSON | st.just("aiplatform.googleapis.com/PipelineJob")},
            optional={"labels": JSON | st.fixed_dictionaries({"pipeline_job_id": JSON | st.just(JOB)})},
        ),
    },
)
READERS: list[Callable[[bytes], object]] = [
    PictureMessage.from_bytes,
    CaptionMessage.from_bytes,
    caption_event,
    pipeline_event,
]
DATA = st.binary(max_size=200) | (JSON | CAPTION_LIKE | EVENT_LIKE).map(lambda body: json.dumps(body).encode())


def test_a_picture_message_is_written_and_read_as_recorded() -> None:
    """A replay's message contains only the track; no subscription filters it."""
    contract = recorded("picture_message")
    assert {"attributes": {}, "data": json.loads(PictureMessage(TRACK).to_bytes())} == contract
    assert PictureMessage.from_bytes(json.dumps(contract["data"]).encode()) == PictureMessage(TRACK)


def test_a_picture_message_arrives_in_a_push() -> None:
    """The topic's subscription wraps it in a push."""
    data = base64.b64encode(PictureMessage(TRACK).to_bytes()).decode()
    assert PictureMessage.from_bytes(message_data({"message": {"data": data}})) == PictureMessage(TRACK)


@pytest.mark.parametrize("track", [None, "", SESSION, 5, [TRACK], TRACK + "\n", TRACK.upper(), f"../{TRACK}"])
def test_a_picture_message_without_a_track_says_so(track: object) -> None:
    """The error names the field."""
    with pytest.raises(MalformedEventError, match="track"):
        PictureMessage.from_bytes(json.dumps({"track": track}).encode())


def test_a_caption_message_is_written_as_recorded() -> None:
    """The producer writes the recorded message."""
    contract = recorded("captions_message")
    assert json.loads(CaptionMessage(SESSION, TRACK, 1).to_bytes()) == contract["data"]
    assert set(contract["attributes"]) == {ENGINE_ATTRIBUTE}


def test_a_caption_message_is_read_as_recorded() -> None:
    """The consumer reads the recorded push."""
    expected = CaptionMessage(SESSION, TRACK, 1)
    assert CaptionMessage.from_bytes(json.dumps(recorded("captions_message")["data"]).encode()) == expected
    assert CaptionMessage.from_bytes(message_data(recorded("captions_push"))) == expected


def test_the_step_s_message_is_written_and_read_as_recorded() -> None:
    """The message names the job, the track and the attempt; a step of an earlier release named only the job."""
    assert json.loads(step_message(JOB, TRACK, 1)) == recorded("pipeline_event_step")
    assert pipeline_event(step_message(JOB, TRACK, 1)) == PipelineMessage(JOB, TRACK, 1)
    assert pipeline_event(json.dumps({"pipelineJobId": JOB}).encode()) == PipelineMessage(JOB, TRACK, 1)
    assert pipeline_event(message_data(recorded("pipeline_event_push"))) == PipelineMessage(JOB, TRACK, 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [("captions_push", CaptionMessage(SESSION, TRACK, 1)), ("pipeline_event_push", PipelineMessage(JOB, TRACK, 1))],
)
def test_functions_framework_hands_over_a_recorded_push(name: str, message: CaptionMessage | PipelineMessage) -> None:
    """It makes a CloudEvent from the push, also if the message has no attributes."""
    with flask.Flask(name).test_request_context("/", method="POST", json=recorded(name)) as context:
        event = background_event_to_cloud_event(context.request)
    read = caption_event if isinstance(message, CaptionMessage) else pipeline_event
    assert read(message_data(event.data)) == message


def test_the_end_of_a_shared_job_names_no_track() -> None:
    """The log sink's entry names only the job; the step's message also names the track and attempt."""
    entry = recorded("pipeline_event_log_succeeded")
    entry["resource"]["labels"]["pipeline_job_id"] = SHARED
    assert pipeline_event(json.dumps(entry).encode()) == JobMessage(SHARED)
    assert pipeline_event(step_message(SHARED, TRACK, 2)) == PipelineMessage(SHARED, TRACK, 2)


@pytest.mark.parametrize(
    "wrong", [{"track": "x"}, {"track": None}, {"attempt": 0}, {"attempt": "-1"}, {"attempt": None}]
)
def test_a_step_s_message_of_a_shared_job_needs_an_attempt(wrong: dict[str, Any]) -> None:
    """The error names the field."""
    body = json.loads(step_message(SHARED, TRACK, 1)) | wrong
    with pytest.raises(MalformedEventError, match="attempt"):
        pipeline_event(json.dumps(body).encode())


def test_a_gathered_message_is_read_as_written() -> None:
    """In its order; a message of one attempt stays a gathered one."""
    attempts = tuple(CaptionMessage(SESSION, f"t{letter * 26}", 1) for letter in "abc")
    for message in (GatheredMessage(attempts), GatheredMessage(attempts[:1])):
        assert caption_event(message.to_bytes()) == message
    assert caption_event(attempts[0].to_bytes()) == attempts[0]


@pytest.mark.parametrize(
    "gathered",
    [[], {}, "x", [1], [{}], [{"session": SESSION, "track": TRACK, "attempt": 0}], [ATTEMPT, ATTEMPT], [ATTEMPT] * 201],
)
def test_a_gathered_message_with_a_wrong_attempt_is_malformed(gathered: object) -> None:
    """No attempt of it is launched: an empty list, a track that is named twice, more than a job may have."""
    with pytest.raises(MalformedEventError):
        caption_event(json.dumps({"gathered": gathered}).encode())


@pytest.mark.parametrize("end", ["succeeded", "failed"])
def test_a_log_entry_says_the_same_as_the_step(end: str) -> None:
    """After success and failure the log sink's entry names the same job."""
    data = json.dumps(recorded(f"pipeline_event_log_{end}")).encode()
    assert pipeline_event(data) == PipelineMessage(JOB, TRACK, 1)


@pytest.mark.parametrize(
    ("end", "state"),
    [("succeeded", State.PIPELINE_STATE_SUCCEEDED), ("failed", State.PIPELINE_STATE_FAILED)],
)
def test_the_local_vertex_writes_the_recorded_log_entry(end: str, state: State) -> None:
    """Only the entry's id and its timestamps differ from run to run."""
    contract = recorded(f"pipeline_event_log_{end}")
    job = vertex_job(state, contract["jsonPayload"].get("error"))
    moving = {"insertId": "", "timestamp": "", "receiveTimestamp": ""}
    assert log_entry(job) | moving == contract | moving


def vertex_job(state: State, error: dict[str, Any] | None) -> PipelineJob:
    spec = {"pipelineInfo": {"name": "musicgenerator"}}
    request = PipelineRequest({"pipelineSpec": spec}, {})
    return PipelineJob("projects/musicgenerator-prod/locations/us-central1", JOB, request, state, error)


@pytest.mark.parametrize(
    "change",
    [
        {"session": None},
        {"session": TRACK},
        {"session": 5},
        {"track": None},
        {"track": SESSION},
        {"track": [TRACK]},
        {"attempt": 0},
        {"attempt": -1},
        {"attempt": True},
        {"attempt": "1"},
        {"attempt": 1.0},
        {"attempt": None},
    ],
)
def test_a_caption_message_with_a_wrong_field_names_it(change: dict[str, Any]) -> None:
    """The error names the invalid field."""
    body = recorded("captions_message")["data"] | change
    with pytest.raises(MalformedEventError, match=next(iter(change))):
        CaptionMessage.from_bytes(json.dumps(body).encode())


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pipelineJobId": "somebody-elses-job"},
        {"pipelineJobId": 5},
        {"resource": {"type": "gce_instance", "labels": {"pipeline_job_id": JOB}}},
        {"resource": {"type": "aiplatform.googleapis.com/PipelineJob", "labels": {}}},
        {"resource": {"type": "aiplatform.googleapis.com/PipelineJob", "labels": []}},
        {"resource": "aiplatform.googleapis.com/PipelineJob"},
    ],
)
def test_an_event_that_names_no_track_s_job_is_malformed(body: dict[str, Any]) -> None:
    """Other jobs and other log entries belong to no track."""
    with pytest.raises(MalformedEventError):
        pipeline_event(json.dumps(body).encode())


@settings(max_examples=60)
@given(data=DATA)
@example(data=b"\xff\xfe")
@example(data=b"[" + b"9" * 5000 + b"]")
def test_any_bytes_are_a_message_or_malformed(data: bytes) -> None:
    """Nothing else is raised: any other exception would cause another delivery."""
    for read in READERS:
        with suppress(MalformedEventError):
            assert TRACK in repr(read(data))


@pytest.mark.parametrize("read", READERS)
def test_json_nested_too_deeply_is_malformed(read: Callable[[bytes], object]) -> None:
    """json.loads raises RecursionError for a hundred thousand brackets; the message is malformed."""
    data = b"[" * 100_000
    with pytest.raises(MalformedEventError):
        read(data)


@pytest.mark.parametrize(
    ("body", "event"),
    [
        ({"track": TRACK}, PictureMessage(TRACK)),
        (json.loads(Wake().to_bytes()), Wake()),
        (recorded("storage_finalized")["body"], ObjectFinalized.from_data(recorded("storage_finalized")["body"])),
    ],
)
def test_a_message_about_a_picture_names_a_track_or_an_object_or_wakes(
    body: dict[str, Any], event: PictureMessage | ObjectFinalized | Wake
) -> None:
    """A replay publishes dead-lettered storage events as they were delivered."""
    assert picture_event(json.dumps(body).encode()) == event


@pytest.mark.parametrize(
    ("body", "event"),
    [
        ({"tick": True}, Tick()),
        ({"tick": True, "pipelineJobId": JOB}, Tick()),
        ({"tick": False, "pipelineJobId": JOB}, PipelineMessage(JOB, TRACK, 1)),
        ({"tick": 1, "pipelineJobId": JOB}, PipelineMessage(JOB, TRACK, 1)),
        ({"pipelineJobId": JOB}, PipelineMessage(JOB, TRACK, 1)),
    ],
)
def test_only_the_schedulers_message_is_a_tick(body: dict[str, Any], event: PipelineMessage | Tick) -> None:
    """Every other message names a job."""
    assert pipeline_event(json.dumps(body).encode()) == event


def test_a_message_on_captions_is_an_attempt_or_a_wake() -> None:
    """A wake is exactly `{"wake": true}`; what only resembles it is malformed."""
    assert json.loads(Wake().to_bytes()) == {"wake": True}
    assert caption_event(Wake().to_bytes()) == Wake()
    assert caption_event(CaptionMessage(SESSION, TRACK, 1).to_bytes()) == CaptionMessage(SESSION, TRACK, 1)
    for body in ({"wake": False}, {"wake": 1}, {"wake": "true"}, [True]):
        with pytest.raises(MalformedEventError):
            caption_event(json.dumps(body).encode())
