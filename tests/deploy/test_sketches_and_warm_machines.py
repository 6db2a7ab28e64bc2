"""Sketches can be left out, and machines kept warm, by a setting; both can be taken back."""

from dataclasses import replace

import pytest

from tests.deploy.conftest import Installation, Installer
from tests.deploy.expected import PROJECT, fresh_project
from tests.deploy.operating import LAUNCHER, output
from tests.deploy.slept_time import SleptTime

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(900)]

PLACE = f"projects/{PROJECT}/locations/us-central1"
SKETCHER = f"{PLACE}/functions/musicgenerator-sketcher"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/musicgenerator-captions-sketcher"


@pytest.fixture(scope="module")
def installation(installer: Installer, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation with sketches and one warm machine."""
    installation = installer(fresh_project())
    slept = SleptTime(tmp_path_factory.mktemp("sleep"))
    installation = replace(installation, environ=slept.environ(installation.environ))
    done = installation.deploy(WARM="1")
    assert done.returncode == 0, done.stdout + done.stderr
    return installation


def machines(installation: Installation) -> dict[str, str]:
    """Return type and number of the machines that are kept warm, by the name of their persistent resource."""
    return {
        name.rpartition("/")[2]: f"{pool['replicaCount']} {pool['machineSpec']['machineType']}"
        for name, body in installation.project.of("aiplatform").items()
        if "/persistentResources/" in name and body["state"] != "STOPPING"
        for pool in body["resourcePools"]
    }


def named(installation: Installation) -> str:
    """Return the persistent resource that the launcher names."""
    environ = installation.project.of("cloudfunctions")[LAUNCHER]["serviceConfig"]["environmentVariables"]
    return str(environ.get("PERSISTENT_RESOURCE", ""))


def test_a_plan_says_what_warm_machines_cost_before_they_exist(installation: Installation) -> None:
    """The price by the hour is that of all machines; it is printed for those that are kept and for those to come."""
    assert "0.154 an hour" in output(installation, "plan")
    done = installation.make("plan", WARM="2", WARM_MACHINE="e2-standard-8")
    assert "warm         0.616 an hour" in done.stdout
    assert "2 e2-standard-8" in done.stdout
    assert machines(installation) == {"musicgenerator-warm-1-e2-standard-4": "1 e2-standard-4"}
    assert "an hour" not in installation.make("plan", WARM="0").stdout


def test_the_launcher_names_the_machines_that_exist(installation: Installation) -> None:
    """The machines run steps as the pipeline's own account."""
    assert machines(installation) == {"musicgenerator-warm-1-e2-standard-4": "1 e2-standard-4"}
    assert named(installation).endswith(
        "/locations/us-central1/persistentResources/musicgenerator-warm-1-e2-standard-4"
    )
    (body,) = (body for name, body in installation.project.of("aiplatform").items() if "/persistentResources/" in name)
    assert body["resourceRuntimeSpec"]["serviceAccountSpec"]["enableCustomServiceAccount"] is True
    assert "0 to create, 0 to change" in output(installation, "plan")


def test_another_number_of_machines_replaces_them_and_none_ends_them(installation: Installation) -> None:
    """The old machines go after the launcher names the new ones, so no job names machines that are gone."""
    done = installation.make("deploy", WARM="2", WARM_MACHINE="e2-standard-8", YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert machines(installation) == {"musicgenerator-warm-2-e2-standard-8": "2 e2-standard-8"}
    assert named(installation).endswith("musicgenerator-warm-2-e2-standard-8")
    done = installation.make("deploy", WARM="default", YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert machines(installation) == {}
    assert named(installation) == ""
    # Google deletes machines slowly, and refuses to delete them twice.
    assert "0 to create, 0 to change" in output(installation, "plan")


def test_machines_whose_deletion_failed_are_deleted_by_the_next_deployment(installation: Installation) -> None:
    """They cost by the hour, and nothing else names them any more."""
    done = installation.make("deploy", WARM="3", WARM_MACHINE="e2-standard-8", YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    installation.project.refuse = lambda request: request.method == "DELETE" and "/persistentResources/" in request.name
    done = installation.make("deploy", WARM="default", YES="1")
    assert done.returncode != 0
    assert machines(installation) == {"musicgenerator-warm-3-e2-standard-8": "3 e2-standard-8"}
    installation.project.refuse = None
    assert "- warm machines" in output(installation, "plan")
    done = installation.make("deploy", YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert machines(installation) == {}


def test_without_sketches_there_is_no_sketcher(installation: Installation) -> None:
    """Its subscription is deleted first, so no message is pushed to a missing function. Both come back."""
    project = installation.project
    assert SKETCHER in project.of("cloudfunctions")
    assert SUBSCRIPTION in project.of("pubsub")
    project.requests.clear()
    done = installation.make("deploy", SKETCHES="no", YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert SKETCHER not in project.of("cloudfunctions")
    assert SUBSCRIPTION not in project.of("pubsub")
    assert [request.name for request in project.requests if request.method == "DELETE"] == [SUBSCRIPTION, SKETCHER]
    assert "0 to create, 0 to change" in output(installation, "plan")
    done = installation.make("deploy", SKETCHES="yes", YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert SKETCHER in project.of("cloudfunctions")
    assert SUBSCRIPTION in project.of("pubsub")


def test_destroying_ends_the_machines(installation: Installation) -> None:
    """They cost by the hour."""
    done = installation.make("deploy", WARM="1", YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert machines(installation)
    done = installation.make("destroy", YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert machines(installation) == {}
