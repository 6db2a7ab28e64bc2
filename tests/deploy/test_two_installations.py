"""Two installations in one project: what is done to the one leaves the other as it was."""

import re
from typing import Any

import pytest

from tests.deploy.conftest import Installation
from tests.deploy.expected import PROJECT

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(900)]

SECOND = "second"
WHOLE_PROJECT = ("cloudresourcemanager", f"projects/{PROJECT}")
# What was enabled, built or answered once; a deleted custom role keeps its id.
HISTORY = re.compile(r"(serviceusage|cloudbuild|\S+ operations) .*|iam projects/[^/]+/roles/second_.*")


def state(installation: Installation) -> dict[str, Any]:
    """Return every resource and policy by its service and name, a policy as its bindings."""
    now = installation.project.snapshot()
    resources = {f"{kind} {name}": body for kind, all_ in now["resources"].items() for name, body in all_.items()}
    policies = {
        f"policy {kind} {name}": {
            (binding["role"], str(binding.get("condition")), member)
            for binding in policy.get("bindings", [])
            for member in binding["members"]
        }
        for kind, all_ in now["policies"].items()
        for name, policy in all_.items()
    }
    return {name: body for name, body in (resources | policies).items() if not HISTORY.fullmatch(name) and body}


def test_a_second_installation_comes_and_goes_without_touching_the_first(deployed: Installation) -> None:
    """Its plan creates all and changes the project's grants alone; what it adds there goes with it."""
    grants = "policy {} {}".format(*WHOLE_PROJECT)
    first = state(deployed)

    planned = deployed.make("plan", PREFIX=SECOND, OPENAI_API_KEY="worthless", ALERT_EMAIL="operator@example.com")
    assert planned.returncode == 0, planned.stderr
    assert re.findall(r"^  [~!] (\S+(?: \S+)*) +(\S+)   ", planned.stdout, re.MULTILINE) == [("grants on", "project")]
    assert re.search(r"^[1-9]\d\d to create", planned.stdout, re.MULTILINE)
    assert state(deployed) == first

    done = deployed.deploy(PREFIX=SECOND)
    assert done.returncode == 0, done.stdout + done.stderr
    both = state(deployed)
    assert {name: body for name, body in first.items() if name != grants} == {
        name: both[name] for name in first if name != grants
    }
    assert first[grants] < both[grants]
    added = [name for name in both.keys() - first.keys() if name.startswith("pubsub ")]
    assert len([name for name in first if name.startswith("pubsub ") and "musicgenerator" in name]) == len(added)
    assert all(SECOND in name for name in added)

    # Nobody answers, so that it is only said what would go.
    asked = deployed.make("destroy")
    assert asked.returncode != 0
    assert "musicgenerator-captions" in asked.stdout
    assert SECOND not in asked.stdout

    done = deployed.make("destroy", PREFIX=SECOND, YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert state(deployed) == first
    assert deployed.project.mistakes == []
