import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from musicgenerator.errors import MusicMissingError
from musicgenerator.results import COVER, MUSIC, MUSIC_WAV, RESULT_TYPES, TRACK, Music, MusicFacts, ResultsBucket
from tests.contracts.recorded import TOKEN, recorded
from tests.unit.json_values import JSON

FOLDER = ResultsBucket("https://storage.googleapis.com/", "musicgenerator-results").folder(TOKEN)


def test_the_facts_are_read_from_the_recorded_track_json() -> None:
    """Reading the facts of `track.json` and writing them again changes nothing."""
    contract = recorded("track")
    facts = MusicFacts.from_json(json.dumps(contract, ensure_ascii=False))
    assert facts.to_mapping() == contract["music"]
    assert facts.bytes == 722304
    assert facts.duration_seconds == 30.02


def test_the_music_field_is_the_recorded_one() -> None:
    """Addresses and facts are the track's `music`."""
    facts = MusicFacts.from_json(json.dumps(recorded("track")))
    assert Music(FOLDER, facts).to_mapping() == recorded("track_ready")["music"]


def test_results_are_in_the_token_s_folder() -> None:
    """Names and addresses differ only in the bucket's base address."""
    assert FOLDER.name(MUSIC) == f"{TOKEN}/music.mp3"
    assert FOLDER.url(COVER) == f"https://storage.googleapis.com/musicgenerator-results/{TOKEN}/cover.jpg"
    assert {MUSIC, MUSIC_WAV, COVER, TRACK} <= set(RESULT_TYPES)


def test_an_earlier_release_s_track_json_names_no_notes() -> None:
    """Without the facts that say so, the track has no addresses of a MIDI file and a score."""
    contract = recorded("track")
    del contract["music"]["midi"], contract["music"]["score"]
    music = Music(FOLDER, MusicFacts.from_json(json.dumps(contract))).to_mapping()
    assert not {"midi", "score", "midiUrl", "scoreUrl"} & music.keys()


@pytest.mark.parametrize("field", sorted(recorded("track")["music"].keys() - {"midi", "score"}))
def test_a_missing_fact_is_missing_music(field: str) -> None:
    """Every fact is required, except those that an earlier release did not write."""
    contract = recorded("track")
    del contract["music"][field]
    with pytest.raises(MusicMissingError, match=field):
        MusicFacts.from_json(json.dumps(contract))


TRACK_LIKE = st.fixed_dictionaries({"music": st.fixed_dictionaries(dict.fromkeys(recorded("track")["music"], JSON))})


@settings(max_examples=60)
@given(text=st.text() | (JSON | TRACK_LIKE).map(json.dumps))
@example(text="\ufeff{}")
def test_any_text_states_music_or_is_missing_music(text: str) -> None:
    """Nothing else is raised, so that the track always ends."""
    with suppress(MusicMissingError):
        assert all(isinstance(peak, float) for peak in MusicFacts.from_json(text).peaks)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, json.dumps(recorded("track")).replace("0.12", "1" + "0" * 400)],
    ids=["nested too deep", "number too large"],
)
def test_json_that_python_gives_up_on_is_missing_music(text: str) -> None:
    """A RecursionError or an OverflowError of the parser also ends the track."""
    with pytest.raises(MusicMissingError):
        MusicFacts.from_json(text)


def test_the_engine_that_failed_is_named_only_if_there_is_one() -> None:
    """`fallbackFrom` is no field of the other tracks."""
    music = recorded("track")["music"]
    facts = MusicFacts.from_json(json.dumps({"music": music}))
    assert "fallbackFrom" not in facts.to_mapping()
    assert replace(facts, fallback_from="lyria-002").to_mapping() == music | {"fallbackFrom": "lyria-002"}


def test_the_cover_alone_is_shown_until_the_music_is_finished() -> None:
    """`music` holds one address."""
    assert Music(FOLDER).to_mapping() == {"coverUrl": FOLDER.url(COVER)}


def test_the_results_bucket_is_a_setting() -> None:
    """Address and name come from the environment."""
    environ = {"STORAGE_URL": "https://storage.example", "RESULTS_BUCKET": "results"}
    assert ResultsBucket.from_environ(environ) == ResultsBucket("https://storage.example", "results")
