from pathlib import Path

import pytest

from infra import settings
from infra.installation import Installation
from infra.resources import SAME, Mark
from infra.settings import SETTINGS, differences, merged, setting
from infra.stops import StoppedError
from tests.unit.infra_fakes import FakeGcloud

REPOSITORY = Path(__file__).resolve().parents[2]
BUCKET = "a-project-musicgenerator-pipeline"
KEPT = {"DAILY_LIMIT": "500", "ALERT_EMAIL": "a@example.com"}


def installed(work: Path, label: str = "", **given: str) -> tuple[Installation, FakeGcloud]:
    """Return an installation whose bucket has this label, and its gcloud."""
    bucket = {"name": BUCKET, "labels": {"settings": label} if label else {}}
    enabled = [{"name": "storage.googleapis.com"}]
    gcloud = FakeGcloud({"services list --enabled": enabled, "storage buckets list --raw": [bucket]})
    gcloud.lists[f"storage cat gs://{BUCKET}/settings/{label}.json"] = KEPT
    return Installation({"PROJECT": "a-project", "DEPLOY_WORK": str(work), **given}, gcloud), gcloud


def test_only_a_given_variable_changes_its_setting() -> None:
    """An empty one, which CI passes for a variable that is not set, changes nothing."""
    given = {"ALERT_EMAIL": "", "TRACKS_A_DAY": "9", "PATH": "/bin"}
    assert merged(KEPT, given) == {**KEPT, "TRACKS_A_DAY": "9"}
    assert merged(KEPT, {"DAILY_LIMIT": "default"}) == {"ALERT_EMAIL": "a@example.com"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DAILY_LIMIT", "many"),
        ("ALLOWED_ENGINES", "kazoo"),
        ("ALLOWED_ENGINES", "composer,endpoint"),
        ("REGIONS", "us-east4 europe"),
        ("CAPTIONER_INSTANCES", "-1"),
        ("SESSION_DAYS", "1.5"),
    ],
)
def test_a_malformed_value_is_refused(name: str, value: str) -> None:
    """The message names the variable and its meaning, before anything is kept."""
    with pytest.raises(StoppedError, match=f"{name} must be {SETTINGS[name].meaning}"):
        merged({}, {name: value})


def test_a_setting_that_is_turned_off_is_empty(tmp_path: Path) -> None:
    """Its default is used only if it is not set."""
    at, _ = installed(tmp_path)
    at.settings = {"FALLBACK_ENGINE": "none"}
    assert setting(at, "FALLBACK_ENGINE") == ""
    assert setting(at, "DEFAULT_ENGINE") == "lyria-002"


def test_a_difference_names_both_values() -> None:
    """A plan shows what a deployment changes, and nothing else."""
    assert list(differences(KEPT, {"DAILY_LIMIT": "7", "OPENAI_MODEL": "m", "ALERT_EMAIL": "a@example.com"})) == [
        "DAILY_LIMIT: 500 -> 7",
        "OPENAI_MODEL: (default: gpt-6-luna) -> m",
    ]


def test_kept_settings_are_read_once_for_each_hash(tmp_path: Path) -> None:
    """Without the label nothing is kept, and nothing is read."""
    at, gcloud = installed(tmp_path)
    assert settings.kept(at) == {}
    assert not [call for call in gcloud.calls if "cat" in call]
    for _ in range(2):
        at, gcloud = installed(tmp_path, "abc")
        assert settings.kept(at) == KEPT
    assert not [call for call in gcloud.calls if "cat" in call]


def test_settings_are_written_only_if_one_changes(tmp_path: Path) -> None:
    """The plan names the setting."""
    at, _ = installed(tmp_path, "abc")
    at.settings = merged(settings.kept(at), at.environ)
    assert settings.resource(at).verdict == SAME
    at.settings = merged(settings.kept(at), {"DAILY_LIMIT": "7"})
    changed = settings.resource(at)
    assert changed.verdict is not None
    assert (changed.verdict.mark, changed.verdict.differences) == (Mark.CHANGE, ("DAILY_LIMIT: 500 -> 7",))


def test_the_documents_name_every_setting() -> None:
    """docs/operations.md has them in a table."""
    text = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [name for name in SETTINGS if f"`{name}`" not in text] == []
