"""Two installations in one project do not affect each other."""

import re
from typing import Any

import pytest

from tests.deploy.conftest import Installation
from tests.deploy.expected import PROJECT

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(900)]

SECOND = "second"
WHOLE_PROJECT = ("cloudresourcemanager", f"projects/{PROJECT}")
# Resources that remain after `make destroy`: enabled APIs, builds, operations and deleted custom roles.
HISTORY = re.compile(r"(serviceusage|cloudbuild|\S+ operations) .*|iam projects/[^/]+/roles/second_.*")


def state(installation: Installation) -> dict[str, Any]:
    """Return every resource by service and name, and every policy as its set of bindings."""
    current = installation.project.snapshot()
    resources = {f"{kind} {name}": body for kind, all_ in current["resources"].items() for name, body in all_.items()}
    policies = {
        f"policy {kind} {name}": {
            (binding["role"], str(binding.get("condition")), member)
            for binding in policy.get("bindings", [])
            for member in binding["members"]
        }
        for kind, all_ in current["policies"].items()
        for name, policy in all_.items()
    }
    return {name: body for name, body in (resources | policies).items() if not HISTORY.fullmatch(name) and body}


def test_a_second_installation_comes_and_goes_without_touching_the_first(deployed: Installation) -> None:
    """Its plan changes only the project's policy, and destroying it removes its bindings from that policy."""
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

    # Without a confirmation `make destroy` only lists what it would delete.
    listed = deployed.make("destroy")
    assert listed.returncode != 0
    assert "musicgenerator-captions" in listed.stdout
    assert SECOND not in listed.stdout

    done = deployed.make("destroy", PREFIX=SECOND, YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert state(deployed) == first
    assert deployed.project.mistakes == []
