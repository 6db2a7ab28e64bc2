import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from musicgenerator.errors import OrderError
from musicgenerator.ids import pipeline_job_id
from musicgenerator.orders import (
    MAX_TRACKS,
    CalledOff,
    Order,
    bucket_and_name,
    order_address,
    order_name,
    orders_from_bytes,
    orders_to_bytes,
    track_orders_prefix,
)
from musicgenerator.track_requests import Kept
from tests.contracts.recorded import JOB, ORDER, ORDER_NAME, PIPELINE_BUCKET, TOKEN, TRACK, recorded
from tests.unit.json_values import JSON

RECORDED: dict[str, Any] = recorded("order")[0]
EXPORT = {"export": "stems", "model": "composer-3"}
WRONG: list[tuple[str, Any]] = [
    ("track", None),
    ("track", TRACK + "/x"),
    ("track", 7),
    ("attempt", 0),
    ("attempt", 1_000_000),
    ("attempt", "1"),
    ("attempt", True),
    ("brief", None),
    ("brief", []),
    ("engine", ""),
    ("engine", "no-such-engine"),
    ("engine", ["composer"]),
    ("seconds", 9),
    ("seconds", 181),
    ("seconds", 30.0),
    ("seconds", True),
    ("seconds", "30"),
    ("seed", -1),
    ("seed", 2**32),
    ("seed", None),
    ("resultsBucket", ""),
    ("resultsBucket", "a/b"),
    ("resultsBucket", "Results"),
    ("resultsToken", ""),
    ("resultsToken", "r" + "a" * 25),
    ("resultsToken", f"{TOKEN}/x"),
    ("resultsToken", 7),
    ("eventsTopic", "pipeline-events"),
    ("eventsTopic", "projects//topics/t"),
    ("cover", ""),
    ("cover", "https://storage.googleapis.com/b/cover.jpg"),
    ("cover", "gs://bucket"),
    ("cover", "gs://bucket/"),
    ("fallbackEngine", "no-such-engine"),
    ("fallbackEngine", None),
    ("modelEndpoint", "a b"),
    ("modelEndpoint", "e" * 501),
    ("modelEndpoint", None),
    ("promptVersion", "a/b"),
    ("promptVersion", "1" * 51),
    ("promptVersion", 1),
    ("expiresAt", "tomorrow"),
    ("expiresAt", "2026-12-22T09:14:58"),
    ("expiresAt", 5),
    ("keep", "lead"),
    ("keep", [5]),
    ("keep", [{"seed": 1, "except": "evil"}, {"seed": -1, "except": "lead"}]),
    ("keep", [{"seed": 1, "except": "section 0"}]),
    ("keep", [{"seed": 1, "except": "lead"}] * 9),
    ("keep", [{"seed": 1, "except": "lead", "model": "a\nb"}]),
    ("keep", [{"seed": 1, "except": "lead", "model": None}]),
    ("signer", None),
    ("signer", "projects/p/secrets/s/versions/latest"),
]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, ""),
        ({"export": "loop"}, ""),
        ({"export": "video"}, "export"),
        ({"export": None}, "export"),
        ({"model": "a\nb"}, "model"),
        ({"model": 3}, "model"),
        ({"model": None}, "model"),
        ({"engine": "lyria-002"}, "engine"),
    ],
)
def test_an_export_is_of_the_composer(change: dict[str, Any], name: str) -> None:
    """Kind and model are checked; the order of music has neither field."""
    mapping = RECORDED | EXPORT | change
    if name:
        with pytest.raises(OrderError) as caught:
            Order.from_mapping(mapping)
        assert caught.value.field == name
    else:
        assert Order.from_mapping(mapping).to_mapping() == mapping
    assert not RECORDED.keys() & EXPORT.keys()


def test_the_recorded_order_is_read_and_written() -> None:
    """The reader and the writer agree on every field."""
    data = json.dumps(recorded("order")).encode()
    (order,) = orders_from_bytes(data)
    assert isinstance(order, Order)
    assert (order.track, order.attempt) == (TRACK, 1)
    assert (order.seconds, order.seed, order.results_token) == (30, 741954271, TOKEN)
    assert json.loads(orders_to_bytes([order])) == recorded("order")
    assert orders_from_bytes(orders_to_bytes([order])) == (order,)


def test_an_earlier_release_s_order_is_completed_by_its_job() -> None:
    """It names neither track nor attempt; only a list of one, and only the job of one track, says which it is."""
    old = {name: value for name, value in RECORDED.items() if name not in {"track", "attempt"}}
    assert orders_from_bytes(json.dumps([old]).encode(), JOB) == (Order.from_mapping(RECORDED),)
    for orders, job in (
        ([old], ""),
        ([old], "mg-j" + "a" * 26),
        ([old, RECORDED], JOB),
        ([old | {"attempt": 1}], JOB),
    ):
        with pytest.raises(OrderError, match="track"):
            orders_from_bytes(json.dumps(orders).encode(), job)


def test_an_order_says_what_the_composer_keeps() -> None:
    """The oldest step is the first one, and the order names the composer that made the last one's music."""
    (varied,) = recorded("order_varied")
    order = Order.from_mapping(varied)
    assert order.keep == (Kept(5, "lead", "composer-3"), Kept(77, "section 2", "composer-3"))
    assert order.model == "composer-3"
    assert order.to_mapping() == varied


def test_an_order_of_an_earlier_release_names_no_composer() -> None:
    """It is read, and any composer may make it."""
    earlier = RECORDED | {"keep": [{"seed": 1, "except": "lead"}]}
    order = Order.from_mapping(earlier)
    assert (order.keep, order.model) == ((Kept(1, "lead"),), "")
    assert order.to_mapping() == earlier


@pytest.mark.parametrize(("field", "value"), [("seconds", 10), ("seconds", 180), ("seed", 0), ("seed", 2**32 - 1)])
def test_the_bounds_themselves_are_within_them(field: str, value: int) -> None:
    """Both ends of a range are allowed."""
    assert Order.from_mapping(RECORDED | {field: value}).to_mapping()[field] == value


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_wrong_field_is_named_without_its_value(field: str, value: Any) -> None:
    """The error may be logged, so it shows no value of the order."""
    with pytest.raises(OrderError) as caught:
        Order.from_mapping(RECORDED | {field: value})
    assert caught.value.field == field
    assert len(str(value)) < 9 or str(value) not in str(caught.value)


@pytest.mark.parametrize("field", sorted(RECORDED))
def test_every_field_is_required(field: str) -> None:
    """If a field is missing, the error names it."""
    with pytest.raises(OrderError) as caught:
        Order.from_mapping({name: value for name, value in RECORDED.items() if name != field})
    assert caught.value.field == field


def test_an_order_names_its_signer_only_if_the_music_is_marked() -> None:
    """An order of an earlier release names none."""
    unmarked = Order.from_mapping(RECORDED)
    assert unmarked.signer == ""
    marked = replace(unmarked, signer="projects/p/secrets/app-c2pa/versions/3")
    assert marked.to_mapping() == RECORDED | {"signer": marked.signer}
    assert Order.from_mapping(marked.to_mapping()) == marked


def test_a_wrong_brief_is_named_by_its_field() -> None:
    """The value may be a person's words, so neither the error nor its cause shows it."""
    with pytest.raises(OrderError) as caught:
        Order.from_mapping(RECORDED | {"brief": RECORDED["brief"] | {"key": "a private key"}})
    assert caught.value.field == "brief.key"
    assert "private" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_several_orders_and_those_called_off_keep_their_places() -> None:
    """The step makes them in this order, and what is left of a called-off one has no brief."""
    order = Order.from_mapping(RECORDED)
    off = CalledOff("t" + "a" * 26, 2, "r" + "a" * 26)
    orders = (order, off, replace(order, track="t" + "b" * 26))
    data = orders_to_bytes(orders)
    assert orders_from_bytes(data) == orders
    assert set(json.loads(data)[1]) == {"track", "attempt", "resultsToken", "calledOff"}


@pytest.mark.parametrize("field", ["track", "attempt", "resultsToken"])
def test_a_called_off_order_needs_every_field(field: str) -> None:
    """Its folder is erased, so it must be one."""
    off = CalledOff(TRACK, 1, TOKEN).to_mapping()
    with pytest.raises(OrderError, match=field):
        orders_from_bytes(json.dumps([RECORDED, off | {field: "x/y"}]).encode())


def test_a_job_has_a_largest_number_of_orders() -> None:
    """A longer list is not this project's."""
    assert len(orders_from_bytes(json.dumps([RECORDED] * MAX_TRACKS).encode())) == MAX_TRACKS
    with pytest.raises(OrderError):
        orders_from_bytes(json.dumps([RECORDED] * (MAX_TRACKS + 1)).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"{}", b"[]", b"[[]]", b"[{}, {}]", b"\xff", b"[" * 100_000])
def test_only_a_list_of_orders_is_accepted(data: bytes) -> None:
    """Any other content raises OrderError."""
    with pytest.raises(OrderError):
        orders_from_bytes(data)


@given(JSON)
def test_any_json_is_an_order_or_an_order_error(value: Any) -> None:
    """Arbitrary JSON raises OrderError and nothing else."""
    with pytest.raises(OrderError):
        orders_from_bytes(json.dumps([value]).encode())


def test_an_order_s_address_follows_from_its_job() -> None:
    """The job's id gives its order's address, and the orders of one track share a prefix."""
    assert (order_name(JOB), order_address(PIPELINE_BUCKET, JOB)) == (ORDER_NAME, ORDER)
    assert bucket_and_name(ORDER) == (PIPELINE_BUCKET, ORDER_NAME)
    for attempt in (1, 2, 17):
        assert order_name(pipeline_job_id(TRACK, attempt)).startswith(track_orders_prefix(TRACK))
    assert not order_name(JOB).startswith(track_orders_prefix(TRACK[:-1]))


@pytest.mark.parametrize(
    "address", ["", "gs://", "gs://bucket", "gs://bucket/", "bucket/name", "gs://B/name", "gs:///x"]
)
def test_only_a_full_address_is_accepted(address: str) -> None:
    """An address has a bucket and a name."""
    with pytest.raises(OrderError, match="gs://bucket/name"):
        bucket_and_name(address)
