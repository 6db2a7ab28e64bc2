"""The first deployment in a new project: with a new project's quota, in an organisation, and while Google is late."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from localcloud.addresses import REPOSITORY
from tests.deploy.conftest import Installation, Installer
from tests.deploy.control_plane import Project
from tests.deploy.expected import PROJECT, fresh_project, written
from tests.deploy.google_run import admits_everyone
from tests.deploy.slept_time import SleptTime
from tests.deploy.worlds import Delay, FieldChanges, Organisation, RunQuota

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(900)]

EXPECTED = Path(__file__).with_name("expected.yaml")
SERVICE = f"projects/{PROJECT}/locations/us-central1/services/musicgenerator-upload-handler"
FUNCTIONS = REPOSITORY / "infra" / "functions"


def late(installer: Installer, room: Path, project: Project) -> tuple[Installation, SleptTime]:
    """Return an installation whose project's clock is moved by the scripts' pauses."""
    slept, installation = SleptTime(room), installer(project)
    project.clock = slept.clock
    return replace(installation, environ=slept.environ(installation.environ)), slept


def test_a_first_deployment_waits_for_what_is_late(installer: Installer, tmp_path: Path) -> None:
    """APIs answer after five minutes, and grants have an effect after seven; a TTL policy takes twenty minutes.

    No function asks for more than a new project's 20 vCPU and 40 GiB.
    The deployment ends as one into a project in which everything works at once, and says why it waits.
    """
    project = fresh_project()
    project.quota = RunQuota()
    project.late_apis, project.late_grants = Delay(seconds=300), Delay(seconds=420, requests=2)
    project.field_changes = FieldChanges(exemption=Delay(seconds=300), ttl=Delay(seconds=1200))
    installation, slept = late(installer, tmp_path, project)
    done = installation.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert yaml.safe_load(written(project)) == yaml.safe_load(EXPECTED.read_text(encoding="utf-8"))
    assert project.mistakes == []
    assert "waiting: an API that has just been enabled answers everywhere only after some minutes" in done.stdout
    assert "waiting: a new grant takes effect after two minutes, and sometimes after seven or more" in done.stdout
    assert "waiting: Firestore takes some minutes to change a field" in done.stdout
    assert slept.clock() >= 420


@pytest.mark.parametrize("file", sorted(FUNCTIONS.glob("[!e]*.yaml")), ids=lambda file: file.stem)
def test_each_function_fits_the_quota_of_a_new_project(file: Path) -> None:
    """Cloud Run multiplies a function's maximum of instances with its vCPUs and its memory."""
    flags = yaml.safe_load(file.read_text(encoding="utf-8"))
    gibibytes = {"Gi": 1.0, "Mi": 1 / 1024}[flags["--memory"][-2:]] * int(flags["--memory"][:-2])
    assert flags["--max-instances"] * float(flags["--cpu"]) <= 20
    assert flags["--max-instances"] * gibibytes <= 40


def test_a_refusal_of_more_instances_says_what_to_do(installer: Installer) -> None:
    """Following it completes the deployment."""
    project = fresh_project()
    project.quota = RunQuota(in_operation=True)
    installation = installer(project)
    done = installation.deploy(CAPTIONER_INSTANCES="40")
    assert done.returncode != 0
    assert "CpuAllocPerProjectRegion requested: 40000 allowed: 20000" in done.stderr
    advice = re.search(r"What to do: deploy with (CAPTIONER_INSTANCES)=(\d+) or fewer, or raise the quota", done.stderr)
    assert advice, done.stderr
    again = installation.deploy(**{advice[1]: advice[2]})
    assert again.returncode == 0, again.stdout + again.stderr
    project.quota = RunQuota(cpu=40_000)
    raised = installation.deploy(CAPTIONER_INSTANCES="40")
    assert raised.returncode == 0, raised.stdout + raised.stderr
    captioner = project.of("cloudfunctions")[
        SERVICE.replace("services", "functions").replace("upload-handler", "captioner")
    ]
    assert captioner["serviceConfig"]["maxInstanceCount"] == 40


def exceptions(installation: Installation, text: str, room: Path) -> list[str]:
    """Run the commands for the administrator that a message names, and return their constraints."""
    commands = re.findall(r"(?m)^    (.*gcloud resource-manager org-policies .*)$", text)
    for command in commands:
        environ = installation.environ | {"CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
        done = subprocess.run(
            ["bash", "-c", command], env=environ, cwd=room, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return re.findall(r"(?m)^  ([a-zA-Z.]+): ", text)


def test_an_organisation_s_policies_stop_a_deployment_before_it_changes_anything(
    installer: Installer, tmp_path: Path
) -> None:
    """The message names each policy and the command that lifts it; after these commands the deployment succeeds.

    Later the exception may end: what is public stays so, and the API is opened again without a grant for everyone.
    """
    project = fresh_project()
    project.organisation = Organisation()
    project.organisation.enforce("storage.publicAccessPrevention")
    project.organisation.enforce("iam.disableServiceAccountCreation")
    project.organisation.allow("gcp.resourceLocations", "in:eu-locations")
    installation = installer(project)
    done = installation.deploy()
    assert done.returncode != 0
    assert installation.record(project) == []
    assert exceptions(installation, done.stderr, tmp_path) == [
        "iam.allowedPolicyMemberDomains",
        "storage.publicAccessPrevention",
        "gcp.resourceLocations",
        "iam.disableServiceAccountCreation",
    ]
    done = installation.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert yaml.safe_load(written(project)) == yaml.safe_load(EXPECTED.read_text(encoding="utf-8"))

    project.organisation = Organisation()
    project.resets_services = True
    project.policies["run"].pop(SERVICE)
    for limit in ("5", "6"):
        done = installation.deploy(TRACKS_A_DAY=limit)
        assert done.returncode == 0, done.stdout + done.stderr
        assert admits_everyone(project, SERVICE)
        assert "Nothing to do." in installation.deploy(TRACKS_A_DAY=limit).stdout
    assert project.mistakes == []


def test_policies_that_cannot_be_read_do_not_stop_a_deployment(installer: Installer) -> None:
    """Reading them needs a role that an owner of the project may lack, so the plan only says so."""
    project = fresh_project()
    project.refuse = lambda request: request.verb == "getEffectiveOrgPolicy"
    done = installer(project).make("plan")
    assert done.returncode == 0, done.stderr
    assert "The policy iam.allowedPolicyMemberDomains cannot be read" in done.stdout
