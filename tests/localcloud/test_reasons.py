"""The offline describer's reasons are true: each names what was measured, seen or asked for, and what was chosen."""

from dataclasses import replace

import pytest

from localcloud.openai.describer.describer import Describer, Request, Sight
from localcloud.openai.describer.evaluation.expectations import EXPECTATIONS
from localcloud.openai.describer.korean import Word
from localcloud.openai.describer.nets import Nets
from localcloud.openai.describer.phrases import PHRASES
from localcloud.openai.describer.recognition import Subject
from localcloud.openai.describer.vocabulary import concepts
from musicgenerator.briefs import LANGUAGES, WHY_LENGTH, Brief

PICTURES = {each.name: each for each in EXPECTATIONS if each.name in {"chelsea", "coffee", "rocket", "cell", "grass"}}
# Clauses, and what must hold of a picture of which they are said.
TRUE_IF = {
    "lightness_more": lambda m: m.lightness > 0.6,
    "lightness_less": lambda m: m.lightness < 0.44,
    "contrast_more": lambda m: m.contrast > 0.2,
    "contrast_less": lambda m: m.contrast < 0.12,
    "colour_more": lambda m: m.saturation > 0.06,
    "colour_less": lambda m: m.saturation < 0.05,
    "warmth_more": lambda m: m.warmth > 0.2,
    "warmth_less": lambda m: m.warmth < -0.2,
    "edges_more": lambda m: m.edges > 0.25,
    "edges_less": lambda m: m.edges < 0.15,
    "smooth_less": lambda m: m.smooth > 0.7,
}


@pytest.fixture(scope="module")
def describer() -> Describer:
    return Describer(Nets())


@pytest.fixture(scope="module")
def sights(describer: Describer) -> dict[str, Sight]:
    return {name: describer.look(picture.image()) for name, picture in PICTURES.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_reason_is_a_short_true_sentence(describer: Describer, sights: dict[str, Sight], language: str) -> None:
    """In other light, too: a clause is said only if it holds, and the key and the instrument are the brief's."""
    clauses, instruments = PHRASES[language].reasons, PHRASES[language].instruments
    mode = {"major": ("major", "장조"), "minor": ("minor", "단조")}
    for name, sight in [*sights.items(), *_changed(sights)]:
        brief = describer.brief(sight, Request(language))
        why = brief["why"]
        assert list(why) == ["tempo", "key", "instruments", "mood"]
        assert Brief.from_mapping(brief).why.to_mapping() == why
        assert all(said.endswith(".") and "{" not in said and len(said) <= WHY_LENGTH for said in why.values()), why
        said = [clause for clause in TRUE_IF if clauses[clause].lower() in " ".join(why.values()).lower()]
        assert all(TRUE_IF[clause](sight.light) for clause in said), (name, why)
        assert any(word in why["key"] for word in mode[brief["key"].split()[1]]), why
        assert any(instruments[player] in why["instruments"] for player in brief["instruments"]), why


def test_a_thing_is_named_only_if_it_is_seen(describer: Describer, sights: dict[str, Sight]) -> None:
    """A picture of which only the light is known has reasons of light and colour."""
    cat = describer.brief(sights["chelsea"], Request("en"))["why"]
    assert "a cat" in cat["mood"]
    assert not sights["grass"].subject.named
    unknown = " ".join(describer.brief(sights["grass"], Request("en"))["why"].values())
    assert "fine texture" not in unknown
    assert "picture of" not in unknown


def test_what_the_person_asked_for_is_the_reason(describer: Describer, sights: dict[str, Sight]) -> None:
    """A wish that did not decide is none."""
    sight = sights["coffee"]
    asked = describer.brief(sight, Request("en", "slower, sad, with a cello"))["why"]
    assert asked == {
        "tempo": "You asked for something slower, so the tempo is slow for this style.",
        "key": "You asked for melancholic music, so the key is minor; the colours and the brightness chose its tonic.",
        "instruments": "You asked for the cello; the other instruments suit the style and the picture.",
        "mood": "You asked for music that is melancholic.",
    }
    korean = describer.brief(sight, Request("ko", "더 빠르게"))["why"]
    assert korean["tempo"] == "더 빠른 음악을 원하셔서 이 장르에서 빠른 편의 템포를 골랐어요."
    plain = describer.brief(sight, Request("en", "music for my mother"))["why"]
    assert "asked" not in " ".join(plain.values())


def test_an_instrument_in_the_picture_is_the_reason_for_its_sound(
    describer: Describer, sights: dict[str, Sight]
) -> None:
    """It plays first."""
    seen = Subject(next(each for each in concepts() if each.english == "an acoustic guitar"), named=True)
    brief = describer.brief(replace(sights["grass"], subject=seen), Request("ko"))
    assert brief["why"]["instruments"].startswith(f"사진에 {Word(seen.concept.korean):이} 있어서")


def _changed(sights: dict[str, Sight]) -> list[tuple[str, Sight]]:
    """Return the pictures in other light: dark, bright, colourful, grey, warm, cool, still, busy."""
    lights: list[dict[str, float]] = [
        {"lightness": 0.2},
        {"lightness": 0.85},
        {"saturation": 0.16, "warmth": 0.9},
        {"saturation": 0.0},
        {"saturation": 0.06, "warmth": -0.9, "lightness": 0.5},
        {"edges": 0.0, "contrast": 0.05, "smooth": 0.95},
        {"edges": 0.6, "contrast": 0.35, "smooth": 0.0},
    ]
    return [(f"{name} {change}", _with(sight, change)) for name, sight in sights.items() for change in lights]


def _with(sight: Sight, change: dict[str, float]) -> Sight:
    return replace(sight, light=replace(sight.light, **change))  # type: ignore[arg-type]  its values are numbers
