"""Settings stay as they are until a variable changes them, also in a release from CI, which passes four variables."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.conftest import Installation, Installer
from tests.deploy.expected import PROJECT, fresh_project

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(900)]

FUNCTIONS = f"projects/{PROJECT}/locations/us-central1/functions/musicgenerator-"
GIVEN = {
    "DAILY_LIMIT": "500",
    "REGIONS": "us-east4 europe-west4",
    "ALLOWED_ORIGINS": "https://music.example.com",
    "FALLBACK_ENGINE": "none",
    "ALLOWED_ENGINES": "lyria-3-pro composer",
    "SHOW_PRICES": "true",
    "RESULT_NOTIFIER_INSTANCES": "4",
}


@pytest.fixture(scope="module")
def configured(installer: Installer) -> Installation:
    """An installation whose first deployment had settings."""
    installation = installer(fresh_project())
    done = installation.deploy(**GIVEN)
    assert done.returncode == 0, done.stdout + done.stderr
    return installation


def released(installation: Installation, target: str, **variables: str) -> str:
    """Run a target as .github/workflows/deploy.yml does, whose ALERT_EMAIL may be empty, and return its output."""
    done = installation.make(target, PREFIX="", ALERT_EMAIL="", YES="1", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def configuration(installation: Installation) -> dict[str, Any]:
    """Return what the settings decide in the project."""
    project = installation.project
    functions = {
        name.removeprefix(FUNCTIONS): body["serviceConfig"]
        for name, body in project.of("cloudfunctions").items()
        if name.startswith(FUNCTIONS)
    }
    return {
        "environments": {name: dict(config["environmentVariables"]) for name, config in functions.items()},
        "instances": {name: config["maxInstanceCount"] for name, config in functions.items()},
        "origins": [body["cors"] for name, body in sorted(project.of("storage").items()) if "cors" in body],
        "channels": [body["labels"] for name, body in project.of("monitoring").items() if "Channels" in name],
    }


def test_a_release_without_variables_changes_nothing(configured: Installation) -> None:
    """The plan shows the settings that the project keeps."""
    assert configured.project.of("monitoring")
    configured.record(configured.project)
    shown = released(configured, "deploy")
    assert "Nothing to do." in shown
    assert configured.record(configured.project) == []
    for name, value in {**GIVEN, "ALERT_EMAIL": "operator@example.com"}.items():
        assert re.search(rf"(?m)^  {name} +{re.escape(value)} ", shown)


def test_another_machine_reads_the_settings_from_the_project(configured: Installation, tmp_path: Path) -> None:
    """A machine of CI has no files of earlier deployments."""
    elsewhere = replace(configured, environ=configured.environ | {"DEPLOY_WORK": str(tmp_path)})
    assert "Nothing to do." in released(elsewhere, "deploy")
    assert released(elsewhere, "settings") == released(configured, "settings")


def test_the_page_offers_the_engines_with_their_prices(configured: Installation) -> None:
    """The default engine is the first; the prices are shown because a setting says so."""
    config = json.loads(configured.project.contents[f"b/{PROJECT}-musicgenerator-page/o/config.json"])
    assert config["engines"] == [
        {"name": "lyria-002", "usualSeconds": 170, "usd": 0.1},
        {"name": "lyria-3-pro", "usualSeconds": 170, "usd": 0.12},
        {"name": "composer", "usualSeconds": 150, "usd": 0.041},
    ]


def test_a_variable_changes_its_setting_and_no_other(configured: Installation) -> None:
    """The plan has one change of a setting, and the functions that it concerns."""
    before = configuration(configured)
    plan = released(configured, "plan", TRACKS_A_DAY="9")
    changes = re.findall(r"(?m)^  [+~!] (\S+) +(\S+) +\((.*)\)$", plan)
    assert [(kind, name.removeprefix("musicgenerator-")) for kind, name, _ in changes] == [
        ("settings", f"{PROJECT}-musicgenerator-pipeline"),
        ("function", "captioner"),
        ("function", "upload-handler"),
    ]
    assert changes[0][2] == "TRACKS_A_DAY: (default: 1000) -> 9"
    released(configured, "deploy", TRACKS_A_DAY="9")
    after = configuration(configured)
    for function in ("upload-handler", "captioner"):
        assert after["environments"][function].pop("TRACKS_A_DAY") == "9"
    assert after == before


def test_a_setting_returns_to_its_default(configured: Installation) -> None:
    """`make settings` then shows the default in parentheses."""
    released(configured, "deploy", DAILY_LIMIT="default")
    launcher = configuration(configured)["environments"]["pipeline-launcher"]
    assert "DAILY_LIMIT" not in launcher
    assert launcher["FALLBACK_ENGINE"] == ""
    shown = released(configured, "settings")
    assert re.search(r"(?m)^  DAILY_LIMIT +\(1000\) ", shown)
    assert re.search(r"(?m)^  FALLBACK_ENGINE +none ", shown)


def test_a_release_of_the_pipeline_changes_no_setting(configured: Installation) -> None:
    """It deploys only a part, so a changed setting would be deployed without being kept."""
    configured.record(configured.project)
    done = configured.make("deploy-pipeline", YES="1", DAILY_LIMIT="7")
    assert done.returncode != 0
    assert "Only `make deploy` changes settings" in done.stderr
    assert "DAILY_LIMIT: (default: 1000) -> 7" in done.stderr
    assert configured.record(configured.project) == []


def test_dropped_pictures_are_private_until_a_setting_shows_them(configured: Installation) -> None:
    """Without SHOW_DROPS=1 no file of the page names the session of dropped pictures."""
    session = configuration(configured)["environments"]["captioner"]["DROP_SESSION"]
    page = f"b/{PROJECT}-musicgenerator-page/o/"

    def published() -> tuple[str | None, list[str]]:
        files = {name: body for name, body in configured.project.contents.items() if name.startswith(page)}
        naming = [name.removeprefix(page) for name, body in files.items() if session.encode() in body]
        return json.loads(files[f"{page}config.json"])["dropSession"], naming

    assert session
    assert published() == (None, [])
    released(configured, "deploy", SHOW_DROPS="1")
    assert published() == (session, ["config.json"])
    released(configured, "deploy", SHOW_DROPS="default")
    assert published() == (None, [])


def test_a_load_balancer_is_trusted_and_cannot_be_bypassed(configured: Installation) -> None:
    """The API then accepts only requests through it, and the page sends its commands there."""

    def deployed() -> tuple[str | None, str, str]:
        config = configured.project.of("cloudfunctions")[f"{FUNCTIONS}upload-handler"]["serviceConfig"]
        page = json.loads(configured.project.contents[f"b/{PROJECT}-musicgenerator-page/o/config.json"])
        return config["environmentVariables"].get("TRUSTED_PROXIES"), config["ingressSettings"], page["apiUrl"]

    before = deployed()
    assert before[:2] == (None, "ALLOW_ALL")
    released(configured, "deploy", TRUSTED_PROXIES="1", API_URL="https://api.example.com")
    assert deployed() == ("1", "ALLOW_INTERNAL_AND_GCLB", "https://api.example.com")
    released(configured, "deploy", TRUSTED_PROXIES="default", API_URL="default")
    assert deployed() == before
