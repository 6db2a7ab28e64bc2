"""Pictures whose metadata is false about size, type, encoding or checksum: only the bytes decide."""

import gzip
import zlib
from dataclasses import replace
from typing import Any

import pytest
from captioning import Picture

from musicgenerator.errors import NotAnImageError, PictureTooLargeError
from musicgenerator.signatures import Kind, kind_of
from musicgenerator.tracks import MAX_PICTURE_BYTES
from tests.functions.captioner_scene import ANNOUNCED, PICTURE, Scene

BOMB = gzip.compress(PICTURE + b"\0" * MAX_PICTURE_BYTES)


def encoded(data: bytes, encoding: str, **facts: Any) -> tuple[Scene, list[bytes]]:
    """Return a scene with this object, and the list of what is given to the decoder."""
    decoded: list[bytes] = []

    def decode(picture: bytes) -> Picture:
        decoded.append(picture)
        if kind_of(picture) is not Kind.PICTURE:
            raise NotAnImageError("no picture")
        return Picture(b"\xff\xd8jpeg", 4032, 3024)

    scene = Scene(decode=decode)
    scene.objects.upload(replace(scene.event, **facts), data)
    scene.objects.encodings[scene.event.bucket, scene.event.name] = encoding
    return scene, decoded


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (PICTURE, ""),
        (gzip.compress(PICTURE, mtime=0), "gzip"),
        (gzip.compress(PICTURE, mtime=0).ljust(MAX_PICTURE_BYTES, b"\0"), "gzip"),
        (gzip.compress(gzip.compress(PICTURE, mtime=0), mtime=0), "gzip, gzip"),
        (zlib.compress(PICTURE), "deflate"),
        (PICTURE, "gzip"),
        (PICTURE, "br"),
        (PICTURE, "gzip, gzip, gzip"),
    ],
)
@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"size": 0},
        {"size": 1},
        {"size": MAX_PICTURE_BYTES},
        {"content_type": "application/pdf"},
        {"content_type": ""},
        {"crc32c": "////////"},
        {"crc32c": ""},
    ],
    ids=str,
)
def test_a_picture_is_taken_although_its_metadata_is_false(data: bytes, encoding: str, facts: dict[str, Any]) -> None:
    """The decoder gets the picture without its encoding, and the describer is asked once."""
    scene, decoded = encoded(data, encoding, **facts)
    scene.deliver()
    assert scene.document["status"] == "captioned"
    assert decoded == [PICTURE]
    assert scene.captions.heard == [ANNOUNCED]


@pytest.mark.parametrize(
    ("data", "encoding", "code"),
    [
        (b"no gzip", "gzip", NotAnImageError.code),
        (gzip.compress(PICTURE, mtime=0), "", NotAnImageError.code),
        (gzip.compress(PICTURE, mtime=0), "br", NotAnImageError.code),
        (gzip.compress(b"no picture", mtime=0), "gzip", NotAnImageError.code),
        (gzip.compress(PICTURE, mtime=0)[:12], "gzip", NotAnImageError.code),
        (b"\x1b\x0f\xf8 brotli", "br", NotAnImageError.code),
        (b"", "gzip", NotAnImageError.code),
        (BOMB, "gzip", PictureTooLargeError.code),
        (gzip.compress(b"\0" * (MAX_PICTURE_BYTES + 1), mtime=0), "gzip", PictureTooLargeError.code),
        (PICTURE + b"\0" * MAX_PICTURE_BYTES, "", PictureTooLargeError.code),
        (PICTURE + b"\0" * MAX_PICTURE_BYTES, "gzip", PictureTooLargeError.code),
    ],
)
def test_everything_else_ends_at_once_with_words(data: bytes, encoding: str, code: str) -> None:
    """One delivery and one claim; no exception that would have the event delivered again; the size reported is 1."""
    scene, _ = encoded(data, encoding, size=1)
    scene.deliver()
    assert (scene.document["status"], scene.document["error"]["code"]) == ("failed", code)
    assert scene.work.claims == 1
    assert not scene.describer.asked


def test_a_picture_of_just_the_limit_is_taken_when_it_is_inflated() -> None:
    """The limit is of the picture, not of what is stored."""
    scene, decoded = encoded(gzip.compress(PICTURE + b"\0" * (MAX_PICTURE_BYTES - len(PICTURE))), "gzip")
    scene.deliver()
    assert scene.document["status"] == "captioned"
    assert len(decoded[0]) == MAX_PICTURE_BYTES
