"""Which pictures a command takes, by what names, and which wishes it refuses."""

import os
import subprocess
from pathlib import Path

import pytest

from localcloud.addresses import REPOSITORY
from operations.dropping import DropError, folders, listed, named
from operations.wishes import WishError, metadata

NAMES = ["photo[1].jpg", "photo1.jpg", "사진 (1).jpg", "it's.jpg", "a$b&c.jpg", "wild*.jpg", "b.png"]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with pictures of difficult names the current one."""
    for name in NAMES:
        (tmp_path / name).write_bytes(b"picture")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((name, [name]) for name in NAMES),
        (" ".join(NAMES), NAMES),
        ("photo[1].jpg b.png", ["photo[1].jpg", "b.png"]),
        ("'사진 (1).jpg' \"b.png\"", ["사진 (1).jpg", "b.png"]),
        ("사진\\ (1).jpg", ["사진 (1).jpg"]),
        ("photo?.jpg", ["photo1.jpg"]),
        ("*.png it's.jpg none.png", ["b.png", "its.jpg none.png"]),
        ("none[1].jpg", ["none[1].jpg"]),
        ("x" * 300, ["x" * 300]),
        ("", []),
    ],
)
def test_names_of_existing_files_are_taken_as_they_are(files: Path, text: str, expected: list[str]) -> None:
    """Otherwise quotes and wildcards mean what they mean in a shell."""
    assert files
    if "none.png" in text:
        expected = ["b.png", "it's.jpg", "none.png"]
    assert [str(path) for path in listed(text)] == expected


def test_a_tilde_is_the_home_folder(files: Path) -> None:
    """Neither make nor the shell expands a quoted tilde."""
    assert listed("~/b.png ~/photo*.jpg") == [files / "b.png", files / "photo1.jpg", files / "photo[1].jpg"]


def test_objects_have_names_that_cloud_storage_and_gcloud_take(tmp_path: Path) -> None:
    """Each name is used once; only characters that cannot be in an object's name are replaced."""
    paths = [tmp_path / name for name in ("a/IMG_1.JPG", "b/IMG_1.JPG", "scan#12", "new\nline.jpg", "photo[1].jpg")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"picture")
    assert list(named(paths)) == ["IMG_1.JPG", "IMG_1-2.JPG", "scan_12", "new_line.jpg", "photo[1].jpg"]
    with pytest.raises(DropError, match=r"There is no file none\.jpg"):
        named([*paths, Path("none.jpg")])
    with pytest.raises(DropError, match="Say which pictures"):
        named([])


def test_every_picture_has_its_own_folder() -> None:
    """Two stems that differ only in case, or only in how Unicode composes them, are one folder on some systems."""
    paths = ["a/IMG_1.JPG", "a/IMG_1.HEIC", "b/img_1.JPG", "IMG_1-2.JPG", "caf\u00e9.jpg", "cafe\u0301.png"]
    found = folders({path: Path(path) for path in paths})
    assert list(found.values()) == ["IMG_1", "IMG_1-2", "img_1-3", "IMG_1-2-2", "caf\u00e9", "cafe\u0301-2"]


@pytest.mark.parametrize(
    ("language", "seconds", "refused"),
    [
        ("fr", "", "BRIEF_LANGUAGE must be ko or en, not 'fr'."),
        ("ko", "10s", "SECONDS_OF_MUSIC must be a whole number from 10 to 180, not '10s'."),
        ("", "9", "SECONDS_OF_MUSIC must be a whole number from 10 to 180, not '9'."),
        ("", "181", "SECONDS_OF_MUSIC must be a whole number from 10 to 180, not '181'."),
        ("", "-30", "SECONDS_OF_MUSIC must be a whole number from 10 to 180, not '-30'."),
        ("", "30.5", "SECONDS_OF_MUSIC must be a whole number from 10 to 180, not '30.5'."),
        ("", "²", "SECONDS_OF_MUSIC must be a whole number from 10 to 180, not '²'."),
    ],
)
def test_an_unknown_wish_is_refused_by_name(language: str, seconds: str, refused: str) -> None:
    """The message names the variable and what it may be."""
    with pytest.raises(WishError) as error:
        metadata(language, seconds)
    assert str(error.value) == refused


def test_make_refuses_an_unknown_wish_before_it_installs_anything(tmp_path: Path) -> None:
    """The check comes before the packages, so nothing else is printed."""
    stamp = REPOSITORY / ".venv" / ".stamp"
    before = stamp.stat().st_mtime
    environ = os.environ | {"MAKEFLAGS": ""}
    command = ["make", "--silent", "demo", "SECONDS_OF_MUSIC=1 minute", "IMAGES=none.jpg", f"OUT={tmp_path}"]
    done = subprocess.run(command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=False)
    refused = "SECONDS_OF_MUSIC must be a whole number from 10 to 180, not '1 minute'."
    assert (done.stdout, done.stderr.splitlines()[0]) == ("", refused)
    assert stamp.stat().st_mtime == before


def test_known_wishes_become_metadata() -> None:
    """An empty wish is left out."""
    assert metadata("en", "60") == {"language": "en", "durationSeconds": "60"}
    assert metadata(" ", "") == {}
