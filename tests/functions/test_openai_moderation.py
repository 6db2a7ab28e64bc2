import base64

import pytest
from captioning import Picture
from openai_models import Models

from musicgenerator.briefs import Brief
from musicgenerator.errors import CaptionUnavailableError, ContentRejectedError
from musicgenerator.settings import SettingInvalidError, SettingMissingError
from musicgenerator.track_requests import Request
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
    """Return the outcome for a picture with this moderation answer and these thresholds."""
    script_well(server)
    server.script(f"POST {MODERATION}", answer)
    models = Models.from_environ(ENVIRON | {"MODERATION_THRESHOLDS": thresholds})
    with openai_briefs(server, models) as describer:
        return describer.describe(PICTURE, REQUEST).outcome


def test_the_moderation_sees_picture_and_wish_first(server: ScriptedServer) -> None:
    """The free moderation request comes first, with the picture as a data URL and hint and style as text."""
    script_well(server)
    with openai_briefs(server) as describer:
        describer.describe(PICTURE, REQUEST)
    first, second, third = server.heard
    assert (first.path, second.path, third.path) == (MODERATION, RESPONSES, MODERATION)
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
def test_an_empty_wish_is_not_moderated(server: ScriptedServer, expected: list[str], request_: Request) -> None:
    """The moderation request has a text only if hint or style has one."""
    script_well(server)
    with openai_briefs(server) as describer:
        describer.describe(PICTURE, request_)
    assert [part["type"] for part in server.heard[0].json()["input"]] == expected


@pytest.mark.parametrize("category", ["sexual", "self-harm", "violence", "sexual/minors", "a-new-category"])
def test_any_flagged_category_rejects_before_the_paid_call(server: ScriptedServer, category: str) -> None:
    """The error names the category for the log, and the model is not called."""
    script_well(server)
    server.script(f"POST {MODERATION}", verdict((category,)))
    with openai_briefs(server) as describer:
        description = describer.describe(PICTURE, REQUEST)
    assert isinstance(description.outcome, ContentRejectedError)
    assert category in str(description.outcome)
    assert description.usage.to_mapping() == UNPAID
    assert not server.heard_at(RESPONSES)


def test_without_a_moderation_model_nothing_is_moderated(server: ScriptedServer) -> None:
    """Ollama and vLLM have no moderation endpoint."""
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
        "a category without a score",
        "a category without a score, and another is flagged",
    ],
)
def test_a_threshold_replaces_the_api_s_flag_for_its_category(
    server: ScriptedServer, *, rejected: bool, thresholds: str, flagged: tuple[str, ...], scores: dict[str, float]
) -> None:
    """A score that reaches the threshold rejects; in a category without a threshold the flag decides."""
    outcome = described(server, thresholds, verdict(flagged, scores))
    assert rejected is isinstance(outcome, ContentRejectedError)
    assert rejected is not isinstance(outcome, Brief)


@pytest.mark.parametrize(
    "thresholds",
    ["sexual", "sexual=", "sexual=a", "=0.4", "sexual=nan", "sexual=1.1", "sexual=-1", "sexual=40%", "0.4"],
)
def test_a_threshold_that_no_score_would_reach_is_refused_by_name(thresholds: str) -> None:
    """A typing error must not accept every picture."""
    with pytest.raises(SettingInvalidError, match="MODERATION_THRESHOLDS"):
        Models.from_environ(ENVIRON | {"MODERATION_THRESHOLDS": thresholds})


def test_the_models_come_from_the_environment() -> None:
    """`OPENAI_MODEL` is required; moderation and thresholds are optional."""
    assert Models.from_environ(ENVIRON) == MODELS
    assert Models.from_environ({"OPENAI_MODEL": "llava"}) == Models("llava")
    expected = Models("m", "", {"sexual": 0.4, "self-harm/intent": 1.0})
    environ = {"OPENAI_MODEL": "m", "MODERATION_THRESHOLDS": " sexual=.4  self-harm/intent=1 "}
    assert Models.from_environ(environ) == expected
    with pytest.raises(SettingMissingError, match="OPENAI_MODEL"):
        Models.from_environ({})


def results(*found: object) -> Answer:
    return Answer({"id": "modr-1", "model": "omni-moderation-latest", "results": list(found)})


def test_a_flag_without_categories_rejects(server: ScriptedServer) -> None:
    """A compatible server may return `flagged` alone."""
    for flagged, kind in ((True, ContentRejectedError), (False, Brief)):
        bare = {"flagged": flagged, "categories": {}, "category_scores": {}}
        assert isinstance(described(server, "", results(bare)), kind)


def test_each_of_several_results_counts(server: ScriptedServer) -> None:
    """A compatible server may return one result for the picture and one for the text."""
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
def test_a_malformed_moderation_answer_stops_the_picture(server: ScriptedServer, answer: Answer) -> None:
    """The model is not called for a picture that was not moderated; the event is delivered again."""
    with pytest.raises(CaptionUnavailableError):
        described(server, "", answer)
    assert not server.heard_at(RESPONSES)


def test_a_score_that_is_no_number_is_ignored(server: ScriptedServer) -> None:
    """A flag or a score of another type neither rejects nor raises."""
    odd = {"categories": {"violence": "yes", "sexual": None}, "category_scores": {"violence": "high", "sexual": None}}
    assert isinstance(described(server, "violence=0.5", results(odd)), Brief)
