import base64

import pytest
from captioning import Picture
from openai_briefs import OpenAIBriefs
from openai_models import Models

from musicgenerator.briefs import Brief
from musicgenerator.errors import CaptionUnavailableError, ContentRejectedError
from musicgenerator.settings import SettingInvalidError, SettingMissingError
from musicgenerator.tracks import Request
from tests.functions.openai_answers import (
    BRIEF,
    MODELS,
    MODERATION,
    RESPONSES,
    UNPAID,
    openai_briefs,
    script_well,
    verdict,
)
from tests.support.scripted_http import Answer, ScriptedServer

PICTURE = Picture(b"\xff\xd8\xff picture", 640, 480)
ADDRESS = "data:image/jpeg;base64," + base64.b64encode(PICTURE.jpeg).decode()
REQUEST = Request(hint="잔잔한 파도", style="waltz", duration_seconds=45, language="ko")
ENVIRON = {"OPENAI_MODEL": "gpt-6-luna", "MODERATION_MODEL": "omni-moderation-latest"}


def described(server: ScriptedServer, thresholds: str, answer: Answer) -> Brief | Exception:
    """Return what comes of a picture that is moderated like this, under these thresholds."""
    script_well(server)
    server.script(f"POST {MODERATION}", answer)
    models = Models.from_environ(ENVIRON | {"MODERATION_THRESHOLDS": thresholds})
    with openai_briefs(server, models) as describer:
        return describer.describe(PICTURE, REQUEST).outcome


def test_the_moderation_sees_picture_and_wish_first(server: ScriptedServer) -> None:
    """The picture as a data URL, hint and style as text, before anything is paid for."""
    script_well(server)
    with openai_briefs(server) as describer:
        describer.describe(PICTURE, REQUEST)
    first, second = server.heard
    assert (first.path, second.path) == (MODERATION, RESPONSES)
    assert first.json() == {
        "model": "omni-moderation-latest",
        "input": [
            {"type": "image_url", "image_url": {"url": ADDRESS}},
            {"type": "text", "text": "잔잔한 파도\nwaltz"},
        ],
    }


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (["image_url"], Request()),
        (["image_url"], Request(hint=" \n")),
        (["image_url", "text"], Request(hint="바다")),
        (["image_url", "text"], Request(style="waltz")),
    ],
    ids=["no wish", "a blank hint", "a hint", "a style"],
)
def test_only_what_was_said_is_moderated(server: ScriptedServer, expected: list[str], request_: Request) -> None:
    """An empty text is no input."""
    script_well(server)
    with openai_briefs(server) as describer:
        describer.describe(PICTURE, request_)
    assert [part["type"] for part in server.heard[0].json()["input"]] == expected


@pytest.mark.parametrize("category", ["sexual", "self-harm", "violence", "sexual/minors", "a-new-category"])
def test_any_flagged_category_rejects_before_anything_is_paid(server: ScriptedServer, category: str) -> None:
    """Named in the reason, which only the log tells; the model is not asked at all."""
    script_well(server)
    server.script(f"POST {MODERATION}", verdict((category,)))
    with openai_briefs(server) as describer:
        description = describer.describe(PICTURE, REQUEST)
    assert isinstance(description.outcome, ContentRejectedError)
    assert category in str(description.outcome)
    assert description.usage.to_mapping() == UNPAID
    assert not server.heard_at(RESPONSES)


def test_without_a_moderation_model_nothing_is_moderated(server: ScriptedServer) -> None:
    """Ollama and vLLM have no such endpoint."""
    script_well(server)
    with openai_briefs(server, Models.from_environ(ENVIRON | {"MODERATION_MODEL": " "})) as describer:
        assert describer.describe(PICTURE, REQUEST).outcome == Brief.from_mapping(BRIEF)
    assert [exchange.path for exchange in server.heard] == [RESPONSES]


@pytest.mark.parametrize(
    ("rejected", "thresholds", "flagged", "scores"),
    [
        (False, "violence=0.5", (), {"violence": 0.49}),
        (True, "violence=0.5", (), {"violence": 0.5}),
        (True, "violence=0.5", (), {"violence": 1}),
        (False, "violence=0.995", ("violence",), {}),
        (True, "violence=0.5", ("sexual",), {"violence": 0.1}),
        (False, "violence=0.5", (), {"violence": 0.1, "sexual": 0.9}),
        (True, "violence=0.5 sexual=0.3", (), {"sexual": 0.3}),
        (True, "violence=0", (), {}),
        (False, "violence=1", ("violence",), {}),
        (False, "hate=0.1", (), {}),
        (True, "hate=0.1", ("violence",), {}),
    ],
    ids=[
        "below",
        "at it",
        "above",
        "flagged but below",
        "another category is flagged",
        "another category scores high but is not flagged",
        "the second of two",
        "everything",
        "nothing",
        "a category that has no score",
        "a category that has no score, and another is flagged",
    ],
)
def test_a_threshold_replaces_the_api_s_own_for_its_category(
    server: ScriptedServer, *, rejected: bool, thresholds: str, flagged: tuple[str, ...], scores: dict[str, float]
) -> None:
    """Reached is too much, whether flagged or not; a category without one is left to the API's verdict."""
    outcome = described(server, thresholds, verdict(flagged, scores))
    assert rejected is isinstance(outcome, ContentRejectedError)
    assert rejected is not isinstance(outcome, Brief)


@pytest.mark.parametrize(
    "thresholds",
    ["sexual", "sexual=", "sexual=a", "=0.4", "sexual=nan", "sexual=1.1", "sexual=-1", "sexual=40%", "0.4"],
)
def test_a_threshold_that_no_score_would_reach_is_refused_by_name(thresholds: str) -> None:
    """A slip of the pen must not let everything pass."""
    with pytest.raises(SettingInvalidError, match="MODERATION_THRESHOLDS"):
        Models.from_environ(ENVIRON | {"MODERATION_THRESHOLDS": thresholds})


def test_the_models_are_configuration() -> None:
    """Which describer has to be said; without thresholds the API's own hold."""
    assert Models.from_environ(ENVIRON) == MODELS
    assert Models.from_environ({"OPENAI_MODEL": "llava"}) == Models("llava")
    expected = Models("m", "", {"sexual": 0.4, "self-harm/intent": 1.0})
    environ = {"OPENAI_MODEL": "m", "MODERATION_THRESHOLDS": " sexual=.4  self-harm/intent=1 "}
    assert Models.from_environ(environ) == expected
    with pytest.raises(SettingMissingError, match="OPENAI_MODEL"):
        Models.from_environ({})


def results(*found: object) -> Answer:
    return Answer({"id": "modr-1", "model": "omni-moderation-latest", "results": list(found)})


def test_a_verdict_without_its_reasons_is_a_verdict(server: ScriptedServer) -> None:
    """A compatible server may only say that it is flagged."""
    for flagged, kind in ((True, ContentRejectedError), (False, Brief)):
        bare = {"flagged": flagged, "categories": {}, "category_scores": {}}
        assert isinstance(described(server, "", results(bare)), kind)


def test_each_of_several_verdicts_counts(server: ScriptedServer) -> None:
    """A compatible server may answer one for the picture and one for the text."""
    one, other = verdict().body["results"][0], verdict(("violence",)).body["results"][0]
    assert isinstance(described(server, "", results(one, other)), ContentRejectedError)


@pytest.mark.parametrize(
    "answer",
    [
        Answer({}),
        Answer({"results": 5}),
        Answer({"results": {"flagged": False}}),
        results(),
        results(None),
        results("x"),
        results({}),
        results({"flagged": False}),
        results({"categories": [], "category_scores": []}),
    ],
    ids=lambda answer: str(answer.body)[-40:],
)
def test_an_answer_that_is_no_verdict_lets_nothing_pass(server: ScriptedServer, answer: Answer) -> None:
    """Nobody is asked about a picture that was not moderated; the event comes again."""
    with pytest.raises(CaptionUnavailableError):
        described(server, "", answer)
    assert not server.heard_at(RESPONSES)


def test_a_score_that_is_no_number_is_no_score(server: ScriptedServer) -> None:
    """The flag still counts where no threshold replaces it."""
    odd = {"categories": {"violence": "yes", "sexual": None}, "category_scores": {"violence": "high", "sexual": None}}
    assert isinstance(described(server, "violence=0.5", results(odd)), Brief)


def test_the_adapter_is_a_describer(server: ScriptedServer) -> None:
    """What the tests build is what `main.py` builds."""
    with openai_briefs(server) as describer:
        assert isinstance(describer, OpenAIBriefs)
