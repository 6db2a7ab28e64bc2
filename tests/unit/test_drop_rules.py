"""Which objects are somebody's picture, which track a drop makes, and how its metadata is read."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgenerator import drops, ids
from musicgenerator.drops import Unwanted, track_of, unwanted, wishes
from musicgenerator.events import ObjectFinalized
from musicgenerator.states import Status
from musicgenerator.track_requests import Request
from musicgenerator.tracks import Note, Track
from tests.contracts.recorded import SESSION, TRACK, recorded, with_moments

FOLDER, TEMPORARY, SYSTEM, SIDECAR = Unwanted.FOLDER, Unwanted.TEMPORARY, Unwanted.SYSTEM, Unwanted.SIDECAR
HASH = "da39a3ee5e6b4b0d3255bfef95601890afd80709"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", None),
        ("여행/바다 사진.jpg", None),
        ("IMG_0001", None),
        ("image", None),
        (".hidden photo.jpg", None),
        ("uploads/a.jpg", None),
        ("a.json.jpg", None),
        ("thumbs.db.jpg", None),
        ("part.jpg", None),
        ("tmp/a.jpg", None),
        ("gcloud/tmp/a.jpg", None),
        ("photo~$.jpg", None),
        ("x._y.jpg", None),
        ("folder/", FOLDER),
        ("folder.jpg/", FOLDER),
        ("a_$folder$", FOLDER),
        (f"gcloud/tmp/parallel_composite_uploads/see_gcloud_storage_cp_help_for_details/x1_{HASH}_0", TEMPORARY),
        ("gsutil/tmp/parallel_composite_uploads/for_details_see/gsutil_help_cp/8f_1", TEMPORARY),
        ("photos/gcloud/tmp/parallel_composite_uploads/x.jpg", TEMPORARY),
        (f"photos/parts/7c2_{HASH}_12", TEMPORARY),
        (".gcsfuse_tmp/1f2e", TEMPORARY),
        ("out/_temporary/0/a.jpg", TEMPORARY),
        ("a.jpg.part", TEMPORARY),
        ("a.jpg.PARTIAL", TEMPORARY),
        ("Unconfirmed 1234.crdownload", TEMPORARY),
        ("a.jpg.tmp", TEMPORARY),
        ("a.jpg._COPYING_", TEMPORARY),
        ("~$slides.pptx", TEMPORARY),
        (".~lock.a.odt#", TEMPORARY),
        (".a.jpg.swp", TEMPORARY),
        (".IMG_1.jpg.Xa3bQ9", TEMPORARY),
        (".pending-1700000000-IMG_1.jpg", TEMPORARY),
        (".trashed-1700000000-IMG_1.jpg", TEMPORARY),
        (".DS_Store", SYSTEM),
        ("photos/.DS_Store", SYSTEM),
        ("Thumbs.db", SYSTEM),
        ("photos/THUMBS.DB", SYSTEM),
        ("desktop.ini", SYSTEM),
        ("._a.jpg", SYSTEM),
        ("photos/._IMG_0001.HEIC", SYSTEM),
        ("__MACOSX/photos/a.jpg", SYSTEM),
        ("photos/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", SYSTEM),
        ("_SUCCESS", SYSTEM),
        ("IMG_0001.AAE", SIDECAR),
        ("IMG_0001.xmp", SIDECAR),
        ("IMG_0001.jpg.json", SIDECAR),
        ("GOPR0001.THM", SIDECAR),
        ("notes.txt", SIDECAR),
    ],
)
def test_names_that_tools_write_are_nobody_s_pictures(name: str, expected: Unwanted | None) -> None:
    """Temporary components, folders, files of the system and sidecars; every other name may be a picture."""
    assert unwanted(name) is expected


@given(name=st.text(min_size=1))
def test_any_name_is_judged(name: str) -> None:
    """Nothing is raised."""
    unwanted(name)


DROP = ObjectFinalized.from_data(recorded("storage_finalized_dropped")["body"])


def test_a_rewrite_is_the_same_drop() -> None:
    """Generation, type and metadata that asks for nothing do not make another track; equal wishes are equal."""
    same = [
        replace(DROP, generation=DROP.generation + 1),
        replace(DROP, content_type="application/octet-stream"),
        replace(DROP, metadata={**DROP.metadata, "goog-reserved-file-mtime": "1"}),
        replace(DROP, metadata={**DROP.metadata, "album": "sea"}),
        replace(DROP, metadata={**DROP.metadata, "takes": "1"}),
        replace(DROP, metadata={**DROP.metadata, "durationSeconds": " 45s "}),
        replace(DROP, metadata={name.lower(): value for name, value in DROP.metadata.items()}),
    ]
    assert {track_of(drop) for drop in same} == {track_of(DROP)}


def test_other_bytes_another_name_and_another_wish_are_another_drop() -> None:
    """So is every further turn, and an object without a checksum is known by its generation."""
    others = [
        replace(DROP, crc32c="AAAAAQ=="),
        replace(DROP, size=DROP.size + 1),
        replace(DROP, name="b.jpg"),
        replace(DROP, bucket="another"),
        *(replace(DROP, metadata={**DROP.metadata, name: value}) for name, value in (("seed", "8"), ("hint", "rain"))),
        replace(DROP, metadata={**DROP.metadata, "language": "en"}),
        replace(DROP, metadata={**DROP.metadata, "engine": "lyria-002"}),
        replace(DROP, metadata={**DROP.metadata, "style": "waltz"}),
        replace(DROP, metadata={**DROP.metadata, "takes": "2"}),
        replace(DROP, crc32c=""),
        replace(DROP, crc32c="", generation=1),
    ]
    tracks = {track_of(DROP, turn) for turn in range(drops.MAX_ROUNDS)} | {track_of(drop) for drop in others}
    assert len(tracks) == drops.MAX_ROUNDS + len(others)
    assert all(ids.is_track_id(track) for track in tracks)


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (Status.FAILED, {"code": "caption_failed", "retryable": True}, True),
        (Status.FAILED, {"code": "picture_gone", "retryable": False}, True),
        (Status.FAILED, {"code": "not_an_image", "retryable": False}, False),
        (Status.REJECTED, {"code": "content_rejected", "retryable": False}, False),
        (Status.CANCELLED, {"code": "cancelled", "retryable": False}, False),
        (Status.CAPTIONING, {"code": "describer_blocked", "retryable": True}, False),
        (Status.READY, None, False),
    ],
)
def test_a_failure_that_the_picture_did_not_cause_lets_it_start_again(
    status: Status, error: dict[str, Any] | None, *, expected: bool
) -> None:
    """A parked track goes on by itself, and other ends would be the same."""
    document = with_moments(recorded("track_dropped") | {"status": status.value, "error": error})
    assert drops.starts_another(Track.from_document(SESSION, TRACK, document)) is expected


def changed(name: str, value: str = "") -> Note:
    return Note(name, ignored=False, value=value)


def ignored(name: str) -> Note:
    return Note(name, ignored=True)


@pytest.mark.parametrize(
    ("metadata", "field", "value", "notes"),
    [
        ({}, "duration_seconds", 30, []),
        ({"durationSeconds": "45"}, "duration_seconds", 45, []),
        ({"durationseconds": "45"}, "duration_seconds", 45, []),
        ({"duration-seconds": "45"}, "duration_seconds", 45, []),
        ({"Duration_Seconds": "45"}, "duration_seconds", 45, []),
        ({"x-goog-meta-durationseconds": "45"}, "duration_seconds", 45, []),
        ({"Duration": "45"}, "duration_seconds", 45, []),
        ({"SECONDS_OF_MUSIC": "45"}, "duration_seconds", 45, []),
        ({"durationSeconds": " 45 "}, "duration_seconds", 45, []),
        ({"durationSeconds": '"45"'}, "duration_seconds", 45, []),
        ({"durationSeconds": "45s"}, "duration_seconds", 45, [changed("durationSeconds", "45")]),
        ({"durationSeconds": "45 Seconds"}, "duration_seconds", 45, [changed("durationSeconds", "45")]),
        ({"durationSeconds": "45초"}, "duration_seconds", 45, [changed("durationSeconds", "45")]),
        ({"durationSeconds": "45.0"}, "duration_seconds", 45, [changed("durationSeconds", "45")]),
        ({"durationSeconds": "44,5"}, "duration_seconds", 45, [changed("durationSeconds", "45")]),
        ({"durationSeconds": "\uff14\uff15"}, "duration_seconds", 45, [changed("durationSeconds", "45")]),
        ({"durationSeconds": "+45"}, "duration_seconds", 45, [changed("durationSeconds", "45")]),
        ({"durationSeconds": "1:30"}, "duration_seconds", 90, [changed("durationSeconds", "90")]),
        ({"durationSeconds": "1.5 min"}, "duration_seconds", 90, [changed("durationSeconds", "90")]),
        ({"durationSeconds": "600"}, "duration_seconds", 180, [changed("durationSeconds", "180")]),
        ({"durationSeconds": "999999"}, "duration_seconds", 180, [changed("durationSeconds", "180")]),
        ({"durationSeconds": "5"}, "duration_seconds", 10, [changed("durationSeconds", "10")]),
        ({"durationSeconds": "0.5"}, "duration_seconds", 10, [changed("durationSeconds", "10")]),
        ({"durationSeconds": "0"}, "duration_seconds", 30, [ignored("durationSeconds")]),
        ({"durationSeconds": "0:00"}, "duration_seconds", 30, [ignored("durationSeconds")]),
        ({"durationSeconds": "-45"}, "duration_seconds", 30, [ignored("durationSeconds")]),
        ({"durationSeconds": "ten"}, "duration_seconds", 30, [ignored("durationSeconds")]),
        ({"durationSeconds": "nan"}, "duration_seconds", 30, [ignored("durationSeconds")]),
        ({"durationSeconds": "1e2"}, "duration_seconds", 30, [ignored("durationSeconds")]),
        ({"durationSeconds": "9" * 5000}, "duration_seconds", 30, [ignored("durationSeconds")]),
        ({"durationSeconds": ""}, "duration_seconds", 30, []),
        ({"durationSeconds": "45", "duration": "60"}, "duration_seconds", 45, [ignored("durationSeconds")]),
        ({"duration": "60", "seconds": "ten"}, "duration_seconds", 60, [ignored("durationSeconds")]),
        ({"language": "en"}, "language", "en", []),
        ({"language": "EN"}, "language", "en", []),
        ({"Lang": " En "}, "language", "en", []),
        ({"language": "en-US"}, "language", "en", [changed("language", "en")]),
        ({"language": "en_GB.UTF-8"}, "language", "en", [changed("language", "en")]),
        ({"language": "English"}, "language", "en", [changed("language", "en")]),
        ({"language": "ko_KR"}, "language", "ko", [changed("language", "ko")]),
        ({"language": "한국어"}, "language", "ko", [changed("language", "ko")]),
        ({"language": "fr"}, "language", "ko", [ignored("language")]),
        ({"language": "-"}, "language", "ko", [ignored("language")]),
        ({"engine": "composer"}, "engine", "composer", []),
        ({"Engine": "COMPOSER"}, "engine", "composer", []),
        ({"engine": "lyria_002"}, "engine", "lyria-002", [changed("engine", "lyria-002")]),
        ({"engine": "Lyria 2"}, "engine", "lyria-002", [changed("engine", "lyria-002")]),
        ({"engine": "lyria-3-clip-preview"}, "engine", "lyria-3-clip", [changed("engine", "lyria-3-clip")]),
        ({"engine": "musicgen"}, "engine", None, [ignored("engine")]),
        ({"seed": "7"}, "seed", 7, []),
        ({"seed": "0"}, "seed", 0, []),
        ({"SEED": " 7 "}, "seed", 7, []),
        ({"seed": "7.0"}, "seed", 7, [changed("seed", "7")]),
        ({"seed": "4294967295"}, "seed", 2**32 - 1, []),
        ({"seed": "4294967296"}, "seed", None, [ignored("seed")]),
        ({"seed": "-1"}, "seed", None, [ignored("seed")]),
        ({"seed": "7.5"}, "seed", None, [ignored("seed")]),
        ({}, "takes", 1, []),
        ({"takes": "2"}, "takes", 2, []),
        ({"Number of takes": " 2 "}, "takes", 2, []),
        ({"takes": "3"}, "takes", 1, [ignored("takes")]),
        ({"takes": "two"}, "takes", 1, [ignored("takes")]),
        ({"hint": " soft rain "}, "hint", "soft rain", []),
        ({"hint": 'a song called "Sea"'}, "hint", 'a song called "Sea"', []),
        ({"Hint": "가" * 300}, "hint", "가" * 300, []),
        ({"hint": "가" * 301}, "hint", "가" * 299 + "…", [changed("hint")]),
        ({"hint": "a\ud800"}, "hint", "", [ignored("hint")]),
        ({"style": "w" * 61}, "style", "w" * 59 + "…", [changed("style")]),
        ({"langauge": "en"}, "language", "ko", [ignored("langauge")]),
        ({"from_mapping": "x"}, "hint", "", [ignored("from_mapping")]),
        ({"goog-reserved-file-mtime": "1795338907", "firebaseStorageDownloadTokens": "x"}, "hint", "", []),
        ({"mtime": "1.5", "md5chksum": "x"}, "hint", "", []),
        ({"see http://evil.example/x": "1"}, "hint", "", [ignored("see")]),
    ],
    ids=lambda each: json.dumps(each)[:40] if isinstance(each, dict) else "",
)
def test_metadata_is_read_as_people_write_it(
    metadata: dict[str, str], field: str, value: Any, notes: list[Note]
) -> None:
    """What was changed or ignored is noted, without the value that was written."""
    request, found = wishes(metadata)
    assert getattr(request, field) == value
    assert list(found) == notes
    assert replace(request, **{field: getattr(Request(), field)}) == Request()


def test_entries_are_read_beside_invalid_ones() -> None:
    """An invalid entry costs only itself, and a track has at most ten notes."""
    many = {f"unknown{number}": "x" for number in range(40)}
    request, notes = wishes({**many, "seed": "x", "style": "waltz", "durationSeconds": "10s"})
    assert (request.style, request.duration_seconds, request.seed) == ("waltz", 10, None)
    assert len(notes) == drops.MAX_NOTES
    # Those that mean something come first.
    assert notes[:2] == (changed("durationSeconds", "10"), ignored("seed"))


@given(
    metadata=st.dictionaries(st.text() | st.sampled_from(["durationSeconds", "language", "seed", "hint"]), st.text())
)
def test_any_metadata_is_a_request(metadata: dict[str, str]) -> None:
    """Nothing is raised, and reading a request's own values again changes nothing."""
    request, _ = wishes(metadata)
    written = {name: str(value) for name, value in request.to_mapping().items() if value is not None}
    assert wishes(written) == (request, ())
