"""Sketches can be left out, and machines kept warm, by a setting; both can be taken back."""

import pytest

from tests.deploy.conftest import Installation, Installer
from tests.deploy.expected import PROJECT, fresh_project
from tests.deploy.operating import LAUNCHER, output

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(900)]

PLACE = f"projects/{PROJECT}/locations/us-central1"
SKETCHER = f"{PLACE}/functions/musicgenerator-sketcher"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/musicgenerator-captions-sketcher"


@pytest.fixture(scope="module")
def installation(installer: Installer) -> Installation:
    """An installation with sketches and one warm machine."""
    installation = installer(fresh_project())
    done = installation.deploy(WARM="1")
    assert done.returncode == 0, done.stdout + done.stderr
    return installation


def machines(installation: Installation) -> dict[str, str]:
    """Return type and number of the machines that are kept warm, by the name of their persistent resource."""
    return {
        name.rpartition("/")[2]: f"{pool['replicaCount']} {pool['machineSpec']['machineType']}"
        for name, body in installation.project.of("aiplatform").items()
        if "/persistentResources/" in name
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
    done = installation.make("deploy", WARM="0", YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert machines(installation) == {}
    assert named(installation) == ""


def test_without_sketches_there_is_no_sketcher(installation: Installation) -> None:
    """It is deleted with its subscription, and comes back with the setting."""
    project = installation.project
    assert SKETCHER in project.of("cloudfunctions")
    assert SUBSCRIPTION in project.of("pubsub")
    done = installation.make("deploy", SKETCHES="no", YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert SKETCHER not in project.of("cloudfunctions")
    assert SUBSCRIPTION not in project.of("pubsub")
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
