import pytest

from infra.resources import compared, spelled
from infra.state import State, query
from infra.stops import StoppedError
from tests.unit.infra_fakes import FakeGcloud, FakeGoogle

APIS = query("apis", "services list")
TOPICS = query("topics", "topics list", "pubsub")
DATABASES = query("databases", "databases list")
FIELDS = query("fields", "fields list", parent=("databases", "d"))
ENABLED = [{"name": "projects/1/services/pubsub.googleapis.com"}]


def state_of(gcloud: FakeGcloud) -> State:
    return State(gcloud, FakeGoogle(gcloud), (APIS, TOPICS, DATABASES, FIELDS), 3)


def test_each_kind_is_read_once() -> None:
    """Kinds that decide what else can be read are read first, and not again."""
    gcloud = FakeGcloud({"services list": ENABLED, "topics list": [{"name": "projects/p/topics/a"}]})
    state = state_of(gcloud)
    state.read(["topics", "apis", "databases", "fields"])
    state.read(["topics"])
    assert state.exists("topics", "a")
    assert sorted(gcloud.calls) == ["databases list", "services list", "topics list"]


def test_without_its_api_a_kind_has_no_resources_until_the_api_is_enabled() -> None:
    """An API that is enabled later may show resources that exist already."""
    gcloud = FakeGcloud({"services list": [], "topics list": [{"name": "a"}]})
    state = state_of(gcloud)
    assert state.of("topics") == []
    gcloud.lists["services list"] = ENABLED
    state.forget(["apis"])
    assert state.names("topics") == ["a"]


def test_what_is_inside_a_missing_resource_is_not_read() -> None:
    """It is read when the resource exists."""
    gcloud = FakeGcloud({"fields list": [{"name": "f"}]})
    state = state_of(gcloud)
    assert state.of("fields") == []
    gcloud.lists["databases list"] = [{"name": "projects/p/databases/d"}]
    state.forget(["databases"])
    assert state.of("fields") == [{"name": "f"}]


def test_a_list_that_cannot_be_read_is_not_an_empty_one() -> None:
    """The error names the kind and the command, and quotes gcloud."""
    state = state_of(FakeGcloud(refused={"databases list": "PERMISSION_DENIED"}))
    with pytest.raises(StoppedError, match=r"Cannot read the databases of the project: gcloud databases list\n +PERM"):
        state.of("databases")


def test_a_fact_of_a_missing_resource_is_empty() -> None:
    """A plan continues with an empty text."""
    gcloud = FakeGcloud({"databases list": [{"name": "d", "key": {"uids": ["u"]}}]})
    assert state_of(gcloud).fact("databases", "d", "key/uids/0") == "u"
    assert state_of(gcloud).fact("databases", "d", "key/uids/1") == ""
    assert state_of(gcloud).fact("databases", "e", "key") == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), ({}, ""), ([], ""), (True, "true"), (0, "0"), ({"b": 1, "a": "é"}, '{"a": "é", "b": 1}')],
)
def test_values_have_one_notation(value: object, text: str) -> None:
    """Gcloud prints some numbers as text and leaves out what is empty."""
    assert spelled(value) == text


def test_differences_name_path_and_values() -> None:
    """A required value of None means that the field is not set."""
    present = {"ackDeadlineSeconds": "10", "expirationPolicy": {"ttl": "1s"}, "labels": {"app": "a"}}
    want = {"ackDeadlineSeconds": 10, "expirationPolicy": None, "labels/app": "b", "labels/more": "c"}
    assert compared(present, want).differences == (
        'expirationPolicy: {"ttl": "1s"} -> (nothing)',
        "labels/app: a -> b",
        "labels/more: (nothing) -> c",
    )
