"""The operator's settings: they are kept in the project, so that a deployment without variables changes none of them.

A variable that is given changes its setting; an empty one changes nothing.
``default`` as a value returns to the default, and ``none`` turns off a setting that can be turned off.
The settings are one private object beside the pipeline's template; a label of the bucket has its hash and is written
last.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from infra.content import short_hash, written
from infra.gcloud import gcloud
from infra.installation import Installation
from infra.resources import SAME, Mark, Resource, Verdict, calls
from infra.stops import StoppedError

DEFAULT: Final = "default"
NONE: Final = "none"
_COUNT: Final = r"[1-9][0-9]{0,8}"
_LIMIT: Final = rf"0|{_COUNT}"
_INSTANCES: Final = r"[1-9][0-9]{0,3}"
_DAYS: Final = r"[1-9][0-9]{0,3}"
_ENGINE: Final = r"(composer|lyria-002|lyria-3-clip|lyria-3-pro|endpoint)"
_REGION: Final = r"[a-z]+-[a-z]+[0-9]+"
_ORIGIN: Final = r"https?://[a-z0-9.-]+(:[0-9]{1,5})?"
_THRESHOLD: Final = r"[a-z/_-]+=(0|0?\.[0-9]+|1(\.0+)?)"
_MODEL: Final = r"[A-Za-z0-9][A-Za-z0-9._:/@-]*"
_LINE: Final = r"[^\x00-\x1f\x7f]{1,300}"


def _words(form: str) -> str:
    """Return the form of words that are separated by single spaces."""
    return f"{form}( {form})*"


@dataclass(frozen=True)
class Setting:
    """One setting: its meaning, the form of its values, its default, and whether ``none`` turns it off.

    The functions have the same defaults, so a deployment passes them only values that were given.
    With ``keeps_default`` the project keeps the default too, once the setting was given: deployments look for what an
    earlier value has left.
    """

    meaning: str
    form: str
    default: str = ""
    can_be_off: bool = False
    keeps_default: bool = False


SETTINGS: Final[dict[str, Setting]] = {
    "ALERT_EMAIL": Setting("the address for alerts", r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "OPERATOR_NAME": Setting("who runs the service, as the page's privacy notice names them", _LINE),
    "OPERATOR_CONTACT": Setting("how to reach them, for example an e-mail address", _LINE),
    "DEFAULT_ENGINE": Setting("the engine of a track that names none", _ENGINE, "lyria-002"),
    "FALLBACK_ENGINE": Setting(
        "the engine that makes the music when the other cannot", _ENGINE, "composer", can_be_off=True
    ),
    "ALLOWED_ENGINES": Setting("further engines that a visitor may choose, separated by spaces", _words(_ENGINE)),
    "SHOW_PRICES": Setting(
        "true or false: true shows visitors what a track costs with each engine", r"true|false", "false"
    ),
    "MODEL_ENDPOINT": Setting(
        "the endpoint of your own music model",
        r"(https://[^/\s]+/v1/)?projects/[^/\s]+/locations/[a-z0-9-]+/endpoints/[A-Za-z0-9-]+",
    ),
    "SKETCHES": Setting("yes or no: sketches to hear before the music", r"yes|no", "yes"),
    "WARM": Setting(
        "the number of machines that are kept running for pipelines, for a price by the hour",
        r"0|[1-9][0-9]?",
        "0",
        keeps_default=True,
    ),
    "WARM_MACHINE": Setting("the type of these machines", r"[a-z][a-z0-9-]{0,28}[a-z0-9]", "e2-standard-4"),
    "BATCH_SECONDS": Setting(
        "seconds that a track waits for others with which it shares a pipeline job", r"0|[1-9][0-9]{0,2}", "0"
    ),
    "BATCH_TRACKS": Setting("the maximum of tracks of one pipeline job", r"[1-9][0-9]?|1[0-9]{2}|200", "50"),
    "REGIONS": Setting("further regions for pipelines, separated by spaces", _words(_REGION)),
    "DAILY_LIMIT": Setting("launches per UTC day", _LIMIT, "1000"),
    "SESSION_DAYS": Setting(
        "days that a session and its tracks live; their files are deleted within about a day after that", _DAYS, "30"
    ),
    "SESSION_TRACKS_A_DAY": Setting("a session's tracks per day", _LIMIT, "50"),
    "ADDRESS_TRACKS_A_DAY": Setting("tracks per day from one address", _LIMIT, "200"),
    "ADDRESS_SESSIONS_A_DAY": Setting("sessions per day from one address", _LIMIT, "100"),
    "TRACKS_A_DAY": Setting("all tracks per day", _LIMIT, "1000"),
    "SHOW_DROPS": Setting("1 or 0: 1 shows everyone the tracks of dropped pictures on the page", r"[01]", "0"),
    "ALLOWED_ORIGINS": Setting("further origins of pages, separated by spaces", _words(_ORIGIN)),
    "API_URL": Setting("the address of a load balancer in front of the API", r"https://[a-z0-9.-]+"),
    "TRUSTED_PROXIES": Setting(
        "last entries of X-Forwarded-For that are your own proxies' addresses", r"0|[1-9][0-9]?", "0"
    ),
    "OPENAI_MODEL": Setting("the model of the describer", _MODEL, "gpt-6-luna"),
    "OPENAI_BASE_URL": Setting("the address of another describer", r"https?://[^\s/]+(/\S*)?"),
    "MODERATION_MODEL": Setting("the model that checks pictures", _MODEL, "omni-moderation-latest", can_be_off=True),
    "MODERATION_THRESHOLDS": Setting("the scores above which a picture is refused", _words(_THRESHOLD)),
    "UPLOAD_HANDLER_INSTANCES": Setting("the maximum of instances of upload_handler", _INSTANCES, "20"),
    "CAPTIONER_INSTANCES": Setting("the maximum of instances of captioner", _INSTANCES, "20"),
    "PIPELINE_LAUNCHER_INSTANCES": Setting("the maximum of instances of pipeline_launcher", _INSTANCES, "5"),
    "RESULT_NOTIFIER_INSTANCES": Setting("the maximum of instances of result_notifier", _INSTANCES, "10"),
    "SKETCHER_INSTANCES": Setting("the maximum of instances of sketcher", _INSTANCES, "20"),
}


def kept(at: Installation) -> dict[str, str]:
    """Return the settings that the project keeps; those at their defaults are not among them."""
    bucket = at.names.bucket("pipeline")
    release = at.fact("buckets", bucket, "labels/settings")
    if not release:
        return {}
    name = f"settings/{release}.json"
    found: dict[str, str] = json.loads(
        at.kept(name, partial(at.gcloud.text, "storage", "cat", f"gs://{bucket}/{name}"))
    )
    return found


def setting(at: Installation, name: str) -> str:
    """Return a setting's value, or its default; an empty text if it is turned off."""
    value = at.settings.get(name) or SETTINGS[name].default
    return "" if value == NONE else value


def merged(old: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the kept settings with the variables that are given; raise StoppedError for a value that is refused."""
    new = dict(old)
    for name, setting in SETTINGS.items():
        value = given.get(name, "")
        if value == DEFAULT and setting.keeps_default and name in old:
            new[name] = setting.default
        elif value == DEFAULT:
            new.pop(name, None)
        elif value:
            if value == NONE and not setting.can_be_off:
                raise StoppedError(f"{name} cannot be turned off; {name}={DEFAULT} returns to its default.")
            if value != NONE and not re.fullmatch(setting.form, value):
                raise StoppedError(f"{name} must be {setting.meaning}, not '{value}'.")
            new[name] = value
    return new


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each setting that changes."""
    for name, setting in SETTINGS.items():
        before, after = old.get(name, ""), new.get(name, "")
        if before != after:
            standard = f"(default: {setting.default or 'nothing'})"
            yield f"{name}: {before or standard} -> {after or standard}"


def listed(settings: Mapping[str, str]) -> str:
    """Return all settings with their values and meanings, for the operator."""
    rows = []
    for name, setting in SETTINGS.items():
        value = settings.get(name) or (f"({setting.default})" if setting.default else "-")
        rows.append(f"  {name:<28} {value:<24} {setting.meaning}")
    return "\n".join([*rows, "", "A value in parentheses is a default. NAME=default returns to it."])


def resource(at: Installation) -> Resource:
    """Return the object that keeps the settings."""
    old, bucket = kept(at), at.names.bucket("pipeline")
    text = json.dumps(dict(sorted(at.settings.items())), indent=2) + "\n"
    release, changes = short_hash(text.encode()), tuple(differences(old, at.settings))
    file = written(at.work / "kept" / "settings" / f"{release}.json", text)
    keep = calls(
        gcloud("storage cp", str(file), f"gs://{bucket}/settings/{release}.json", "--content-type=application/json"),
        gcloud("storage buckets update", f"gs://{bucket}", f"--update-labels=settings={release}", "--format=none"),
    )
    mark = Mark.CHANGE if old else Mark.CREATE
    verdict = Verdict(mark, changes) if changes else SAME
    return Resource("buckets", bucket, "settings", verdict=verdict, create=keep, change=keep)


def show(at: Installation) -> None:
    """Print the settings that the project keeps."""
    print(f"Settings of {at.names.app} in {at.names.project}:")
    print(listed(kept(at)))
