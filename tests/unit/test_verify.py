"""`make verify`: what it prints of files that are marked, changed or not marked."""

import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from operations.verify import main
from pipeline.encoding import mp3, wav
from pipeline.marking import MP3, WAV, mark
from tests.support.marks import FACTS, TAGS, anchor, retitled, signer, sound


@pytest.fixture(autouse=True)
def trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "authority.pem"
    file.write_text(anchor())
    monkeypatch.setenv("TRUST", str(file))
    return file


def printed(file: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = main([str(file)])
    return code, [line.strip() for line in capsys.readouterr().out.splitlines()]


def test_a_marked_file_is_valid_and_trusted(tmp_path: Path, capsys: pytest.CaptureFixture[str], trust: Path) -> None:
    """It shows signer, engine, the IPTC term and what the plain tags say; another authority's signer is not trusted."""
    file = tmp_path / "music"
    file.write_bytes(mark(mp3(sound(), TAGS, None), MP3, FACTS, signer()))
    code, lines = printed(file, capsys)
    assert (code, lines[1]) == (0, "content credentials: valid, and the signer is trusted")
    for line in (
        "signed by: musicgenerator's local cloud (Es256)",
        "actions.digitalSourceType: http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia",
        "descriptionEditedByPerson: True",
        "tags: they say that it is AI-generated",
        "TXXX:AI-generated: yes",
    ):
        assert line in lines
    trust.write_text("")
    code, lines = printed(file, capsys)
    assert (code, "on none of the given trust lists" in lines[1]) == (0, True)


def test_a_changed_or_unmarked_file_is_named_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After another title the credentials say that the file was changed; tags alone are no credentials."""
    file = tmp_path / "music"
    file.write_bytes(retitled(mark(mp3(sound(), TAGS, None), MP3, FACTS, signer())))
    code, lines = printed(file, capsys)
    assert (code, lines[1]) == (1, "content credentials: NOT VALID: the file was changed after it was signed")
    file.write_bytes(wav(sound(), TAGS))
    code, lines = printed(file, capsys)
    assert (code, lines[1:3]) == (1, ["content credentials: none", "tags: they say that it is AI-generated"])
    file.write_bytes(b"no music")
    assert printed(file, capsys)[1] == ["music: neither an MP3 nor a WAV nor an MP4"]
    assert main([str(tmp_path / "missing")]) == 1


def test_every_stem_of_a_zip_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each WAV has its own mark; other files of the ZIP have none to read."""
    stem = mark(wav(sound(0.1), TAGS), WAV, FACTS, signer())
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as folder:
        for name, data in (("01 lead.wav", stem), ("02 bass.wav", stem), ("README.txt", b"words")):
            folder.writestr(name, data)
    file = tmp_path / "stems.zip"
    file.write_bytes(packed.getvalue())
    code, lines = printed(file, capsys)
    assert (code, [line for line in lines if line.startswith("stems.zip")]) == (
        0,
        ["stems.zip: 01 lead.wav (audio/wav)", "stems.zip: 02 bass.wav (audio/wav)"],
    )
