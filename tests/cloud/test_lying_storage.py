"""False statements about an object: each track ends with music or in words, and the captioner uses little memory."""

import gzip
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from google.cloud import firestore

from localcloud.addresses import IMAGES_BUCKET, PROJECT, REPOSITORY, Addresses
from localcloud.provision import drop_session, storage_client
from tests.cloud.clients import Jobs, document, drop_bytes, ends, finalized_event, post
from tests.support.dropped import dropped_track
from tests.support.visitors import Visitor, picture, visitors

pytestmark = pytest.mark.cloud

MAX_MEGABYTES = 450
LIMIT = 20_000_000
# 10 MB of zeros in each member: 20 MB that become 20 GB.
MEMBER = gzip.compress(b"\0" * 10_000_000)
BOMB = (MEMBER * (LIMIT // len(MEMBER) + 1))[:LIMIT]
JPEG_BOMB = gzip.compress(picture() + b"\0" * 3 * LIMIT)


class Memory(threading.Thread):
    """Watches the memory that the captioner and its children use; ``most`` is in MB."""

    def __init__(self, addresses: Addresses) -> None:
        super().__init__(daemon=True)
        self.most = 0
        self._ended = threading.Event()
        port = f"--port={addresses.ports['captioner']}".encode()
        self._servers = [
            path for path in _processes() if port in _read(path / "cmdline").split(b"\0") and _is_ours(path)
        ]
        assert self._servers

    def run(self) -> None:
        while not self._ended.wait(0.01):
            self.most = max(self.most, sum(_megabytes(path) for path in self._tree()))

    def end(self) -> None:
        self._ended.set()
        self.join()

    def _tree(self) -> set[Path]:
        found, due = set(), list(self._servers)
        while due:
            process = due.pop()
            if process not in found:
                found.add(process)
                for task in _listed(process / "task"):
                    due += [Path("/proc") / child.decode() for child in _read(task / "children").split()]
        return found


def _processes() -> list[Path]:
    return [path for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _is_ours(process: Path) -> bool:
    try:
        return (process / "cwd").readlink().is_relative_to(REPOSITORY)
    except OSError:
        return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _megabytes(process: Path) -> int:
    # Pss divides what processes share, such as the interpreter's code and what a fork has not changed.
    for line in _read(process / "smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) >> 10
    return 0


@pytest.fixture
def memory(local_cloud: Addresses) -> Iterator[Memory]:
    """Watch the captioner during a test, and check that it used little memory."""
    watch = Memory(local_cloud)
    watch.start()
    yield watch
    watch.end()
    assert 0 < watch.most <= MAX_MEGABYTES


@pytest.fixture(scope="module")
def visitor(local_cloud: Addresses) -> Visitor:
    (found,) = visitors(local_cloud, 1)
    found.open()
    return found


def uploaded(visitor: Visitor, data: bytes, **headers: str) -> str:
    """Announce a picture, upload these bytes with further headers, and return the track."""
    track, permit = visitor.announce("lie")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = requests.put(permit["url"], data=data, headers=permit["headers"] | named, timeout=60)
    assert answer.status_code == 200, answer.text
    return track


@pytest.mark.usefixtures("memory")
def test_lies_about_an_upload_end_in_words_at_once(local_cloud: Addresses, visitor: Visitor) -> None:
    """One claim each, although a client that inflates would fail, or use 20 GB, at every delivery."""
    lies = {
        uploaded(visitor, BOMB, Content_Encoding="gzip"): "too_large",
        uploaded(visitor, JPEG_BOMB, Content_Encoding="gzip"): "too_large",
        uploaded(visitor, BOMB): "not_an_image",
        uploaded(visitor, b"this is no gzip", Content_Encoding="gzip"): "not_an_image",
        uploaded(visitor, gzip.compress(b"Dear diary"), Content_Encoding="gzip"): "not_an_image",
        uploaded(visitor, b"\x1b\x0f\xf8 brotli", Content_Encoding="br"): "not_an_image",
        uploaded(visitor, gzip.compress(picture(), mtime=0)[:5000], Content_Encoding="gzip"): "truncated",
        uploaded(visitor, b"%PDF-1.7\n"): "not_an_image",
    }
    found = ends(local_cloud, list(lies), visitor.session)
    assert {track: end["error"]["code"] for track, end in found.items()} == lies
    for end in found.values():
        times = end["timeline"]
        assert (times["failed"] - times["awaiting_upload"]).total_seconds() < 30


@pytest.mark.usefixtures("memory")
def test_honest_and_useless_encodings_end_with_music(local_cloud: Addresses, visitor: Visitor) -> None:
    """An encoding that the bytes have is undone, and one that they do not have is ignored."""
    tracks = [
        uploaded(visitor, gzip.compress(picture(), mtime=0), Content_Encoding="gzip"),
        uploaded(visitor, zlib.compress(picture()), Content_Encoding="deflate"),
        uploaded(visitor, picture(), Content_Encoding="gzip"),
    ]
    found = ends(local_cloud, tracks, visitor.session)
    assert {end["status"] for end in found.values()} == {"ready"}


def test_an_event_s_facts_are_not_believed(local_cloud: Addresses) -> None:
    """Size, type, encoding and checksums of a forged or outdated event change nothing; one job makes the music."""
    track = drop_bytes("lies/facts.jpg", picture(), {"durationSeconds": "10"})
    blob = storage_client().bucket(IMAGES_BUCKET).get_blob("lies/facts.jpg")
    body, headers = finalized_event(blob.name, int(blob.generation))
    for lie in (
        {"size": "0"},
        {"size": "9223372036854775807"},
        {"contentType": "application/pdf", "contentEncoding": "gzip"},
        {"crc32c": "////////", "md5Hash": "AAAA", "metadata": {"seed": "5"}},
    ):
        assert post(local_cloud.url("captioner"), body | lie, headers)[0] in {200, 500}
    (end,) = ends(local_cloud, [track]).values()
    assert (end["status"], end["image"]["bytes"]) == ("ready", len(picture()))
    assert Jobs(local_cloud).of(track) == [f"mg-{track}-1"]


def test_what_tools_write_makes_no_track(local_cloud: Addresses) -> None:
    """Components, placeholders, sidecars and a video; the picture that was composed of them is the only track."""
    bucket, folder = storage_client().bucket(IMAGES_BUCKET), "lies/tools"
    components = "gcloud/tmp/parallel_composite_uploads/see_gcloud_storage_cp_help_for_details"
    blob = bucket.blob(f"{folder}/sea.jpg")
    blob.metadata = {"durationseconds": "10s", "language": "en-US"}
    parts = []
    for number in range(4):
        part = bucket.blob(f"{components}/{number}_{number}")
        part.upload_from_string(picture()[number * 3000 : (number + 1) * 3000 if number < 3 else None])
        parts.append(part)
    for name, data in ((".DS_Store", b"Bud1"), ("sea.AAE", b"<?xml"), ("sea.mov", b"\0\0\0\x14ftypqt  "), ("x/", b"")):
        bucket.blob(f"{folder}/{name}").upload_from_string(data)
    blob.upload_from_string(b"", content_type="image/jpeg")
    blob.compose(parts)
    bucket.delete_blobs(parts)
    blob.reload()
    track = dropped_track(blob)
    (end,) = ends(local_cloud, [track]).values()
    assert (end["status"], end["request"]["durationSeconds"], end["request"]["language"]) == ("ready", 10, "en")
    assert {note["name"]: note["value"] for note in end["notes"]} == {"durationSeconds": "10", "language": "en"}

    before = blob.generation
    blob.rewrite(blob)
    assert blob.generation != before
    body, headers = finalized_event(blob.name, int(blob.generation))
    assert post(local_cloud.url("captioner"), body, headers)[0] == 200
    assert document(drop_session(local_cloud), track)["image"]["generation"] == int(blob.generation)
    assert Jobs(local_cloud).of(track) == [f"mg-{track}-1"]

    log = (local_cloud.home / "logs" / "captioner.log").read_text(encoding="utf-8")
    assert log.count('"reason": "temporary"') >= len(parts)
    assert folder not in log
    names = {document["droppedObject"] for document in _private_tracks() if document.get("droppedObject")}
    assert [name for name in names if name.startswith((folder, components))] == [blob.name]


def _private_tracks() -> list[dict[str, str]]:
    client = firestore.Client(project=PROJECT)
    return [dict(work.to_dict() or {}) for work in client.collection("work").stream()]
