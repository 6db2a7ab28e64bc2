"""`make verify`: what it prints of files that are marked, changed or not marked."""

import zipfile
from dataclasses import replace
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
    assert printed(file, capsys)[1] == ["music: none of MP3, WAV, MP4, ZIP, MIDI and MusicXML"]
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


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "music: empty"),
        (b"\xff\xd8\xff\xe0", "music: none of MP3, WAV, MP4, ZIP, MIDI and MusicXML"),
        (b"RIFF\0\0\0\0WEBP", "music: none of MP3, WAV, MP4, ZIP, MIDI and MusicXML"),
        (b"ID3\x04\0\0\x7f\x7f\x7f\x7f", "tags: none that can be read"),
        (b"ID3\x05\0\0\0\0\0\0", "tags: none that can be read"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt ", "content credentials: none that can be read"),
        (b"\0\0\0\x14ftypisom\0\0\2\0isom\0\0\1\0moov", "tags: none that can be read"),
        (b"PK\x05\x06" + bytes(18), "The ZIP has no music."),
    ],
)
def test_what_cannot_be_read_is_named_so(
    data: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a damaged file nor one of another kind stops the command."""
    file = tmp_path / "music"
    file.write_bytes(data)
    code, lines = printed(file, capsys)
    assert (code, said in lines) == (1, True)


def test_a_marked_file_that_was_cut_off_is_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A WAV's last chunk is the mark: without its last byte it cannot be read, and the library's reason is shown."""
    file = tmp_path / "music"
    file.write_bytes(mark(wav(sound(0.1), TAGS), WAV, FACTS, signer())[:-1])
    code, lines = printed(file, capsys)
    assert (code, lines[1]) == (
        1,
        "content credentials: NOT VALID: the file or its credentials are damaged or incomplete",
    )
    assert lines[2].startswith("problem: ")


def test_a_folder_is_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor is anything larger than memory read."""
    assert printed(tmp_path, capsys) == (1, [f"{tmp_path.name}: not a file"])
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate(3_000_000_000)
    assert printed(large, capsys) == (1, ["large.wav: too large: 3,000,000,000 bytes"])


def test_a_damaged_file_of_a_zip_does_not_hide_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each file is named: one whose bytes changed, an encrypted one, one that is no music, and the marked one."""
    stem = mark(wav(sound(0.1), TAGS), WAV, FACTS, signer())
    file = tmp_path / "stems.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as folder:
        for number in range(3):
            folder.writestr(f"0{number}.wav", stem)
        folder.writestr("03.wav", b"")
        changed, encrypted = folder.infolist()[:2]
    data = bytearray(file.read_bytes())
    data[changed.header_offset + 200] ^= 0x55
    for flags in (encrypted.header_offset + 6, data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4) + 8):
        data[flags] |= 1
    file.write_bytes(data)
    code, lines = printed(file, capsys)
    named = [line for line in lines if line.startswith("stems.zip: ")]
    assert code == 1
    assert named[0].startswith("stems.zip: 00.wav: cannot be unpacked: ")
    assert named[1].startswith("stems.zip: 01.wav: cannot be unpacked: ")
    assert named[2:] == ["stems.zip: 02.wav (audio/wav)", "stems.zip: 03.wav: empty"]


def test_a_file_s_words_are_not_the_terminal_s(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A title can neither add a line to what is printed nor colour it."""
    title = "x\n  content credentials: valid\x1b[31m"
    file = tmp_path / "music"
    file.write_bytes(wav(sound(0.1), replace(TAGS, title=title)))
    _, lines = printed(file, capsys)
    assert lines[1] == "content credentials: none"
    assert r"title: x\n  content credentials: valid\x1b[31m" in lines


def test_certificates_that_cannot_be_read_are_no_fault_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], trust: Path
) -> None:
    """The message names the file of ``TRUST``."""
    file = tmp_path / "music"
    file.write_bytes(wav(sound(0.1), TAGS))
    trust.write_text("-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n")
    assert main([str(file)]) == 1
    assert "authority.pem has no certificates" in capsys.readouterr().err
