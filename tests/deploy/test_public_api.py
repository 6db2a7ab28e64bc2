"""The API stays public: a deployment never takes the grant away, and restores it if something else did."""

from collections.abc import Iterator

import pytest

from tests.deploy.conftest import Installation, Installer
from tests.deploy.control_plane import Request, members
from tests.deploy.expected import PROJECT, fresh_project
from tests.deploy.google_run import INVOKER

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(900)]

NAME = "musicgenerator-upload-handler"
SERVICE = f"projects/{PROJECT}/locations/us-central1/services/{NAME}"


@pytest.fixture(scope="module")
def public(installer: Installer) -> Iterator[Installation]:
    """An installation of its own, because these tests change settings."""
    installation = installer(fresh_project())
    done = installation.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    yield installation
    assert installation.project.mistakes == []


def is_public(installation: Installation) -> bool:
    return (INVOKER, "allUsers") in members(installation.project.policies["run"][SERVICE])


def test_a_release_of_the_api_does_not_touch_its_grants(public: Installation) -> None:
    """A flag that says that the function is private would let gcloud remove `allUsers`."""
    public.record(public.project)
    done = public.deploy(TRACKS_A_DAY="5")
    assert done.returncode == 0, done.stdout + done.stderr
    function = public.project.of("cloudfunctions")[SERVICE.replace("/services/", "/functions/")]
    assert function["serviceConfig"]["environmentVariables"]["TRACKS_A_DAY"] == "5"
    assert [change for change in public.record(public.project) if " run " in change] == []
    assert is_public(public)


def test_a_grant_that_is_lost_during_a_deployment_is_restored_by_it(public: Installation) -> None:
    """The policies are read again after the functions, because a deployment of a function may change its service."""

    def lose(request: Request) -> None:
        if request.service == "cloudfunctions" and request.method == "PATCH" and request.name.endswith(NAME):
            public.project.policies["run"].pop(SERVICE, None)

    public.project.refuse = lose
    done = public.deploy(TRACKS_A_DAY="6")
    public.project.refuse = None
    assert done.returncode == 0, done.stdout + done.stderr
    assert is_public(public)
