import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from storage_results import StorageResults

from musicgenerator.encodings import StoredBytes
from musicgenerator.errors import MusicMissingError
from musicgenerator.results import MusicFacts, ResultsFolder
from musicgenerator_google.storage_objects import StorageObjects
from tests.contracts.recorded import TOKEN, recorded
from tests.support.scripted_http import Answer, ScriptedServer

BUCKET = "musicgenerator-results"
FOLDER = ResultsFolder("https://storage.googleapis.com", BUCKET, TOKEN)
NOT_FOUND = Answer(b"No such object", 404, {"Content-Type": "text/plain"})
TAG, FRAME = b"ID3\x04" + b"\0" * 12, b"\xff\xfb\x90\x64" + b"\0" * 12


@pytest.fixture
def results(server: ScriptedServer) -> StorageResults:
    """Yield the adapter with Google's real client and a bucket with finished music."""
    put(server, "track.json", json.dumps(recorded("track"), ensure_ascii=False).encode())
    put(server, "music.mp3", TAG, recorded("track")["music"]["bytes"])
    return StorageResults(StorageObjects(client(server)))


def client(server: ScriptedServer) -> storage.Client:
    options = {"api_endpoint": server.url}
    return storage.Client(project="test", credentials=AnonymousCredentials(), client_options=options)


def put(server: ScriptedServer, file: str, data: bytes | None, size: int | None = None) -> None:
    """Script an object with these first bytes and this size, or a missing one."""
    name = quote(f"{TOKEN}/{file}", safe="")
    path = f"/storage/v1/b/{BUCKET}/o/{name}"
    resource: dict[str, Any] = {"name": f"{TOKEN}/{file}", "size": str(size or len(data or b""))}
    headers = {"Content-Type": "application/octet-stream"}
    server.script(f"GET /download{path}", NOT_FOUND if data is None else Answer(data, 200, headers))
    server.script(f"GET {path}", NOT_FOUND if data is None else Answer(resource))


@pytest.mark.parametrize("start", [TAG, FRAME])
def test_complete_music_gives_the_recorded_facts(server: ScriptedServer, results: StorageResults, start: bytes) -> None:
    """With or without an ID3 tag; only the first bytes of the music are fetched."""
    put(server, "music.mp3", start, recorded("track")["music"]["bytes"])
    assert results.music(FOLDER) == MusicFacts.from_json(json.dumps(recorded("track")))
    (fetched,) = server.heard_at(f"/download/storage/v1/b/{BUCKET}/o/{TOKEN}%2Fmusic.mp3")
    assert fetched.headers["range"] == "bytes=0-15"


ZIP, WAV = b"PK\x03\x04" + b"\0" * 12, b"RIFF\0\0\0\0WAVEfmt "


@pytest.mark.parametrize(
    ("file", "mime_type", "start", "is_complete"),
    [
        ("stems.zip", "application/zip", ZIP, True),
        ("loop.wav", "audio/wav", WAV, True),
        ("stems.zip", "application/zip", WAV, False),
        ("loop.wav", "audio/wav", TAG, False),
        ("stems.zip", "audio/mpeg", ZIP, False),
        ("stems.zip", "application/zip", None, False),
    ],
)
def test_an_export_is_checked(
    server: ScriptedServer, results: StorageResults, file: str, mime_type: str, start: bytes | None, is_complete: bool
) -> None:
    """The facts are of its file, which exists and is of its kind."""
    track = recorded("track")
    track["music"]["mimeType"] = mime_type
    put(server, "track.json", json.dumps(track).encode())
    put(server, file, start, track["music"]["bytes"])
    if is_complete:
        assert results.music(FOLDER, file) == MusicFacts.from_json(json.dumps(track))
    else:
        with pytest.raises(MusicMissingError, match=file):
            results.music(FOLDER, file)


def test_without_track_json_there_is_no_music_yet(server: ScriptedServer, results: StorageResults) -> None:
    """The step writes it last."""
    put(server, "track.json", None)
    assert results.music(FOLDER) is None


@pytest.mark.parametrize(
    ("data", "size"),
    [(None, None), (TAG, 5), (TAG, 722305), (b"RIFF" + b"\0" * 12, 722304), (b"<html></html>", 722304)],
    ids=["absent", "too short", "too long", "a WAV", "a page"],
)
def test_music_that_is_not_what_was_stated_is_missing(
    server: ScriptedServer, results: StorageResults, data: bytes | None, size: int | None
) -> None:
    """It does not exist, has another size, or is not an MP3."""
    put(server, "music.mp3", data, size)
    with pytest.raises(MusicMissingError):
        results.music(FOLDER)


@pytest.mark.parametrize("document", [b"", b"{", b"{}", b"\xff", b'{"music": null}', b'{"music": {"bytes": 5}}'])
def test_a_track_json_that_states_nothing_is_missing_music(
    server: ScriptedServer, results: StorageResults, document: bytes
) -> None:
    """The file exists, so waiting would not help."""
    put(server, "track.json", document)
    with pytest.raises(MusicMissingError):
        results.music(FOLDER)


def test_an_empty_music_object_is_missing_music(server: ScriptedServer, results: StorageResults) -> None:
    """Cloud Storage responds with 416 to a range of an empty object."""
    path = f"/storage/v1/b/{BUCKET}/o/{TOKEN}%2Fmusic.mp3"
    server.script(f"GET /download{path}", Answer(b"", 416, {"Content-Type": "text/plain"}))
    with pytest.raises(MusicMissingError):
        results.music(FOLDER)


def test_an_object_is_read_in_just_its_generation(server: ScriptedServer) -> None:
    """An overwritten object belongs to another event."""
    path = "/download/storage/v1/b/images/o/a%2Fb.jpg"
    server.script(f"GET {path}", Answer(b"picture", 200, {"Content-Type": "image/jpeg"}))
    assert StorageObjects(client(server)).start("images", "a/b.jpg", 7, 1795338907198423) == StoredBytes(b"picture")
    assert "generation=1795338907198423" in server.heard_at(path)[0].path


def test_an_object_that_is_gone_is_none(server: ScriptedServer) -> None:
    """A missing object is a value, not an error."""
    assert StorageObjects(client(server)).read("images", "gone.jpg") is None


def test_an_object_is_created_once_and_cached_for_good_by_browsers_alone(server: ScriptedServer) -> None:
    """The precondition keeps the existing object; a shared cache would go on serving a deleted one."""
    path = "/upload/storage/v1/b/results/o"
    server.script(f"POST {path}", Answer({"name": "r/cover.jpg"}), Answer({"error": {"code": 412}}, 412))
    objects = StorageObjects(client(server))
    for _ in range(2):
        objects.create("results", "r/cover.jpg", b"\xff\xd8", "image/jpeg")
    first, second = server.heard_at(path)
    assert "ifGenerationMatch=0" in first.path
    assert "ifGenerationMatch=0" in second.path
    assert b"private, max-age=31536000, immutable" in first.body
    assert b"image/jpeg" in first.body
    assert b"customTime" not in first.body


def test_an_object_of_a_session_is_deleted_when_the_session_ends(server: ScriptedServer) -> None:
    """The bucket's lifecycle deletes an object one day after its custom time."""
    path = "/upload/storage/v1/b/results/o"
    server.script(f"POST {path}", Answer({"name": "r/cover.jpg"}))
    end = datetime(2026, 12, 28, 9, 30, tzinfo=UTC)
    StorageObjects(client(server)).create("results", "r/cover.jpg", b"\xff\xd8", "image/jpeg", end)
    (request,) = server.heard_at(path)
    assert b'"customTime": "2026-12-27T09:30:00' in request.body
