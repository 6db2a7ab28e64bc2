"""The page translates every word that the functions write."""

import json
import subprocess
from typing import Any

import pytest

from localcloud.addresses import REPOSITORY
from localcloud.openai.describer.vocabulary import MOODS
from musicgenerator.briefs import GENRES, INSTRUMENTS
from musicgenerator.states import FINAL, Status
from musicgenerator.track_requests import DEFAULT_SECONDS
from tools import node

READ = """
import { readFileSync } from "node:fs";
import { isFinal, STATUSES } from "./src/tracks.js";
import { GENRES, SECONDS_BY_DEFAULT } from "./src/wishes.js";
const ko = JSON.parse(readFileSync("src/texts/ko.json", "utf8"));
console.log(JSON.stringify({ ko, STATUSES, final: STATUSES.filter(isFinal), GENRES, SECONDS_BY_DEFAULT }));
"""


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    program = node.find()
    assert program, "run 'make tools'"
    command = [str(program), "--input-type=module", "--eval", READ]
    output = subprocess.run(command, cwd=REPOSITORY / "web", check=True, capture_output=True, text=True).stdout
    return dict(json.loads(output))


def test_the_page_knows_the_states_in_their_order(page: dict[str, Any]) -> None:
    """The progress bar shows the states in this order."""
    assert page["STATUSES"] == list(Status)
    assert set(page["final"]) == set(FINAL)


def test_every_word_of_a_brief_has_a_translation(page: dict[str, Any]) -> None:
    """Genres and instruments are closed vocabularies, so each has a translation."""
    assert list(page["ko"]["genres"]) == list(GENRES)
    assert list(page["ko"]["instruments"]) == list(INSTRUMENTS)


def test_every_mood_of_the_local_describer_has_a_korean_word(page: dict[str, Any]) -> None:
    """Moods are free words in a brief; the page translates all that the local describer writes."""
    assert set(MOODS) - set(page["ko"]["moods"]) == set()


def test_the_page_offers_the_apis_wishes(page: dict[str, Any]) -> None:
    """The page offers the API's genres, and its default length is the API's."""
    assert page["GENRES"] == list(GENRES)
    assert page["SECONDS_BY_DEFAULT"] == DEFAULT_SECONDS
