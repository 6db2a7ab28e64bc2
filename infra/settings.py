"""The operator's settings: they are kept in the project, so that a deployment without variables changes none of them.

A variable that is given changes its setting; an empty one changes nothing.
``default`` as a value returns to the default, and ``none`` turns off what may be turned off.
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
from infra.names import FUNCTIONS
from infra.resources import SAME, Mark, Resource, Verdict, calls
from infra.stops import StoppedError

DEFAULT: Final = "default"
NONE: Final = "none"
_NUMBER: Final = r"[0-9]+"
_REGIONS: Final = r"[a-z]+-[a-z]+[0-9]+( [a-z]+-[a-z]+[0-9]+)*"


@dataclass(frozen=True)
class Setting:
    """One setting: its meaning, its default, and the form of its values."""

    meaning: str
    default: str = ""
    form: str = r"(?s).*"


SETTINGS: Final[dict[str, Setting]] = {
    "ALERT_EMAIL": Setting("the address for alerts"),
    "DEFAULT_ENGINE": Setting("the engine of a track that names none", "lyria-002"),
    "FALLBACK_ENGINE": Setting("the engine that makes the music when the other cannot", "composer"),
    "MODEL_ENDPOINT": Setting("the endpoint of your own music model"),
    "SKETCHES": Setting("no makes no sketches to hear before the music", "yes", "yes|no"),
    "WARM": Setting("machines that are kept running for pipelines, for a price by the hour", "0", _NUMBER),
    "WARM_MACHINE": Setting("the type of these machines", "e2-standard-4", r"[a-z0-9-]+"),
    "REGIONS": Setting("further regions for pipelines, separated by spaces", form=_REGIONS),
    "DAILY_LIMIT": Setting("launches per UTC day", "1000", _NUMBER),
    "SESSION_DAYS": Setting("days that a session and its tracks live; their music lives one day longer", "30", _NUMBER),
    "SESSION_TRACKS_A_DAY": Setting("a session's tracks per day", form=_NUMBER),
    "ADDRESS_TRACKS_A_DAY": Setting("tracks per day from one address", form=_NUMBER),
    "ADDRESS_SESSIONS_A_DAY": Setting("sessions per day from one address", form=_NUMBER),
    "TRACKS_A_DAY": Setting("all tracks per day", form=_NUMBER),
    "SHOW_DROPS": Setting("1 shows everyone the tracks of dropped pictures on the page", "0", r"[01]"),
    "ALLOWED_ORIGINS": Setting("further origins of pages, separated by spaces"),
    "API_URL": Setting("the address of a load balancer in front of the API", form=r"https://[a-z0-9.-]+"),
    "TRUSTED_PROXIES": Setting("last entries of X-Forwarded-For that are your own proxies' addresses", "0", _NUMBER),
    "OPENAI_MODEL": Setting("the model of the describer", "gpt-6-luna"),
    "OPENAI_BASE_URL": Setting("the address of another describer"),
    "MODERATION_MODEL": Setting("the model that checks pictures", "omni-moderation-latest"),
    "MODERATION_THRESHOLDS": Setting("the scores above which a picture is refused"),
    **{
        f"{function.upper()}_INSTANCES": Setting(f"the maximum of instances of {function}", form=_NUMBER)
        for function in FUNCTIONS
    },
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
    """Return the kept settings with the variables that are given; raise StoppedError for a malformed value."""
    new = dict(old)
    for name, setting in SETTINGS.items():
        value = given.get(name, "")
        if value == DEFAULT:
            new.pop(name, None)
        elif value:
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
