"""The step makes exports: the stems' ZIP and the loop, with what `track.json` says of them."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musicgenerator.exports import ComposerChangedError
from musicgenerator.messages import PipelineMessage, pipeline_event
from musicgenerator.orders import Order
from musicgenerator.results import MusicFacts
from musicgenerator.track_requests import Kept
from pipeline import credentials
from pipeline.engines.composer import Composer
from pipeline.engines.composer.keeping import composed
from pipeline.making import make_music
from pipeline.processes import Child, Failure, Limits
from tests.pipeline.test_step import BRIEF, JOB, ORDER, TRACK, FolderOfResults, Topic
from tests.support.marks import anchor, signer

MODEL = Composer().model
STEMS = replace(ORDER, export="stems", model=MODEL)
LOOP = replace(ORDER, export="loop", model=MODEL)


def made(order: Order, results: FolderOfResults | None = None) -> tuple[FolderOfResults, Topic]:
    results, topic = results or FolderOfResults(), Topic()
    make_music(JOB, order, Composer(), results, topic, signer())
    return results, topic


@pytest.fixture(scope="module")
def stems() -> FolderOfResults:
    return made(STEMS)[0]


def test_the_zip_has_every_part_as_a_wav(stems: FolderOfResults) -> None:
    """Its names say what each part is; the sum of the parts is the take that the source's master had."""
    with zipfile.ZipFile(io.BytesIO(stems.files["stems.zip"])) as archive:
        assert archive.testzip() is None
        *parts, readme = archive.namelist()
        assert readme == "README.txt"
        sounds = [soundfile.read(io.BytesIO(archive.read(name)), always_2d=True) for name in parts]
        kinds = {soundfile.info(io.BytesIO(archive.read(name))).subtype for name in parts}
        words = archive.read(readme).decode("utf-8-sig")
    assert [name[:3] for name in parts] == [f"{number:02} " for number in range(1, len(parts) + 1)]
    assert parts[0] == "01 lead (piano).wav"
    assert kinds == {"PCM_24"}
    assert words.splitlines()[-1] == f"AI가 만든 음악이에요: 엔진 {MODEL}, 시드 7."
    assert {rate for _, rate in sounds} == {44_100}
    total = sum(samples for samples, _ in sounds)
    take = Composer().make(BRIEF, ORDER.seconds, ORDER.seed).audio.samples
    assert np.sqrt(np.mean((total - take) ** 2)) < 1e-3 * np.sqrt(np.mean(take**2))
    assert BRIEF.title in words
    form = json.loads(stems.files["track.json"])["form"]
    piece = composed(BRIEF, ORDER.seconds, ORDER.seed)
    assert form == {"key": piece.key.name, "tempoBpm": round(piece.tempo, 2), "stems": parts}
    assert f"{form['key']}, 빠르기는 {form['tempoBpm']:g} BPM" in words
    assert ("느려져요" in words) == (piece.ritardando > 0)
    assert all(name in words for name in parts)


def test_every_wav_of_an_export_is_marked(stems: FolderOfResults) -> None:
    """The content credentials are valid, and the tags name the piece and the part."""
    with zipfile.ZipFile(io.BytesIO(stems.files["stems.zip"])) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name.endswith(".wav")}
    loop = made(LOOP)[0].files["loop.wav"]
    for data in (*files.values(), loop):
        found = credentials.read(data, "audio/wav", anchor())
        assert (found.trusted, found.problems, found.manifest["title"]) == (True, (), BRIEF.title)
    with soundfile.SoundFile(io.BytesIO(files["01 lead (piano).wav"])) as file:
        told = file.copy_metadata()
    assert told["title"] == f"{BRIEF.title}: lead (piano)"
    assert told["comment"] == f"AI-generated: engine composer, model {MODEL}"


def test_an_export_states_its_facts(stems: FolderOfResults) -> None:
    """They are those of its file; the provenance names the composer, and nothing is private."""
    facts = MusicFacts.from_json(stems.files["track.json"].decode())
    assert (facts.mime_type, facts.bytes) == ("application/zip", len(stems.files["stems.zip"]))
    assert (facts.engine, facts.seed, facts.cost_usd, facts.duration_seconds) == ("composer", 7, 0.0, 10.0)
    assert -40 < facts.loudness_lufs < -10
    track = json.loads(stems.files["track.json"])
    provenance = {"aiGenerated": True, "engine": "composer", "model": MODEL, "seed": 7, "promptVersion": "1"}
    assert track["provenance"] == provenance | {"export": "stems"}
    assert not {"prompt", "avoid"} & track.keys()
    assert stems.types == {"stems.zip": "application/zip", "track.json": "application/json"}
    assert stems.names["stems.zip"] == "바다의 아침 (stems).zip"


def test_a_loop_is_named_for_what_it_fits() -> None:
    """Key, tempo and bars are in the name that it is saved under, and its length is that of the bars."""
    results, topic = made(LOOP)
    track = json.loads(results.files["track.json"])
    form, facts = track["form"], track["music"]
    name = f"바다의 아침 ({form['key']}, {form['tempoBpm']:g} BPM, {form['bars']} bars).wav"
    assert results.names == {"loop.wav": name, "track.json": ""}
    sound = soundfile.info(io.BytesIO(results.files["loop.wav"]))
    assert sound.frames == round(form["bars"] * 4 * 60 / form["tempoBpm"] * 44_100)
    assert (facts["mimeType"], facts["bytes"]) == ("audio/wav", len(results.files["loop.wav"]))
    assert facts["loudnessLufs"] == pytest.approx(-14, abs=0.5)
    assert [pipeline_event(data) for data in topic.messages] == [PipelineMessage(JOB, TRACK, 1)]


def test_a_title_is_no_path() -> None:
    """What a file system forbids is left out."""
    results, _ = made(replace(LOOP, brief=replace(BRIEF, title='../a: "b"\\?')))
    assert results.names["loop.wav"].startswith("a b (D major, ")


@pytest.mark.parametrize(("order", "written"), [(STEMS, 1), (LOOP, 0), (LOOP, 1)])
def test_an_export_that_was_cut_off_is_finished_by_the_next_run(order: Order, written: int) -> None:
    """At whichever file the first run is lost, the second one makes the same bytes, which the bucket checks."""
    results = FolderOfResults(room=written)
    with pytest.raises(ConnectionError):
        made(order, results)
    first = dict(results.files)
    results.room = 99
    _, topic = made(order, results)
    assert (len(first), len(results.files), len(topic.messages)) == (written, 2, 1)
    assert first.items() <= results.files.items()


@pytest.mark.parametrize("order", [STEMS, LOOP, replace(ORDER, keep=(Kept(5, "lead", "composer-2"),))])
def test_another_composer_exports_nothing_and_keeps_nothing(order: Order) -> None:
    """Its notes could be others, so it fails before it writes; the notifier knows the error by its name."""
    results = FolderOfResults()
    with pytest.raises(ComposerChangedError):
        made(replace(order, model="composer-2"), results)
    assert results.files == {}
    failure = Child(lambda: made(replace(order, model="composer-2")), Limits(60, 2**31)).outcome()
    assert isinstance(failure, Failure)
    assert failure.name == ComposerChangedError.__name__


def test_an_operator_s_soundfont_makes_another_composer(tmp_path: Path) -> None:
    """Music of the shipped soundfont is not exported with another one."""
    font = tmp_path / "other.sf2"
    assert Composer(font).model == f"{MODEL} (other.sf2)"
