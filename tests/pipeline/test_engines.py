import base64
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from localcloud.addresses import Addresses
from localcloud.servers import identity as identity_server
from musicgenerator.briefs import ENGINES, Brief
from musicgenerator.errors import BriefError
from musicgenerator.track_requests import Kept
from pipeline.audio import Audio
from pipeline.engines import Cloud, Take, engine_named
from pipeline.engines.__main__ import FACTS, rows
from pipeline.engines.choice import WithFallback, chosen
from pipeline.engines.errors import EngineNotConfiguredError, NoAudioError, RequestRefusedError
from pipeline.engines.heard import decoded
from pipeline.engines.keeping_composer import KeepingComposer
from pipeline.takes import recalled, stored
from tests.support.local_vertex import LocalVertex


@pytest.fixture
def signed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The credentials of the local cloud."""
    addresses = Addresses(9, tmp_path)
    identity_server.prepare(addresses)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(addresses.credentials_file))


def test_every_engine_can_be_made_and_is_listed() -> None:
    """Requests, the registry and ``make engines`` name the same engines."""
    assert list(FACTS) == list(ENGINES)
    with pytest.raises(BriefError, match="composer, lyria-002, lyria-3-clip, lyria-3-pro, endpoint") as caught:
        engine_named("no-such-engine")
    assert caught.value.field == "engine"


@pytest.mark.usefixtures("signed_in")
def test_the_list_names_missing_settings() -> None:
    """The composer needs no setting; the others need a project, and the endpoint needs its name."""
    lacking = {row[0]: row[-1] for row in rows({})}
    assert lacking["composer"] == "yes"
    assert lacking["lyria-002"] == lacking["lyria-3-clip"] == lacking["lyria-3-pro"] == "no: set GOOGLE_CLOUD_PROJECT"
    assert lacking["endpoint"].startswith("no: set MODEL_ENDPOINT")
    endpoint = "projects/p/locations/us-central1/endpoints/1"
    complete = rows({"GOOGLE_CLOUD_PROJECT": "p", "MODEL_ENDPOINT": endpoint})
    assert {row[-1] for row in complete} == {"yes"}


def test_the_list_is_a_table() -> None:
    """``python -m pipeline.engines`` prints a line for each engine with its price, length, rate and licence."""
    command = [sys.executable, "-m", "pipeline.engines"]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    printed = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout.splitlines()
    heading, *lines = printed[: 1 + len(ENGINES)]
    assert heading.split() == ["engine", "model", "price", "length", "rate", "licence", "at", "Google"]
    # "no" is about Google: the last line is how the local cloud plays them all.
    assert printed[-1] == f'  ALLOWED_ENGINES="{" ".join(name for name in ENGINES if "lyria" in name)}" make run'
    assert [line.split()[0] for line in lines] == list(ENGINES)
    assert "0.06 USD" in lines[1]
    assert "0.04 USD" in lines[2]
    assert "0.08 USD" in lines[3]


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize(
    ("engine", "clients"),
    [
        ("composer", []),
        ("lyria-002", ["requests"]),
        ("endpoint", ["requests"]),
        ("lyria-3-clip", ["google.genai"]),
        ("lyria-3-pro", ["google.genai"]),
    ],
)
def test_an_engine_imports_only_its_own_client(engine: str, clients: list[str]) -> None:
    """The composer imports no client; google-genai costs a second that only Lyria 3 pays.

    An answer without content credentials loads no library that reads them.
    """
    program = f"""
import sys
from pipeline import making
from pipeline.engines.heard import credentials_of
from pipeline.engines import Cloud, engine_named
engine_named({engine!r}, Cloud("p", "", "projects/p/locations/us-central1/endpoints/1"))
credentials_of(b"RIFF....WAVE")
print(*[name for name in ("requests", "google.genai", "google.cloud.aiplatform_v1", "c2pa") if name in sys.modules])
"""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert [name for name in loaded if name != "requests" or "google.genai" not in loaded] == clients


@pytest.mark.parametrize("fallback", ["", "composer"])
def test_an_engine_is_not_its_own_fallback(fallback: str) -> None:
    """Without a fallback, or with itself as one, the engine is used alone."""
    assert chosen("composer", fallback, Cloud()).name == "composer"
    assert not isinstance(chosen("composer", fallback, Cloud()), WithFallback)


def test_only_the_composer_keeps_a_part_of_its_music() -> None:
    """It has no fallback then, which would make other music; another engine is refused."""
    keep = (Kept(77, "lead"),)
    engine = chosen("composer", "lyria-002", Cloud(), keep)
    assert isinstance(engine, KeepingComposer)
    assert (engine.name, engine.keep) == ("composer", keep)
    with pytest.raises(BriefError) as caught:
        chosen("lyria-002", "composer", Cloud(), keep)
    assert caught.value.field == "keep"


@pytest.mark.parametrize(
    ("engine", "fallback", "field"), [("nobody", "composer", "engine"), ("composer", "nobody", "fallback_engine")]
)
def test_an_unknown_engine_is_an_error_of_its_field(engine: str, fallback: str, field: str) -> None:
    """The error says whether the request or the operator's setting is wrong."""
    with pytest.raises(BriefError) as caught:
        chosen(engine, fallback, Cloud())
    assert caught.value.field == field


def test_an_engine_that_is_not_configured_fails_or_falls_back(sea: Brief) -> None:
    """A take of the fallback names the engine that failed."""
    with pytest.raises(EngineNotConfiguredError, match="MODEL_ENDPOINT"):
        chosen("endpoint", "", Cloud("p"))
    take = chosen("endpoint", "composer", Cloud("p")).make(sea, 10, 7)
    assert (take.engine, take.fallback_from, take.seed) == ("composer", "endpoint", 7)


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("failure", ["safety", "forbidden"])
def test_a_refused_request_fails_or_falls_back(vertex: LocalVertex, sea: Brief, failure: str) -> None:
    """The engine is asked once, then the fallback, if there is one; the requests carry Google's credentials."""
    with pytest.raises(RequestRefusedError):
        chosen("lyria-002", "", vertex.script("lyria-002", failure).cloud).make(sea, 10, 7)
    take = chosen("lyria-002", "lyria-3-clip", vertex.script("lyria-002", failure).cloud).make(sea, 10, 7)
    assert (take.engine, take.fallback_from, take.cost_usd) == ("lyria-3-clip", "lyria-002", 0.04)
    assert len(vertex.asked("lyria-002")) == 1


@pytest.mark.usefixtures("signed_in")
def test_an_engine_that_succeeds_needs_no_fallback(vertex: LocalVertex, sea: Brief) -> None:
    """The fallback receives no request, and the take names none."""
    vertex.script("lyria-3-clip-preview")
    take = chosen("lyria-002", "lyria-3-clip", vertex.script("lyria-002").cloud).make(sea, 10, 7)
    assert (take.engine, take.fallback_from) == ("lyria-002", None)
    assert not vertex.asked("lyria-3-clip-preview")


def test_a_stored_take_is_read_back_exactly() -> None:
    """Samples, provenance, score and form are equal, so the files made from it are equal."""
    samples = np.random.default_rng(1).normal(0, 0.5, (4410, 2)).astype(np.float32)
    form = {"key": "D major"}
    take = Take(
        Audio(samples, 44_100),
        "composer",
        "composer-1",
        7,
        0.06,
        b"MThd",
        form,
        fallback_from="lyria-002",
        score=b"<s/>",
    )
    again = recalled(stored(take))
    assert np.array_equal(samples, again.audio.samples)
    assert again.audio.rate == 44_100
    assert replace(take, audio=again.audio) == again
    assert again.answer is None


def test_an_encoded_answer_is_stored_as_it_came(tone: str) -> None:
    """An encoded take is never encoded again, so storing and reading it loses nothing."""
    answer = base64.b64decode(tone)
    audio = decoded(answer)
    assert audio is not None
    take = Take(audio, "endpoint", "musicgen", 7, 0.0, midi=None, form={}, answer=answer)
    again = recalled(stored(take))
    assert np.array_equal(take.audio.samples, again.audio.samples)
    assert replace(take, audio=again.audio) == again
    assert stored(again) == stored(take)


def test_a_take_that_an_earlier_release_stored_is_read(tone: str) -> None:
    """It did not store whether the audio is the engine's answer."""
    answer = base64.b64decode(tone)
    audio = decoded(answer)
    assert audio is not None
    take = Take(audio, "endpoint", "musicgen", 7, 0.0, midi=None, form={}, answer=answer)
    document = json.loads(stored(take))
    del document["isAnswer"]
    assert recalled(json.dumps(document).encode()).answer == answer


def test_a_stored_take_without_audio_is_an_error() -> None:
    """No music is made from it."""
    take = Take(Audio(np.zeros((0, 2), np.float32), 44_100), "e", "m", 7, 0.0, midi=None, form={}, answer=b"no sound")
    with pytest.raises(NoAudioError):
        recalled(stored(take))
