"""A paid answer that is close to the schema becomes a brief; only an answer that says nothing about music fails."""

import json
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import loose_json
import pytest
from brief_reading import read_brief
from hypothesis import given
from hypothesis import strategies as st

from musicgenerator.briefs import KEYS, LENGTHS, Brief
from musicgenerator.errors import BriefError
from tests.functions.openai_answers import BRIEF


def read(answer: object, language: str = "ko") -> dict[str, Any]:
    """Return the brief that an answer becomes: a string as it is, anything else as JSON."""
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    made = read_brief(text, language)
    assert Brief.from_mapping(made.to_mapping()) == made
    return made.to_mapping()


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in BRIEF.items() if name not in names}


def test_an_answer_in_the_schema_is_not_changed() -> None:
    """Reading corrects nothing that is right."""
    assert read(BRIEF) == BRIEF


REASON = "색이 따뜻해서 장조로 정했어요."
WHYS: list[tuple[Any, dict[str, str]]] = [
    ({"key": REASON}, {"key": REASON}),
    (
        {"Tempo": "Slow.", "moods": "Calm.", "빠르기": "again"},
        {"tempo": "Slow.", "mood": "Calm."},
    ),
    ({"key": {"ko": REASON, "en": "Warm colours."}}, {"key": REASON}),
    ({"key": ["색이 따뜻해서", "장조로 정했어요."]}, {"key": REASON}),
    ({"ko": {"key": REASON}}, {"key": REASON}),
    ({"key": "<b>Warm</b> https://evil.example colours\u202e"}, {"key": "Warm colours"}),
    ({"key": f"{'a' * 150}. {'b' * 100}"}, {"key": f"{'a' * 150}."}),
    ({"key": 5, "tempo": True, "mood": None, "instruments": ""}, {}),
    ({"key": "none", "title": "T", "genre": {"key": 7}}, {}),
    ("The colours are warm.", {}),
    ([REASON], {}),
    (None, {}),
    (7, {}),
]


@pytest.mark.parametrize(("why", "known"), WHYS)
def test_reasons_are_read_if_they_are_sentences(why: Any, known: dict[str, str]) -> None:
    """They become plain sentences within their length; whatever else is there, the brief does not fail."""
    made = read(BRIEF | {"why": why})
    assert made == without("why") | ({"why": known} if known else {})


def test_an_answer_that_is_cut_short_lacks_only_reasons() -> None:
    """They come last."""
    text = json.dumps(BRIEF, ensure_ascii=False)
    made = read(text[: text.index('"why"') + 40])
    assert {name: made[name] for name in without("why")} == without("why")


MOODS = [
    (["warm & nostalgic"], ["warm", "nostalgic"]),
    (["calm."], ["calm"]),
    (["잔잔한"], ["calm"]),
    (["잔잔한", "그리움", "희망찬 느낌"], ["calm", "nostalgic", "hopeful"]),
    (["따뜻하고 그리운"], ["warm", "nostalgic"]),
    (["Calm", " WARM "], ["calm", "warm"]),
    (["calm", "Calm!", "calm,"], ["calm"]),
    (["warm and cozy", "dark/tense", "sad, lonely"], ["warm", "cozy", "dark", "tense", "sad"]),
    (["bitter-sweet", "light hearted"], ["bitter-sweet", "light hearted"]),
    (["calm (잔잔한)"], ["calm"]),
    (["calm \u2013 serene", "soft + gentle"], ["calm", "serene", "soft", "gentle"]),
    (["mélancolique"], ["melancolique"]),
    ("calm, dreamy", ["calm", "dreamy"]),
    ("peaceful", ["peaceful"]),
    ({"primary": "calm", "secondary": ["warm"]}, ["calm", "warm"]),
    (["a", "b", "c", "d", "e", "f"], ["calm"]),
    (
        [f"{word}ly" for word in ("soft", "slow", "warm", "kind", "glad", "high")],
        ["softly", "slowly", "warmly", "kindly", "gladly"],
    ),
    (["穏やか", "静谧"], ["calm"]),
    (["🌊", "!!!", ""], ["calm"]),
    (["a mood that has far more letters than any word of a mood"], ["calm"]),
    ([1, None, True], ["calm"]),
    ([], ["calm"]),
    (None, ["calm"]),
    (["https://evil.example/wild", "evil.com warm"], ["warm"]),
    (["calm, but tense"], ["calm", "tense"]),
    ("calm\nwarm", ["calm", "warm"]),
    ({"calm": 0.9, "warm": 0.4}, ["calm", "warm"]),
    ([{"mood": "calm", "weight": 0.9}], ["calm"]),
    (["#calm", "**warm**", "\uff23\uff2f\uff3a\uff39"], ["calm", "warm", "cozy"]),
    (["none", "N/A", "unknown"], ["calm"]),
    ("['calm', 'warm']", ["calm", "warm"]),
]


@pytest.mark.parametrize(("given_moods", "moods"), MOODS, ids=repr)
def test_moods(given_moods: object, moods: list[str]) -> None:
    """Moods are separated, cleaned and translated; without any, valence and energy say one."""
    assert read(BRIEF | {"moods": given_moods, "valence": 0, "energy": 0.2})["moods"] == moods


@pytest.mark.parametrize(
    ("valence", "energy", "mood"),
    [
        (0.8, 0.9, "joyful"),
        (0.8, 0.1, "peaceful"),
        (-0.8, 0.9, "tense"),
        (-0.8, 0.1, "melancholic"),
        (0, 0.9, "energetic"),
        (0, 0.1, "calm"),
    ],
)
def test_a_mood_from_valence_and_energy(valence: float, energy: float, mood: str) -> None:
    """The mood fits the numbers that the answer has."""
    assert read(BRIEF | {"moods": [], "valence": valence, "energy": energy})["moods"] == [mood]


CHOICES = [
    ("genre", "Lo-Fi", "lo-fi"),
    ("genre", "lofi hip-hop", "lo-fi"),
    ("genre", "LoFi", "lo-fi"),
    ("genre", "Bossa-Nova", "bossa nova"),
    ("genre", "smooth jazz", "jazz"),
    ("genre", "classical", "classical piano"),
    ("genre", "재즈", "jazz"),
    ("genre", "잔잔한 클래식 음악", "classical piano"),
    ("genre", "국악", "korean traditional"),
    ("genre", ["waltz", "folk"], "waltz"),
    ("genre", "orchestral film score", "cinematic"),
    ("genre", "polka", "ambient"),
    ("genre", "drum and bass", "electronic"),
    ("genre", "R&B", "jazz"),
    ("genre", "rock'n'roll", "rock"),
    ("genre", "string quartet", "string ensemble"),
    ("genre", "힙합", "lo-fi"),
    ("genre", None, "ambient"),
    ("genre", 7, "ambient"),
    ("instruments", ["Piano", "CELLO"], ["piano", "cello"]),
    ("instruments", "piano, harp and flute", ["piano", "harp", "flute"]),
    ("instruments", ["violins", "kazoo"], ["strings"]),
    ("instruments", ["soft grand piano", "fingerpicked acoustic guitar"], ["piano", "acoustic guitar"]),
    ("instruments", ["bassoon", "harpsichord", "organic textures"], ["piano", "strings"]),
    ("instruments", ["bass", "drum", "synth"], ["bass guitar", "drums", "warm pad"]),
    ("instruments", ["피아노", "어쿠스틱 기타"], ["piano", "acoustic guitar"]),
    ("instruments", ["french-horn", "FrenchHorn", "french horns"], ["french horn"]),
    ("instruments", [{"name": "oboe"}], ["oboe"]),
    ("instruments", ["kazoo"], ["piano", "strings"]),
    ("instruments", "piano with soft strings", ["piano", "strings"]),
    ("instruments", "- piano\n- cello", ["piano", "cello"]),
    ("instruments", {"lead": "sub bass", "other": "12-string guitar"}, ["synth bass", "acoustic guitar"]),
    ("instruments", ["전자기타", "해금"], ["electric guitar", "strings"]),
    ("instruments", [], ["piano", "strings"]),
    (
        "instruments",
        ["piano", "harp", "flute", "oboe", "cello", "choir", "drums"],
        ["piano", "harp", "flute", "oboe", "cello", "choir"],
    ),
]


@pytest.mark.parametrize(("field", "value", "expected"), CHOICES, ids=repr)
def test_genres_and_instruments(field: str, value: object, expected: object) -> None:
    """Other spellings and names are read, and what is unknown is left out."""
    assert read(BRIEF | {field: value, "energy": 0.2})[field] == expected


KEY_NAMES = [
    ("C# minor", "C# minor"),
    ("c minor", "C minor"),
    ("Cm", "C minor"),
    ("F#m", "F# minor"),
    ("Bbm", "Bb minor"),
    ("C", "C major"),
    ("CM", "C major"),
    ("Cmaj7", "C major"),
    ("D♭ major", "Db major"),
    ("C♯ major", "Db major"),
    ("G♭ major", "F# major"),
    ("D-flat major", "Db major"),
    ("D sharp minor", "Eb minor"),
    ("A♭ minor", "G# minor"),
    ("E# minor", "F minor"),
    ("Cb major", "B major"),
    ("g-moll", "G minor"),
    ("D Dorian", "D minor"),
    ("F Lydian", "F major"),
    ("key of G major", "G major"),
    ("b", "B major"),
    ("A MINOR", "A minor"),
    (["E minor"], "E minor"),
    ("H minor", "B minor"),
    ("fis-moll", "F# minor"),
    ("Es-Dur", "Eb major"),
    ("B-Dur", "Bb major"),
    ("la mineur", "A minor"),
    ("fa dièse mineur", "F# minor"),
    ("Si bemolle maggiore", "Bb major"),
    ("mi bemol mayor", "Eb major"),
    ("올림바단조", "F# minor"),
    ("내림나 장조", "Bb major"),
    ("A단조", "A minor"),
    ("G 메이저", "G major"),
    ("a小调", "A minor"),
    ("A harmonic minor", "A minor"),
    ({"tonic": "D", "mode": "minor"}, "D minor"),
    ("minor (E)", "E minor"),
    ("minor", "A minor"),
    ("N/A", "A minor"),
    ("happy", "A minor"),
    ("", "A minor"),
    (None, "A minor"),
    (5, "A minor"),
]


@pytest.mark.parametrize(("name", "key"), KEY_NAMES, ids=repr)
def test_keys(name: object, key: str) -> None:
    """Each way to write a key is read; without one, the valence decides between major and minor."""
    assert read(BRIEF | {"key": name, "valence": -0.5})["key"] == key
    assert key in KEYS


NUMBERS = [
    ("tempoBpm", "120 bpm", 120),
    ("tempoBpm", "ca. 96", 96),
    ("tempoBpm", "80-90", 80),
    ("tempoBpm", 92.6, 93),
    ("tempoBpm", 500, 200),
    ("tempoBpm", 0, 40),
    ("tempoBpm", -70, 40),
    ("tempoBpm", "slow", 66),
    ("tempoBpm", "Andante", 80),
    ("tempoBpm", "very fast", 168),
    ("tempoBpm", "빠르게", 140),
    ("tempoBpm", "one hundred twenty", 120),
    ("tempoBpm", "eighty-four", 84),
    ("tempoBpm", "4/4, 92 BPM", 92),
    ("tempoBpm", "1e2", 100),
    ("tempoBpm", "-", 76),
    ("tempoBpm", None, 76),
    ("tempoBpm", True, 76),
    ("tempoBpm", [84], 84),
    ("tempoBpm", 10**400, 200),
    ("valence", "0.5", 0.5),
    ("valence", "-0.25", -0.25),
    ("valence", 3, 1.0),
    ("valence", -3, -1.0),
    ("valence", None, 0.0),
    ("valence", float("nan"), 0.0),
    ("energy", "70%", 0.7),
    ("energy", 7, 1.0),
    ("energy", -1, 0.0),
    ("energy", float("inf"), 0.4),
    ("energy", "high", 0.8),
    ("energy", "7/10", 0.7),
    ("energy", "0,7", 0.7),
    ("energy", ".7", 0.7),
    ("energy", "낮음", 0.2),
    ("energy", "?", 0.4),
    ("valence", "\u22120.5", -0.5),
    ("valence", "minus 0.5", -0.5),
    ("valence", "very dark", -0.9),
    ("valence", "slightly positive", 0.3),
]


@pytest.mark.parametrize(("field", "value", "expected"), NUMBERS, ids=repr)
def test_numbers(field: str, value: object, expected: float) -> None:
    """A number may be in a text, and is kept within its bounds."""
    assert read(BRIEF | {"energy": 0.2, field: value})[field] == expected


CAPTION = "해 질 녘의 바다. 물결이 잔잔하다."
TEXTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"title": "https://evil.example/x"}, {"title": "해 질 녘의 바다"}),
    ({"title": ""}, {"title": "해 질 녘의 바다"}),
    ({"title": None}, {"title": "해 질 녘의 바다"}),
    ({"title": '"..."'}, {"title": "해 질 녘의 바다"}),
    ({"title": "“푸른 물결”"}, {"title": "푸른 물결"}),
    ({"title": "'Blue Waves'"}, {"title": "Blue Waves"}),
    ({"title": ["푸른", "물결"]}, {"title": "푸른 물결"}),
    ({"title": 1984}, {"title": "1984"}),
    ({"title": "**Sea**"}, {"title": "Sea"}),
    ({"title": "# Sea"}, {"title": "Sea"}),
    ({"title": "제목: 「바다」"}, {"title": "바다"}),
    ({"title": {"en": "Sea", "ko": "바다"}}, {"title": "바다"}),
    ({"title": "[Sea](https://evil.example/)"}, {"title": "Sea"}),
    ({"title": "Sea &amp; &lt;b&gt;Sky"}, {"title": "Sea & Sky"}),
    ({"title": "null", "avoid": "None"}, {"title": "해 질 녘의 바다", "avoid": ""}),
    ({"title": "🌊"}, {"title": "🌊"}),
    ({"title": "\ud83c"}, {"title": "해 질 녘의 바다"}),
    ({"title": "", "caption": ""}, {"title": "노을이 비치는 잔잔한 바다와 수평선", "caption": BRIEF["altText"]}),
    (
        {"title": "", "caption": None, "altText": None},
        {"title": "이름 없는 곡", "caption": "사진에서 나온 음악이에요.", "altText": "사진에서 나온 음악이에요."},
    ),
    ({"altText": ""}, {"altText": CAPTION}),
    ({"avoid": None}, {"avoid": ""}),
    ({"avoid": ["vocals", "distortion"]}, {"avoid": "vocals distortion"}),
    ({"avoid": "노래"}, {"avoid": ""}),
    ({"language": "fr"}, {"language": "ko"}),
    ({"artist": "x", "seed": 5, "brief": {}}, {}),
]


@pytest.mark.parametrize(("changes", "expected"), TEXTS, ids=repr)
def test_texts(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    """A text that is missing is derived from another one, and other fields are ignored."""
    answer = BRIEF | {"caption": CAPTION}
    assert read(json.dumps(answer | changes)) == answer | expected


def test_a_long_text_ends_with_a_sentence() -> None:
    """A caption is cut behind a sentence, without an ellipsis."""
    sentence = "The sea is calm and the light is warm. "
    made = read(BRIEF | {"caption": sentence * 30, "altText": "word " * 200, "title": "a" * 200})
    assert made["caption"] == (sentence * 10).strip()
    assert made["altText"] == "word " * 59 + "word…"
    assert made["title"] == "a" * 79 + "…"


def test_a_cut_makes_no_address() -> None:
    """What is left of a text is plain again."""
    made = read(BRIEF | {"caption": "x " * 196 + "evil.community is here"})
    assert "evil.com" not in made["caption"]


FORMS = [
    f"```json\n{json.dumps(BRIEF)}\n```",
    f"```\n{json.dumps(BRIEF)}\n```",
    f"Here is your brief:\n\n{json.dumps(BRIEF)}\n\nI hope that you like it!",
    f"\ufeff  {json.dumps(BRIEF)}",
    json.dumps([BRIEF]),
    json.dumps({"brief": BRIEF}),
    json.dumps({"result": {"brief": BRIEF}}),
    json.dumps(BRIEF, indent=2).replace("\n}", ",\n}"),
    json.dumps({name.upper(): value for name, value in BRIEF.items()}),
    json.dumps(without("tempoBpm", "altText") | {"tempo_bpm": BRIEF["tempoBpm"], "alt_text": BRIEF["altText"]}),
    json.dumps(without("tempoBpm", "moods") | {"tempo": BRIEF["tempoBpm"], "mood": BRIEF["moods"]}),
    json.dumps(without("title", "moods") | {"제목": BRIEF["title"], "분위기": BRIEF["moods"]}),
    f"<think>The {{mood}} is 'calm'.</think>{json.dumps(BRIEF)}",
    f"Here's the brief for {{the picture}}: {BRIEF!r}",
    repr(BRIEF | {"artist": None, "ok": True}),
    json.dumps(json.dumps(BRIEF)),
    json.dumps({"status": "ok", "name": "brief", "arguments": json.dumps(BRIEF)}),
    json.dumps({"picture": {"title": BRIEF["title"]}, "music": without("title")}),
    json.dumps([{name: value} for name, value in BRIEF.items()]),
    json.dumps({name: {"value": value} for name, value in BRIEF.items()}),
    json.dumps({"mood": None} | BRIEF)[:-1] + ', "moods": null}',
    json.dumps(BRIEF, indent=1).replace(",\n", "\n"),
    re.sub(r'"(\w+)":', r"\1:", json.dumps(BRIEF)).replace("{", "{ // a brief\n"),
    json.dumps(BRIEF, ensure_ascii=False).replace('"', "“", 1).replace('"', "”", 1),
    json.dumps(BRIEF)[:-1],
]


@pytest.mark.parametrize("answer", FORMS)
def test_the_object_may_have_another_form(answer: str) -> None:
    """Fences, sentences, wrappers, commas and other spellings of names do not hide the brief."""
    assert read(answer) == BRIEF


@pytest.mark.parametrize("name", BRIEF)
def test_each_field_may_be_missing(name: str) -> None:
    """The others are as they were."""
    made = read(without(name))
    assert {field: value for field, value in made.items() if field != name} == without(name)


@pytest.mark.parametrize("field", ["moods", "genre", "instruments", "prompt"])
def test_one_field_about_music_is_enough(field: str) -> None:
    """The others are derived."""
    assert read({field: BRIEF[field]}, "en")["title"] == "Untitled"


@pytest.mark.parametrize(
    "answer",
    [{}, {"title": "바다", "caption": "바다"}, {"error": "I cannot see a picture."}, [], 5, None, [BRIEF["title"]]],
    ids=json.dumps,
)
def test_an_answer_without_music_fails(answer: object) -> None:
    """Nothing says what the music should be."""
    with pytest.raises(BriefError):
        read(answer)


TEXT_OF_A_BRIEF = json.dumps(BRIEF)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Here is your brief!",
        TEXT_OF_A_BRIEF[:120],
        "{",
        "{'title': 'x'}",
        '{"a":' * 9000,
        "[" * 9000,
        '{"prompt":',
        "I am sorry: I cannot help.",
    ],
    ids=repr,
)
def test_an_answer_that_ends_before_the_music_fails(answer: str) -> None:
    """The title alone is no brief, and no depth of objects raises another error."""
    with pytest.raises(BriefError):
        read(answer)


def test_what_was_written_of_an_answer_is_read() -> None:
    """An answer may end in any place; a text that never ends is clipped."""
    end = TEXT_OF_A_BRIEF.index(', "genre"')
    made = read(TEXT_OF_A_BRIEF[:end])
    assert (made["title"], made["moods"], made["genre"]) == (BRIEF["title"], BRIEF["moods"], "ambient")
    assert read('{"prompt": "' + "Slow piano. " * 900)["prompt"].endswith("Slow piano.")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("{'a': 'it's', 'b': \"x\"}", {"a": "it's", "b": "x"}),
        ("{'a': 'it's here', b: two words, 'c': [1, None]}", {"a": "it's here", "b": "two words", "c": ["1", None]}),
        ('{"a": "say "hi" to me"}', {"a": 'say "hi" to me'}),
        (r'{"a": "\x \ud83c\udf0a \n"}', {"a": "x 🌊 \n"}),
        ("a: b\nc: d", {"a": "b", "c": "d"}),
        ('{"a": {"b": [{"c": 1', {"a": {"b": [{"c": "1"}]}}),
        ('}}] , : {"a": /* no */ true}', {"None": {"a": True}}),
    ],
)
def test_text_that_is_like_json(text: str, fields: dict[str, Any]) -> None:
    """Quotation marks, commas and ends may be missing or others."""
    assert (loose_json.loads(text).get("0") or loose_json.loads(text)) == fields


@pytest.mark.parametrize("mark", ["{", '{"a":', "'", '"\\', "[{", '",', "/*", "-", "b" * 50 + " "])
def test_a_very_long_answer_takes_little_time(mark: str) -> None:
    """No pattern takes more than a second for an answer of 100 kB."""
    began = time.process_time()
    with suppress(BriefError):
        read_brief('{"key": "' + mark * (100_000 // len(mark)), "ko")
    assert time.process_time() - began < 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["Cm", "calm.", "잔잔"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*BRIEF, "mood", "tempo"]), JSON), st.sampled_from(["ko", "en"]))
def test_any_value_in_any_field_becomes_a_brief(changes: dict[str, Any], language: str) -> None:
    """A prompt is a brief already, so nothing else can make the answer fail."""
    made = read(json.dumps(changes | {"prompt": BRIEF["prompt"]}), language)
    assert all(len(made[name]) <= length for name, length in LENGTHS.items())
    assert made["language"] == language


@given(st.text() | JSON.map(json.dumps))
def test_any_text_is_a_brief_or_a_named_failure(answer: str) -> None:
    """No answer raises another error."""
    try:
        read(answer)
    except BriefError:
        return


WORDS = json.loads((Path(__file__).parents[2] / "web" / "src" / "texts" / "ko.json").read_text(encoding="utf-8"))


def test_the_page_s_korean_moods_are_read() -> None:
    """A model that writes Korean may use the words that the page shows; each becomes moods that the page knows."""
    moods = {word: read_brief(json.dumps({"moods": [word]}), "ko").moods for word in WORDS["moods"].values()}
    assert all(set(found) <= set(WORDS["moods"]) for found in moods.values())
    # A word that is not read becomes "calm", too.
    assert len([word for word, found in moods.items() if found == ("calm",)]) == 1


def test_the_page_s_korean_genres_and_instruments_are_read() -> None:
    """Each word of the page is the name that it shows."""
    for name, word in WORDS["genres"].items():
        assert read_brief(json.dumps({"genre": word}), "ko").genre == name
    for name, word in WORDS["instruments"].items():
        assert read_brief(json.dumps({"instruments": [word]}), "ko").instruments == (name,)
