"""The recorder's worlds answer as Google does: quotas, organisations, late APIs, late grants and busy fields."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.deploy.conftest import Installation, Installer
from tests.deploy.control_plane import NUMBER, Json, Project, RefusedError, members, request_of
from tests.deploy.expected import PROJECT, fresh_project
from tests.deploy.google_run import INVOKER
from tests.deploy.google_services import answer
from tests.deploy.slept_time import SleptTime
from tests.deploy.worlds import Delay, FieldChanges, Organisation, RunQuota

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(300)]

REGION = "us-central1"
PLACE = f"projects/{PROJECT}/locations/{REGION}"
FUNCTION = "api"
SERVICE = f"{PLACE}/services/{FUNCTION}"
BUILDER = f"builder@{PROJECT}.iam.gserviceaccount.com"
PIPELINE = f"pipeline@{PROJECT}.iam.gserviceaccount.com"
EVENTARC_AGENT = f"service-{NUMBER}@gcp-sa-eventarc.iam.gserviceaccount.com"
STORAGE_AGENT = f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
WHOLE_PROJECT = ("cloudresourcemanager", f"v1/projects/{PROJECT}:setIamPolicy")
DOMAINS = "One or more users named in the policy do not belong to a permitted customer"


@dataclass
class World:
    """A project with a recorder, and the real gcloud against it."""

    installation: Installation
    source: Path

    @property
    def project(self) -> Project:
        return self.installation.project

    def gcloud(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run gcloud for the project without questions."""
        environ = {"CLOUDSDK_CORE_PROJECT": PROJECT, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
        return subprocess.run(
            ["gcloud", *arguments],
            env=self.installation.environ | environ,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )

    def deploy(self, *flags: str) -> subprocess.CompletedProcess[str]:
        """Deploy the function `api`."""
        return self.gcloud(
            *("functions", "deploy", FUNCTION, "--gen2", f"--region={REGION}", "--runtime=python311", "--trigger-http"),
            *("--entry-point=answer", f"--source={self.source}", f"--service-account={PIPELINE}"),
            f"--build-service-account=projects/{PROJECT}/serviceAccounts/{BUILDER}",
            *flags,
        )

    def grant_everyone(self) -> subprocess.CompletedProcess[str]:
        """Let everyone invoke the function `api`."""
        command = ("run", "services", "add-iam-policy-binding", FUNCTION, f"--region={REGION}")
        return self.gcloud(*command, "--member=allUsers", f"--role={INVOKER}")


@pytest.fixture
def world(installer: Installer, tmp_path: Path) -> World:
    """A fresh project with three accounts and with everything enabled that the tests need."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "main.py").write_text("def answer(request):\n    return 'here'\n")
    (source / "requirements.txt").write_text("")
    return World(installer(project_with_accounts()), source)


def project_with_accounts() -> Project:
    project = fresh_project()
    for api in ("run", "cloudbuild", "artifactregistry", "cloudfunctions", "cloudresourcemanager", "iam"):
        name = f"projects/{NUMBER}/services/{api}.googleapis.com"
        project.of("serviceusage")[name] = {"name": name, "config": {"name": api}, "state": "ENABLED"}
    for email in (BUILDER, PIPELINE):
        project.of("iam")[f"projects/{PROJECT}/serviceAccounts/{email}"] = {"email": email}
    project.agents |= {EVENTARC_AGENT, STORAGE_AGENT}
    return project


def ask(project: Project, method: str, service: str, path: str, body: Any = None, **query: str) -> Json:
    """Send a request to the recorded project without HTTP."""
    return answer(project, request_of(method, f"{service}.googleapis.com", f"/{path}", query, body or {}))


def refused(ask_for: Callable[[], Any]) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        ask_for()
    return caught.value


def binding(*found: str, role: str = "roles/viewer") -> Json:
    return {"policy": {"bindings": [{"role": role, "members": list(found)}]}}


def refused_requests(ask_for: Callable[[], Any]) -> int:
    """Return how often a request is refused before it is accepted."""
    for number in range(20):
        try:
            ask_for()
        except RefusedError:
            continue
        return number
    raise AssertionError("it is always refused")


# ---------------------------------------------------------------------------------------------------------------------
# Quotas


def test_a_function_that_asks_for_more_than_the_quota_is_not_created(world: World) -> None:
    """The real gcloud prints Cloud Run's text; twenty instances of one vCPU fit a new project."""
    world.project.quota = RunQuota()
    done = world.deploy("--no-allow-unauthenticated", "--cpu=1", "--memory=1Gi", "--max-instances=40")
    assert done.returncode != 0
    assert f"status=[400], code=[Ok], message=[Could not create Cloud Run service {FUNCTION}." in done.stderr
    assert "Max instances must be set to 20 or fewer to set the requested total CPU." in done.stderr
    assert "CpuAllocPerProjectRegion requested: 40000 allowed: 20000" in done.stderr
    assert "MemAllocPerProjectRegion" not in done.stderr
    assert world.project.of("cloudfunctions") == {}
    assert world.deploy("--no-allow-unauthenticated", "--cpu=1", "--memory=1Gi", "--max-instances=20").returncode == 0
    again = world.deploy("--cpu=1", "--memory=3Gi")
    assert f"Could not update Cloud Run service {FUNCTION}." in again.stderr
    assert "Max instances must be set to 13 or fewer to set the requested total memory." in again.stderr
    assert "MemAllocPerProjectRegion requested: 64424509440 allowed: 42949672960" in again.stderr
    (function,) = world.project.of("cloudfunctions").values()
    assert function["serviceConfig"]["availableMemory"] == "1Gi"


def test_the_operation_may_report_the_quota_instead(world: World) -> None:
    """The function then exists, and is FAILED until a deployment succeeds."""
    world.project.quota = RunQuota(in_operation=True)
    done = world.deploy("--no-allow-unauthenticated", "--cpu=1", "--memory=1Gi", "--max-instances=40")
    assert done.returncode != 0
    assert "CpuAllocPerProjectRegion requested: 40000 allowed: 20000" in done.stderr
    (function,) = world.project.of("cloudfunctions").values()
    assert function["state"] == "FAILED"
    assert world.deploy("--max-instances=20").returncode == 0
    (function,) = world.project.of("cloudfunctions").values()
    assert function["state"] == "ACTIVE"


@pytest.mark.parametrize(
    ("config", "violated"),
    [
        ({"maxInstanceCount": 20, "availableCpu": "1", "availableMemory": "2Gi"}, []),
        ({"maxInstanceCount": 21, "availableCpu": "1", "availableMemory": "1Gi"}, ["Cpu"]),
        ({"maxInstanceCount": 21, "availableCpu": "0.5", "availableMemory": "2Gi"}, ["Mem"]),
        ({"maxInstanceCount": 100, "availableCpu": "4", "availableMemory": "8Gi"}, ["Cpu", "Mem"]),
        # Without limits Google's defaults count: a hundred instances, 256 MiB and a sixth of a vCPU.
        ({}, ["Cpu"][:0]),
        ({"availableMemory": "512M"}, ["Cpu", "Mem"]),
    ],
)
def test_the_quota_counts_all_instances_of_one_function(config: Json, violated: list[str]) -> None:
    """CPU and memory are multiplied with the maximal instances, for each function by itself."""
    project = project_with_accounts()
    project.quota = RunQuota()
    for name in ("first", "second"):
        body = {"serviceConfig": dict(config)}
        try:
            ask(project, "POST", "cloudfunctions", f"v2/{PLACE}/functions", body, functionId=name)
            lines = ""
        except RefusedError as error:
            lines = str(error).rpartition("Quota violated:\n")[2]
        assert violated == [line.partition("AllocPerProjectRegion")[0] for line in lines.splitlines()]


# ---------------------------------------------------------------------------------------------------------------------
# The flag that removes a grant


def test_the_flag_removes_the_grant_of_everyone(world: World) -> None:
    """The real gcloud removes `allUsers` when `--no-allow-unauthenticated` is given for a function that exists.

    googlecloudsdk/command_lib/functions/v2/deploy/command.py: "Existing functions' permissions should only change if
    explicitly requested", and then run_util.AddOrRemoveInvokerBinding.
    """
    assert world.deploy("--no-allow-unauthenticated").returncode == 0
    assert world.grant_everyone().returncode == 0
    kept = world.project.policies["run"]
    assert (INVOKER, "allUsers") in members(kept[SERVICE])
    assert world.deploy("--update-labels=release=2").returncode == 0
    assert (INVOKER, "allUsers") in members(kept[SERVICE])
    assert world.deploy("--no-allow-unauthenticated", "--update-labels=release=3").returncode == 0
    assert (INVOKER, "allUsers") not in members(kept[SERVICE])
    shown = world.gcloud("run", "services", "get-iam-policy", FUNCTION, f"--region={REGION}", "--format=json")
    assert members(json.loads(shown.stdout)) == members(kept[SERVICE])


def test_a_private_function_answers_403(world: World) -> None:
    """The proxy answers for a function as Cloud Run does; a new function is private without any flag."""
    world.project.serves_functions = True
    assert world.deploy().returncode == 0
    assert knock(world) == 403
    assert world.grant_everyone().returncode == 0
    assert knock(world) == 200
    assert world.deploy("--no-allow-unauthenticated").returncode == 0
    assert knock(world) == 403
    assert world.project.mistakes == []


def knock(world: World, path: str = "", body: bytes | None = None, authorization: str = "") -> int:
    """Return the status with which the function `api` answers a request through the proxy."""
    (function,) = world.project.of("cloudfunctions").values()
    request = urllib.request.Request(function["serviceConfig"]["uri"] + path, body, {"Authorization": authorization})
    proxy = urllib.request.ProxyHandler({"http": world.installation.environ["http_proxy"]})
    try:
        with urllib.request.build_opener(proxy).open(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


# ---------------------------------------------------------------------------------------------------------------------
# An organisation


def test_an_organisation_refuses_everyone(world: World) -> None:
    """`allUsers` is refused on a service and on a bucket, each with its own status and text."""
    world.project.organisation = Organisation()
    assert world.deploy("--no-allow-unauthenticated").returncode == 0
    on_service = world.grant_everyone()
    assert f"FAILED_PRECONDITION: {DOMAINS},  perhaps due to an organization policy." in on_service.stderr
    bucket = f"gs://{PROJECT}-page"
    create = ("storage", "buckets", "create", bucket, f"--location={REGION}")
    assert world.gcloud(*create, "--uniform-bucket-level-access").returncode == 0
    grant = ("storage", "buckets", "add-iam-policy-binding", bucket, "--role=roles/storage.legacyObjectReader")
    on_bucket = world.gcloud(*grant, "--member=allUsers")
    assert f"HTTPError 412: {DOMAINS}." in on_bucket.stderr
    assert world.gcloud(*grant, f"--member=serviceAccount:{PIPELINE}").returncode == 0
    # Without the policy, which an administrator can lift for one project, both are accepted.
    allowed = world.source / "allow.json"
    policy = {"constraint": "constraints/iam.allowedPolicyMemberDomains", "listPolicy": {"allValues": "ALLOW"}}
    allowed.write_text(json.dumps(policy))
    lift = ("resource-manager", "org-policies", "set-policy", f"--project={PROJECT}", str(allowed))
    assert world.gcloud(*lift).returncode == 0
    assert world.grant_everyone().returncode == 0
    assert world.gcloud(*grant, "--member=allUsers").returncode == 0


@pytest.mark.parametrize(
    ("member", "permitted"),
    [
        ("allUsers", False),
        ("allAuthenticatedUsers", False),
        ("user:somebody@example.com", True),
        ("user:somebody@example.org", False),
        ("group:cloud-logs@google.com", False),
        ("domain:example.com", True),
        (f"serviceAccount:{PIPELINE}", True),
        (f"serviceAccount:{EVENTARC_AGENT}", True),
        (f"principalSet://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/p/*", True),
    ],
)
def test_only_members_of_the_customer_are_permitted(member: str, permitted: bool) -> None:
    """Accounts and agents of the project belong to the organisation; everyone and other domains do not."""
    project = project_with_accounts()
    project.organisation = Organisation()
    service, path = WHOLE_PROJECT
    if permitted:
        assert ask(project, "POST", service, path, binding(member))["bindings"]
        return
    error = refused(lambda: ask(project, "POST", service, path, binding(member)))
    assert (error.status, str(error)) == (400, f"{DOMAINS}.")
    (detail,) = error.body["error"]["details"]
    assert detail["violations"][0]["type"] == "constraints/iam.allowedPolicyMemberDomains"


def test_an_organisation_may_except_tagged_buckets() -> None:
    """Everyone may then read a bucket, but not invoke a service."""
    project = project_with_accounts()
    project.of("storage")["b/page"] = {"name": "page"}
    project.organisation = Organisation(excepted=frozenset({"storage"}))
    assert ask(project, "PUT", "storage", "storage/v1/b/page/iam", binding("allUsers")["policy"])["bindings"]
    error = refused(lambda: ask(project, "POST", "run", f"v1/{SERVICE}:setIamPolicy", binding("allUsers")))
    assert str(error) == f"{DOMAINS},  perhaps due to an organization policy."


def test_a_policy_keeps_the_members_that_it_has(world: World) -> None:
    """The constraint is not retroactive: a member from outside stays, and other changes are accepted."""
    project = world.project
    service, path = WHOLE_PROJECT
    ask(project, "POST", service, path, binding("allUsers"))
    project.organisation = Organisation()
    ask(project, "POST", service, path, binding("allUsers", "user:somebody@example.com"))
    assert refused(lambda: ask(project, "POST", service, path, binding("allUsers", "user:a@b.org"))).status == 400


def test_public_access_prevention_closes_buckets() -> None:
    """The organisation's policy or the bucket's own setting refuses everyone, even without domain restrictions."""
    project = project_with_accounts()
    project.of("storage")["b/open"] = {"name": "open", "iamConfiguration": {"publicAccessPrevention": "inherited"}}
    project.of("storage")["b/shut"] = {"name": "shut", "iamConfiguration": {"publicAccessPrevention": "enforced"}}

    def grant(bucket: str) -> Json:
        bindings = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]}
        return ask(project, "PUT", "storage", f"storage/v1/b/{bucket}/iam", bindings)

    text = "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is"
    assert text in str(refused(lambda: grant("shut")))
    assert grant("open")["bindings"]
    project.policies["storage"].clear()
    project.organisation = Organisation(policies={"unknown": {}})
    assert grant("open")["bindings"]
    project.policies["storage"].clear()
    project.organisation.enforce("storage.publicAccessPrevention")
    error = refused(lambda: grant("open"))
    assert (error.status, error.body["error"]["errors"][0]["reason"]) == (412, "conditionNotMet")
    assert text in str(error)


def test_effective_policies_are_served(world: World) -> None:
    """The real gcloud describes what holds for the project: its organisation's policies, or the defaults."""

    def described(constraint: str) -> Json:
        command = ("resource-manager", "org-policies", "describe", constraint, f"--project={PROJECT}", "--effective")
        done = world.gcloud(*command, "--format=json")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    domains, prevention = "constraints/iam.allowedPolicyMemberDomains", "constraints/storage.publicAccessPrevention"
    assert described(domains) == {"constraint": domains, "listPolicy": {"allValues": "ALLOW"}}
    assert described(prevention) == {"constraint": prevention, "booleanPolicy": {}}
    world.project.organisation = Organisation()
    world.project.organisation.enforce("storage.publicAccessPrevention")
    world.project.organisation.enforce("iam.disableServiceAccountCreation")
    world.project.organisation.allow("gcp.resourceLocations", "in:eu-locations")
    assert described(domains)["listPolicy"] == {"allowedValues": ["C01abc2de"]}
    assert described("gcp.resourceLocations")["listPolicy"] == {"allowedValues": ["in:eu-locations"]}
    for constraint in (prevention, "iam.disableServiceAccountCreation", "storage.uniformBucketLevelAccess"):
        assert described(constraint)["booleanPolicy"] == {"enforced": True}
    # Reading policies is no change.
    assert world.project.mutations() == []
    unknown = ("resource-manager", "org-policies", "describe", "iam.nothing", f"--project={PROJECT}", "--effective")
    assert world.gcloud(*unknown).returncode != 0


def test_other_policies_of_an_organisation_are_enforced(world: World) -> None:
    """Buckets need uniform access and an allowed location, and accounts may not be created."""
    project = world.project
    project.organisation = Organisation()
    create = ("storage", "buckets", "create", f"gs://{PROJECT}-page", f"--location={REGION}")
    uniform = world.gcloud(*create, "--no-uniform-bucket-level-access")
    assert "violates constraint 'constraints/storage.uniformBucketLevelAccess'" in uniform.stderr
    project.organisation.allow("gcp.resourceLocations", "in:eu-locations")
    elsewhere = world.gcloud(*create, "--uniform-bucket-level-access")
    assert f"HTTPError 412: '{REGION}' violates constraint 'constraints/gcp.resourceLocations'" in elsewhere.stderr
    function = refused(lambda: ask(project, "POST", "eventarc", f"v1/{PLACE}/triggers", {}, triggerId="t"))
    assert f"attempting to create a resource in [{REGION}]" in str(function)
    project.organisation.allow("gcp.resourceLocations", "in:us-locations")
    assert world.gcloud(*create, "--uniform-bucket-level-access").returncode == 0
    project.organisation.enforce("iam.disableServiceAccountCreation")
    account = world.gcloud("iam", "service-accounts", "create", "another")
    assert "FAILED_PRECONDITION: Service account creation is not allowed on this project." in account.stderr


def test_a_service_may_be_open_without_a_grant(world: World) -> None:
    """`--no-invoker-iam-check` is kept and shown, and makes a function public although `allUsers` is refused."""
    world.project.organisation = Organisation()
    world.project.serves_functions = True
    assert world.deploy("--no-allow-unauthenticated").returncode == 0
    update = ("run", "services", "update", FUNCTION, f"--region={REGION}")
    done = world.gcloud(*update, "--no-invoker-iam-check")
    assert done.returncode == 0, done.stderr
    show = ("run", "services", "describe", FUNCTION, f"--region={REGION}", "--format=json")
    annotation = "run.googleapis.com/invoker-iam-disabled"
    assert json.loads(world.gcloud(*show).stdout)["metadata"]["annotations"][annotation] == "true"
    (listed,) = json.loads(world.gcloud("run", "services", "list", "--format=json").stdout)
    assert listed["metadata"]["annotations"][annotation] == "true"
    assert knock(world) == 200
    assert world.deploy("--no-allow-unauthenticated").returncode == 0
    assert knock(world) == 200
    world.project.resets_services = True
    assert world.deploy("--update-labels=release=2").returncode == 0
    assert knock(world) == 403
    world.project.organisation.enforce("run.managed.requireInvokerIam")
    assert "invoker_iam_disabled is not currently available" in world.gcloud(*update, "--no-invoker-iam-check").stderr
    assert world.gcloud(*update, "--invoker-iam-check").returncode == 0


# ---------------------------------------------------------------------------------------------------------------------
# Late APIs


def test_an_api_is_refused_for_a_while_after_it_is_enabled(world: World) -> None:
    """The real gcloud prints Google's text; Service Usage itself always answers, and says ENABLED at once."""
    world.project.late_apis = Delay(requests=2)
    assert world.gcloud("projects", "list").returncode == 0
    assert "has not been used" in world.gcloud("pubsub", "topics", "list").stderr
    assert world.gcloud("services", "enable", "pubsub.googleapis.com").returncode == 0
    assert (
        "pubsub.googleapis.com" in world.gcloud("services", "list", "--enabled", "--format=value(config.name)").stdout
    )
    for _ in range(2):
        done = world.gcloud("pubsub", "topics", "list")
        assert done.returncode != 0
        assert f"Cloud Pub/Sub API has not been used in project {NUMBER} before or it is disabled." in done.stderr
        assert "wait a few minutes for the action to propagate to our systems and retry." in done.stderr
        assert "SERVICE_DISABLED" in done.stderr
    assert world.gcloud("pubsub", "topics", "list").returncode == 0
    # It was enabled already, so nothing changes.
    assert world.gcloud("services", "enable", "pubsub.googleapis.com").returncode == 0
    assert world.gcloud("pubsub", "topics", "list").returncode == 0


def test_an_api_may_be_late_by_the_project_s_clock() -> None:
    """The clock is the project's, so a test need not wait."""
    now = [1000.0]
    project = fresh_project()
    project.clock, project.late_apis = lambda: now[0], Delay(seconds=300)

    def topics() -> Json:
        return ask(project, "GET", "pubsub", f"v1/projects/{PROJECT}/topics")

    ask(project, "POST", "serviceusage", f"v1/projects/{PROJECT}/services/pubsub.googleapis.com:enable")
    assert refused(topics).status == 403
    now[0] += 299
    assert refused(topics).body["error"]["details"][0]["reason"] == "SERVICE_DISABLED"
    now[0] += 1
    assert topics()["topics"]


def test_a_sleep_moves_the_clock(world: World, tmp_path: Path) -> None:
    """A script's `sleep` returns at once, and afterwards the API answers."""
    slept = SleptTime(tmp_path)
    world.installation = replace(world.installation, environ=slept.environ(world.installation.environ))
    world.project.clock, world.project.late_apis = slept.clock, Delay(seconds=300)
    assert world.gcloud("services", "enable", "pubsub.googleapis.com").returncode == 0
    assert "SERVICE_DISABLED" in world.gcloud("pubsub", "topics", "list").stderr
    began = time.monotonic()
    subprocess.run(["sleep", "300"], env=world.installation.environ, check=True)
    assert time.monotonic() - began < 60
    assert slept.pauses() == [300]
    assert world.gcloud("pubsub", "topics", "list").returncode == 0


# ---------------------------------------------------------------------------------------------------------------------
# Late grants


def grant(project: Project, service: str, path: str, *accounts: str) -> None:
    body = binding(*(f"serviceAccount:{account}" for account in accounts), role="roles/editor")
    is_bucket = service == "storage"
    ask(project, "PUT" if is_bucket else "POST", service, path, body["policy"] if is_bucket else body)


BUCKET = ("storage", "storage/v1/b/sources/iam")
REPOSITORY = ("artifactregistry", f"v1/{PLACE}/repositories/images:setIamPolicy")


@pytest.fixture
def late() -> Project:
    """A project in which a grant has no effect for the first two requests that need it."""
    project = project_with_accounts()
    project.late_grants = Delay(requests=2)
    project.of("storage")["b/sources"] = {"name": "sources"}
    return project


def build(project: Project) -> Json:
    body = {
        "source": {"storageSource": {"bucket": "sources", "object": "1.tgz"}},
        "images": [f"{REGION}-docker.pkg.dev/{PROJECT}/images/pipeline:1"],
        "serviceAccount": f"projects/{PROJECT}/serviceAccounts/{BUILDER}",
    }
    return dict(ask(project, "POST", "cloudbuild", f"v1/{PLACE}/builds", body)["metadata"]["build"])


def test_a_build_waits_for_its_account_s_grants(late: Project) -> None:
    """An unreadable source is refused; a push that is not permitted ends the build."""
    assert "could not resolve source: googleapi: Error 403" in str(refused(lambda: build(late)))
    grant(late, *BUCKET, BUILDER)
    assert refused_requests(lambda: build(late)) == 2
    assert build(late)["failureInfo"]["type"] == "PUSH_NOT_AUTHORIZED"
    grant(late, *REPOSITORY, BUILDER)
    assert [build(late)["status"] for _ in range(3)] == ["FAILURE", "FAILURE", "SUCCESS"]


def test_gcloud_shows_why_a_build_failed(world: World) -> None:
    """`gcloud builds submit` fails with the refusal's text, and then with the failure's detail."""
    project = world.project
    project.late_grants = Delay(requests=1)
    project.of("storage")["b/sources"] = {"name": "sources", "id": "sources", "location": "US-CENTRAL1"}
    grant(project, *BUCKET, BUILDER)
    image = f"{REGION}-docker.pkg.dev/{PROJECT}/images/pipeline:1"
    steps = {"images": [image], "steps": [{"name": "docker"}], "options": {"logging": "CLOUD_LOGGING_ONLY"}}
    (world.source / "build.json").write_text(json.dumps(steps))
    submit = (
        *("builds", "submit", str(world.source), f"--region={REGION}", "--suppress-logs"),
        *(f"--config={world.source}/build.json", "--gcs-source-staging-dir=gs://sources/builds"),
        f"--service-account=projects/{PROJECT}/serviceAccounts/{BUILDER}",
    )
    unreadable = world.gcloud(*submit)
    assert unreadable.returncode != 0
    assert f"{BUILDER} does not have storage.objects.get access" in unreadable.stderr
    unpushable = world.gcloud(*submit)
    assert unpushable.returncode != 0
    assert "BUILD FAILURE: denied: Permission 'artifactregistry.repositories.uploadArtifacts'" in unpushable.stderr
    grant(project, *REPOSITORY, BUILDER)
    assert world.gcloud(*submit).returncode != 0
    done = world.gcloud(*submit)
    assert done.returncode == 0, done.stderr


def test_a_function_s_build_waits_for_its_account_s_grants(world: World) -> None:
    """The real gcloud prints the operation's error; the function is FAILED until a later deployment succeeds."""
    world.project.late_grants = Delay(requests=1)
    service, path = WHOLE_PROJECT
    grant(world.project, service, path, BUILDER)
    done = world.deploy("--no-allow-unauthenticated")
    assert done.returncode != 0
    assert (
        f"Access to bucket gcf-v2-sources-{NUMBER}-{REGION} denied. You must grant Storage Object Viewer" in done.stderr
    )
    (function,) = world.project.of("cloudfunctions").values()
    assert (function["state"], "uri" in function["serviceConfig"]) == ("FAILED", False)
    assert world.deploy().returncode == 0
    (function,) = world.project.of("cloudfunctions").values()
    assert (function["state"], "uri" in function["serviceConfig"]) == ("ACTIVE", True)


def test_a_function_waits_until_its_account_may_read_its_secrets(world: World) -> None:
    """Cloud Run checks the grant on each secret when it makes a revision; a function that serves stays as it is."""
    project = world.project
    assert world.deploy("--update-labels=release=1").returncode == 0
    project.late_grants = Delay(requests=1)
    service, path = WHOLE_PROJECT
    grant(project, service, path, BUILDER)
    assert world.deploy("--update-labels=release=2").returncode != 0
    grant(project, "secretmanager", f"v1/projects/{PROJECT}/secrets/key:setIamPolicy", PIPELINE)
    with_secret = ("--update-labels=release=2", "--set-secrets=KEY=key:1")
    done = world.deploy(*with_secret)
    assert done.returncode != 0
    assert f"Permission denied on secret: projects/{NUMBER}/secrets/key/versions/1 for Revision" in done.stderr
    (function,) = project.of("cloudfunctions").values()
    assert (function["state"], function["labels"]["release"]) == ("ACTIVE", "1")
    assert world.deploy(*with_secret).returncode == 0
    (function,) = project.of("cloudfunctions").values()
    assert function["labels"]["release"] == "2"


def test_a_trigger_waits_for_the_grants_of_google_s_agents(late: Project) -> None:
    """Eventarc names the agent or account whose grant has no effect; each of them is refused twice."""

    def trigger() -> Json:
        body = {"serviceAccount": PIPELINE}
        return ask(late, "POST", "eventarc", f"v1/{PLACE}/triggers", body, triggerId="uploads")

    texts: list[str] = []
    service, path = WHOLE_PROJECT
    for accounts in ([EVENTARC_AGENT], [EVENTARC_AGENT, STORAGE_AGENT], [EVENTARC_AGENT, STORAGE_AGENT, PIPELINE]):
        grant(late, service, path, *accounts)
        texts += [str(refused(trigger)) for _ in range(2)]
    assert trigger()["done"]
    agent, storage, account = texts[::2]
    assert "Permission denied while using the Eventarc Service Agent." in agent
    assert "The Cloud Storage service account for your bucket is unable to publish" in storage
    assert account == f'Permission "eventarc.events.receiveEvent" denied on "{PIPELINE}"'
    assert texts[::2] == texts[1::2]


def test_a_pipeline_job_without_effective_grants_ends_with_code_7(late: Project) -> None:
    """Vertex AI accepts the job and lets it fail."""

    def job(number: int) -> tuple[str, int]:
        body = {"serviceAccount": PIPELINE, "runtimeConfig": {"gcsOutputDirectory": "gs://sources/root"}}
        made = ask(late, "POST", "aiplatform", f"v1/{PLACE}/pipelineJobs", body, pipelineJobId=f"job-{number}")
        return made["state"], made.get("error", {}).get("code", 0)

    grant(late, *BUCKET, PIPELINE)
    service, path = WHOLE_PROJECT
    grant(late, service, path, PIPELINE)
    ends = [job(number) for number in range(5)]
    assert ends == [("PIPELINE_STATE_FAILED", 7)] * 4 + [("PIPELINE_STATE_PENDING", 0)]


def test_a_new_grant_of_the_same_role_does_not_wait_again(late: Project) -> None:
    """A policy that is written again with the same grant delays nothing; a removed grant has no effect."""
    grant(late, *BUCKET, BUILDER)
    grant(late, *REPOSITORY, BUILDER)
    assert refused_requests(lambda: build(late)) == 2
    assert build(late)["status"] == "FAILURE"
    assert build(late)["status"] == "SUCCESS"
    grant(late, *BUCKET, BUILDER, PIPELINE)
    assert build(late)["status"] == "SUCCESS"
    grant(late, *BUCKET, PIPELINE)
    assert refused(lambda: build(late)).status == 400


def test_an_invocation_waits_for_the_grant(world: World) -> None:
    """Cloud Run answers 403 until the grant of everyone has an effect, then the function answers."""
    world.project.serves_functions = True
    assert world.deploy("--no-allow-unauthenticated").returncode == 0
    world.project.late_grants = Delay(requests=2)
    assert world.grant_everyone().returncode == 0
    assert [knock(world) for _ in range(3)] == [403, 403, 200]


# ---------------------------------------------------------------------------------------------------------------------
# Busy fields


def test_a_field_takes_one_change_at_a_time(world: World) -> None:
    """A TTL policy right after an exemption of the same field, or the reverse, is refused; another field is not."""
    world.project.field_changes = FieldChanges(exemption=Delay(requests=1), ttl=Delay(requests=3))

    def exempt(field: str) -> str:
        command = ("firestore", "indexes", "fields", "update", field, "--collection-group=tracks", "--database=d")
        return world.gcloud(*command, "--disable-indexes", "--async").stderr

    def expire(field: str) -> str:
        command = ("firestore", "fields", "ttls", "update", field, "--collection-group=tracks", "--database=d")
        return world.gcloud(*command, "--enable-ttl", "--async").stderr

    busy = "ABORTED: Please retry, underlying data changed"
    assert busy not in exempt("first")
    assert busy in expire("first")
    assert busy not in expire("first")
    assert busy not in expire("second")
    assert [busy in exempt("second") for _ in range(4)] == [True, True, True, False]
    root = f"projects/{PROJECT}/databases/d/collectionGroups/tracks/fields"
    for name in ("first", "second"):
        assert {"indexConfig", "ttlConfig"} <= set(world.project.of("firestore")[f"{root}/{name}"])


def test_both_changes_of_a_field_may_come_in_one_request() -> None:
    """One PATCH with both parts in its mask is one change."""
    project = fresh_project()
    project.field_changes = FieldChanges(exemption=Delay(requests=9), ttl=Delay(requests=9))
    path = f"v1/projects/{PROJECT}/databases/d/collectionGroups/tracks/fields/expiresAt"
    body: Json = {"indexConfig": {"indexes": []}, "ttlConfig": {}}
    operation = ask(project, "PATCH", "firestore", path, body, updateMask="indexConfig,ttlConfig")
    assert {"indexConfigDeltas", "ttlConfigDelta"} <= set(operation["metadata"])
    assert refused(lambda: ask(project, "PATCH", "firestore", path, body, updateMask="ttlConfig")).status == 409


def test_an_operation_on_a_field_runs_until_the_field_is_free(world: World) -> None:
    """Without `--async`, gcloud waits for the operation, and then the next change of the field is accepted."""
    world.project.field_changes = FieldChanges(exemption=Delay(requests=1), ttl=Delay(requests=1))
    place = ("expiresAt", "--collection-group=tracks", "--database=d")
    assert world.gcloud("firestore", "indexes", "fields", "update", *place, "--disable-indexes").returncode == 0
    assert world.gcloud("firestore", "fields", "ttls", "update", *place, "--enable-ttl").returncode == 0
    # The request, one poll of the running operation and one of the finished one, for each change.
    path = f"/v1/projects/{PROJECT}/databases/d/"
    assert [request.method for request in world.project.requests if request.path.startswith(path)].count("PATCH") == 2
    assert sum("/operations/" in request.path for request in world.project.requests) == 4


def test_a_request_is_forwarded_to_a_function_on_this_machine(world: World) -> None:
    """The response comes from the function's server, which a request to a private function does not reach."""
    reached: list[str] = []

    class Function(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            reached.append(f"{self.path} {self.headers['Authorization']} {body}")
            self.send_response(201)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """Write no log."""

    world.project.serves_functions = True
    assert world.deploy().returncode == 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Function)
    Thread(target=server.serve_forever, daemon=True).start()
    world.project.functions_at[FUNCTION] = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        sent = ("/v1/sessions?a=b", b"body", "Bearer secret")
        assert knock(world, *sent) == 403
        assert world.grant_everyone().returncode == 0
        assert knock(world, *sent) == 201
    finally:
        server.shutdown()
        server.server_close()
    assert reached == ["/v1/sessions?a=b Bearer secret body"]
