"""Read settings from environment variables; errors name the variable."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final

from musicgenerator.errors import MusicgeneratorError

DAILY_LIMIT: Final = 1000
TRACKS_A_DAY: Final = 1000
SESSION_DAYS: Final = 30


class SettingMissingError(MusicgeneratorError):
    """A required variable is not set."""


class SettingInvalidError(MusicgeneratorError):
    """A variable has an invalid value."""


def required(environ: Mapping[str, str], name: str) -> str:
    """Return a required variable."""
    value = environ.get(name, "").strip()
    if not value:
        raise SettingMissingError(f"set the environment variable {name}")
    return value


def whole_number(environ: Mapping[str, str], name: str, default: int) -> int:
    """Return a variable that holds a whole number."""
    value = environ.get(name, "").strip()
    try:
        return int(value) if value else default
    except ValueError as error:
        raise SettingInvalidError(f"{name} must be a whole number, not {value!r}") from error


def seconds(environ: Mapping[str, str], name: str, default: timedelta) -> timedelta:
    """Return a variable that holds a duration in whole seconds."""
    return timedelta(seconds=whole_number(environ, name, round(default.total_seconds())))


def durations(environ: Mapping[str, str], name: str, keys: Collection[str]) -> dict[str, timedelta]:
    """Return a variable that holds durations in whole seconds by key, for example ``captioning=240 parked=900``."""
    found = {}
    for word in words(environ, name):
        key, _, value = word.partition("=")
        if key not in keys or not value.isdecimal():
            raise SettingInvalidError(f"{name} must hold KEY=SECONDS with keys of {', '.join(keys)}, not {word!r}")
        found[key] = timedelta(seconds=int(value))
    return found


def words(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Return a variable that holds words separated by spaces."""
    return tuple(environ.get(name, "").split())


def regions(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the regions for pipeline jobs, each once: ``REGION`` first, then those of ``REGIONS``."""
    return tuple(dict.fromkeys((required(environ, "REGION"), *words(environ, "REGIONS"))))
