"""The page of an installation says what people may expect before the first track of their session."""

import json
from pathlib import Path

import pytest

from infra.page import Addresses, write_page


@pytest.mark.parametrize(
    ("sketches", "warm", "usual"),
    [
        (True, False, {}),
        (False, False, {"sketch": None}),
        (True, True, {"composing": 30}),
        (False, True, {"sketch": None, "composing": 30}),
    ],
)
def test_config_json_says_what_an_installation_has(
    tmp_path: Path, sketches: bool, warm: bool, usual: dict[str, int | None]
) -> None:
    """Without sketches there is no first sound to promise; on warm machines the music comes sooner."""
    (tmp_path / "built").mkdir()
    addresses = Addresses("https://api.example", "p", "d", "i", "r", "", "", "", "", 7, sketches=sketches, warm=warm)
    folder = write_page(tmp_path / "built", tmp_path / "page", addresses)
    assert json.loads((folder / "config.json").read_text())["usualSeconds"] == usual
