"""Objects are read as they are stored and within a bound, although headers may be false."""

import gzip
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from musicgenerator.encodings import StoredBytes
from musicgenerator.errors import ContentionError
from musicgenerator_google.storage_objects import MAX_READ_BYTES, StorageObjects
from tests.support.scripted_http import Answer, ScriptedServer

OBJECT = "/storage/v1/b/images/o/a.jpg"
ZIPPED = gzip.compress(b"\0" * 1_000_000)


@pytest.fixture
def objects(server: ScriptedServer) -> StorageObjects:
    options = {"api_endpoint": server.url}
    return StorageObjects(storage.Client("test", AnonymousCredentials(), client_options=options))


def stored(server: ScriptedServer, data: bytes, status: int = 200, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    server.script(f"GET /download{OBJECT}", Answer(data, status, {"Content-Type": "image/jpeg"} | named))


@pytest.mark.parametrize("status", [200, 206])
@pytest.mark.parametrize("data", [ZIPPED, b"no gzip"])
def test_an_encoding_is_reported_and_not_undone(
    server: ScriptedServer, objects: StorageObjects, data: bytes, status: int
) -> None:
    """The client asks for the stored bytes; bytes that are no gzip are no error."""
    stored(server, data, status, Content_Encoding="gzip")
    assert objects.start("images", "a.jpg", 5000, 7) == StoredBytes(data, "gzip")
    (request,) = server.heard_at(f"/download{OBJECT}")
    assert (request.headers["accept-encoding"], request.headers["range"]) == ("gzip", "bytes=0-4999")
    assert "generation=7" in request.path


@pytest.mark.parametrize("length", [1, 1000, 99_999])
def test_no_more_is_read_than_asked_for(server: ScriptedServer, objects: StorageObjects, length: int) -> None:
    """A server that ignores the range is broken off; then the encoding is asked for."""
    stored(server, b"x" * 100_000, Content_Encoding="gzip")
    server.script(f"GET {OBJECT}", Answer({"name": "a.jpg", "generation": "7", "contentEncoding": "gzip"}))
    assert objects.start("images", "a.jpg", length) == StoredBytes(b"x" * length, "gzip")


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Goog_Hash": "crc32c=AAAAAA==,md5=1B2M2Y8AsgTpgAmY7PhCfg=="},
        {"X_Goog_Stored_Content_Length": "1", "X_Goog_Stored_Content_Encoding": "gzip"},
        {"X_Goog_Generation": "999"},
        {"Content_Type": "application/pdf"},
    ],
    ids=str,
)
def test_false_headers_are_no_errors(server: ScriptedServer, objects: StorageObjects, headers: dict[str, Any]) -> None:
    """A false checksum would otherwise be delivered again until the event is a dead letter."""
    stored(server, b"picture", **headers)
    assert objects.start("images", "a.jpg", 5000) == StoredBytes(b"picture")


def test_an_empty_and_a_missing_object_differ(server: ScriptedServer, objects: StorageObjects) -> None:
    """Cloud Storage answers the range of an empty object with 416."""
    assert objects.start("images", "a.jpg", 5000) is None
    stored(server, b"", 416)
    assert objects.start("images", "a.jpg", 5000) == StoredBytes(b"")


def test_a_transfer_that_ends_early_is_repeated(server: ScriptedServer, objects: StorageObjects) -> None:
    """The declared length protects the transfer, so that no checksum is needed."""
    whole = Answer(b"cture", 206, {"Content-Type": "image/jpeg"})
    server.script(f"GET /download{OBJECT}", Answer(b"pi", 200, {"Content-Type": "image/jpeg"}, missing=5), whole)
    assert objects.start("images", "a.jpg", 5000) == StoredBytes(b"picture")


def test_the_project_s_own_objects_have_a_bound_too(server: ScriptedServer, objects: StorageObjects) -> None:
    """An order, a cover or a track.json that is inflated or larger than any is somebody else's."""
    stored(server, ZIPPED, Content_Encoding="gzip")
    assert objects.read("images", "a.jpg") == ZIPPED
    server.script(f"GET {OBJECT}", Answer({"name": "a.jpg", "generation": "7"}))
    stored(server, b"x" * (MAX_READ_BYTES + 2))
    assert objects.read("images", "a.jpg") is None


def test_an_object_that_is_replaced_between_two_requests_is_read_again(
    server: ScriptedServer, objects: StorageObjects
) -> None:
    """The generation that was found is gone, but the object is not."""
    server.script(f"GET {OBJECT}", *(Answer({"name": "a.jpg", "generation": each, "size": "3"}) for each in ("7", "8")))
    server.script(f"GET /download{OBJECT}", Answer(b"No such object", 404), Answer(b"new"))
    assert objects.read_generation("images", "a.jpg") == (b"new", 8)


def test_an_object_that_other_writers_keep_replacing_is_not_missing(
    server: ScriptedServer, objects: StorageObjects
) -> None:
    """The caller tries again later."""
    server.script(f"GET {OBJECT}", Answer({"name": "a.jpg", "generation": "7", "size": "3"}))
    server.script(f"GET /download{OBJECT}", Answer(b"No such object", 404))
    with pytest.raises(ContentionError):
        objects.read_generation("images", "a.jpg")
