"""The privacy notice says what the code and the deployment do, in both languages."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from infra.page import Addresses, write_page
from infra.settings import SETTINGS
from localcloud.addresses import REPOSITORY
from musicgenerator.patience import Patience
from musicgenerator.results import LIFECYCLE_DELAY
from musicgenerator.settings import SESSION_DAYS

NOTICE = (REPOSITORY / "web" / "privacy.html").read_text(encoding="utf-8")
SECTIONS = {language: re.findall(rf'(?s)<section id="{language}".*?</section>', NOTICE)[0] for language in ("ko", "en")}
# Cloud Logging's default for `_Default`, which the deployment leaves as it is, and OpenAI's terms of the API.
GOOGLE_LOG_DAYS = OPENAI_DAYS = 30
EXPECTED = yaml.safe_load((REPOSITORY / "tests" / "deploy" / "expected.yaml").read_text(encoding="utf-8"))


def age(bucket: str) -> int:
    """Return the days after which a bucket's lifecycle deletes an object."""
    rules = json.loads((REPOSITORY / "infra" / "buckets" / f"{bucket}.lifecycle.json").read_text())["rule"]
    (days,) = [rule["condition"]["age"] for rule in rules if rule["action"]["type"] == "Delete"]
    return int(days)


def in_source(path: str, pattern: str) -> int:
    """Return the one number that a pattern finds in a file."""
    (found,) = re.findall(pattern, (REPOSITORY / path).read_text(encoding="utf-8"))
    return int(found)


def periods() -> dict[str, int]:
    """Return each period of the notice as the code and the deployment have it."""
    (rules,) = [
        [rule["condition"] for rule in bucket["lifecycle"]["rule"]]
        for name, bucket in EXPECTED["storage"].items()
        if name.endswith("-results")
    ]
    # A file's custom time is a day before the end of its session, so the second rule deletes it then.
    results = SESSION_DAYS + 1
    assert rules == [{"age": results}, {"daysSinceCustomTime": LIFECYCLE_DELAY.days}]
    return {
        "picture": age("images"),
        "session": SESSION_DAYS,
        "results": results,
        "order": age("pipeline"),
        "counters": in_source(
            "functions/upload_handler/firestore_ledger.py", r"_COUNTER_LIFETIME: Final = timedelta\(days=(\d+)\)"
        ),
        "letters": in_source("infra/steps/topics.py", r"kept = \(\"--message-retention-duration=(\d+)d\""),
        "logs": GOOGLE_LOG_DAYS,
        "openai": OPENAI_DAYS,
    }


@pytest.mark.parametrize("language", SECTIONS)
def test_the_notice_s_periods_are_those_of_the_deployment(language: str) -> None:
    """Every number of days, in each language, comes from a setting."""
    said = {name: int(days) for name, days in re.findall(r'data-days="(\w+)">(\d+)<', SECTIONS[language])}
    assert said == periods()
    (hours,) = re.findall(r'data-hours="record">(\d+)<', SECTIONS[language])
    assert timedelta(hours=int(hours)) == Patience().job_record
    assert str(SESSION_DAYS) == SETTINGS["SESSION_DAYS"].default


@pytest.mark.parametrize("language", SECTIONS)
def test_the_notice_has_no_other_number_of_days(language: str) -> None:
    """A period that is written by hand would not follow its setting."""
    plain = re.sub(r"<[^>]*>", " ", re.sub(r"<b data-\w+=\"\w+\">\d+</b>", "", SECTIONS[language]))
    assert re.findall(r"\d+", plain) == []


@pytest.mark.parametrize("language", SECTIONS)
def test_the_notice_names_the_processors(language: str) -> None:
    """Each service that handles a person's data."""
    services = ["Google Cloud", "Cloud Storage", "Firestore", "Cloud Run", "Pub/Sub", "Vertex AI", "Cloud Logging"]
    assert [name for name in [*services, "Cloud Trace", "OpenAI"] if name not in SECTIONS[language]] == []
    assert SECTIONS[language].count("data-setting=") == 2


@pytest.mark.parametrize(
    ("language", "words"), [("ko", ("바람", "직접 고친", "해시")), ("en", ("wishes", "edit", "hash"))]
)
def test_the_notice_names_what_openai_receives(language: str, words: tuple[str, ...]) -> None:
    """The picture, the wishes, the words of an edit, and the `safety_identifier`."""
    (said,) = re.findall(r"(?s)<dt>OpenAI</dt>\s*<dd>(.*?)</dd>", SECTIONS[language])
    assert [word for word in words if word not in said] == []


def test_a_deployment_names_the_operator(tmp_path: Path) -> None:
    """The page reads the operator and the session's days from config.json; a name that is not set is null."""
    (tmp_path / "built").mkdir()
    addresses = Addresses(
        "https://api.example", "p", "d", "images", "results", "", "", "Kim & Lee", "", 7, ("composer",)
    )
    folder = write_page(tmp_path / "built", tmp_path / "page", addresses)
    config = json.loads((folder / "config.json").read_text())
    assert (config["operatorName"], config["operatorContact"], config["sessionDays"]) == ("Kim & Lee", None, 7)
