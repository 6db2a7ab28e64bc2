"""Settings read from environment variables, by name, with an error that says which one is missing."""

from collections.abc import Mapping

from musicgenerator.errors import MusicgeneratorError


class SettingMissingError(MusicgeneratorError):
    """A variable that the function cannot start without is not set."""


class SettingInvalidError(MusicgeneratorError):
    """A variable is set to something that cannot be used."""


def required(environ: Mapping[str, str], name: str) -> str:
    """Return a variable that must be set."""
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


def words(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Return a variable that holds words parted by spaces."""
    return tuple(environ.get(name, "").split())


def regions(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return where pipelines may run: the installation's own region first, then those of ``REGIONS``, each once."""
    return tuple(dict.fromkeys((required(environ, "REGION"), *words(environ, "REGIONS"))))
