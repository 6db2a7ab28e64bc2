"""Builds, workflows, models, keyless deployments and logs, with the real gcloud and the workflows' linter."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.addresses import REPOSITORY
from tests.deploy.conftest import Installation, Installer
from tests.deploy.expected import PROJECT, fresh_project

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(900)]

PLACE = f"projects/{PROJECT}/locations/us-central1"
GITHUB = "somebody/musicgenerator"
GITHUB_ID = "987654321"
POOLS = "projects/123456789012/locations/global/workloadIdentityPools"
PRINCIPALS = f"principalSet://iam.googleapis.com/{POOLS}/musicgenerator"
WORKFLOWS = {
    path.name: path.read_text(encoding="utf-8") for path in (REPOSITORY / ".github" / "workflows").glob("*.yml")
}
# With one of these on the project, a principal can get every right on it.
ESCALATING = re.compile(
    r"roles/(owner|editor|iam\.(roleAdmin|organizationRoleAdmin|securityAdmin|serviceAccountAdmin|serviceAccountUser"
    r"|serviceAccountTokenCreator|serviceAccountKeyAdmin|workloadIdentityPoolAdmin)"
    r"|resourcemanager\..*|.*\.serviceAgent)$|projects/.*"
)


@pytest.fixture(scope="module")
def project(installer: Installer) -> Iterator[Installation]:
    """A project with the APIs and the repository that a model needs, and the accounts that a deployer acts as."""
    installation = installer(fresh_project())
    for api in ("aiplatform", "artifactregistry", "iam"):
        name = f"projects/123456789012/services/{api}.googleapis.com"
        installation.project.of("serviceusage")[name] = {"name": name, "config": {"name": f"{api}.googleapis.com"}}
    repository = f"{PLACE}/repositories/musicgenerator"
    installation.project.of("artifactregistry")[repository] = {"name": repository, "format": "DOCKER"}
    bucket = f"{PROJECT}-musicgenerator-pipeline"
    installation.project.of("storage")[f"b/{bucket}"] = {"name": bucket, "id": bucket, "location": "US-CENTRAL1"}
    yield installation
    assert installation.project.mistakes == []


def gcloud(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run gcloud in the recorded project."""
    environ = installation.environ | {"CLOUDSDK_CORE_PROJECT": PROJECT, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
    program = shutil.which("gcloud", path=environ["PATH"])
    return subprocess.run(
        [str(program), *arguments], env=environ, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize(
    "definition", sorted((REPOSITORY / "infra" / "builds").glob("*.yaml")), ids=lambda path: path.stem
)
def test_gcloud_accepts_cloud_build_s_definitions(project: Installation, definition: Path, tmp_path: Path) -> None:
    """The real gcloud validates every field; the build logs to Cloud Logging and uses no secret."""
    (tmp_path / "source.txt").write_text("source")
    done = gcloud(
        project,
        *("builds", "submit", str(tmp_path), f"--config={definition}", "--region=us-central1", "--suppress-logs"),
        f"--gcs-source-staging-dir=gs://{PROJECT}-musicgenerator-pipeline/builds",
        f"--service-account=projects/{PROJECT}/serviceAccounts/mg-builder@{PROJECT}.iam.gserviceaccount.com",
    )
    assert done.returncode == 0, done.stderr
    build = list(project.project.of("cloudbuild").values())[-1]
    assert build["options"]["logging"] == "CLOUD_LOGGING_ONLY"
    assert build["steps"]
    assert not [step for step in build["steps"] if "secretEnv" in step]


def test_actionlint_accepts_the_workflows() -> None:
    """The linter checks syntax, expressions, contexts and shell code."""
    program = Path(sys.executable).parent / "actionlint"
    workflows = sorted(map(str, (REPOSITORY / ".github" / "workflows").glob("*.yml")))
    done = subprocess.run([str(program), *workflows], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_workflows_have_no_key_and_request_a_token_only_to_deploy() -> None:
    """The workflows use no secret, and only the deploying jobs may get an identity token."""
    assert not [name for name, text in WORKFLOWS.items() if "secrets." in text or "credentials_json" in text]
    jobs = yaml.safe_load(WORKFLOWS["ci.yml"])["jobs"]
    assert [name for name, job in jobs.items() if job.get("permissions", {}).get("id-token")] == [
        "staging",
        "production",
    ]
    assert jobs["production"]["needs"] == "staging"
    assert jobs["staging"]["needs"] == "build"
    assert jobs["build"]["needs"] == "test"


def test_actions_are_pinned_by_commit() -> None:
    """The comment has the version, which tools that propose updates read."""
    used = [line.partition("uses:")[2].strip() for text in WORKFLOWS.values() for line in text.splitlines()]
    others = [action for action in used if action and not action.startswith("./")]
    assert len(others) > 5
    assert not [action for action in others if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[0-9.]+", action)]


def test_a_job_with_credentials_installs_and_builds_nothing() -> None:
    """It gets the artifact of a job that can get no token, and tells make so."""
    ci, deploy = (yaml.safe_load(WORKFLOWS[name]) for name in ("ci.yml", "deploy.yml"))
    assert ci["permissions"] == {"contents": "read"}
    build, job = ci["jobs"]["build"], deploy["jobs"]["deploy"]
    assert "permissions" not in build
    assert "make setup build" in [step.get("run") for step in build["steps"]]
    (stored,) = [step["with"]["name"] for step in build["steps"] if "upload-artifact" in step.get("uses", "")]
    steps = [step.get("uses", "").partition("@")[0] or step["run"] for step in job["steps"]]
    (fetched,) = [step["with"]["name"] for step in job["steps"] if "download-artifact" in step.get("uses", "")]
    assert fetched == stored
    assert steps.index("actions/download-artifact") < steps.index("google-github-actions/auth")
    assert job["env"]["STAGED"] == "1"
    assert not [step for step in steps if re.search(r"\b(setup|build|install|npm|pip|uv)\b", step) and " " in step]
    # make must find the extracted environment newer than the lock file that was checked out.
    assert [step for step in steps if step.startswith("tar ") and "--touch" in step]


def test_a_model_is_deployed_beside_an_older_version_routed_and_undeployed(project: Installation) -> None:
    """The second version gets a tenth of the traffic, a rollback gives all to the first, and no endpoint remains."""
    model = f"MODEL=gs://{PROJECT}-musicgenerator-pipeline/models/musicgen"

    def make(target: str, **variables: str) -> str:
        done = project.make(target, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    address = model.partition("=")[2]
    assert "MODEL_ENDPOINT=https://" in make("deploy-model", MODEL=address)
    vertex = project.project.of("aiplatform")
    (endpoint,) = [body for name, body in vertex.items() if "/endpoints/" in name]
    assert endpoint["dedicatedEndpointEnabled"] is True
    (first,) = endpoint["deployedModels"]
    assert first["serviceAccount"] == f"mg-model@{PROJECT}.iam.gserviceaccount.com"
    assert endpoint["trafficSplit"] == {first["id"]: 100}

    builds = len(project.project.of("cloudbuild"))
    make("deploy-model", MODEL=address, SHARE="10")
    assert len(project.project.of("cloudbuild")) == builds
    second = endpoint["deployedModels"][1]
    assert (first["modelVersionId"], second["modelVersionId"]) == ("1", "2")
    assert endpoint["trafficSplit"] == {second["id"]: 10, first["id"]: 90}
    assert f"{second['id']}=10" in make("route-model")

    make("route-model", VERSIONS=f"{first['id']}=100")
    assert endpoint["trafficSplit"] == {first["id"]: 100}

    assert "MODEL_ENDPOINT=default" in make("undeploy-model")
    assert not [name for name in vertex if "/endpoints/" in name]
    assert "No model is deployed" in make("undeploy-model")


def test_a_repository_may_deploy_without_a_key(project: Installation) -> None:
    """Only that repository, branch and environment may; a second run changes nothing."""
    for _ in range(2):
        project.record(project.project)
        done = project.make("deploy-keyless", GITHUB=GITHUB, GITHUB_ID=GITHUB_ID, GITHUB_ENVIRONMENT="staging")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "WORKLOAD_IDENTITY_PROVIDER  projects/123456789012/locations/global" in done.stdout
    assert project.record(project.project) == []
    made = project.project.of("iam")
    (provider,) = [body for name, body in made.items() if "/providers/" in name]
    assert provider["attributeCondition"] == (
        f"assertion.repository_id == '{GITHUB_ID}' && assertion.repository == '{GITHUB}'"
        " && assertion.ref == 'refs/heads/main' && assertion.environment == 'staging'"
    )
    (trusted,) = deployer_s_policy(project)
    assert trusted["members"] == [f"{PRINCIPALS}/attribute.repository_id/{GITHUB_ID}"]
    assert not [name for name in made if "/keys/" in name]


def deployer_s_policy(project: Installation) -> list[dict[str, Any]]:
    """Return the bindings on the deployer's account."""
    account = f"projects/{PROJECT}/serviceAccounts/mg-deployer@{PROJECT}.iam.gserviceaccount.com"
    bindings: list[dict[str, Any]] = project.project.policies["iam"][account]["bindings"]
    return bindings


def test_the_deployer_cannot_make_itself_an_owner(project: Installation) -> None:
    """It has no role that leads to others, and grants only roles that lead to none; older grants are removed."""
    deployer = f"serviceAccount:mg-deployer@{PROJECT}.iam.gserviceaccount.com"
    bindings = project.project.policies["cloudresourcemanager"][f"projects/{PROJECT}"]["bindings"]
    bindings.append({"role": "roles/resourcemanager.projectIamAdmin", "members": [deployer]})
    deployer_s_policy(project)[0]["members"].append(f"{PRINCIPALS}/attribute.repository/{GITHUB}")
    done = project.make("deploy-keyless", GITHUB=GITHUB, GITHUB_ID=GITHUB_ID, GITHUB_ENVIRONMENT="staging")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [who for binding in deployer_s_policy(project) for who in binding["members"] if "repository/" in who]
    bindings = project.project.policies["cloudresourcemanager"][f"projects/{PROJECT}"]["bindings"]
    granted = {
        binding["role"]: binding.get("condition", {}).get("expression", "")
        for binding in bindings
        if deployer in binding["members"]
    }
    (admin,) = [role for role in granted if ESCALATING.fullmatch(role)]
    limited = re.fullmatch(
        r"api\.getAttribute\('iam\.googleapis\.com/modifiedGrantsByRole', \[\]\)\.hasOnly\(\[(.*)\]\)", granted[admin]
    )
    assert limited, granted[admin]
    grantable = [role.strip("' ") for role in limited[1].split(",")]
    assert 0 < len(grantable) <= 10
    assert not [role for role in grantable if ESCALATING.fullmatch(role)]


@pytest.mark.parametrize(
    ("variable", "value"), [("GITHUB_ID", ""), ("GITHUB_ID", "1 || true"), ("GITHUB_ENVIRONMENT", "x' || true")]
)
def test_a_condition_names_only_what_it_may(project: Installation, variable: str, value: str) -> None:
    """A malformed variable stops the command before it changes anything."""
    project.record(project.project)
    given = {"GITHUB": GITHUB, "GITHUB_ID": GITHUB_ID} | {variable: value}
    assert project.make("deploy-keyless", **given).returncode != 0
    assert project.record(project.project) == []


def test_keyless_deployment_is_destroyed_and_restored(project: Installation) -> None:
    """No grant, account or pool remains; the next run restores the pool, whose name stays reserved for a month."""
    made = project.project.of("iam")
    (pool,) = [name for name in made if name.rpartition("/")[0].endswith("/workloadIdentityPools")]
    done = project.make("destroy", YES="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert made[pool]["state"] == "DELETED"
    assert not [name for name in made if name.endswith(f"/mg-deployer@{PROJECT}.iam.gserviceaccount.com")]
    assert "mg-deployer" not in str(project.project.policies["cloudresourcemanager"])
    assert "has no resources of musicgenerator" in project.make("destroy", YES="1").stdout
    again = project.make("deploy-keyless", GITHUB=GITHUB, GITHUB_ID=GITHUB_ID)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "state" not in made[pool]
    assert "mg-deployer" in str(project.project.policies["cloudresourcemanager"])


def test_the_log_of_a_deployed_track_comes_from_cloud_logging(project: Installation) -> None:
    """The real `gcloud logging read` finds the entries of all functions; the command sorts them by time."""
    track = "tmnopqrstuvwxyz234567abcdef"
    entries = project.project.of("logging entries")
    for number, (service, message) in enumerate((("result-notifier", "settled"), ("pipeline-launcher", "launched"))):
        labels = {"service_name": f"musicgenerator-{service}"}
        entries[str(number)] = {
            "logName": f"projects/{PROJECT}/logs/run.googleapis.com%2Fstdout",
            "insertId": str(number),
            "timestamp": f"2026-01-01T00:00:0{9 - number}Z",
            "severity": "INFO",
            "resource": {"type": "cloud_run_revision", "labels": labels},
            "jsonPayload": {"message": message, "track": track},
        }
    done = project.make("logs", TRACK=track)
    assert done.returncode == 0, done.stderr
    launched, settled = done.stdout.splitlines()
    assert "musicgenerator-pipeline-launcher" in launched
    assert launched.split()[2] == "launched"
    assert settled.split()[2] == "settled"
    filters = [request.body["filter"] for request in project.project.requests if request.name == "entries"]
    assert f'"{track}"' in filters[-1]
