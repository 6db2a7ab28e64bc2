import http.client
import io
import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from localcloud.addresses import HOST, IMAGES_BUCKET, PIPELINE_BUCKET, RESULTS_BUCKET
from tests.support.local_storage import MEGABYTE, Storage, put, serving

UPLOAD_HEADERS = "Content-Type, x-goog-content-length-range, x-goog-if-generation-match"
INVALID = (400, "InvalidArgument")


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    with serving(tmp_path_factory.mktemp("home")) as storage:
        yield storage


@pytest.fixture(scope="module")
def objects(front: Storage) -> Storage:
    """Store an object in each bucket."""
    for bucket in (IMAGES_BUCKET, RESULTS_BUCKET, PIPELINE_BUCKET):
        front.bucket(bucket).blob("폴더/a b.wav").upload_from_string(b"0123456789", content_type="audio/wav")
    return front


A_B = quote("폴더/a b.wav")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", f"/{RESULTS_BUCKET}/{A_B}", (200, "")),
        ("HEAD", f"/{RESULTS_BUCKET}/{A_B}", (200, "")),
        ("GET", f"/{RESULTS_BUCKET}/none", (403, "AccessDenied")),
        ("GET", f"/{RESULTS_BUCKET}", (403, "AccessDenied")),
        ("GET", f"/{RESULTS_BUCKET}/", (403, "AccessDenied")),
        ("GET", f"/{RESULTS_BUCKET}?list-type=2", (403, "AccessDenied")),
        ("GET", f"/{RESULTS_BUCKET}/../{IMAGES_BUCKET}/{A_B}", (403, "AccessDenied")),
        ("GET", f"/{RESULTS_BUCKET}%2F..%2F{IMAGES_BUCKET}/{A_B}", (403, "AccessDenied")),
        ("GET", f"/{IMAGES_BUCKET}/{A_B}", (403, "AccessDenied")),
        ("HEAD", f"/{IMAGES_BUCKET}/{A_B}", (403, "")),
        ("GET", f"/{PIPELINE_BUCKET}/{A_B}", (403, "AccessDenied")),
        ("GET", f"//{IMAGES_BUCKET}/{A_B}", (400, "MissingSecurityHeader")),
        ("GET", f"/%2e/{IMAGES_BUCKET}/{A_B}", (403, "AccessDenied")),
        ("GET", "/", (400, "MissingSecurityHeader")),
        ("PUT", f"/{IMAGES_BUCKET}/x", (403, "AccessDenied")),
        ("PUT", f"/{RESULTS_BUCKET}/x?uploadType=media&name=x", (403, "AccessDenied")),
        ("POST", f"/{IMAGES_BUCKET}", (403, "AccessDenied")),
        ("POST", f"/{IMAGES_BUCKET}/x", (403, "AccessDenied")),
        ("DELETE", f"/{RESULTS_BUCKET}/{A_B}", (403, "AccessDenied")),
        ("PUT", f"/{IMAGES_BUCKET}/x?X-Goog-Algorithm=GOOG4-RSA-SHA256", INVALID),
        ("PUT", f"/{IMAGES_BUCKET}/x?X-Goog-Signature=00", INVALID),
        ("PUT", "/_internal/config", (403, "AccessDenied")),
        ("GET", f"/{RESULTS_BUCKET}/%ff", INVALID),
        ("GET", f"/{RESULTS_BUCKET}/a#b", INVALID),
        ("GET", f"http://{HOST}/{IMAGES_BUCKET}/{A_B}", INVALID),
    ],
)
def test_the_public_reads_results_by_name(objects: Storage, method: str, path: str, expected: tuple[int, str]) -> None:
    """An anonymous request may read a result, but not list, write or read a picture."""
    # http.client sends the target unchanged; other clients normalize it.
    assert raw(objects, method, path, {})[:2] == expected


def test_a_host_names_no_bucket(objects: Storage) -> None:
    """fake-gcs-server would read an unknown host as a bucket and the whole path as an object."""
    objects.bucket(IMAGES_BUCKET).blob(f"{RESULTS_BUCKET}/private").upload_from_string(b"picture")
    assert raw(objects, "GET", f"/{RESULTS_BUCKET}/private", {"Host": IMAGES_BUCKET})[:2] == (403, "AccessDenied")


def raw(front: Storage, method: str, path: str, headers: dict[str, str]) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection(HOST, front.addresses.ports["storage"], timeout=10)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
        return answer.status, body.partition("<Code>")[2].partition("</Code>")[0], dict(answer.headers)
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", f"/storage/v1/b/{PIPELINE_BUCKET}", {}),
        ("GET", f"/storage/v1/b/{PIPELINE_BUCKET}/o?prefix={quote('폴더')}", {}),
        ("GET", f"/storage/v1/b/{PIPELINE_BUCKET}/o/{quote('폴더/a b.wav', safe='')}", {}),
        ("GET", f"/storage/v1/b/{PIPELINE_BUCKET}/o/{quote('폴더/a b.wav', safe='')}?alt=media", {}),
        ("GET", f"/storage/v1/b/{PIPELINE_BUCKET}/o/none", {}),
        ("GET", f"/download/storage/v1/b/{PIPELINE_BUCKET}/o/{quote('폴더/a b.wav', safe='')}?alt=media", {}),
        ("POST", "/storage/v1/b", {"Content-Type": "application/json"}),
        ("GET", f"/{RESULTS_BUCKET}/{A_B}", {"Range": "bytes=2-5"}),
        ("GET", f"/{RESULTS_BUCKET}/{A_B}", {"Range": "bytes=99-"}),
        ("HEAD", f"/{RESULTS_BUCKET}/{A_B}", {}),
        ("GET", f"/{PIPELINE_BUCKET}/{A_B}", {"Authorization": "Bearer operator"}),
        ("GET", f"/{PIPELINE_BUCKET}/none", {"Authorization": "Bearer operator"}),
    ],
)
def test_an_allowed_request_is_forwarded_unchanged(
    objects: Storage, method: str, path: str, headers: dict[str, str]
) -> None:
    """Status, bytes and headers, except CORS headers, come from fake-gcs-server."""
    body = f'{{"name": "{PIPELINE_BUCKET}"}}' if method == "POST" else None
    host = {"Host": objects.addresses.host("storage")}
    through, direct = (
        requests.request(method, url + path, data=body, headers=headers | host, timeout=10)
        for url in (objects.url, objects.backend)
    )
    assert (through.status_code, through.content) == (direct.status_code, direct.content)
    own = {"Access-Control-Allow-Origin", "Content-Length", "Date", "Server", "Transfer-Encoding"}
    assert {name: value for name, value in through.headers.items() if name not in own} == {
        name: value for name, value in direct.headers.items() if name not in own
    }
    assert through.headers.get("Content-Length", str(len(through.content))) == direct.headers.get(
        "Content-Length", str(len(direct.content))
    )


def test_large_objects_pass_in_both_directions(front: Storage) -> None:
    """A resumable upload of 30 MB and a multipart upload can be downloaded completely and by range."""
    data = os.urandom(30 * MEGABYTE)
    blob = front.bucket(RESULTS_BUCKET).blob("token/큰 파일.wav", chunk_size=8 * 2**20)
    blob.upload_from_file(io.BytesIO(data), content_type="audio/wav")
    assert blob.download_as_bytes() == data
    assert blob.download_as_bytes(start=5 * MEGABYTE, end=5 * MEGABYTE + 9) == data[5 * MEGABYTE : 5 * MEGABYTE + 10]
    front.bucket(RESULTS_BUCKET).blob("token/multipart").upload_from_string(data)
    address = f"{front.url}/{RESULTS_BUCKET}/token/multipart"
    assert requests.get(address, timeout=30).content == data
    part = requests.get(address, headers={"Range": "bytes=-7"}, timeout=30)
    assert (part.status_code, part.content) == (206, data[-7:])


def test_gcloud_copies_there_and_back(front: Storage, tmp_path: Path) -> None:
    """`gcloud storage cp` works with the operator's environment."""
    (front.addresses.home / "access-token").write_text("local\n")
    environ = os.environ | front.addresses.client_environ() | {"CLOUDSDK_CONFIG": str(tmp_path / "gcloud")}
    there, back = tmp_path / "여름 바다.jpg", tmp_path / "back.jpg"
    there.write_bytes(os.urandom(10 * MEGABYTE))
    place = f"gs://{IMAGES_BUCKET}/{there.name}"
    for source, target in ((str(there), place), (place, str(back))):
        done = subprocess.run(
            ["gcloud", "storage", "cp", source, target], env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert back.read_bytes() == there.read_bytes()


def test_gcloud_moves_an_object_with_its_metadata(front: Storage, tmp_path: Path) -> None:
    """`gcloud storage mv` moves within a bucket and to another one, and says so of an object that is missing."""
    (front.addresses.home / "access-token").write_text("local\n")
    environ = os.environ | front.addresses.client_environ() | {"CLOUDSDK_CONFIG": str(tmp_path / "gcloud")}
    blob = front.bucket(PIPELINE_BUCKET).blob("여름 바다.jpg")
    blob.metadata = {"language": "en"}
    blob.upload_from_string(b"sea", content_type="image/jpeg")
    places = [f"gs://{PIPELINE_BUCKET}/{blob.name}", f"gs://{PIPELINE_BUCKET}/겨울.jpg", f"gs://{RESULTS_BUCKET}/moved"]

    def move(source: str, target: str) -> "subprocess.CompletedProcess[str]":
        command = ["gcloud", "storage", "mv", source, target]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    for source, target in itertools.pairwise(places):
        done = move(source, target)
        assert (done.returncode, "ERROR" in done.stderr) == (0, False), done.stderr
    moved = front.bucket(RESULTS_BUCKET).get_blob("moved")
    assert (moved.download_as_bytes(), moved.metadata, moved.content_type) == (b"sea", {"language": "en"}, "image/jpeg")
    assert not blob.exists()
    assert "matched no objects" in move(places[0], places[1]).stderr


def test_the_json_api_moves_an_object_in_one_request(front: Storage) -> None:
    """objects.move copies and deletes; a missing object is not moved, and a precondition holds."""
    api = f"{front.url}/storage/v1/b/{PIPELINE_BUCKET}/o"
    for name in ("from/a b", "present"):
        front.bucket(PIPELINE_BUCKET).blob(name).upload_from_string(name.encode(), content_type="text/plain")

    def move(target: str) -> requests.Response:
        return requests.post(f"{api}/from%2Fa%20b/moveTo/o/{target}?ifGenerationMatch=0", json={}, timeout=30)

    assert move("present").status_code == 412
    assert front.bucket(PIPELINE_BUCKET).blob("present").download_as_bytes() == b"present"
    moved = move("to%2Fb")
    assert (moved.status_code, moved.json()["name"]) == (200, "to/b")
    assert front.bucket(PIPELINE_BUCKET).blob("to/b").download_as_bytes() == b"from/a b"
    assert not front.bucket(PIPELINE_BUCKET).blob("from/a b").exists()
    assert move("to%2Fc").status_code == 404
    assert requests.delete(f"{api}/to%2Fb", timeout=30).status_code == 204


PAGE, LOCALHOST, OTHER = "page", "localhost", "http://evil.example"
XML = f"/{IMAGES_BUCKET}/uploads/cors"


@pytest.mark.parametrize(
    ("origin", "path", "asked", "allowed"),
    [
        (PAGE, XML, "PUT", True),
        (LOCALHOST, XML, "PUT", True),
        (PAGE, f"/{RESULTS_BUCKET}/{A_B}", "GET", True),
        (PAGE, f"/{RESULTS_BUCKET}/{A_B}", "HEAD", True),
        (PAGE, XML, "DELETE", False),
        (PAGE, XML, "POST", False),
        (PAGE, f"/{PIPELINE_BUCKET}/x", "GET", False),
        (PAGE, f"/storage/v1/b/{IMAGES_BUCKET}/o", "GET", False),
        (OTHER, XML, "PUT", False),
        ("null", XML, "PUT", False),
    ],
)
def test_cross_origin_requests(objects: Storage, origin: str, path: str, asked: str, *, allowed: bool) -> None:
    """Only the page's origins get CORS headers, for PUT, GET, HEAD and the three upload headers."""
    page, localhost = objects.addresses.page_origins
    origin = {PAGE: page, LOCALHOST: localhost}.get(origin, origin)
    wanted = {"Origin": origin, "Access-Control-Request-Method": asked}
    _, _, preflight = raw(objects, "OPTIONS", path, wanted)
    _, _, answer = raw(objects, asked, path, {"Origin": origin})
    for headers in (preflight, answer):
        assert headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
        assert any(name.lower().startswith("access-control-") for name in headers) == allowed
    if allowed:
        assert preflight["Access-Control-Allow-Methods"] == "GET, HEAD, PUT"
        assert preflight["Access-Control-Allow-Headers"] == UPLOAD_HEADERS
        assert answer["Vary"] == "Origin"


def test_a_page_uploads_and_hears_why_not(front: Storage) -> None:
    """The page can read both success and refusal."""
    origin = front.addresses.page_origins[0]
    permit = front.permit("uploads/page")
    for expected in (200, 412):
        answer = requests.put(permit.url, data=b"x", headers=dict(permit.headers) | {"Origin": origin}, timeout=10)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (expected, origin)


def test_a_page_has_no_access_to_the_json_api(objects: Storage) -> None:
    """A page in the operator's browser may not use the JSON API, which local clients use without credentials."""
    url = f"{objects.url}/upload/storage/v1/b/{IMAGES_BUCKET}/o?uploadType=media&name=forged"
    answer = requests.post(url, data=b"x", headers={"Origin": OTHER}, timeout=10)
    assert answer.status_code == 401
    assert not objects.holds("forged")


def test_a_refusal_is_one_readable_line(front: Storage) -> None:
    """The log line has method, object, status and reason, and no signature."""
    permit = front.permit("uploads/logged", 5)
    assert put(permit, b"123456")[0] == 400
    lines = [line for line in front.log.read_text().splitlines() if "uploads/logged" in line]
    assert len(lines) == 1
    assert "refused PUT" in lines[0]
    assert "400 EntityTooLarge" in lines[0]
    assert "Signature" not in lines[0]
    assert "Traceback" not in front.log.read_text()
