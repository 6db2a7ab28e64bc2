"""`make deploy`, `plan` and `destroy` with the real gcloud, against a control plane that records every request."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.names import FUNCTIONS
from infra.steps import STEPS
from localcloud.addresses import REPOSITORY
from tests.deploy.conftest import Installation, Installer
from tests.deploy.control_plane import Request
from tests.deploy.expected import PROJECT, described, fresh_project, written
from tests.support.marks import pair

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1800)]

SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/musicgenerator-captions-pipeline-launcher"
IMAGES = f"b/{PROJECT}-musicgenerator-images"
EXPECTED = Path(__file__).with_name("expected.yaml")
# API and method of a request that each step is the first to send.
REFUSED_IN = {
    "01-apis": ("serviceusage", "POST"),
    "02-accounts": ("iam", "POST"),
    "03-buckets": ("storage", "POST"),
    "04-topics": ("pubsub", "PUT"),
    "05-database": ("firestore", "POST"),
    "06-secrets": ("secretmanager", "POST"),
    "07-grants": ("pubsub", "POST"),
    "08-pipeline": ("cloudbuild", "POST"),
    "09-functions": ("cloudfunctions", "POST"),
    "10-deliveries": ("eventarc", "POST"),
    "11-page": ("apikeys", "POST"),
    "12-monitoring": ("monitoring", "POST"),
}


def test_every_step_has_a_request_that_is_refused_below() -> None:
    """A new step needs a row in REFUSED_IN."""
    assert set(STEPS) == set(REFUSED_IN)


def test_from_nothing_to_everything(deployed: Installation) -> None:
    """A deployment into an empty project creates what the expected file lists.

    After an intended change, `EXPECTED=write make test-deploy` writes the file again; review its difference.
    """
    created = written(deployed.project)
    if os.environ.get("EXPECTED") == "write":
        EXPECTED.write_text(created, encoding="utf-8")
    assert created == EXPECTED.read_text(encoding="utf-8")
    assert deployed.project.mistakes == []


def test_a_function_has_a_thread_for_each_request_that_its_instance_gets(deployed: Installation) -> None:
    """Further requests would wait in an instance while others are idle."""
    deployed_functions = [body for name, body in deployed.project.of("cloudfunctions").items() if "/functions/" in name]
    assert len(deployed_functions) == len(FUNCTIONS)
    for body in deployed_functions:
        config = body["serviceConfig"]
        assert int(config["environmentVariables"]["THREADS"]) >= config["maxInstanceRequestConcurrency"]


def test_nobody_gets_a_wide_role_or_a_key(deployed: Installation) -> None:
    """No grant is owner, editor or viewer, none goes to a default account, and no account has a key."""
    grants = described(deployed.project)["grants"]
    for resource, bindings in grants.items():
        for role, members in bindings.items():
            if members != ["user:somebody@example.com"]:
                assert not re.match(r"roles/(owner|editor|viewer)$", role), (resource, role)
                assert not any("compute@developer" in member or "@appspot" in member for member in members), resource
    assert not any("/keys" in request.path for request in deployed.project.requests if request.service == "iam")


def test_the_same_command_again_changes_nothing(deployed: Installation) -> None:
    """A second deployment sends no mutating request and says that it has nothing to do."""
    deployed.record(deployed.project)
    done = deployed.deploy()
    assert done.returncode == 0, done.stderr
    assert "0 to create, 0 to change" in done.stdout
    assert "Nothing to do." in done.stdout
    assert deployed.record(deployed.project) == []


def test_a_plan_lists_changes_and_makes_none(installer: Installer) -> None:
    """A plan names every resource and the costs, and sends no mutating request."""
    installation = installer(fresh_project())
    done = installation.make("plan")
    assert done.returncode == 0, done.stderr
    assert f"{PROJECT}-musicgenerator-images" in done.stdout
    assert re.search(r"^[1-9]\d+ to create", done.stdout, re.MULTILINE)
    assert "Costs (list prices" in done.stdout
    assert installation.record(installation.project) == []


def test_a_key_on_the_command_line_gets_a_warning() -> None:
    """Other users of the machine can read command lines; the message says what to do."""
    done = subprocess.run(
        ["make", "--dry-run", "deploy", f"PROJECT={PROJECT}", "OPENAI_API_KEY=worthless"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0
    assert "OPENAI_API_KEY is safer in the environment than on the command line" in done.stderr
    assert "worthless" not in done.stdout + done.stderr


def test_no_secret_is_on_a_command_line_or_in_a_log(deployed: Installation) -> None:
    """The logs have every call of gcloud with its output; the key and the drop session reach it by standard input."""
    kept = {name: body for name, body in deployed.project.contents.items() if "/secrets/" in name}
    values = {word for body in kept.values() for word in re.findall(r"[\w-]{8,}", body.decode())} - {"session"}
    logs = sorted(Path(deployed.environ["DEPLOY_WORK"]).rglob("*.log"))
    assert "worthless" in values
    assert len(kept) > 1
    assert [log for log in logs if "versions add" in log.read_text()]
    session = json.loads(next(body for name, body in kept.items() if "drop-session" in name))["session"]
    for log in logs:
        assert not [value for value in values - {session} if value in log.read_text()], log


def test_without_a_confirmation_nothing_is_deployed(installer: Installer) -> None:
    """`make deploy` asks; without an answer it exits and changes nothing."""
    installation = installer(fresh_project())
    done = installation.make("deploy", OPENAI_API_KEY="worthless")
    assert done.returncode != 0
    assert installation.record(installation.project) == []


def browser_key(deployed: Installation) -> dict[str, Any]:
    """Return the one key of the project."""
    (key,) = (key for key in deployed.project.of("apikeys").values() if "displayName" in key)
    return dict(key)


@dataclass(frozen=True)
class Repair:
    """The plan after changes by hand, and the requests of the deployment that reverts them."""

    plan: str
    changes: list[str]


@pytest.fixture(scope="module")
def repair(deployed: Installation) -> Repair:
    """Change a subscription, a grant and the browser's key by hand, plan, and deploy once."""
    deployed.project.of("pubsub")[SUBSCRIPTION]["ackDeadlineSeconds"] = 10
    stray = {
        "role": "roles/storage.admin",
        "members": [f"serviceAccount:mg-captioner@{PROJECT}.iam.gserviceaccount.com"],
    }
    auditors = {"role": "roles/storage.objectViewer", "members": ["user:auditor@example.com"]}
    deployed.project.policies["storage"][IMAGES]["bindings"] += [stray, auditors]
    # Older deployments limited the key to the page's origins, too.
    browser_key(deployed)["restrictions"]["browserKeyRestrictions"] = {"allowedReferrers": ["https://old.example/*"]}
    plan = deployed.make("plan", OPENAI_API_KEY="worthless", ALERT_EMAIL="operator@example.com")
    deployed.record(deployed.project)
    # The operator also gives a certificate, whose key must be neither on a command line nor in a log.
    folder = Path(deployed.environ["DEPLOY_WORK"])
    for name, text in zip(("certificate.pem", "key.pem"), pair(), strict=True):
        (folder / name).write_text(text)
    signing = {"C2PA_CERTIFICATE": str(folder / "certificate.pem"), "C2PA_KEY": str(folder / "key.pem")}
    done = deployed.deploy(NEW_KEY="1", **signing)
    assert done.returncode == 0, done.stderr
    return Repair(plan.stdout, deployed.record(deployed.project))


def test_changes_by_hand_are_shown_and_reverted(deployed: Installation, repair: Repair) -> None:
    """The plan shows the difference, and the deployment changes only that subscription back."""
    assert "ackDeadlineSeconds: 10 -> 180" in repair.plan
    assert [change for change in repair.changes if " pubsub " in change] == [f"PATCH pubsub /v1/{SUBSCRIPTION}"]
    assert deployed.project.of("pubsub")[SUBSCRIPTION]["ackDeadlineSeconds"] == 180


def test_the_key_of_an_older_installation_loses_its_referrers(deployed: Installation, repair: Repair) -> None:
    """Browsers that send no Referer would be refused. The key still works for Firestore alone."""
    assert "browserKeyRestrictions" in repair.plan
    assert browser_key(deployed)["restrictions"] == {"apiTargets": [{"service": "firestore.googleapis.com"}]}
    masks = [change for change in repair.changes if change.startswith("PATCH apikeys")]
    assert len(masks) == 2, repair.changes


@pytest.mark.usefixtures("repair")
def test_a_grant_that_the_table_does_not_have_is_removed(deployed: Installation) -> None:
    """Only this project's accounts lose such a grant; other principals keep theirs."""
    bindings = deployed.project.policies["storage"][IMAGES]["bindings"]
    assert "roles/storage.admin" not in {binding["role"] for binding in bindings}
    assert any("user:auditor@example.com" in binding["members"] for binding in bindings)
    for binding in list(bindings):
        if "user:auditor@example.com" in binding["members"]:
            binding["members"].remove("user:auditor@example.com")


def test_new_secrets_become_pinned_versions(deployed: Installation, repair: Repair) -> None:
    """Only the captioner is deployed again for its key, and for a certificate the two functions that use it."""
    assert any("musicgenerator-openai-api-key:addVersion" in change for change in repair.changes)
    assert any("musicgenerator-c2pa:addVersion" in change for change in repair.changes)
    place = f"projects/{PROJECT}/locations/us-central1/functions/musicgenerator"
    assert {change.split()[2] for change in repair.changes if change.startswith("PATCH cloudfunctions")} == {
        f"/v2/{place}-{name}" for name in ("captioner", "upload-handler", "pipeline-launcher")
    }
    environments = [
        deployed.project.of("cloudfunctions")[f"{place}-{name}"]["serviceConfig"]["environmentVariables"]
        for name in ("upload-handler", "pipeline-launcher")
    ]
    signer = f"projects/{PROJECT}/secrets/musicgenerator-c2pa/versions/1"
    assert [environ["MARK_SIGNER"] for environ in environments] == [signer, signer]
    assert "music and videos are not signed" in repair.plan
    shown = deployed.make("plan", OPENAI_API_KEY="worthless", ALERT_EMAIL="operator@example.com").stdout
    assert "music and videos are signed (C2PA); the certificate is valid until" in shown
    logs = Path(deployed.environ["DEPLOY_WORK"]).rglob("*.log")
    secret = (Path(deployed.environ["DEPLOY_WORK"]) / "key.pem").read_text().splitlines()[1]
    assert not [log for log in logs if secret in log.read_text()]


def test_zz_destroying_leaves_nothing(deployed: Installation) -> None:
    """Only others' resources, the enabled APIs with their agents' roles, and the deleted custom roles remain."""
    done = deployed.make("destroy", YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    left, before = described(deployed.project), described(fresh_project())
    for service in ("serviceusage", "cloudbuild"):
        left.pop(service, None)
        before.pop(service, None)
    grants = left["grants"][f"cloudresourcemanager projects/{PROJECT}"]
    for role, members in list(grants.items()):
        if all("@gcp-sa-" in member or "@gs-project-accounts." in member for member in members):
            del grants[role]
    roles = left.pop("iam", {})
    assert all(role.get("deleted") for role in roles.values())
    assert left == before
    again = deployed.make("destroy", YES="1")
    assert "has no resources of musicgenerator" in again.stdout


def test_zzz_a_destroyed_installation_can_be_deployed_again(deployed: Installation) -> None:
    """It restores the custom roles, whose ids stay reserved for weeks, and has a new drop session."""
    done = deployed.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    project = deployed.project
    assert not any(role.get("deleted") for role in project.of("iam").values())
    captioner = project.of("cloudfunctions")[
        f"projects/{PROJECT}/locations/us-central1/functions/musicgenerator-captioner"
    ]
    session = captioner["serviceConfig"]["environmentVariables"]["DROP_SESSION"]
    assert [name.rpartition("/")[2] for name in project.of("firestore documents")] == [session]


def test_a_failure_in_any_step_is_recovered_by_running_again(installer: Installer) -> None:
    """The control plane refuses one request in each step, so each run stops one step later.

    Every refusal's message says to run the same command again, and that run completes the failed step.
    The last run leaves the same resources as a deployment without failures.
    """
    project = fresh_project()
    refused: set[tuple[str, str]] = set()

    def refuse_once(request: Request) -> bool:
        kind = (request.service, request.method)
        if not request.is_mutating or kind in refused or kind not in REFUSED_IN.values():
            return False
        refused.add(kind)
        return True

    installation = installer(project)
    project.refuse = refuse_once
    stopped: set[str] = set()
    for _ in range(len(REFUSED_IN) + 1):
        done = installation.deploy()
        if done.returncode == 0:
            break
        step = re.search(r"Stopped in step ([0-9a-z-]+)\.", done.stderr)
        assert step, done.stdout + done.stderr
        assert "run the same command again" in done.stderr
        stopped.add(step[1])
    assert done.returncode == 0, done.stderr
    assert stopped == set(REFUSED_IN)
    assert yaml_without_builds(written(project)) == yaml_without_builds(EXPECTED.read_text(encoding="utf-8"))


def yaml_without_builds(text: str) -> dict[str, Any]:
    """Leave out the builds, because a run that fails after its build builds again."""
    found: dict[str, Any] = yaml.safe_load(text)
    del found["cloudbuild"]
    return found
