from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicgenerator.briefs import GENRES, INSTRUMENTS, KEYS, LENGTHS, Brief
from musicgenerator.errors import BriefError
from tests.contracts.recorded import recorded
from tests.unit.json_values import JSON


def brief_with(**fields: Any) -> dict[str, Any]:
    return dict(recorded("track_captioned")["brief"]) | fields


INSIDE: list[tuple[str, Any]] = [
    *((name, "ㄱ" * length) for name, length in LENGTHS.items()),
    ("avoid", ""),
    ("language", "en"),
    ("moods", ["calm", "warm", "wistful", "slow", "lo-fi dusk"]),
    ("instruments", list(INSTRUMENTS[:6])),
    ("tempoBpm", 40),
    ("tempoBpm", 200),
    ("tempoBpm", 72.4),
    ("valence", -1),
    ("valence", 1),
    ("energy", 0),
    ("energy", 1),
]
NOT_A_CHOICE: list[Any] = [None, "", "Korean", ["ko"], {}, 1]
NOT_A_LIST: list[Any] = [None, [], "calm", {"calm": 1}, [None], [["a"]]]
NOT_A_NUMBER: list[Any] = [None, "1", True, [], float("nan")]
OUTSIDE: list[tuple[str, Any]] = [
    *((name, "ㄱ" * (length + 1)) for name, length in LENGTHS.items()),
    *((name, wrong) for name in LENGTHS for wrong in (None, 5, ["a"])),
    *((name, empty) for name in LENGTHS if name != "avoid" for empty in ("", " \n")),
    *((name, wrong) for name in ("language", "genre", "key") for wrong in NOT_A_CHOICE),
    *((name, wrong) for name in ("moods", "instruments") for wrong in NOT_A_LIST),
    ("moods", ["calm"] * 6),
    ("moods", ["Calm"]),
    ("moods", ["c"]),
    ("moods", ["a" * 25]),
    ("moods", ["calm\n"]),
    ("moods", ["평온한"]),
    ("instruments", ["piano"] * 7),
    ("instruments", ["kazoo"]),
    *((name, wrong) for name in ("tempoBpm", "valence", "energy") for wrong in NOT_A_NUMBER),
    ("tempoBpm", 39.9),
    ("tempoBpm", 200.1),
    ("valence", -1.01),
    ("valence", 1.01),
    ("energy", -0.01),
    ("energy", float("inf")),
]


def test_a_brief_reads_and_writes_the_track_documents_field() -> None:
    """Reading the recorded brief and writing it again changes nothing."""
    document = recorded("track_captioned")["brief"]
    assert Brief.from_mapping(document).to_mapping() == document


@pytest.mark.parametrize(("field", "value"), INSIDE)
def test_a_field_at_its_bound_is_taken(field: str, value: Any) -> None:
    """The bounds are inclusive."""
    brief = Brief.from_mapping(brief_with(**{field: value})).to_mapping()
    assert (round(value) if field == "tempoBpm" else value) == brief[field]


@pytest.mark.parametrize(("field", "value"), OUTSIDE)
def test_a_field_out_of_bounds_is_named(field: str, value: Any) -> None:
    """The error and its message name the invalid field."""
    with pytest.raises(BriefError) as caught:
        Brief.from_mapping(brief_with(**{field: value}))
    assert caught.value.field == field
    assert str(caught.value).startswith(field)


@pytest.mark.parametrize("field", sorted(brief_with().keys() - {"why"}))
def test_a_missing_field_is_named(field: str) -> None:
    """Every field but the reasons is required."""
    data = brief_with()
    del data[field]
    with pytest.raises(BriefError) as caught:
        Brief.from_mapping(data)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("why", "known"),
    [
        ({"tempo": "ㄱ" * 200, "key": "ㄱ" * 201, "mood": "\ud83c", "instruments": ""}, {"tempo": "ㄱ" * 200}),
        ({"tempo": 5, "key": None, "genre": "unknown"}, {}),
        (None, {}),
        ("a text", {}),
        ([], {}),
    ],
)
def test_reasons_that_are_no_sentences_are_left_out(why: Any, known: dict[str, str]) -> None:
    """A brief never fails for them; old documents have none."""
    made = Brief.from_mapping(brief_with(why=why)).to_mapping()
    assert made.get("why", {}) == known
    assert ("why" in made) == bool(known)


def test_reasons_are_moderated_like_all_words() -> None:
    """The describer may have copied words from the picture into them."""
    assert "evil" in Brief.from_mapping(brief_with(why={"mood": "evil"})).words()


def test_an_instrument_named_twice_plays_once() -> None:
    """Duplicates are removed and the order is kept."""
    brief = Brief.from_mapping(brief_with(instruments=["harp", "piano", "harp"]))
    assert brief.instruments == ("harp", "piano")


def test_the_vocabulary_is_as_large_as_the_contract_says() -> None:
    """It has every major and minor key once, and no word twice."""
    assert len(set(KEYS)) == 24 == len(KEYS)
    assert len(set(GENRES)) == 12 == len(GENRES)
    assert len(INSTRUMENTS) == len(set(INSTRUMENTS))


@settings(max_examples=60)
@given(field=st.sampled_from(sorted(brief_with())), value=JSON)
def test_any_value_is_taken_or_refused_by_name(field: str, value: Any) -> None:
    """For any answer of a model, the brief is within its bounds or a BriefError names the field."""
    named = field
    try:
        brief = Brief.from_mapping(brief_with(**{field: value}))
        assert Brief.from_mapping(brief.to_mapping()) == brief
    except BriefError as error:
        named = error.field
    assert named == field


@pytest.mark.parametrize("field", sorted(LENGTHS))
def test_a_lone_surrogate_is_no_text(field: str) -> None:
    """A lone surrogate, which JSON can contain and no store can encode, is refused."""
    with pytest.raises(BriefError) as caught:
        Brief.from_mapping(brief_with(**{field: "\ud83c"}))
    assert caught.value.field == field
