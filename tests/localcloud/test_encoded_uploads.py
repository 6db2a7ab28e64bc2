"""Uploads with a content encoding: the front stores them as Cloud Storage does."""

import base64
import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator

import pytest
import requests

from localcloud.addresses import IMAGES_BUCKET
from tests.support.local_storage import MEGABYTE, Storage, put, serving

CONTENT = b"\xff\xd8\xff picture" * 1000
ZIPPED = gzip.compress(CONTENT, mtime=0)
BOMB = gzip.compress(b"\0" * 5_000_000) * 100


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    with serving(tmp_path_factory.mktemp("home")) as storage:
        yield storage


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (ZIPPED, "gzip"),
        (b"this is no gzip", "gzip"),
        (CONTENT, "gzip"),
        (BOMB, "gzip"),
        (zlib.compress(CONTENT), "deflate"),
        (b"\x1b\x0f\xf8 brotli", "br"),
        (CONTENT, "identity"),
        (gzip.compress(ZIPPED, mtime=0), "gzip, gzip"),
    ],
    ids=["gzip", "no gzip", "picture", "bomb", "deflate", "br", "identity", "twice"],
)
def test_the_bytes_are_stored_as_they_were_sent(front: Storage, data: bytes, encoding: str) -> None:
    """Size, checksums and raw download are those of the stored bytes; type and encoding are metadata."""
    name = f"uploads/encoded {hashlib.sha256(encoding.encode() + data).hexdigest()[:8]}"
    assert put(front.permit(name), data, Content_Encoding=encoding) == (200, "")
    blob = front.bucket(IMAGES_BUCKET).get_blob(name)
    assert (blob.size, blob.content_encoding, blob.content_type) == (len(data), encoding, "image/jpeg")
    assert base64.b64decode(blob.md5_hash) == hashlib.md5(data, usedforsecurity=False).digest()
    assert blob.download_as_bytes(raw_download=True) == data
    assert blob.download_as_bytes(raw_download=True, start=0, end=3) == data[:4]


def test_a_gzip_object_is_inflated_for_clients_that_do_not_take_gzip(front: Storage) -> None:
    """Decompressive transcoding: without `Accept-Encoding: gzip` the body has no encoding, and a range is ignored."""
    assert put(front.permit("uploads/transcoded"), ZIPPED, Content_Encoding="gzip") == (200, "")
    url = f"{front.url}/storage/v1/b/{IMAGES_BUCKET}/o/uploads%2Ftranscoded?alt=media"
    plain = requests.get(url, headers={"Accept-Encoding": "identity", "Range": "bytes=0-9"}, timeout=30)
    assert (plain.status_code, plain.content, "Content-Encoding" in plain.headers) == (200, CONTENT, False)
    taken = requests.get(url, headers={"Accept-Encoding": "gzip"}, timeout=30, stream=True)
    assert (taken.headers["Content-Encoding"], taken.raw.read(decode_content=False)) == ("gzip", ZIPPED)


def test_the_signed_range_is_of_the_bytes_that_are_sent(front: Storage) -> None:
    """It neither counts what they would become nor lets one byte more pass."""
    within = gzip.compress(os.urandom(900_000), 0)
    assert put(front.permit("uploads/within"), within, Content_Encoding="gzip") == (200, "")
    too_large = gzip.compress(os.urandom(MEGABYTE), 0)
    assert put(front.permit("uploads/beyond"), too_large, Content_Encoding="gzip") == (400, "EntityTooLarge")
    assert not front.holds("uploads/beyond")


def test_an_encoded_upload_is_stored_once(front: Storage) -> None:
    """The signed precondition holds for it too, and the answer names the object."""
    permit = front.permit("uploads/once")
    headers = dict(permit.headers) | {"Content-Encoding": "gzip", "Cache-Control": "public"}
    first = requests.put(permit.url, data=ZIPPED, headers=headers, timeout=30)
    assert (first.status_code, first.content) == (200, b"")
    assert first.headers["x-goog-stored-content-length"] == str(len(ZIPPED))
    assert first.headers["x-goog-stored-content-encoding"] == "gzip"
    blob = front.bucket(IMAGES_BUCKET).get_blob("uploads/once")
    assert (int(first.headers["x-goog-generation"]), blob.cache_control) == (blob.generation, "public")
    assert put(permit, ZIPPED, Content_Encoding="gzip") == (412, "PreconditionFailed")


@pytest.mark.parametrize(
    ("checksum", "expected"),
    [
        (hashlib.md5(CONTENT, usedforsecurity=False).digest(), (200, "")),
        (hashlib.md5(b"another", usedforsecurity=False).digest(), (400, "BadDigest")),
        (b"short", (400, "InvalidDigest")),
    ],
)
def test_a_false_checksum_is_refused(front: Storage, checksum: bytes, expected: tuple[int, str]) -> None:
    """Cloud Storage compares `Content-MD5` with the body and stores nothing if they differ."""
    name = f"uploads/checksum {expected[1]}"
    assert put(front.permit(name), CONTENT, Content_MD5=base64.b64encode(checksum).decode()) == expected
    assert front.holds(name) == (expected[0] == 200)
