import ast
import json
import re
import sys
from functools import partial
from pathlib import Path

import pytest
import yaml

from infra import installation
from infra.content import content_hash, copied, files, written
from infra.engine import Mode
from infra.installation import Installation
from infra.model import split_of
from infra.names import FUNCTIONS
from infra.resources import BARRIER, Resource
from infra.state import query
from infra.steps import STEPS
from infra.steps.functions import unproved
from infra.steps.pipeline import IMAGE, template_address
from tests.unit.infra_fakes import FakeGcloud

INFRA = Path(installation.__file__).parent
EMPTY = {"projects list --filter=projectId=a-project": [{"projectId": "a-project", "projectNumber": "7"}]}


def installed(work: Path, **settings: str) -> tuple[Installation, FakeGcloud]:
    """Return an installation in a project that has nothing, and its gcloud."""
    gcloud = FakeGcloud(EMPTY)
    return Installation({"PROJECT": "a-project", "DEPLOY_WORK": str(work), **settings}, gcloud), gcloud


def test_the_deployment_needs_only_the_standard_library() -> None:
    """A plan and a destruction work without an environment, as `python3 -S` shows."""
    allowed = {*sys.stdlib_module_names, "infra", "musicgenerator", "web"}
    for path in INFRA.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, path


def test_the_steps_have_their_numbers_in_order() -> None:
    """The number is what an operator sees when a step fails."""
    assert [int(name[:2]) for name in STEPS] == list(range(1, 13))


def test_at_most_twenty_apis_are_enabled_at_once(tmp_path: Path) -> None:
    """Service Usage refuses more."""
    at, gcloud = installed(tmp_path)
    at.engine.converge({"01-apis": lambda: STEPS["01-apis"](at)}, Mode.APPLY)
    enabled = [call.split()[2:] for call in gcloud.calls if call.startswith("services enable")]
    assert [len(some) for some in enabled] == [20, 1]
    assert len({api for some in enabled for api in some}) == 21


def test_a_deleted_role_is_restored(tmp_path: Path) -> None:
    """Its id stays reserved, so it cannot be created."""
    at, gcloud = installed(tmp_path)
    gcloud.lists["services list --enabled"] = [{"name": "iam.googleapis.com"}]
    role = {"name": "projects/a-project/roles/musicgenerator.objectReader", "deleted": True}
    gcloud.lists["iam roles list --project=a-project --show-deleted"] = [role]
    at.state.add(query("policy of project", "projects get-iam-policy a-project"))
    at.engine.converge({"02-accounts": lambda: STEPS["02-accounts"](at)}, Mode.APPLY)
    about = [call.split()[2] for call in gcloud.calls if "musicgenerator.objectReader" in call]
    assert about == ["undelete", "update"]


def test_a_bucket_s_files_have_this_installation_s_values(tmp_path: Path) -> None:
    """Music ends with its session, at the latest a day after the longest one, and every origin may read it."""
    at, _ = installed(tmp_path)
    at.settings = {"SESSION_DAYS": "7", "ALLOWED_ORIGINS": "https://a.example https://b.example"}
    found = {item.name: item for item in STEPS["03-buckets"](at) if isinstance(item, Resource) and item.want}
    results = found["a-project-musicgenerator-results"].want
    conditions = [rule["condition"] for rule in results["lifecycle"]["rule"]]  # type: ignore[index]
    assert conditions == [{"age": 8}, {"daysSinceCustomTime": 1}]
    assert [rule["origin"] for rule in results["cors"]] == [  # type: ignore[attr-defined]
        ["https://a-project-musicgenerator-page.storage.googleapis.com", "https://a.example", "https://b.example"]
    ]
    assert found["a-project-musicgenerator-images"].want["iamConfiguration/publicAccessPrevention"] == "enforced"


def test_an_alert_of_an_earlier_release_is_deleted(tmp_path: Path) -> None:
    """Only this installation's policies count, by their label; a person may have made others with such a title."""
    at, gcloud = installed(tmp_path)
    policies = {"1": "musicgenerator", "2": "", "3": "other-musicgenerator"}
    gcloud.lists["services list --enabled"] = [{"name": "monitoring.googleapis.com"}]
    gcloud.lists["alpha monitoring policies list"] = [
        {"name": name, "displayName": f"musicgenerator: {name}", "userLabels": {"app": app}}
        for name, app in policies.items()
    ]
    at.engine.converge({"12-monitoring": lambda: STEPS["12-monitoring"](at)}, Mode.APPLY)
    assert [call for call in gcloud.calls if "delete" in call] == ["alpha monitoring policies delete 1"]


def test_an_alert_counts_each_line_about_a_track_that_waits_for_the_operator() -> None:
    """One condition counts both lines, because each condition costs money."""
    metric = json.loads((INFRA / "monitoring" / "metric-parked.json").read_text(encoding="utf-8"))
    counted = set(re.findall(r'jsonPayload.message="([^"]+)"', metric["filter"]))
    assert counted == {"track parked", "run stalls"}
    sources = "".join(path.read_text(encoding="utf-8") for path in (INFRA.parent / "functions").rglob("*.py"))
    assert [message for message in counted if f'"{message}"' not in sources] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_recorded_function_has_as_many_threads_as_concurrent_requests(function: str) -> None:
    """Both follow from its file of flags. The deployment's test shows that a deployment equals the recorded one."""
    recorded = yaml.safe_load((INFRA.parent / "tests" / "deploy" / "expected.yaml").read_text(encoding="utf-8"))
    name = f"projects/recorded-project/locations/us-central1/functions/musicgenerator-{function.replace('_', '-')}"
    config = recorded["cloudfunctions"][name]["serviceConfig"]
    flags = yaml.safe_load((INFRA / "functions" / f"{function}.yaml").read_text(encoding="utf-8"))
    assert config["maxInstanceRequestConcurrency"] == flags["--concurrency"]
    assert config["environmentVariables"]["THREADS"] == str(flags["--concurrency"])


def with_launcher(work: Path, template: str, signer: str = "", **settings: str) -> tuple[Installation, FakeGcloud]:
    """Return an installation whose launcher uses this template and this signer; without a template, it has none."""
    at, gcloud = installed(work, **settings)
    launcher = at.names.function("pipeline_launcher")
    environ = {"PIPELINE_TEMPLATE": template} | ({"MARK_SIGNER": signer} if signer else {})
    gcloud.lists["services list --enabled"] = [
        {"name": f"{api}.googleapis.com"} for api in ("cloudfunctions", "secretmanager")
    ]
    deployed = [{"name": launcher, "serviceConfig": {"environmentVariables": environ}}] if template else []
    gcloud.lists["functions list --v2 --regions=us-central1"] = deployed
    written(at.work / "pipeline" / f"{IMAGE.tag}.yaml", "a compiled template")
    return at, gcloud


@pytest.mark.parametrize("sketches", ["yes", "no"])
@pytest.mark.parametrize("is_update", [True, False])
def test_an_update_deploys_each_function_after_those_that_read_what_it_writes(
    tmp_path: Path, is_update: bool, sketches: str
) -> None:
    """The API is last, so no earlier launcher gets a wish that it would ignore; new functions are deployed at once."""
    at, _ = with_launcher(tmp_path, "gs://a-project-musicgenerator-pipeline/templates/a.yaml" if is_update else "")
    at.settings = {"SKETCHES": sketches}
    groups: list[set[str]] = [set()]
    for item in STEPS["09-functions"](at):
        if item is BARRIER:
            groups.append(set())
        elif isinstance(item, Resource) and item.kind == "functions":
            groups[-1].add(item.name)
    first, last = {at.names.function("result_notifier")}, {at.names.function("upload_handler")}
    without = {"sketcher"} if sketches == "no" else set()
    every = {at.names.function(function) for function in FUNCTIONS if function not in without}
    assert [group for group in groups if group] == ([first, every - first - last, last] if is_update else [every])


SIGNER = "projects/a-project/secrets/musicgenerator-c2pa/versions"


@pytest.mark.parametrize("canary", ["yes", "no"])
@pytest.mark.parametrize(
    ("template", "signer", "versions", "new"),
    [
        ("same", f"{SIGNER}/1", [1], []),
        ("same", f"{SIGNER}/1", [2, 1], ["certificate"]),
        ("same", "", [1], ["certificate"]),
        ("same", f"{SIGNER}/1", [], []),
        ("same", "", [], []),
        ("other", f"{SIGNER}/1", [2, 1], ["template", "certificate"]),
        ("other", "", [], ["template"]),
        ("", "", [1], []),
    ],
)
def test_a_canary_proves_a_new_template_and_a_new_certificate(
    tmp_path: Path, template: str, signer: str, versions: list[int], new: list[str], canary: str
) -> None:
    """Before the launcher gets them, and before the API signs videos: the API comes after the launcher."""
    at, _ = with_launcher(tmp_path, template, CANARY=canary)
    used = template_address(at) if template == "same" else template
    at, gcloud = with_launcher(tmp_path, used, signer, CANARY=canary)
    listing = "secrets versions list musicgenerator-c2pa --filter=state=ENABLED --sort-by=~createTime"
    gcloud.lists["secrets list"] = [{"name": "projects/7/secrets/musicgenerator-c2pa"}]
    gcloud.lists[listing] = [{"name": f"projects/7/secrets/musicgenerator-c2pa/versions/{each}"} for each in versions]
    found = {item.name: item for item in STEPS["09-functions"](at) if isinstance(item, Resource)}
    changed = {name: item.change for name, item in found.items() if isinstance(item.change, partial)}
    first = [name for name, change in changed.items() if change.keywords["canary_first"]]
    is_due = bool(new) and canary == "yes"
    assert first == ([at.names.function("pipeline_launcher")] if is_due else [])
    assert unproved(at) == new


def test_every_source_s_dead_letters_are_kept(tmp_path: Path) -> None:
    """The delivery names the topic that the topics' step creates."""
    at, _ = installed(tmp_path)
    created = {item.name for item in STEPS["04-topics"](at) if isinstance(item, Resource) and item.kind == "topics"}
    path = "deadLetterPolicy/deadLetterTopic"
    used = {
        str(item.want[path]) for item in STEPS["10-deliveries"](at) if isinstance(item, Resource) and path in item.want
    }
    assert len(used) == 4
    assert {name.rpartition("/")[2] for name in used} <= created


def test_a_hash_covers_names_and_contents_but_no_bytecode(tmp_path: Path) -> None:
    """The copy that is built has the files that the hash covers."""
    source = tmp_path / "source"
    for name in ("a.py", "engines/b.py", "engines/__pycache__/b.pyc", "other.txt"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    parts = ("*.py", "engines")
    before = content_hash(source, *parts)
    assert list(files(source, *parts)) == ["a.py", "engines/b.py"]
    assert content_hash(copied(source, tmp_path / "copy", *parts), "*.py", "engines") == before
    (source / "engines/__pycache__/b.pyc").write_text("changed")
    (source / "other.txt").write_text("changed")
    assert content_hash(source, *parts) == before
    (source / "a.py").rename(source / "c.py")
    assert content_hash(source, *parts) != before


@pytest.mark.parametrize(
    ("share", "before", "after"),
    [
        (10, (34, 33, 33), (32, 29, 29)),
        (1, (50, 50, 0), (50, 49, 0)),
        (100, (34, 33, 33), (0, 0, 0)),
        (0, (50, 50, 0), (50, 50, 0)),
    ],
)
def test_the_largest_version_gets_the_rounding_error(
    share: int, before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    """The shares sum to a hundred."""
    split = split_of(share, dict(zip("abc", before, strict=True)))
    assert split == {"0": share, **dict(zip("abc", after, strict=True))}
    assert sum(split.values()) == 100
