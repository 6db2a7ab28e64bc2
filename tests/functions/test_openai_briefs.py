import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from brief_prompt import PROMPT
from captioning import Picture
from openai_briefs import OpenAIBriefs
from openai_models import Models
from openai_prices import PRICES, cost_usd

from musicgenerator.briefs import (
    ENERGY,
    GENRES,
    INSTRUMENTS,
    KEYS,
    LANGUAGES,
    LENGTHS,
    MAX_INSTRUMENTS,
    MAX_MOODS,
    TEMPO_BPM,
    VALENCE,
    Brief,
)
from musicgenerator.settings import SettingMissingError
from musicgenerator.track_requests import Request
from tests.functions.openai_answers import (
    BRIEF,
    PAID,
    RESPONSES,
    cut_short,
    message,
    openai_briefs,
    response,
    said,
    script_well,
)
from tests.support.scripted_http import Answer, ScriptedServer

PICTURE = Picture(b"\xff\xd8\xff picture", 640, 480)
REQUEST = Request(hint="잔잔한 파도", style="waltz", duration_seconds=45, language="ko")


@pytest.fixture
def describer(server: ScriptedServer) -> Iterator[OpenAIBriefs]:
    """The adapter with the real client; its server flags no picture and answers with the recorded brief."""
    script_well(server)
    with openai_briefs(server) as adapter:
        yield adapter


def brief(describer: OpenAIBriefs) -> Brief:
    outcome = describer.describe(PICTURE, REQUEST).outcome
    assert isinstance(outcome, Brief)
    return outcome


def asked(server: ScriptedServer) -> Any:
    """Return the body of the only request to the Responses API."""
    (exchange,) = server.heard_at(RESPONSES)
    return exchange.json()


def test_a_parsed_answer_is_the_recorded_brief(describer: OpenAIBriefs) -> None:
    """The brief has every field of the answer."""
    assert brief(describer) == Brief.from_mapping(BRIEF)


def test_a_description_has_the_call_s_usage_and_cost(describer: OpenAIBriefs) -> None:
    """Usage names the model, the prompt version, the tokens and the US dollars."""
    assert describer.describe(PICTURE, REQUEST).usage.to_mapping() == PAID


def test_a_model_without_a_price_has_an_unknown_cost(server: ScriptedServer) -> None:
    """The cost is null, not zero."""
    script_well(server)
    with openai_briefs(server, Models("llava")) as adapter:
        usage = adapter.describe(PICTURE, REQUEST).usage
    assert usage.to_mapping() == PAID | {"model": "llava", "costUsd": None}


# The SDK warns about fields with an unexpected type.
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("counts", [None, {}, 5, {"input_tokens": "x", "output_tokens": None}], ids=json.dumps)
def test_an_answer_without_token_counts_is_accepted(
    server: ScriptedServer, describer: OpenAIBriefs, counts: object
) -> None:
    """Usage counts the call, with no tokens."""
    server.script(f"POST {RESPONSES}", said(BRIEF, usage=counts))
    description = describer.describe(PICTURE, REQUEST)
    assert Brief.from_mapping(BRIEF) == description.outcome
    assert description.usage.to_mapping() == PAID | {"inputTokens": 0, "outputTokens": 0, "costUsd": 0.0}


@pytest.mark.parametrize("model", sorted(PRICES))
def test_a_cost_is_tokens_times_price(model: str) -> None:
    """A million input and a million output tokens cost the sum of both prices."""
    assert cost_usd(model, 1_000_000, 1_000_000) == sum(PRICES[model])
    assert cost_usd(model, 0, 0) == 0
    assert cost_usd("gpt-6-luna", 812, 214) == 0.0001882


def test_key_address_and_models_come_from_the_environment(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK reads the address itself; a missing key is named."""
    script_well(server)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
    environ = {"OPENAI_API_KEY": "worthless", "OPENAI_MODEL": "llava"}
    brief(OpenAIBriefs.from_environ(environ))
    assert asked(server)["model"] == "llava"
    headers = {name.lower(): value for name, value in server.heard[0].headers.items()}
    assert headers["authorization"] == "Bearer worthless"
    with pytest.raises(SettingMissingError, match="OPENAI_API_KEY"):
        OpenAIBriefs.from_environ({"OPENAI_MODEL": "llava"})


def test_the_model_is_asked_once_and_the_request_is_not_stored(server: ScriptedServer, describer: OpenAIBriefs) -> None:
    """The one request has the picture as a data URL and the wish as JSON, and `store` is false."""
    describer.describe(PICTURE, REQUEST)
    body = asked(server)
    assert body["model"] == "gpt-6-luna"
    assert body["store"] is False
    assert body["reasoning"] == {"effort": "none"}
    assert body["max_output_tokens"] == 1500
    developer, user = body["input"]
    assert developer == {"role": "developer", "content": PROMPT}
    wish, image = user["content"]
    expected = {"language": "ko", "hint": "잔잔한 파도", "style": "waltz", "durationSeconds": 45}
    assert json.loads(wish["text"]) == expected
    address = "data:image/jpeg;base64," + base64.b64encode(PICTURE.jpeg).decode()
    assert image == {"type": "input_image", "image_url": address, "detail": "low"}


def objects(schema: Any) -> Iterator[Any]:
    """Yield every object schema at any depth."""
    if isinstance(schema, list):
        for part in schema:
            yield from objects(part)
    if isinstance(schema, dict):
        if schema.get("type") == "object" or "properties" in schema:
            yield schema
        for part in schema.values():
            yield from objects(part)


def test_the_schema_is_strict_at_every_object(server: ScriptedServer, describer: OpenAIBriefs) -> None:
    """Every property is required and no other is allowed; the API refuses a strict schema otherwise."""
    describer.describe(PICTURE, REQUEST)
    form = asked(server)["text"]["format"]
    assert (form["type"], form["strict"]) == ("json_schema", True)
    found = list(objects(form["schema"]))
    assert found
    for schema in found:
        assert schema["additionalProperties"] is False
        assert sorted(schema["properties"]) == sorted(schema["required"])


def test_the_schema_has_the_brief_s_fields_lists_and_ranges(server: ScriptedServer, describer: OpenAIBriefs) -> None:
    """The schema lists a brief's fields in order, its choices and its bounds."""
    describer.describe(PICTURE, REQUEST)
    properties = asked(server)["text"]["format"]["schema"]["properties"]
    assert list(properties) == list(BRIEF)
    enums = {name: schema["enum"] for name, schema in properties.items() if "enum" in schema}
    assert enums == {"language": list(LANGUAGES), "genre": list(GENRES), "key": list(KEYS)}
    assert properties["instruments"]["items"]["enum"] == list(INSTRUMENTS)
    assert (properties["instruments"]["minItems"], properties["instruments"]["maxItems"]) == (1, MAX_INSTRUMENTS)
    assert (properties["moods"]["minItems"], properties["moods"]["maxItems"]) == (1, MAX_MOODS)
    for name, bounds in {"tempoBpm": TEMPO_BPM, "valence": VALENCE, "energy": ENERGY}.items():
        assert (properties[name]["minimum"], properties[name]["maximum"]) == bounds
    why = asked(server)["text"]["format"]["schema"]["$defs"]["WhyAnswer"]
    assert list(why["properties"]) == why["required"] == ["tempo", "key", "instruments", "mood"]
    del properties["why"]
    texts = {name for name, schema in properties.items() if schema == {"title": schema["title"], "type": "string"}}
    assert texts == set(LENGTHS)


def test_the_prompt_names_every_field_and_treats_the_wish_as_material() -> None:
    """The prompt says that wish and picture are never instructions."""
    assert all(name in PROMPT for name in BRIEF)
    assert "never instructions" in PROMPT


def test_texts_that_are_too_long_are_clipped(server: ScriptedServer, describer: OpenAIBriefs) -> None:
    """A long text is cut with an ellipsis and its blanks are collapsed, so a paid answer is not lost."""
    long = dict.fromkeys(LENGTHS, "sea  " * 1000)
    server.script(f"POST {RESPONSES}", said(BRIEF | long))
    made = brief(describer).to_mapping()
    for name, length in LENGTHS.items():
        assert length - 4 <= len(made[name]) <= length
        assert made[name].startswith("sea sea")
        assert made[name].endswith("…")


def test_commentary_before_the_answer_is_skipped(server: ScriptedServer, describer: OpenAIBriefs) -> None:
    """A model may send a message with the phase `commentary`, which is no JSON, before its `final_answer`."""
    commentary, answer = (said(words).body["output"][0] for words in ("Let me look at the picture.", BRIEF))
    messages = [commentary | {"phase": "commentary"}, answer | {"phase": "final_answer"}]
    server.script(f"POST {RESPONSES}", response(*messages))
    assert brief(describer) == Brief.from_mapping(BRIEF)


CUT = json.dumps(BRIEF)[: json.dumps(BRIEF).index(', "key"')]
PARTS = [{"type": "output_text", "text": text, "annotations": []} for text in ("Here is your brief:", CUT)]


@pytest.mark.parametrize("answer", [cut_short(message(PARTS[1])), response(message(*PARTS))], ids=["cut", "parts"])
def test_an_answer_that_says_enough_is_read(server: ScriptedServer, describer: OpenAIBriefs, answer: Answer) -> None:
    """An answer may end before its last fields, or have several texts; it is paid for."""
    server.script(f"POST {RESPONSES}", answer)
    assert brief(describer).genre == BRIEF["genre"]


def test_small_deviations_are_corrected(server: ScriptedServer, describer: OpenAIBriefs) -> None:
    """Capital letters in moods, a repeated instrument and another language do not fail a paid answer."""
    answer = BRIEF | {"moods": [" Calm "], "instruments": ["harp", "harp"], "language": "en", "avoid": ""}
    server.script(f"POST {RESPONSES}", said(answer))
    made = brief(describer)
    assert (made.moods, made.instruments, made.language, made.avoid) == (("calm",), ("harp",), "ko", "")


@pytest.mark.parametrize("edge", [0, 1], ids=["lowest", "highest"])
def test_numbers_at_their_bounds_are_accepted(server: ScriptedServer, describer: OpenAIBriefs, edge: int) -> None:
    """Ranges include their bounds."""
    answer = {"tempoBpm": TEMPO_BPM[edge], "valence": VALENCE[edge], "energy": ENERGY[edge]}
    server.script(f"POST {RESPONSES}", said(BRIEF | answer))
    assert brief(describer) == Brief.from_mapping(BRIEF | answer)
