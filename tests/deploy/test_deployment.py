"""The real gcloud through `make deploy`, against a control plane that keeps state and records every request."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.addresses import REPOSITORY
from tests.deploy.conftest import Installation, Installer
from tests.deploy.control_plane import Request
from tests.deploy.expected import PROJECT, described, fresh_project, written

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1800)]

SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/musicgenerator-captions-pipeline-launcher"
IMAGES = f"b/{PROJECT}-musicgenerator-images"
EXPECTED = Path(__file__).with_name("expected.yaml")
# A kind of request that is first made in this step: API and method.
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


def test_every_step_has_a_request_that_the_failures_below_begin_with() -> None:
    """A step that is added has to fail, too."""
    assert {path.stem for path in (REPOSITORY / "infra" / "steps").glob("*.sh")} == set(REFUSED_IN)


def test_from_nothing_to_everything(deployed: Installation) -> None:
    """What is there afterwards is what the expected file says.

    After a change that is meant, `EXPECTED=write make test-deploy` writes it anew, and the difference is reviewed.
    """
    now = written(deployed.project)
    if os.environ.get("EXPECTED") == "write":
        EXPECTED.write_text(now, encoding="utf-8")
    assert EXPECTED.read_text(encoding="utf-8") == now
    assert deployed.project.mistakes == []


def test_nobody_gets_a_wide_role_or_a_key(deployed: Installation) -> None:
    """No owner, no editor, no account of Google's own default, no key."""
    grants = described(deployed.project)["grants"]
    for resource, bindings in grants.items():
        for role, members in bindings.items():
            if members != ["user:somebody@example.com"]:
                assert not re.match(r"roles/(owner|editor|viewer)$", role), (resource, role)
                assert not any("compute@developer" in member or "@appspot" in member for member in members), resource
    assert not any("/keys" in request.path for request in deployed.project.requests if request.service == "iam")


def test_the_same_command_again_changes_nothing(deployed: Installation) -> None:
    """It reads, says that there is nothing to do, and issues no mutating request."""
    deployed.record(deployed.project)
    done = deployed.deploy()
    assert done.returncode == 0, done.stderr
    assert "0 to create, 0 to change" in done.stdout
    assert "Nothing to do." in done.stdout
    assert deployed.record(deployed.project) == []


def test_a_plan_says_what_would_be_done_and_does_nothing(installer: Installer) -> None:
    """Every resource is named, with what it costs, and nothing is asked for that changes something."""
    installation = installer(fresh_project())
    done = installation.make("plan")
    assert done.returncode == 0, done.stderr
    assert f"{PROJECT}-musicgenerator-images" in done.stdout
    assert re.search(r"^[1-9]\d+ to create", done.stdout, re.MULTILINE)
    assert "What it costs" in done.stdout
    assert installation.record(installation.project) == []


def test_without_a_yes_nothing_is_done(installer: Installer) -> None:
    """`make deploy` asks, and nobody answers."""
    installation = installer(fresh_project())
    done = installation.make("deploy", OPENAI_API_KEY="worthless")
    assert done.returncode != 0
    assert installation.record(installation.project) == []


@dataclass(frozen=True)
class Mended:
    """What a plan showed of changes made by hand, and what one deployment with a new key then changed."""

    plan: str
    changes: list[str]


@pytest.fixture(scope="module")
def mended(deployed: Installation) -> Mended:
    """Change a subscription and a grant by hand, plan, and deploy once."""
    deployed.project.of("pubsub")[SUBSCRIPTION]["ackDeadlineSeconds"] = 10
    stray = {
        "role": "roles/storage.admin",
        "members": [f"serviceAccount:mg-captioner@{PROJECT}.iam.gserviceaccount.com"],
    }
    foreign = {"role": "roles/storage.objectViewer", "members": ["user:auditor@example.com"]}
    deployed.project.policies["storage"][IMAGES]["bindings"] += [stray, foreign]
    plan = deployed.make("plan", OPENAI_API_KEY="worthless", ALERT_EMAIL="operator@example.com")
    deployed.record(deployed.project)
    done = deployed.deploy(NEW_KEY="1")
    assert done.returncode == 0, done.stderr
    return Mended(plan.stdout, deployed.record(deployed.project))


def test_what_was_changed_by_hand_is_shown_and_mended(deployed: Installation, mended: Mended) -> None:
    """A plan names the difference; a deployment brings it back, and of its kind only that."""
    assert "ackDeadlineSeconds: 10 -> 180" in mended.plan
    assert [change for change in mended.changes if " pubsub " in change] == [f"PATCH pubsub /v1/{SUBSCRIPTION}"]
    assert deployed.project.of("pubsub")[SUBSCRIPTION]["ackDeadlineSeconds"] == 180


@pytest.mark.usefixtures("mended")
def test_a_grant_that_the_table_does_not_know_goes(deployed: Installation) -> None:
    """Of our accounts only: what somebody else was given stays."""
    bindings = deployed.project.policies["storage"][IMAGES]["bindings"]
    assert "roles/storage.admin" not in {binding["role"] for binding in bindings}
    assert any("user:auditor@example.com" in binding["members"] for binding in bindings)
    for binding in list(bindings):
        if "user:auditor@example.com" in binding["members"]:
            binding["members"].remove("user:auditor@example.com")


def test_a_new_key_becomes_a_new_pinned_version(mended: Mended) -> None:
    """The captioner, and no other function, is deployed anew with the version that was added."""
    assert any("musicgenerator-openai-api-key:addVersion" in change for change in mended.changes)
    assert {change.split()[2] for change in mended.changes if change.startswith("PATCH cloudfunctions")} == {
        f"/v2/projects/{PROJECT}/locations/us-central1/functions/musicgenerator-captioner"
    }


def test_zz_destroying_leaves_nothing(deployed: Installation) -> None:
    """Only what others have, the enabled APIs with their agents' roles, and the custom roles that Google keeps."""
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
    assert "There is nothing of musicgenerator" in again.stdout


def test_zzz_what_was_destroyed_can_be_made_again(deployed: Installation) -> None:
    """The custom roles are brought back, since their ids are taken for weeks."""
    done = deployed.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert not any(role.get("deleted") for role in deployed.project.of("iam").values())


def test_a_failure_in_any_step_is_recovered_by_running_again(installer: Installer) -> None:
    """In each step one kind of request is refused once, so that a run ends there, and the next in a later step.

    A refusal is shown with how to go on; the next run goes on where the last one stopped, and what failed half-way is
    completed. In the end everything is there, as in an installation that never failed.
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
        assert "go on with the same command" in done.stderr
        stopped.add(step[1])
    assert done.returncode == 0, done.stderr
    assert stopped == set(REFUSED_IN)
    assert yaml_without_builds(written(project)) == yaml_without_builds(EXPECTED.read_text(encoding="utf-8"))


def yaml_without_builds(text: str) -> dict[str, Any]:
    """Leave out the builds: a run that failed after its build has built again."""
    found: dict[str, Any] = yaml.safe_load(text)
    del found["cloudbuild"]
    return found
