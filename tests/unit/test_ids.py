import math
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgenerator import ids
from musicgenerator.drops import track_of
from musicgenerator.events import ObjectFinalized
from tests.contracts.recorded import recorded

VERTEX_JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,127}")
MAKERS = {"s": ids.new_session_id, "t": ids.new_track_id, "r": ids.new_results_token, "k": ids.new_secret}


@pytest.mark.parametrize("letter", MAKERS)
def test_a_random_id_has_a_letter_and_128_bits_or_more(letter: str) -> None:
    """After the letter for its kind follow at least 26 characters, with all 32 letters of the alphabet in use."""
    made = [MAKERS[letter]() for _ in range(400)]
    assert {name[0] for name in made} == {letter}
    assert {character for name in made for character in name[1:]} == set(string.ascii_lowercase + "234567")
    assert math.log2(32) * min(len(name) - 1 for name in made) >= 128
    assert len(set(made)) == len(made)


def test_ids_differ_by_their_letter() -> None:
    """A session id is not a track id and the reverse."""
    assert ids.is_session_id(ids.new_session_id())
    assert ids.is_track_id(ids.new_track_id())
    assert not ids.is_session_id(ids.new_track_id())
    assert not ids.is_track_id(ids.new_session_id())


@pytest.mark.parametrize(
    "text", ["", "t", "t" + "a" * 25, "t" + "a" * 27, "t" + "1" * 26, "T" + "a" * 26, "t" * 27 + "\n"]
)
def test_malformed_track_ids_are_refused(text: str) -> None:
    """Another length, letter or digit, or a line end, is refused."""
    assert not ids.is_track_id(text)


def test_derived_ids_never_change() -> None:
    """Derived ids must never change: tracks in production depend on them."""
    event = recorded("storage_finalized_dropped")["body"]
    assert track_of(ObjectFinalized.from_data(event)) == "tkw2s6zwvygva42omn4tbfq2z6x"
    assert ids.derived_track_id("key", "s", "k") == "tqjdw7nw3x6zyrlcqxizct6gvns"
    assert ids.derived_session("salt", "0f8fad5b-d9cb-469f-a165-70867728950e") == (
        "surds7amf3hjgja4y34uqlryuqz",
        "kb7bxuf5vugcxgobzxte45zxyhp4piu6txwwyvuj7gr3kjaxcoo5q",
    )


def test_derived_ids_look_like_random_ones() -> None:
    """The same check accepts both."""
    session, secret = ids.derived_session("salt", "key")
    assert ids.is_session_id(session)
    assert len(secret) >= len("k") + 26
    assert ids.is_track_id(ids.dropped_track_id("bucket", "a.jpg", "1"))


def test_an_overwritten_object_is_another_track() -> None:
    """Bucket, name and content identify a drop, and their boundaries count."""
    tracks = {
        ids.dropped_track_id("b", "a", "1"),
        ids.dropped_track_id("b", "a", "2"),
        ids.dropped_track_id("b", "a\x001", "2"),
        ids.dropped_track_id("ba", "", "1"),
        ids.dropped_track_id("", "ba", "1"),
    }
    assert len(tracks) == 5


@given(salt=st.text("ab", min_size=1), key=st.text("ab", min_size=1))
def test_session_and_secret_derive_from_salt_and_key(salt: str, key: str) -> None:
    """The same salt and key give the same pair, another salt gives another one."""
    assert ids.derived_session(salt, key) == ids.derived_session(salt, key)
    assert ids.derived_session(salt, key) != ids.derived_session(salt + "c", key)


@given(attempt=st.integers(1, 999_999))
def test_job_ids_are_valid_and_contain_track_and_attempt(attempt: int) -> None:
    """The job id matches Vertex AI's pattern and contains track and attempt."""
    track = "t" + "a2" * 13
    job = ids.pipeline_job_id(track, attempt)
    assert VERTEX_JOB_ID.fullmatch(job)
    assert ids.track_and_attempt(job) == (track, attempt)


@pytest.mark.parametrize("job", ["", "mg", "mg-t-1", f"mg-t{'a' * 26}-0", f"mg-t{'a' * 26}-01", f"mg-t{'a' * 26}-1\n"])
def test_another_job_id_has_no_track(job: str) -> None:
    """A job id that was not derived from a track gives None."""
    assert ids.track_and_attempt(job) is None


def test_an_upload_names_the_track_it_was_announced_for() -> None:
    """Only the object `uploads/TRACK` is an announced upload."""
    track = ids.new_track_id()
    assert ids.announced_track(ids.upload_name(track)) == track
    for name in (track, f"uploads/{track}.jpg", f"uploads/uploads/{track}", "uploads/", "a.jpg"):
        assert ids.announced_track(name) is None


def test_a_secret_is_known_by_its_hash_only() -> None:
    """The hash is not the secret, and only the secret matches it."""
    secret = ids.new_secret()
    stored = ids.secret_hash(secret)
    assert secret not in stored
    assert ids.is_secret(secret, stored)
    assert not ids.is_secret(ids.new_secret(), stored)
    assert not ids.is_secret("", stored)


def test_a_run_s_id_follows_from_its_attempts_and_its_region() -> None:
    """In any order; each other set has another id, and one attempt has the id of a job of its own."""
    a, b, c = ("t" + letter * 26 for letter in "abc")
    run = ids.run_id("us-central1", [(a, 1), (b, 2)])
    assert run == ids.run_id("us-central1", [(b, 2), (a, 1)])
    others = [
        ids.run_id("europe-west4", [(a, 1), (b, 2)]),
        ids.run_id("us-central1", [(a, 2), (b, 1)]),
        ids.run_id("us-central1", [(a, 1), (b, 2), (c, 1)]),
        ids.run_id("us-central1", [(a, 1)]),
    ]
    assert len({run, *others}) == 5
    assert others[-1] == ids.pipeline_job_id(a, 1)
    assert ids.is_shared_job(run)
    assert ids.track_and_attempt(run) is None
    assert not any(ids.is_shared_job(job) for job in (others[-1], run + "a", run[:-1], run.upper()))
