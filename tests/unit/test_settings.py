from datetime import timedelta

import pytest

from musicgenerator.settings import (
    SettingInvalidError,
    SettingMissingError,
    regions,
    required,
    seconds,
    whole_number,
    words,
)


@pytest.mark.parametrize("environ", [{}, {"BUCKET": ""}, {"BUCKET": " \t"}])
def test_a_missing_variable_is_named(environ: dict[str, str]) -> None:
    """Unset, empty and blank are the same error."""
    with pytest.raises(SettingMissingError, match="BUCKET"):
        required(environ, "BUCKET")


def test_a_variable_is_read_without_the_blanks_around_it() -> None:
    """A trailing line end from a file or a shell is removed."""
    assert required({"BUCKET": " images\n"}, "BUCKET") == "images"


def test_a_whole_number_has_a_default_and_must_be_one() -> None:
    """An empty variable means the default; the error for a word names the variable."""
    assert whole_number({}, "DAYS", 30) == 30
    assert whole_number({"DAYS": " "}, "DAYS", 30) == 30
    assert whole_number({"DAYS": " 7 "}, "DAYS", 30) == 7
    for wrong in ("seven", "7.5", "7 8"):
        with pytest.raises(SettingInvalidError, match="DAYS"):
            whole_number({"DAYS": wrong}, "DAYS", 30)


def test_words_are_separated_by_any_blanks() -> None:
    """An unset variable has no words."""
    assert words({}, "ORIGINS") == ()
    assert words({"ORIGINS": " a  b\nc "}, "ORIGINS") == ("a", "b", "c")


def test_the_first_region_is_the_installation_s_own() -> None:
    """For any order of the other regions: a private track without a region means the first."""
    assert regions({"REGION": "us-central1"}) == ("us-central1",)
    assert regions({"REGION": "us-central1", "REGIONS": "europe-west4 asia-east1 europe-west4"}) == (
        "us-central1",
        "europe-west4",
        "asia-east1",
    )
    assert regions({"REGION": "us-central1", "REGIONS": "europe-west4 us-central1"}) == ("us-central1", "europe-west4")
    with pytest.raises(SettingMissingError, match="REGION"):
        regions({"REGIONS": "europe-west4"})


def test_seconds_are_whole_and_have_a_default() -> None:
    """A duration is a number of seconds."""
    assert seconds({"PAUSE": "45"}, "PAUSE", timedelta(minutes=1)) == timedelta(seconds=45)
    assert seconds({}, "PAUSE", timedelta(minutes=1)) == timedelta(minutes=1)
    with pytest.raises(SettingInvalidError, match="PAUSE must be a whole number"):
        seconds({"PAUSE": "1.5"}, "PAUSE", timedelta(minutes=1))
