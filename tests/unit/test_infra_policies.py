import re
from pathlib import Path

import pytest

from infra import policies
from infra.engine import Mode
from infra.installation import Installation
from infra.policies import Wish, bindings, policy_of
from infra.resources import Mark, Step
from tests.unit.infra_fakes import FakeGcloud, FakeGoogle

CAPTIONER = "serviceAccount:mg-captioner@a-project.iam.gserviceaccount.com"
AUDITOR = "user:auditor@example.com"
READ, WRITE = ("roles/storage.objectViewer", "", CAPTIONER), ("roles/storage.admin", "", CAPTIONER)
WISH = Wish(frozenset({READ}), frozenset({CAPTIONER}))
LISTS = {
    "projects list --filter=projectId=a-project": [{"projectId": "a-project", "projectNumber": "7"}],
    "services list --enabled": [{"name": f"{api}.googleapis.com"} for api in ("storage", "cloudfunctions", "logging")],
    "storage buckets list --raw": [{"name": "a-project-musicgenerator-images"}],
    "functions list --v2 --regions=us-central1": [
        {"name": "musicgenerator-upload-handler", "serviceConfig": {"service": "s"}},
        {"name": "musicgenerator-captioner", "state": "FAILED", "serviceConfig": {}},
    ],
}
IMAGES = "storage/v1/b/a-project-musicgenerator-images/iam"
API = "v1/projects/a-project/locations/us-central1/services/musicgenerator-upload-handler:getIamPolicy"
PROJECT = "v1/projects/a-project:getIamPolicy"


def policy(*some: policies.Binding, etag: str = "e") -> dict[str, object]:
    return {"etag": etag, "bindings": [{"role": role, "members": [member]} for role, _, member in some]}


@pytest.fixture
def gcloud() -> FakeGcloud:
    """A project with the images bucket and the API's function."""
    return FakeGcloud(LISTS)


@pytest.fixture
def google(gcloud: FakeGcloud) -> FakeGoogle:
    """Its policies; those that a test does not set are empty."""
    return FakeGoogle(gcloud)


@pytest.fixture
def at(gcloud: FakeGcloud, google: FakeGoogle, tmp_path: Path) -> Installation:
    return Installation({"PROJECT": "a-project", "DEPLOY_WORK": str(tmp_path)}, gcloud, google)


def test_other_principals_keep_their_bindings() -> None:
    """Only this installation's accounts lose a binding that the table does not have."""
    present = policy(READ, WRITE, ("roles/storage.admin", "", AUDITOR))
    assert WISH.verdict(present).differences == (f"- roles/storage.admin {CAPTIONER}",)
    assert WISH.surplus(bindings(present)) == {WRITE}


def test_a_policy_of_a_new_resource_is_created() -> None:
    """A plan says + for it, and ~ for a policy that exists."""
    assert WISH.verdict([]).mark is Mark.CREATE
    assert WISH.verdict(policy()).mark is Mark.CHANGE
    assert WISH.verdict(policy(READ)).mark is Mark.SAME


def test_a_written_policy_keeps_etag_and_conditions() -> None:
    """Google refuses a policy whose etag is old, and a condition without a title."""
    condition = {"title": "mine", "expression": "x"}
    old = {"etag": "e", "version": 3, "bindings": [{"role": "r", "members": [AUDITOR], "condition": condition}]}
    new = policy_of(bindings(old) | {("r", "y", CAPTIONER), READ}, old)
    assert (new["etag"], new["version"]) == ("e", 3)
    assert new["bindings"] == [
        {"role": "r", "members": [AUDITOR], "condition": condition},
        {"role": "r", "members": [CAPTIONER], "condition": {"title": "musicgenerator", "expression": "y"}},
        {"role": READ[0], "members": [CAPTIONER]},
    ]


def granting(at: Installation, *resources: str) -> Step:
    for resource in resources:
        yield policies.granted(at, resource)


def test_a_policy_that_is_as_it_should_be_is_not_written(
    at: Installation, gcloud: FakeGcloud, google: FakeGoogle
) -> None:
    """The plan has read it, and nothing has changed since."""
    google.policies[API] = policy(("roles/run.invoker", "", "allUsers"))
    policies.read(at, "function upload_handler")
    at.engine.converge({"10": lambda: granting(at, "function upload_handler")}, Mode.APPLY)
    assert google.requests.count(API) == 1
    assert not [call for call in gcloud.calls if "set-iam-policy" in call]


def test_a_policy_that_a_command_may_have_changed_is_read_again(
    at: Installation, gcloud: FakeGcloud, google: FakeGoogle
) -> None:
    """A deployment of a function may remove a binding of its service."""
    google.policies[API] = policy(("roles/run.invoker", "", "allUsers"))
    policies.read(at, "function upload_handler")
    at.state.forget(["functions"])
    google.policies[API] = policy()
    at.engine.converge({"10": lambda: granting(at, "function upload_handler")}, Mode.APPLY)
    assert google.requests.count(API) == 2
    assert [call.split()[2] for call in gcloud.calls if call.startswith("run services")][-1] == "set-iam-policy"


def test_a_policy_is_read_directly_before_it_is_written(
    at: Installation, gcloud: FakeGcloud, google: FakeGoogle
) -> None:
    """What somebody else has granted since the plan stays."""
    google.policies[IMAGES] = policy()
    policies.read(at, "bucket images")
    google.policies[IMAGES] = policy(("roles/storage.admin", "", AUDITOR), etag="later")
    at.engine.converge({"07": lambda: granting(at, "bucket images")}, Mode.APPLY)
    (file,) = [word for call in gcloud.calls if "set-iam-policy" in call for word in call.split() if "/" in word][1:]
    text = Path(file).read_text(encoding="utf-8")
    assert AUDITOR in text
    assert "later" in text


def test_a_resource_that_does_not_exist_has_no_policy_to_read(at: Installation, google: FakeGoogle) -> None:
    """Nothing is read for it. A function whose first deployment failed has no service and so no policy either."""
    policies.read(at, *policies.homes())
    assert sorted(google.requests) == sorted([IMAGES, API, PROJECT])


def test_the_subscription_of_uploads_is_the_trigger_s(at: Installation) -> None:
    """Eventarc chooses its name."""
    assert policies.home_of(at, "subscription uploads").name == ""
    assert policies.home_of(at, "subscription captions-pipeline-launcher").name == (
        "musicgenerator-captions-pipeline-launcher"
    )


def admitted(condition: str, name: str) -> bool:
    """Return True if a condition of names and prefixes, joined by ``||``, accepts an object's name."""
    parts = condition.split(" || ")
    exact = {part.removeprefix("resource.name == ").strip('"') for part in parts}
    starts = [found[1] for part in parts if (found := re.fullmatch(r'resource.name.startsWith\("(.*)"\)', part))]
    return name in exact or name.startswith(tuple(starts))


def test_the_pipeline_s_account_writes_only_below_the_root(at: Installation) -> None:
    """The template decides what jobs run, and the sources decide what images contain."""
    account = policies.account_member(at, "pipeline")
    mine = {role: cond for role, cond, member in policies.wanted(at, "bucket pipeline") if member == account}
    writing = {role: cond for role, cond in mine.items() if not role.endswith(".objectReader")}
    objects = "projects/_/buckets/a-project-musicgenerator-pipeline/objects"
    (condition,) = writing.values()
    assert [
        name
        for name in (
            "root",
            "root/1/task/output",
            "rootkit",
            "templates/a.yaml",
            "builds/a.tgz",
            "orders/mg-1.json",
            "",
        )
        if admitted(condition, f"{objects}/{name}")
    ] == ["root", "root/1/task/output"]
    (reading,) = mine.keys() - writing.keys()
    assert admitted(mine[reading], f"{objects}/orders/mg-1.json")
    assert not admitted(mine[reading], f"{objects}/templates/a.yaml")
