"""The page of an installation says what people may expect before the first track of their session."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.page import Addresses, write_page

ADDRESSES = Addresses("https://api.example", "p", "d", "i", "r", "", "", "", "", 7, ("composer",))


@pytest.mark.parametrize(
    ("sketches", "warm", "usual"),
    [
        (True, False, {"composing": 150}),
        (False, False, {"sketch": None, "composing": 150}),
        (True, True, {"composing": 30}),
        (False, True, {"sketch": None, "composing": 30}),
    ],
)
def test_config_json_says_what_an_installation_has(
    tmp_path: Path, sketches: bool, warm: bool, usual: dict[str, int | None]
) -> None:
    """Without sketches there is no first sound to promise; on warm machines the music comes sooner."""
    addresses = replace(ADDRESSES, sketches=sketches, warm=warm)
    assert written(tmp_path, addresses)["usualSeconds"] == usual


@pytest.mark.parametrize(
    ("warm", "usual"),
    [
        (False, {"lyria-3-pro": 170, "lyria-3-clip": 160, "composer": 150, "lyria-002": 170, "endpoint": 210}),
        (True, {"lyria-3-pro": 50, "lyria-3-clip": 40, "composer": 30, "lyria-002": 50, "endpoint": 90}),
    ],
)
def test_config_json_offers_the_engines_with_their_usual_waits(
    tmp_path: Path, warm: bool, usual: dict[str, int]
) -> None:
    """The default engine is the first, each is named once, and a wait follows from the engine's pace."""
    addresses = replace(ADDRESSES, engines=(*usual, "composer", "lyria-3-pro"), warm=warm)
    config = written(tmp_path, addresses)
    assert config["engines"] == [
        {"name": name, "usualSeconds": seconds, "usd": None} for name, seconds in usual.items()
    ]
    assert config["usualSeconds"]["composing"] == usual["lyria-3-pro"]


def test_config_json_shows_the_prices_that_it_is_given(tmp_path: Path) -> None:
    """An engine whose price nobody knows has none."""
    addresses = replace(ADDRESSES, engines=("composer", "endpoint"), usd={"composer": 0.041, "endpoint": None})
    assert [each["usd"] for each in written(tmp_path, addresses)["engines"]] == [0.041, None]


def written(folder: Path, addresses: Addresses) -> dict[str, Any]:
    """Write the page and return its configuration."""
    (folder / "built").mkdir()
    page = write_page(folder / "built", folder / "page", addresses)
    config: dict[str, Any] = json.loads((page / "config.json").read_text())
    return config
