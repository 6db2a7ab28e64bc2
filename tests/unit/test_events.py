import base64
import json
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from localcloud.pubsub.delivery import Message, Post, Route, push_form, storage_form
from musicgenerator import ids
from musicgenerator.drops import track_of
from musicgenerator.errors import MalformedEventError
from musicgenerator.events import ObjectFinalized, message_data
from tests.contracts.recorded import TRACK, recorded
from tests.unit.json_values import JSON

NUMBERS = st.integers().map(str) | st.integers() | JSON
STORAGE_LIKE = st.fixed_dictionaries(
    {},
    optional={
        "bucket": st.text() | JSON,
        "name": st.text() | JSON,
        "generation": NUMBERS,
        "size": NUMBERS,
        "contentType": JSON,
        "metadata": st.dictionaries(st.text(), JSON) | JSON,
    },
)
PUSH_LIKE = st.fixed_dictionaries(
    {}, optional={"message": JSON | st.fixed_dictionaries({}, optional={"data": JSON | st.text()})}
)

ROUTE = Route("captions", "captions-pipeline-launcher", "http://127.0.0.1:1", push_form("musicgenerator-prod"))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def as_contract(post: Post) -> dict[str, Any]:
    return {"headers": dict(post.headers), "body": json.loads(post.body)}


def notification(contract: dict[str, Any]) -> Message:
    """Return the emulator's notification of an upload; its 64-bit numbers are not always strings."""
    body = contract["body"] | {"size": int(contract["body"]["size"])}
    attributes = {"eventType": "OBJECT_FINALIZE", "bucketId": body["bucket"]}
    headers = contract["headers"]
    return Message(json.dumps(body).encode(), attributes, headers["ce-id"], moment(headers["ce-time"]))


def test_a_finished_upload_is_read_as_recorded() -> None:
    """The 64-bit numbers are strings in the event and integers in the value."""
    event = ObjectFinalized.from_data(recorded("storage_finalized")["body"])
    expected = ObjectFinalized(
        "musicgenerator-images", f"uploads/{TRACK}", 1795338907198423, 2431878, "image/jpeg", {}, "AAAAAA=="
    )
    assert event == expected
    assert ids.announced_track(event.name) == TRACK


def test_a_dropped_object_brings_its_metadata() -> None:
    """Custom metadata contains the request as strings."""
    event = ObjectFinalized.from_data(recorded("storage_finalized_dropped")["body"])
    assert event.name == "여행/바다 사진.jpg"
    assert event.metadata == {"hint": "잔잔한 파도", "language": "ko", "durationSeconds": "45", "seed": "7"}


@pytest.mark.parametrize("name", ["storage_finalized", "storage_finalized_dropped"])
def test_the_headers_name_the_same_object(name: str) -> None:
    """The subject is the percent-encoded object name, since a header holds ASCII."""
    contract = recorded(name)
    assert all(value.isascii() for value in contract["headers"].values())
    assert contract["headers"]["ce-bucket"] == contract["body"]["bucket"]
    assert contract["headers"]["ce-type"] == "google.cloud.storage.object.v1.finalized"


@pytest.mark.parametrize(
    "change",
    [
        {"bucket": ""},
        {"bucket": None},
        {"name": ""},
        {"name": 5},
        {"generation": None},
        {"generation": ""},
        {"generation": "-1"},
        {"generation": "1.0"},
        {"generation": "9" * 20},
        {"generation": True},
        {"size": "many"},
        {"size": 1.5},
        {"metadata": ["hint"]},
        {"metadata": "hint"},
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any]) -> None:
    """The error names the invalid field."""
    with pytest.raises(MalformedEventError, match=next(iter(change))):
        ObjectFinalized.from_data(recorded("storage_finalized")["body"] | change)


@pytest.mark.parametrize("data", [None, b"", b"{", "", [], 5])
def test_broken_json_from_the_framework_is_malformed(data: object) -> None:
    """Invalid JSON arrives as bytes and an empty body as None."""
    with pytest.raises(MalformedEventError):
        ObjectFinalized.from_data(data)
    with pytest.raises(MalformedEventError):
        message_data(data)


@settings(max_examples=60)
@given(data=JSON | STORAGE_LIKE)
def test_any_json_is_a_finished_upload_or_malformed(data: Any) -> None:
    """Nothing else is raised, and the value identifies its object."""
    with suppress(MalformedEventError):
        event = ObjectFinalized.from_data(data)
        assert ids.is_track_id(track_of(event))


@pytest.mark.parametrize("field", ["bucket", "name"])
def test_a_name_that_is_no_unicode_is_malformed(field: str) -> None:
    """No object name has a lone surrogate, which JSON can contain: the event is forged."""
    with pytest.raises(MalformedEventError, match=field):
        ObjectFinalized.from_data(recorded("storage_finalized")["body"] | {field: "a\ud83c"})


@pytest.mark.parametrize("field", ["generation", "size"])
def test_a_number_beyond_64_bits_is_malformed(field: str) -> None:
    """No store could keep it."""
    with pytest.raises(MalformedEventError, match=field):
        ObjectFinalized.from_data(recorded("storage_finalized")["body"] | {field: str(2**63)})


@settings(max_examples=60)
@given(data=JSON | PUSH_LIKE)
@example(data={"message": {"data": "é"}})
@example(data={"message": {"data": "YQ"}})
@example(data={"message": {"data": "Y Q=="}})
@example(data={"message": {}})
def test_any_json_is_a_message_or_malformed(data: Any) -> None:
    """Nothing else is raised: any other exception would cause another delivery."""
    with suppress(MalformedEventError):
        read = message_data(data)
        assert base64.b64decode(data["message"]["data"]) == read


def test_the_bridge_delivers_uploads_as_recorded() -> None:
    """A notification of the emulator becomes the recorded event."""
    for name in ("storage_finalized", "storage_finalized_dropped"):
        contract = recorded(name)
        post = storage_form("musicgenerator-images")(ROUTE, notification(contract), 1)
        assert post is not None
        assert as_contract(post) == contract


@pytest.mark.parametrize("name", ["captions_push", "pipeline_event_push"])
def test_the_bridge_pushes_messages_as_recorded(name: str) -> None:
    """A published message becomes the recorded push; only the launcher's has attributes."""
    contract = recorded(name)
    message = contract["message"]
    assert ("attributes" in message) == (name == "captions_push")
    data, attributes = base64.b64decode(message["data"]), message.get("attributes", {})
    pulled = Message(data, attributes, message["messageId"], moment(message["publishTime"]))
    route = replace(ROUTE, subscription=contract["subscription"].rpartition("/")[2])
    post = push_form("musicgenerator-prod")(route, pulled, 1)
    assert post is not None
    assert as_contract(post)["body"] == contract


@pytest.mark.parametrize("data", ["é", "YQ", "Y Q==", "YQ==\n", "YQ=", "Y*Q=="])
def test_data_that_is_no_base64_is_malformed(data: str) -> None:
    """Neither a wrong padding nor another character is skipped."""
    with pytest.raises(MalformedEventError, match="base64"):
        message_data({"message": {"data": data}})


@pytest.mark.parametrize(
    ("change", "event"),
    [
        ({"contentType": None}, {"content_type": ""}),
        ({"contentType": ""}, {"content_type": ""}),
        ({"metadata": None}, {"metadata": {}}),
        ({"generation": 5}, {"generation": 5}),
        ({"size": "0"}, {"size": 0}),
        ({"size": str(2**63 - 1)}, {"size": 2**63 - 1}),
    ],
)
def test_a_field_may_be_empty_a_number_or_the_largest(change: dict[str, Any], event: dict[str, Any]) -> None:
    """An object without a content type has none; the largest number of 64 bits is read."""
    body = recorded("storage_finalized")["body"]
    assert ObjectFinalized.from_data(body | change) == replace(ObjectFinalized.from_data(body), **event)


@pytest.mark.parametrize("name", ["contentType", "metadata"])
def test_optional_fields_of_cloud_storage_may_be_missing(name: str) -> None:
    """The other fields are required."""
    body = recorded("storage_finalized")["body"]
    without = {each: value for each, value in body.items() if each != name}
    assert ObjectFinalized.from_data(without) == ObjectFinalized.from_data(body | {name: None})
