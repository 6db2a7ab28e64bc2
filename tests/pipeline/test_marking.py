"""The marks of MP3 and WAV files, as the library of the C2PA's members reads them."""

import json
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import soundfile
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from musicgenerator.marks.facts import Facts
from musicgenerator.marks.signers import SigningKeyError
from musicgenerator_google.mark_signer import PemSigner
from pipeline.credentials import Credentials, read
from pipeline.encoding import mp3, wav
from pipeline.engines.heard import credentials_of, decoded
from pipeline.making import make_music
from pipeline.marking import MP3, WAV, mark, parent_of
from tests.pipeline.test_step import JOB, ORDER, FolderOfResults, GivenTake, MoodyEngine, ToneEngine, Topic
from tests.support.marks import FACTS, TAGS, anchor, engines_answer, pem_of, retitled, signer, sound

LYRIA = Facts("달빛 산책", "lyria-3-pro", "lyria-3-pro-preview", 42)


@pytest.fixture(params=[MP3, WAV])
def plain(request: pytest.FixtureRequest) -> tuple[bytes, str]:
    return (mp3(sound(), TAGS, b"\xff\xd8\xff\xe0cover") if request.param == MP3 else wav(sound(), TAGS)), request.param


def origin(manifest: Any) -> Any:
    return next(each["data"] for each in manifest["assertions"] if each["label"] == "musicgenerator.origin")


def test_a_mark_says_how_the_music_was_made(plain: tuple[bytes, str]) -> None:
    """The reader trusts the operator's authority, and names the IPTC term and this product's assertion."""
    file, mime = plain
    marked = mark(file, mime, FACTS, signer())
    found = read(marked, mime, anchor())
    assert (found.present, found.valid, found.trusted, found.problems) == (True, True, True, ())
    assert (found.source_type, found.manifest["title"]) == ("algorithmicMedia", "달빛 산책")
    assert origin(found.manifest) == {
        "version": 1,
        "aiGenerated": True,
        "engine": "composer",
        "model": "composer-3",
        "seed": 42,
        "picture": {"describedBy": "aiModel", "seenByEngine": False, "promptVersion": "1"},
        "descriptionEditedByPerson": True,
    }
    heard, before = soundfile.read(BytesIO(marked))[0], soundfile.read(BytesIO(file))[0]
    assert np.array_equal(heard, before)


def test_the_same_file_has_the_same_mark(plain: tuple[bytes, str]) -> None:
    """A mark that a file has is replaced; other facts give another one; without a signer the file stays as it is."""
    file, mime = plain
    marked = mark(file, mime, FACTS, signer())
    assert mark(file, mime, FACTS, signer()) == marked
    assert mark(mark(file, mime, LYRIA, signer()), mime, FACTS, signer()) == marked
    assert mark(file, mime, FACTS, None) == file


def test_a_change_of_the_title_is_noticed(plain: tuple[bytes, str]) -> None:
    """The mark covers the tags too: a reader names the mismatch, and still shows what the mark said."""
    file, mime = plain
    marked = mark(file, mime, FACTS, signer())
    changed = retitled(marked) if mime == MP3 else marked.replace("달빛".encode(), "별빛".encode(), 1)
    found = read(changed, mime, anchor())
    assert (found.present, found.valid, found.problems) == (True, False, ("assertion.dataHash.mismatch",))
    assert origin(found.manifest)["engine"] == "composer"


def test_plain_tags_say_it_too() -> None:
    """A WAV's INFO is read by programs that know no credentials; it survives the mark."""
    marked = mark(wav(sound(), TAGS), WAV, FACTS, signer())
    with soundfile.SoundFile(BytesIO(marked)) as file:
        said = file.copy_metadata()
    assert (said["title"], said["artist"]) == ("달빛 산책", "musicgenerator")
    assert said["comment"] == "AI-generated: engine composer, model composer-3"


def test_files_without_marks_have_no_credentials(plain: tuple[bytes, str]) -> None:
    """Neither has a file that is none."""
    file, mime = plain
    assert not read(file, mime).present
    assert not read(b"", mime).present
    assert not read(b"RIFF\0\0\0\0", mime).present


def test_an_engine_s_credentials_become_the_parent(plain: tuple[bytes, str]) -> None:
    """The reader validates the engine's manifest inside the music's; broken or missing ones are no parent."""
    file, mime = plain
    answer = engines_answer(mp3(sound(0.5), TAGS, None))
    parent = parent_of(answer, credentials_of(answer))
    assert parent is not None
    found = read(mark(file, mime, LYRIA, signer(), parent), mime, anchor())
    assert (found.valid, found.trusted, found.problems, found.source_type) == (
        *(True, True, ()),
        "trainedAlgorithmicMedia",
    )
    (ingredient,) = found.manifest["ingredients"]
    assert (ingredient["relationship"], ingredient["format"]) == ("parentOf", MP3)
    (deltas,) = found.results["ingredientDeltas"]
    assert deltas["validationDeltas"]["success"][0]["code"] == "ingredient.manifest.validated"
    assert deltas["validationDeltas"]["failure"] == []
    assert origin(found.manifest)["picture"] == {"describedBy": "aiModel", "seenByEngine": True}
    for other in (answer[:-50] + bytes(50), mp3(sound(0.5), TAGS, None), b"fLaC"):
        assert parent_of(other, credentials_of(other)) is None
    assert parent_of(None, None) is None
    # What the library accepts may have another form than this project's marks.
    valid = Credentials(present=True, valid=True)
    for part, another in (
        (b"c2pa.signature\0", b"c2pa.signaturX\0"),
        (b"jumdc2pa", b"jumec2pa"),
        (b"jumdc2ma", b"jumec2ma"),
    ):
        damaged = answer.replace(part, another)
        assert damaged != answer
        assert parent_of(damaged, valid) is None


def test_a_second_run_leaves_the_same_marked_files() -> None:
    """A run that was cut off after two files is finished by the next one: nothing in a mark is random."""
    undisturbed, results = FolderOfResults(), FolderOfResults(room=2)
    make_music(JOB, ORDER, ToneEngine(), undisturbed, Topic(), signer())
    with pytest.raises(ConnectionError):
        make_music(JOB, ORDER, ToneEngine(), results, Topic(), signer())
    results.room = 99
    make_music(JOB, ORDER, ToneEngine(), results, Topic(), signer())
    assert results.files == undisturbed.files
    for file, mime in (("music.mp3", MP3), ("music.wav", WAV)):
        assert read(results.files[file], mime, anchor()).trusted
    assert json.loads(results.files["track.json"])["music"]["bytes"] == len(results.files["music.mp3"])


def test_the_take_of_an_earlier_run_keeps_its_parent() -> None:
    """The engine's answer is stored with its credentials, so a second run has them too."""
    answer = engines_answer(mp3(sound(10), TAGS, None))
    audio = decoded(answer)
    assert audio is not None
    engine = GivenTake(replace(MoodyEngine().make(ORDER.brief, 10, 7), audio=audio, answer=answer))
    undisturbed, results = FolderOfResults(), FolderOfResults(room=1)
    make_music(JOB, ORDER, engine, undisturbed, Topic(), signer())
    with pytest.raises(ConnectionError):
        make_music(JOB, ORDER, engine, results, Topic(), signer())
    results.room = 99
    make_music(JOB, ORDER, engine, results, Topic(), signer())
    assert results.files == undisturbed.files
    assert read(results.files["music.wav"], WAV).manifest["ingredients"][0]["relationship"] == "parentOf"


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
        (ec.generate_private_key(ec.SECP256R1()), "Es256"),
        (ec.generate_private_key(ec.SECP384R1()), "Es384"),
        (ec.generate_private_key(ec.SECP521R1()), "Es512"),
    ],
)
def test_keys_of_curves_sign_the_same_twice(key: Any, algorithm: str) -> None:
    """Each allowed algorithm gives a file the same bytes again, and the reader can check its signature."""
    own = PemSigner.from_pem(pem_of(key))
    file = mark(wav(sound(0.1), TAGS), WAV, FACTS, own)
    assert mark(wav(sound(0.1), TAGS), WAV, FACTS, own) == file
    found = read(file, WAV)
    assert found.manifest["signature_info"]["alg"] == algorithm


def test_a_key_that_cannot_be_used_is_refused_without_showing_it() -> None:
    """RSA's signatures are random, and a key must fit its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    wrong = {
        "RSA": pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        "first certificate": pem_of(key, of=ec.generate_private_key(ec.SECP256R1())),
        "curve": pem_of(ec.generate_private_key(ec.SECP256K1())),
        "as PEM": "nothing",
    }
    for words, text in wrong.items():
        with pytest.raises(SigningKeyError, match=words) as caught:
            PemSigner.from_pem(text)
        shown = [line for line in text.splitlines() if len(line) > 20 and line in str(caught.value)]
        assert (shown, caught.value.__suppress_context__ or caught.value.__context__ is None) == ([], True)
