"""The first deployment works at the first try in each world that a new project may be, and so does the second one.

`test_new_projects.py` has all worlds together.
"""

import re
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.deploy.conftest import Installation, Installer
from tests.deploy.control_plane import Project, members
from tests.deploy.expected import PROJECT, fresh_project
from tests.deploy.google_run import INVOKER
from tests.deploy.slept_time import SleptTime
from tests.deploy.worlds import Delay, FieldChanges, Organisation

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(900)]

API = f"projects/{PROJECT}/locations/us-central1/services/musicgenerator-upload-handler"
LATE_API_SECONDS = 290
LATE_GRANT_SECONDS = 400


@pytest.fixture
def installation(installer: Installer, tmp_path: Path) -> Installation:
    """A fresh project whose clock moves only when the deployment sleeps."""
    slept = SleptTime(tmp_path)
    made = installer(fresh_project())
    made.project.clock = slept.clock
    return replace(made, environ=slept.environ(made.environ))


def check(done: CompletedProcess[str], project: Project) -> None:
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert "Done. The page: https://" in done.stdout
    assert project.mistakes == []


def test_apis_may_be_late(installation: Installation) -> None:
    """Every command waits at least five minutes for an API that has just been enabled."""
    installation.project.late_apis = Delay(seconds=LATE_API_SECONDS)
    check(installation.deploy(), installation.project)


def test_grants_may_be_late(installation: Installation) -> None:
    """Builds and the trigger wait at least seven minutes for their grants."""
    installation.project.late_grants = Delay(seconds=LATE_GRANT_SECONDS)
    check(installation.deploy(), installation.project)


def test_a_field_takes_one_change_at_a_time(installation: Installation) -> None:
    """Firestore works for a long time on a TTL policy, and for a short time on an exemption."""
    installation.project.field_changes = FieldChanges(exemption=Delay(seconds=20), ttl=Delay(seconds=1200))
    check(installation.deploy(), installation.project)


def test_the_api_stays_public(installation: Installation) -> None:
    """A deployment with another setting of the API changes the function, and everyone may still invoke it."""
    project = installation.project
    project.serves_functions = True
    check(installation.deploy(), project)
    assert status_of_the_api(installation) == 200
    project.requests.clear()
    check(installation.deploy(SESSION_TRACKS_A_DAY="7"), project)
    assert [change for change in project.mutations() if re.match(r"PATCH cloudfunctions .*-upload-handler", change)]
    assert (INVOKER, "allUsers") in members(project.policies["run"][API])
    assert status_of_the_api(installation) == 200


def status_of_the_api(installation: Installation) -> int:
    function = installation.project.of("cloudfunctions")[API.replace("/services/", "/functions/")]
    proxy = urllib.request.ProxyHandler({"http": installation.environ["http_proxy"]})
    try:
        with urllib.request.build_opener(proxy).open(function["serviceConfig"]["uri"], timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("iam.allowedPolicyMemberDomains", ("C01abc2de",)),
        ("storage.publicAccessPrevention", ()),
        ("gcp.resourceLocations", ("in:eu-locations",)),
        ("iam.disableServiceAccountCreation", ()),
    ],
)
def test_a_preflight_says_what_an_organisation_forbids(
    installation: Installation, constraint: str, values: tuple[str, ...]
) -> None:
    """It names the constraint and the administrator's command, and changes nothing but enabled APIs."""
    organisation = installation.project.organisation = Organisation(policies={"nothing": {}})
    if values:
        organisation.allow(constraint, *values)
    else:
        organisation.enforce(constraint)
    done = installation.deploy()
    assert done.returncode != 0
    assert constraint in done.stderr
    assert re.search(rf"gcloud (resource-manager )?org-policies .*{PROJECT}", done.stderr)
    assert [change for change in installation.project.mutations() if " serviceusage " not in change] == []


def test_an_organisation_that_makes_an_exception(installation: Installation) -> None:
    """The other policies of an organisation made since May 2024 hinder nothing."""
    organisation = installation.project.organisation = Organisation()
    organisation.policies["iam.allowedPolicyMemberDomains"] = {"listPolicy": {"allValues": "ALLOW"}}
    check(installation.deploy(), installation.project)
