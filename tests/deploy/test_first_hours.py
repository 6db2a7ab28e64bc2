"""Failures in a new project, where Google is eventually consistent, and deployments of a model that costs by the hour.

The recorder sends Google's own error messages. A `sleep` of the tests writes down its seconds and returns at once.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from tests.deploy.conftest import Installation, Installer
from tests.deploy.control_plane import NUMBER, Json, RefusedError, Request
from tests.deploy.expected import PROJECT, described, fresh_project, written

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(900)]

EXPECTED = Path(__file__).with_name("expected.yaml")
PLACE = f"projects/{PROJECT}/locations/us-central1"
MODEL = f"gs://{PROJECT}-musicgenerator-pipeline/models/musicgen"
PIPELINE = f"mg-pipeline@{PROJECT}.iam.gserviceaccount.com"
# The alerts on log-based metrics; the other alerts use Pub/Sub's metrics.
LOG_BASED_ALERTS = {
    "musicgenerator: half of a daily limit of everybody is used",
    "musicgenerator: more than 20 tracks an hour end without music",
    "musicgenerator: the daily limit of launches is reached",
    "musicgenerator: tracks wait for the operator",
}
Refusal = Callable[[Request], RefusedError | None]


def writes_policy(request: Request) -> bool:
    return request.verb == "setIamPolicy" or (request.method == "PUT" and request.name.endswith("/iam"))


def no_account(request: Request) -> RefusedError | None:
    """Refuse a grant to the pipeline's account as IAM does until it sees the account."""
    if writes_policy(request) and PIPELINE in str(request.body):
        return RefusedError(400, "INVALID_ARGUMENT", f"Service account {PIPELINE} does not exist.")
    return None


def unknown_account(request: Request) -> RefusedError | None:
    """Refuse to return the account's policy as IAM does until it sees the account."""
    if request.verb == "getIamPolicy" and request.name.endswith(f"/serviceAccounts/{PIPELINE}"):
        return RefusedError(404, "NOT_FOUND", "Unknown service account")
    return None


def changed_meanwhile(request: Request) -> RefusedError | None:
    """Refuse a grant on the images bucket as IAM does when somebody else has written the policy."""
    if writes_policy(request) and request.name == f"b/{PROJECT}-musicgenerator-images/iam":
        message = "There were concurrent policy changes. Please retry the whole read-modify-write."
        return RefusedError(409, "ABORTED", message)
    return None


def no_metric(request: Request) -> RefusedError | None:
    """Refuse an alert on a log-based metric as Cloud Monitoring does until it sees the metric."""
    metric = re.search(r"logging\.googleapis\.com/user/[a-z-]+", str(request.body))
    if request.service == "monitoring" and request.method == "POST" and "alertPolicies" in request.path and metric:
        return RefusedError(
            404,
            "NOT_FOUND",
            f'Cannot find metric(s) that match type = "{metric[0]}". If a metric was created recently, it could take up'
            " to 10 minutes to become available. Please try again soon.",
        )
    return None


@dataclass
class Times:
    """Refuses the first ``times`` requests of each kind and name; ``counts`` has the number of refusals."""

    times: int
    refusals: tuple[Refusal, ...]
    counts: Counter[tuple[str, str]]

    def __call__(self, request: Request) -> RefusedError | None:
        for refusal in self.refusals:
            found = refusal(request)
            about = request.body.get("displayName", request.name) if isinstance(request.body, dict) else request.name
            if found is not None and self.counts[refusal.__name__, about] < self.times:
                self.counts[refusal.__name__, about] += 1
                return found
        return None


def refusing(times: int, *refusals: Refusal) -> Times:
    return Times(times, refusals, Counter())


def alerts(installation: Installation) -> set[str]:
    return {body["displayName"] for name, body in installation.project.of("monitoring").items() if "/alertP" in name}


@dataclass(frozen=True)
class Patient:
    """An installation whose scripts do not really sleep; ``notes`` has the seconds that they asked for."""

    installation: Installation
    notes: Path

    def waited(self) -> list[int]:
        """Return the pauses in seconds since the last call, and forget them."""
        seconds = [int(line) for line in self.notes.read_text().split()] if self.notes.exists() else []
        self.notes.unlink(missing_ok=True)
        return seconds


@pytest.fixture(scope="module")
def patient(installer: Installer, tmp_path_factory: pytest.TempPathFactory) -> Patient:
    room = tmp_path_factory.mktemp("sleep")
    program, notes = room / "sleep", room / "notes"
    program.write_text(f'#!/bin/sh\necho "$1" >> "{notes}"\n')
    program.chmod(0o755)
    installation = installer(fresh_project())
    environ = installation.environ | {"PATH": f"{room}:{installation.environ['PATH']}"}
    return Patient(replace(installation, environ=environ), notes)


@pytest.fixture(scope="module")
def made(patient: Patient) -> Patient:
    """A deployment into an empty project that refuses each early request twice, as Google does."""
    refuse = refusing(2, no_account, unknown_account, changed_meanwhile, no_metric)
    patient.installation.project.refuse = refuse
    done = patient.installation.deploy()
    patient.installation.project.refuse = None
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    assert {refusal.__name__ for refusal in refuse.refusals} == {name for name, _ in refuse.counts}
    assert {about for name, about in refuse.counts if name == "no_metric"} == LOG_BASED_ALERTS
    assert set(refuse.counts.values()) == {2}
    assert sorted([2, 4] * len(refuse.counts)) == sorted(patient.waited())
    return patient


def test_requests_that_come_too_early_are_retried(made: Patient) -> None:
    """Grants to new accounts and alerts on new metrics are retried until everything exists."""
    project = made.installation.project
    assert yaml.safe_load(written(project)) == yaml.safe_load(EXPECTED.read_text(encoding="utf-8"))
    assert project.mistakes == []


def test_google_s_agents_are_created_before_any_grant(made: Patient) -> None:
    """The deployment requests each agent once, before the first grant, and grants it its service's role."""
    requests = made.installation.project.requests
    first_grant = next(index for index, request in enumerate(requests) if writes_policy(request))
    requested = [request.name for request in requests[:first_grant] if request.verb == "generateServiceIdentity"]
    assert [
        f"projects/{PROJECT}/services/{api}.googleapis.com" for api in ("aiplatform", "eventarc", "pubsub")
    ] == sorted(requested)
    assert [request.name for request in requests if request.verb == "generateServiceIdentity"] == requested
    assert f"projects/{PROJECT}/serviceAccount" in [request.name for request in requests[:first_grant]]
    granted = described(made.installation.project)["grants"][f"cloudresourcemanager projects/{PROJECT}"]
    for service in ("aiplatform", "eventarc", "pubsub"):
        agent = f"serviceAccount:service-{NUMBER}@gcp-sa-{service}.iam.gserviceaccount.com"
        assert [agent] == granted[f"roles/{service}.serviceAgent"]


def test_a_grant_is_retried_for_two_minutes(made: Patient) -> None:
    """The pauses grow, and the command shows Google's last error."""
    installation = made.installation
    topic = f"projects/{PROJECT}/topics/musicgenerator-pipeline-events"
    kept = installation.project.policies["pubsub"].pop(topic)
    installation.project.refuse = no_account
    done = installation.deploy(ONLY="07-grants")
    installation.project.refuse = None
    installation.project.policies["pubsub"][topic] = kept
    assert done.returncode != 0
    assert f"Service account {PIPELINE} does not exist" in done.stderr
    assert "Stopped in step 07-grants" in done.stderr
    pauses = made.waited()
    assert sorted(set(pauses)) == pauses
    assert 110 <= sum(pauses) <= 130


def test_other_failures_of_a_grant_are_not_retried(made: Patient) -> None:
    """A missing permission stops the step at once."""
    installation = made.installation
    topic = f"projects/{PROJECT}/topics/musicgenerator-pipeline-events"
    kept = installation.project.policies["pubsub"].pop(topic)
    installation.project.refuse = writes_policy
    done = installation.deploy(ONLY="07-grants")
    installation.project.refuse = None
    installation.project.policies["pubsub"][topic] = kept
    assert done.returncode != 0
    assert "refused for the test" in done.stderr
    assert made.waited() == []


def test_an_alert_whose_metric_stays_unknown_fails_no_deployment(made: Patient) -> None:
    """A warning names each alert and the command to run; that command creates the alerts and warns no more."""
    installation = made.installation
    monitoring = installation.project.of("monitoring")
    everything = alerts(installation)
    for name in [name for name in monitoring if "/alertPolicies/" in name]:
        del monitoring[name]
    installation.project.refuse = no_metric
    done = installation.deploy()
    installation.project.refuse = None
    assert done.returncode == 0, done.stderr
    assert "Done. The page: https://" in done.stdout
    assert alerts(installation) == everything - LOG_BASED_ALERTS
    warnings = [line for line in done.stderr.splitlines() if line.startswith("Warning: ")]
    assert len(LOG_BASED_ALERTS) == len(warnings)
    assert all(any(title in line for line in warnings) for title in LOG_BASED_ALERTS)
    assert all(f"make deploy PROJECT={PROJECT}" in line for line in warnings)
    assert 110 <= sum(made.waited()) / len(LOG_BASED_ALERTS) <= 130
    again = installation.deploy()
    assert again.returncode == 0, again.stderr
    assert "Warning" not in again.stderr
    assert alerts(installation) == everything


@pytest.fixture
def modelled(installer: Installer) -> Installation:
    """A project with the resources that a model needs, but without a model."""
    installation = installer(fresh_project())
    project = installation.project
    for api in ("aiplatform", "artifactregistry"):
        name = f"projects/{NUMBER}/services/{api}.googleapis.com"
        project.of("serviceusage")[name] = {"name": name, "config": {"name": f"{api}.googleapis.com"}}
    repository, bucket = f"{PLACE}/repositories/musicgenerator", f"{PROJECT}-musicgenerator-pipeline"
    project.of("artifactregistry")[repository] = {"name": repository, "format": "DOCKER"}
    project.of("storage")[f"b/{bucket}"] = {"name": bucket, "id": bucket, "location": "US-CENTRAL1"}
    return installation


def deploy_model(installation: Installation, **variables: str) -> None:
    done = installation.make("deploy-model", MODEL=MODEL, **variables)
    assert done.returncode == 0, done.stdout + done.stderr


def endpoint_of(installation: Installation) -> Json:
    (endpoint,) = [body for name, body in installation.project.of("aiplatform").items() if "/endpoints/" in name]
    return endpoint


def test_destroying_stops_the_model_s_machines(modelled: Installation) -> None:
    """Two versions with traffic, their endpoint and their model are deleted; another application's model stays."""
    deploy_model(modelled)
    deploy_model(modelled, SHARE="10")
    vertex = modelled.project.of("aiplatform")
    other = f"{PLACE}/models/7"
    vertex[other] = {"name": other, "displayName": "musicgenerator-model", "labels": {"app": "another"}}
    done = modelled.make("destroy", YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "model's endpoint" in done.stdout
    assert list(vertex) == [other]
    assert modelled.project.mistakes == []
    assert "has no resources of musicgenerator" in modelled.make("destroy", YES="1").stdout


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("destroy", "models"),
        ("destroy", "endpoints"),
        ("deploy-model", "models"),
        ("deploy-model", "endpoints"),
        ("undeploy-model", "endpoints"),
    ],
)
def test_a_list_that_cannot_be_read_is_not_an_empty_one(modelled: Installation, command: str, kind: str) -> None:
    """The command stops with the reason, and creates no second resource and deletes none."""
    deploy_model(modelled)
    vertex = modelled.project.of("aiplatform")
    before = list(vertex)
    modelled.project.refuse = lambda request: request.method == "GET" and request.name == f"{PLACE}/{kind}"
    done = modelled.make(command, YES="1", MODEL=MODEL)
    assert done.returncode != 0
    assert "refused for the test" in done.stderr
    assert list(vertex) == before
    assert len(endpoint_of(modelled)["deployedModels"]) == 1


@pytest.mark.parametrize(
    ("before", "share", "after"),
    [
        ((34, 33, 33), 10, (32, 29, 29)),
        ((33, 34, 33), 10, (29, 32, 29)),
        ((50, 50, 0), 1, (50, 49, 0)),
        ((34, 33, 33), 100, (0, 0, 0)),
    ],
)
def test_shares_sum_to_a_hundred(
    modelled: Installation, before: tuple[int, ...], share: int, after: tuple[int, ...]
) -> None:
    """The earlier versions split the remainder in proportion; the largest of them gets the rounding error."""
    deploy_model(modelled)
    endpoint = endpoint_of(modelled)
    (deployed,) = endpoint["deployedModels"]
    earlier = ["11", "22", "33"]
    endpoint["deployedModels"] = [{**deployed, "id": number} for number in earlier]
    endpoint["trafficSplit"] = dict(zip(earlier, before, strict=True))
    deploy_model(modelled, SHARE=str(share))
    newest = endpoint["deployedModels"][-1]["id"]
    assert {newest: share, **dict(zip(earlier, after, strict=True))} == endpoint["trafficSplit"]


def test_the_first_version_gets_all_traffic(modelled: Installation) -> None:
    """SHARE does not matter when the endpoint has no other version."""
    deploy_model(modelled, SHARE="10")
    assert list(endpoint_of(modelled)["trafficSplit"].values()) == [100]


@pytest.mark.parametrize("share", ["101", "-1", "ten", "08"])
def test_a_share_is_a_percentage(modelled: Installation, share: str) -> None:
    """Another SHARE is refused before the image is built."""
    done = modelled.make("deploy-model", MODEL=MODEL, SHARE=share)
    assert done.returncode != 0
    assert "SHARE is the new version's percentage" in done.stderr
    assert modelled.record(modelled.project) == []
