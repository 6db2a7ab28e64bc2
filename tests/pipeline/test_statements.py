"""`make verify` of a MIDI file and a score: what their texts say, and that no signature backs it."""

from pathlib import Path

import pytest

from operations.verify import main
from pipeline.engines import made_by
from pipeline.engines.composer import midi_file, musicxml
from pipeline.engines.composer.keeping import performed
from tests.pipeline.test_composer import brief

SAID = made_by("composer", "composer-3 (a & b)")
UNSIGNED = "content credentials: none, because this kind of file cannot carry them"


@pytest.fixture(scope="module")
def files() -> dict[str, list[bytes]]:
    """A file of each kind as the composer writes it, and one that says nothing."""
    piece, performances = performed(brief(), 10, 7, ())
    return {
        "MIDI": [midi_file.write(piece, performances, "a", said) for said in (SAID, "")],
        "MusicXML": [musicxml.write(piece, "a", said) for said in (SAID, "")],
    }


@pytest.mark.parametrize("kind", ["MIDI", "MusicXML"])
def test_a_text_is_a_statement_without_a_signature(
    files: dict[str, list[bytes]], kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text is shown, but nothing valid; a file without the text says nothing."""
    file = tmp_path / "music"
    for data, told in zip(
        files[kind],
        (
            [f"text: {SAID}", "a statement without a signature: anybody can write or change it"],
            ["text: nothing says that it is AI-generated"],
        ),
        strict=True,
    ):
        file.write_bytes(data)
        assert main([str(file)]) == 1
        lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
        assert lines == [f"music ({kind})", UNSIGNED, *told]
