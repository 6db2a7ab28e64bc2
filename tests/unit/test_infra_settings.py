import re
from pathlib import Path

import pytest
import yaml

from infra import settings
from infra.installation import Installation
from infra.names import FUNCTIONS
from infra.resources import SAME, Mark
from infra.settings import SETTINGS, differences, listed, merged, setting
from infra.stops import StoppedError
from musicgenerator.briefs import ENGINES
from musicgenerator.settings import DAILY_LIMIT, SESSION_DAYS, TRACKS_A_DAY
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


# For each setting, one value that is accepted and malformed ones.
VALUES: dict[str, tuple[str, ...]] = {
    "ALERT_EMAIL": ("a@example.com", "a.example.com"),
    "OPERATOR_NAME": ("Kim & Lee", "Kim\nLee"),
    "OPERATOR_CONTACT": ("+82 2 000 0000", "a\x1bb"),
    "DEFAULT_ENGINE": ("lyria-3-clip", "lyria", "composer endpoint"),
    "FALLBACK_ENGINE": ("endpoint", "kazoo"),
    "ALLOWED_ENGINES": ("composer lyria-002", "kazoo", "composer,endpoint", "composer "),
    "SHOW_PRICES": ("true", "yes", "1"),
    "MODEL_ENDPOINT": (
        "https://7.us-central1-1.prediction.vertexai.goog/v1/projects/p/locations/us-central1/endpoints/7",
        "https://7.us-central1-1.prediction.vertexai.goog",
        "endpoints/7",
    ),
    "SKETCHES": ("no", "never", "1"),
    "WARM": ("2", "-1", "01", "100"),
    "WARM_MACHINE": ("n2-standard-8", "E2 standard"),
    "BATCH_SECONDS": ("30", "-1", "1000", "1.5"),
    "BATCH_TRACKS": ("8", "0", "201", "all"),
    "REGIONS": ("us-east4 europe-west4", "us-east4 europe"),
    "DAILY_LIMIT": ("0", "many", "007", "1" * 20),
    "SESSION_DAYS": ("7", "0", "1.5", "07", "99999"),
    "SESSION_TRACKS_A_DAY": ("5", "-5"),
    "ADDRESS_TRACKS_A_DAY": ("5", "5 "),
    "ADDRESS_SESSIONS_A_DAY": ("5", "05"),
    "TRACKS_A_DAY": ("5", "\u0665"),
    "SHOW_DROPS": ("1", "yes"),
    "ALLOWED_ORIGINS": ("https://a.example http://localhost:8080", "https://a.example/", "a.example", "*"),
    "API_URL": ("https://api.example.com", "http://api.example.com"),
    "TRUSTED_PROXIES": ("12", "01", "100", "-1"),
    "OPENAI_MODEL": ("qwen3-vl:8b", "a model"),
    "OPENAI_BASE_URL": ("http://10.0.0.2:11434/v1", "10.0.0.2:11434/v1", "https://a b/v1"),
    "MODERATION_MODEL": ("omni-moderation-2024-09-26", "-"),
    "MODERATION_THRESHOLDS": ("sexual=0.4 self-harm/intent=.9", "sexual=40", "sexual", "sexual=0.4,violence=0.9"),
    "UPLOAD_HANDLER_INSTANCES": ("40", "0"),
    "CAPTIONER_INSTANCES": ("40", "-1"),
    "PIPELINE_LAUNCHER_INSTANCES": ("40", "010"),
    "SKETCHER_INSTANCES": ("40", "0"),
    "RESULT_NOTIFIER_INSTANCES": ("40", "all"),
}
MALFORMED = [(name, value) for name, (_, *values) in VALUES.items() for value in values]
CAN_BE_OFF = {"FALLBACK_ENGINE", "MODERATION_MODEL"}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_has_a_form(name: str) -> None:
    """A good value and the default are accepted, and no setting accepts any text."""
    assert merged({}, {name: VALUES[name][0]}) == {name: VALUES[name][0]}
    assert not SETTINGS[name].default or merged({}, {name: SETTINGS[name].default})


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_a_malformed_value_is_refused(name: str, value: str) -> None:
    """The message names the variable and its meaning, before anything is kept."""
    with pytest.raises(StoppedError, match=f"{name} must be {re.escape(SETTINGS[name].meaning)}"):
        merged({}, {name: value})


@pytest.mark.parametrize("name", SETTINGS)
def test_only_a_setting_that_the_documents_name_can_be_turned_off(name: str) -> None:
    """`none` would otherwise become an origin, an engine or a number of days."""
    if name in CAN_BE_OFF:
        assert merged({}, {name: "none"}) == {name: "none"}
    else:
        with pytest.raises(StoppedError, match=f"{name} cannot be turned off; {name}=default"):
            merged({}, {name: "none"})


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_can_be_set(engine: str) -> None:
    """The forms spell the engines, which the step knows."""
    for name in ("DEFAULT_ENGINE", "FALLBACK_ENGINE", "ALLOWED_ENGINES"):
        assert merged({}, {name: engine}) == {name: engine}


def test_the_shown_defaults_are_those_of_the_functions() -> None:
    """A deployment passes a function only what was given, so the function's own default counts."""
    limits = (REPOSITORY / "functions" / "upload_handler" / "admitting.py").read_text(encoding="utf-8")
    fields = dict(re.findall(r"(?m)^    (\w+): int = (\d+)$", limits))
    found = {
        "DAILY_LIMIT": str(DAILY_LIMIT),
        "SESSION_DAYS": str(SESSION_DAYS),
        "TRACKS_A_DAY": str(TRACKS_A_DAY),
        "SESSION_TRACKS_A_DAY": fields["session_tracks"],
        "ADDRESS_TRACKS_A_DAY": fields["address_tracks"],
        "ADDRESS_SESSIONS_A_DAY": fields["address_sessions"],
    }
    for function in FUNCTIONS:
        flags = yaml.safe_load((REPOSITORY / "infra" / "functions" / f"{function}.yaml").read_text(encoding="utf-8"))
        found[f"{function.upper()}_INSTANCES"] = str(flags["--max-instances"])
    assert {name: SETTINGS[name].default for name in found} == found
    assert "TRACKS_A_DAY                 (1000) " in listed({})


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
