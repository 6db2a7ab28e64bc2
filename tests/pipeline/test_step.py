import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import soundfile
from mutagen.id3 import ID3

from localcloud.vertex.image import ENVIRON
from musicgenerator.briefs import Brief
from musicgenerator.errors import OrderError, PipelineFailedError
from musicgenerator.marks.facts import Facts
from musicgenerator.messages import PipelineMessage, pipeline_event
from musicgenerator.orders import Order, orders_to_bytes
from musicgenerator.results import MusicFacts
from musicgenerator.track_requests import Kept
from pipeline import credentials
from pipeline.audio import Audio
from pipeline.credentials import read
from pipeline.engines import Take
from pipeline.engines.heard import decoded
from pipeline.engines.interactions import Interactions, signed_in
from pipeline.engines.lyria import LYRIA_3_CLIP, Lyria3
from pipeline.making import make_music
from pipeline.runs import read_orders
from pipeline.takes import recalled
from tests.support.local_vertex import CREDENTIALS, LocalVertex, patience
from tests.support.marks import anchor, signer
from tests.support.scripted_http import Answer, ScriptedServer, scripted_server

TRACK = "t" + "a" * 26
JOB = f"mg-{TRACK}-1"
BRIEF = Brief.from_mapping(
    {
        "title": "바다의 아침",
        "caption": "푸른 바다 위로 해가 뜬다",
        "altText": "해가 뜨는 바다",
        "language": "ko",
        "prompt": "calm sea at dawn",
        "avoid": "drums",
        "moods": ["calm"],
        "genre": "ambient",
        "instruments": ["piano"],
        "tempoBpm": 84,
        "key": "D major",
        "valence": 0.4,
        "energy": 0.3,
    }
)
TOKEN = "r" + "a" * 26
ADDRESS = f"gs://pipeline/orders/{JOB}.json"
DOWNLOAD = f"/download/storage/v1/b/pipeline/o/orders%2F{JOB}.json"
ORDER = Order(
    track=TRACK,
    attempt=1,
    brief=BRIEF,
    engine="composer",
    seconds=10,
    seed=7,
    results_bucket="results",
    results_token=TOKEN,
    events_topic="projects/p/topics/pipeline-events",
    cover=f"gs://results/{TOKEN}/cover.jpg",
    prompt_version="1",
)


@dataclass
class ToneEngine:
    """Makes a tone; ``asked`` counts how often."""

    name: str = "tone"
    asked: int = 0
    failure: Exception | None = None

    def make(self, brief: Brief, seconds: float, seed: int, picture: bytes | None = None) -> Take:  # noqa: ARG002  the port
        self.asked += 1
        if self.failure:
            raise self.failure
        time = np.arange(int(seconds * 44_100)) / 44_100
        tone = 0.3 * np.sin(2 * np.pi * 220 * time) * (1 + 0.2 * np.sin(2 * np.pi * time))
        samples = np.stack([tone, tone], axis=1).astype(np.float32)
        form = {"key": brief.key, "sections": ["A"]}
        return Take(Audio(samples, 44_100), self.name, "tone-1", seed, 0.06, b"MThd", form, score=b"<score-partwise/>")


@dataclass
class MoodyEngine:
    """Makes a different tone each time, as a model without a seed does."""

    name: str = "moody"
    asked: int = 0

    def make(self, brief: Brief, seconds: float, seed: int, picture: bytes | None = None) -> Take:  # noqa: ARG002  the port
        self.asked += 1
        assert brief.title
        time = np.arange(int(seconds * 44_100)) / 44_100
        out = io.BytesIO()
        soundfile.write(out, 0.3 * np.sin(2 * np.pi * 100 * self.asked * time), 44_100, format="FLAC")
        audio = decoded(out.getvalue())
        assert audio is not None
        return Take(audio, self.name, "moody-1", seed, 0.04, midi=None, form={}, answer=out.getvalue())


@dataclass
class GivenTake:
    """Returns a take that was made before."""

    take: Take
    name: str = "given"

    def make(self, brief: Brief, seconds: float, seed: int, picture: bytes | None = None) -> Take:  # noqa: ARG002  the port
        assert (brief, seconds, seed) == (BRIEF, 10, 7)
        return self.take


@dataclass
class FolderOfResults:
    """A results folder in memory that allows no overwriting; the machine is lost after ``room`` files."""

    files: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    room: int = 99

    def cover(self) -> bytes | None:
        return self.files.get("cover.jpg")

    def read(self, file: str) -> bytes | None:
        return self.files.get(file)

    def create(self, file: str, data: bytes, content_type: str, download_name: str = "") -> None:
        if len(self.files) >= self.room:
            raise ConnectionError("the machine is lost")
        assert self.files.setdefault(file, data) == data
        self.types[file], self.names[file] = content_type, download_name


@dataclass
class Objects:
    """Objects by address; ``read_addresses`` lists what was read."""

    held: dict[str, bytes] = field(default_factory=dict)
    read_addresses: list[str] = field(default_factory=list)

    def read(self, address: str) -> bytes | None:
        self.read_addresses.append(address)
        return self.held.get(address)


@dataclass
class Topic:
    messages: list[bytes] = field(default_factory=list)

    def publish(self, data: bytes) -> None:
        self.messages.append(data)


def test_track_json_is_written_last_and_then_announced() -> None:
    """Everything that track.json names exists before it, with its type, and the message follows it."""
    results, topic = FolderOfResults(), Topic()
    make_music(JOB, ORDER, ToneEngine(), results, topic)
    expected = {
        "music.wav": "audio/wav",
        "music.mp3": "audio/mpeg",
        "music.mid": "audio/midi",
        "score.musicxml": "application/vnd.recordare.musicxml+xml",
        "track.json": "application/json",
    }
    assert list(results.types.items()) == list(expected.items())
    assert [pipeline_event(data) for data in topic.messages] == [PipelineMessage(JOB, TRACK, 1)]


def test_track_json_states_what_was_measured() -> None:
    """Its facts are those of the files beside it, and its provenance says that a machine made the music."""
    results = FolderOfResults()
    make_music(JOB, ORDER, ToneEngine(), results, Topic())
    facts = MusicFacts.from_json(results.files["track.json"].decode())
    assert (
        facts.duration_seconds,
        facts.mime_type,
        facts.engine,
        facts.seed,
        facts.cost_usd,
    ) == (10.0, "audio/mpeg", "tone", 7, 0.06)
    assert (facts.midi, facts.score) == (True, True)
    assert len(results.files["music.mp3"]) == facts.bytes
    assert facts.loudness_lufs == pytest.approx(-14, abs=1)
    track = json.loads(results.files["track.json"])
    assert track["truePeakDbtp"] <= -1
    made = {"engine": "tone", "model": "tone-1", "seed": 7, "promptVersion": "1"}
    assert track["provenance"] == {"aiGenerated": True, **made}
    assert track["form"] == {"key": "D major", "sections": ["A"]}


def test_track_json_says_that_a_person_edited_the_brief() -> None:
    """A listener can tell that not all of its words are a machine's."""
    results = FolderOfResults()
    edited = replace(ORDER, brief=replace(ORDER.brief, edited_by_person=True))
    make_music(JOB, edited, ToneEngine(), results, Topic())
    track = json.loads(results.files["track.json"])
    assert track["provenance"]["editedByPerson"] is True
    assert "editedByPerson" not in track


def test_what_a_person_kept_is_in_track_json_and_in_marks() -> None:
    """Only what they let the composer make again is named; a mark of a video reads it from track.json."""
    results = FolderOfResults()
    keep = (Kept(3, "lead"), Kept(5, "section 2"))
    make_music(JOB, replace(ORDER, keep=keep), ToneEngine(), results, Topic(), signer())
    track = json.loads(results.files["track.json"])
    assert track["provenance"]["keptExcept"] == ["lead", "section 2"]
    assert Facts.of_track(track).origin()["keptExcept"] == ["lead", "section 2"]
    manifest = read(results.files["music.wav"], "audio/wav", anchor()).manifest
    (said,) = [each["data"] for each in manifest["assertions"] if each["label"] == "musicgenerator.origin"]
    assert said == Facts.of_track(track).origin()


def test_track_json_shows_the_brief_and_nothing_private() -> None:
    """A reader with the link finds what the page shows, and neither the prompt nor what the person typed."""
    results = FolderOfResults()
    make_music(JOB, ORDER, ToneEngine(), results, Topic())
    track = json.loads(results.files["track.json"])
    shown = {*BRIEF.to_mapping()} - {"prompt", "avoid"}
    assert track.keys() == {"version", "form", "music", "truePeakDbtp", "provenance", *shown}
    assert track["title"] == "바다의 아침"


def test_a_second_run_only_announces() -> None:
    """A run that finds track.json asks no engine and changes nothing, but publishes the message again."""
    results, topic, engine = FolderOfResults(), Topic(), ToneEngine()
    make_music(JOB, ORDER, engine, results, topic)
    before = dict(results.files)
    make_music(JOB, ORDER, engine, results, topic)
    assert (engine.asked, len(topic.messages), results.files) == (1, 2, before)


@pytest.mark.parametrize("written", [0, 1, 2, 3])
def test_a_run_that_was_cut_off_is_finished_by_the_next(written: int) -> None:
    """At whichever file the first run is lost, the second leaves the files of an undisturbed run."""
    undisturbed, results, topic = FolderOfResults(), FolderOfResults(room=written), Topic()
    make_music(JOB, ORDER, ToneEngine(), undisturbed, Topic())
    with pytest.raises(ConnectionError):
        make_music(JOB, ORDER, ToneEngine(), results, topic)
    assert not topic.messages
    results.room = 99
    make_music(JOB, ORDER, ToneEngine(), results, topic)
    assert (results.files, len(topic.messages)) == (undisturbed.files, 1)


@pytest.mark.parametrize(("written", "asked"), [(0, 2), (1, 1), (2, 1), (3, 1)])
def test_a_take_that_cannot_be_repeated_is_made_once(written: int, asked: int) -> None:
    """Once the take is stored, the next run uses it and does not ask the engine again."""
    engine, results, topic = MoodyEngine(), FolderOfResults(room=written), Topic()
    with pytest.raises(ConnectionError):
        make_music(JOB, ORDER, engine, results, topic)
    results.room = 99
    make_music(JOB, ORDER, engine, results, topic)
    assert (engine.asked, len(topic.messages)) == (asked, 1)
    assert list(results.files) == ["take.json", "music.wav", "music.mp3", "track.json"]
    undisturbed = FolderOfResults()
    make_music(JOB, ORDER, MoodyEngine(asked=asked - 1), undisturbed, Topic())
    assert results.files == undisturbed.files


def test_the_track_names_the_engine_that_failed() -> None:
    """The provenance names it beside the engine that made the music, and the take is stored."""
    results = FolderOfResults()
    made = ToneEngine().make(BRIEF, 10, 7)
    make_music(JOB, ORDER, GivenTake(replace(made, fallback_from="lyria-002")), results, Topic())
    track = json.loads(results.files["track.json"])
    assert (
        track["music"]["engine"],
        track["provenance"]["engine"],
        track["provenance"]["fallbackFrom"],
    ) == ("tone", "tone", "lyria-002")
    assert "take.json" in results.files


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ("music", {"present": True, "valid": True, "issuer": "Local Vertex AI server"}),
        ("music that was altered", {"present": True, "valid": False, "issuer": "Local Vertex AI server"}),
        ("music without credentials", {"present": False, "valid": False, "issuer": None}),
    ],
)
def test_the_content_credentials_of_an_answer_are_checked_and_kept(
    vertex: LocalVertex, capsys: pytest.CaptureFixture[str], shape: str, told: dict[str, Any]
) -> None:
    """track.json tells what they are, the log says more, and take.json has the bytes as Google sent them."""
    vertex.script("lyria-3-clip-preview", shape)
    engine = Lyria3(LYRIA_3_CLIP, Interactions(signed_in(vertex.cloud, CREDENTIALS), patience(30.0)))
    results = FolderOfResults()
    make_music(JOB, ORDER, engine, results, Topic())
    assert json.loads(results.files["track.json"])["provenance"]["contentCredentials"] == told
    answer = recalled(results.files["take.json"]).answer
    assert answer is not None
    found = credentials.read(answer, "audio/mpeg")
    assert {"present": found.present, "valid": found.valid, "issuer": found.issuer or None} == told
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "content credentials" in line]
    damaged = found.present and not found.valid
    assert (line["severity"], line["problems"]) == ("WARNING", [*found.problems]) if damaged else ("INFO", [])


def test_a_run_that_was_cut_off_tells_the_same_of_a_fallbacks_take() -> None:
    """A fallback's take is no answer of an engine, also after it was stored, so it has no credentials to tell of."""
    made = replace(ToneEngine().make(BRIEF, 10, 7), fallback_from="lyria-002")
    results = FolderOfResults(room=4)
    with pytest.raises(ConnectionError):
        make_music(JOB, ORDER, GivenTake(made), results, Topic())
    results.room = 99
    make_music(JOB, ORDER, GivenTake(made), results, Topic())
    assert "contentCredentials" not in json.loads(results.files["track.json"])["provenance"]


@pytest.mark.parametrize("cover", [None, b"\xff\xd8\xff\xe0picture"])
def test_the_cover_is_in_the_mp3_if_there_is_one(cover: bytes | None) -> None:
    """The captioner's picture is embedded; without one the music is made all the same."""
    results = FolderOfResults({} if cover is None else {"cover.jpg": cover})
    make_music(JOB, ORDER, ToneEngine(), results, Topic())
    tags = ID3(io.BytesIO(results.files["music.mp3"]))  # type: ignore[no-untyped-call]
    assert [frame.data for frame in tags.getall("APIC")] == [cover] * (cover is not None)  # type: ignore[no-untyped-call]
    assert tags["TIT2"].text == ["바다의 아침"]


def test_an_engine_that_fails_leaves_nothing_behind() -> None:
    """Its error is raised, and nothing is written or published."""
    results, topic = FolderOfResults(), Topic()
    with pytest.raises(PipelineFailedError):
        make_music(JOB, ORDER, ToneEngine(failure=PipelineFailedError()), results, topic)
    assert (results.files, topic.messages) == ({}, [])


def test_the_orders_of_a_job_are_read_from_its_address() -> None:
    """The parameters are the job's id and its order's address."""
    objects = Objects({ADDRESS: orders_to_bytes([ORDER])})
    assert read_orders(JOB, ADDRESS, objects) == (ORDER,)


def test_a_missing_order_ends_the_step_at_once() -> None:
    """The error names the address; the track was erased or settled before the step began."""
    with pytest.raises(OrderError, match=f"order is missing at {ADDRESS}"):
        read_orders(JOB, ADDRESS, Objects())


@pytest.mark.parametrize(
    "address",
    ["", "orders/x.json", ADDRESS.replace("-1.json", "-2.json"), ADDRESS.replace("orders", "root"), f"{ADDRESS}x"],
)
def test_only_the_jobs_own_order_is_read(address: str) -> None:
    """An address that does not follow from the job is refused."""
    objects = Objects({address: orders_to_bytes([ORDER])})
    with pytest.raises(OrderError, match="address"):
        read_orders(JOB, address, objects)
    assert not objects.read_addresses


def test_an_order_that_is_not_valid_ends_the_step() -> None:
    """Nothing is written and no engine is asked; `tests/unit/test_orders.py` tries every field."""
    objects = Objects({ADDRESS: b'[{"engine": "composer"}]'})
    with pytest.raises(OrderError) as caught:
        read_orders(JOB, ADDRESS, objects)
    assert caught.value.field == "brief"


def test_a_run_that_hangs_ends_by_itself() -> None:
    """A step whose bucket never answers ends with status 1 when its time is used up, and says where it hung."""
    with scripted_server() as server:
        server.script(f"GET {DOWNLOAD}", Answer(silent=True))
        ended = step_at(server)
    assert ended.returncode == 1
    assert "Timeout (0:00:06)!" in ended.stderr


def test_a_run_without_an_order_makes_no_other_request() -> None:
    """The run ends at once; the last line of its output is the reason, which becomes the job's error."""
    with scripted_server() as server:
        ended = step_at(server)
        assert [exchange.path.partition("?")[0] for exchange in server.heard] == [DOWNLOAD]
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"musicgenerator.errors.OrderError: order is missing at {ADDRESS}"


def step_at(server: ScriptedServer) -> "subprocess.CompletedProcess[str]":
    """Run the step in a process of its own, with this server as Cloud Storage."""
    program = f"from pipeline.step import run\nrun({JOB!r}, {ADDRESS!r}, time_limit_seconds=6)"
    environ = os.environ | ENVIRON | {"STORAGE_EMULATOR_HOST": server.url, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False)
