import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import requests
from ports import Permit

from localcloud.addresses import HOST, IMAGES_BUCKET, PIPELINE_ACCOUNT, PIPELINE_BUCKET, RESULTS_BUCKET
from tests.support.local_storage import MEGABYTE, Storage, put, serving, signed


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    with serving(tmp_path_factory.mktemp("home")) as storage:
        yield storage


def test_a_permitted_upload_is_stored(front: Storage) -> None:
    """The object has the signed name and type and the same bytes, also with a Korean name."""
    name, data = "uploads/바다 사진~1 100%.jpg", os.urandom(MEGABYTE)
    assert put(front.permit(name), data) == (200, "")
    blob = front.bucket(IMAGES_BUCKET).get_blob(name)
    assert (blob.content_type, blob.download_as_bytes()) == ("image/jpeg", data)


def test_a_chunked_body_is_stored(front: Storage) -> None:
    """A chunked upload within the range is stored."""
    blocks = [os.urandom(300_000) for _ in range(3)]
    assert put(front.permit("uploads/chunked"), iter(blocks)) == (200, "")
    assert front.bucket(IMAGES_BUCKET).blob("uploads/chunked").download_as_bytes() == b"".join(blocks)


def in_url(old: str, new: str) -> Callable[[Permit], Permit]:
    def change(permit: Permit) -> Permit:
        assert old in permit.url
        return replace(permit, url=permit.url.replace(old, new))

    return change


def other_signature(permit: Permit) -> Permit:
    return replace(permit, url=permit.url[:-1] + ("0" if permit.url[-1] != "0" else "1"))


RANGE, MATCH = "x-goog-content-length-range", "x-goog-if-generation-match"
MISMATCH, MALFORMED, INVALID = (
    (403, "SignatureDoesNotMatch"),
    (400, "MalformedSecurityHeader"),
    (400, "InvalidArgument"),
)


@pytest.mark.parametrize(
    ("change", "headers", "expected"),
    [
        (other_signature, {}, MISMATCH),
        (in_url("uploads/tampered", "uploads/tampered2"), {}, MISMATCH),
        (in_url("uploads/tampered", "uploads/../tampered"), {}, MISMATCH),
        (in_url(IMAGES_BUCKET, RESULTS_BUCKET), {}, MISMATCH),
        (in_url("X-Goog-Expires=600", "X-Goog-Expires=601"), {}, MISMATCH),
        (in_url("?", "?predefinedAcl=publicRead&"), {}, MISMATCH),
        (in_url("upload-signer", "pipeline"), {}, MISMATCH),
        (in_url("upload-signer", "nobody"), {}, MISMATCH),
        (lambda permit: replace(permit, method="POST"), {}, MISMATCH),
        (lambda permit: replace(permit, method="GET"), {}, MISMATCH),
        (lambda permit: replace(permit, method="DELETE"), {}, MISMATCH),
        (lambda permit: permit, {"Content-Type": "text/html"}, MISMATCH),
        (lambda permit: permit, {RANGE: "1,900000000"}, MISMATCH),
        (lambda permit: permit, {MATCH: "1"}, MISMATCH),
        (lambda permit: permit, {"Host": "storage.googleapis.com"}, MISMATCH),
        (lambda permit: permit, {"Content-Type": None}, MALFORMED),
        (lambda permit: permit, {RANGE: None}, MALFORMED),
        (lambda permit: permit, {MATCH: None}, MALFORMED),
        (lambda permit: permit, {"x-goog-acl": "public-read"}, MALFORMED),
        (in_url("X-Goog-Expires=600", "X-Goog-Expires=604801"), {}, INVALID),
        (in_url("X-Goog-Expires=600", "X-Goog-Expires=0"), {}, INVALID),
        (in_url("X-Goog-Expires=600&", ""), {}, INVALID),
        (in_url("X-Goog-Expires=600", "X-Goog-Expires=600&X-Goog-Expires=600"), {}, INVALID),
        (in_url("GOOG4-RSA-SHA256", "GOOG4-HMAC-SHA256"), {}, INVALID),
        (in_url("goog4_request", "aws4_request"), {}, INVALID),
        (in_url("X-Goog-Signature=", "X-Goog-Signature=x"), {}, INVALID),
        (in_url("content-type%3Bhost", "content-type"), {}, INVALID),
    ],
)
def test_a_tampered_upload_is_refused(
    front: Storage, change: Callable[[Permit], Permit], headers: dict[str, str | None], expected: tuple[int, str]
) -> None:
    """A request that differs from the signed one in URL, method or header is refused and stores nothing."""
    name = "uploads/tampered"
    assert put(change(front.permit(name)), b"picture", **headers) == expected
    assert not front.holds(name)


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (timedelta(minutes=9), (200, "")),
        (timedelta(minutes=11), (400, "ExpiredToken")),
        (timedelta(days=30), (400, "ExpiredToken")),
        (-timedelta(minutes=5), (200, "")),
        (-timedelta(minutes=20), (403, "RequestTimeTooSkewed")),
    ],
)
def test_a_signature_is_valid_for_ten_minutes(front: Storage, ago: timedelta, expected: tuple[int, str]) -> None:
    """A signature expires after ten minutes, and may be from the future only within the clock tolerance."""
    name = f"uploads/at{ago.total_seconds():.0f}"
    assert put(signed(front, name, signed_at=datetime.now(UTC) - ago), b"picture") == expected
    assert front.holds(name) == (expected[0] == 200)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "EntityTooSmall")),
        (bytes(MEGABYTE), (200, "")),
        (bytes(MEGABYTE + 1), (400, "EntityTooLarge")),
        ([], (400, "EntityTooSmall")),
        ([bytes(600_000), bytes(400_000)], (200, "")),
        ([bytes(600_000), bytes(400_001)], (400, "EntityTooLarge")),
        ([bytes(600_000)] * 30, (400, "EntityTooLarge")),
    ],
    ids=["empty", "most", "more", "chunked-empty", "chunked-most", "chunked-more", "chunked-far-more"],
)
def test_a_body_outside_the_signed_range_is_refused(
    front: Storage, request: pytest.FixtureRequest, body: bytes | list[bytes], expected: tuple[int, str]
) -> None:
    """A body outside of 1 to N bytes, declared or counted, is refused and nothing is stored."""
    name = f"uploads/{request.node.callspec.id}"
    assert put(front.permit(name), body if isinstance(body, bytes) else iter(body)) == expected
    assert front.holds(name) == (expected[0] == 200)


def test_an_object_is_created_once(front: Storage) -> None:
    """A second upload with the same permission does not replace the first picture."""
    permit = front.permit("uploads/twice")
    assert put(permit, b"first") == (200, "")
    assert put(permit, b"second") == (412, "PreconditionFailed")
    assert front.bucket(IMAGES_BUCKET).blob("uploads/twice").download_as_bytes() == b"first"


def test_of_uploads_at_once_exactly_one_wins(front: Storage) -> None:
    """Of sixteen concurrent uploads one is stored completely, and the others get 412."""
    permit = front.permit("uploads/race")
    bodies = [bytes([number]) * 100_000 for number in range(16)]
    with ExitStack() as stack:
        senders = [stack.enter_context(sending(front, permit, len(body))) for body in bodies]
        for sender, body in zip(senders, bodies, strict=True):
            sender.sendall(body[:-1])
        for sender, body in zip(senders, bodies, strict=True):
            sender.sendall(body[-1:])
        answers = [int(sender.recv(12).split()[1]) for sender in senders]
    assert sorted(answers) == [200] + 15 * [412]
    assert front.bucket(IMAGES_BUCKET).blob("uploads/race").download_as_bytes() == bodies[answers.index(200)]


def test_a_body_that_is_too_large_is_refused_early(front: Storage) -> None:
    """A body that is declared too large is refused by its header, a chunked one at the first byte too many."""
    permit = front.permit("uploads/endless", 1000)
    with sending(front, permit, 1001) as sender:
        assert sender.recv(12) == b"HTTP/1.1 400"
    with sending(front, permit, None) as sender:
        sender.sendall(b"5dc\r\n" + bytes(1500) + b"\r\n")
        assert sender.recv(12) == b"HTTP/1.1 400"


@contextmanager
def sending(front: Storage, permit: Permit, length: int | None) -> Iterator[socket.socket]:
    """Open an upload and send its headers; without a length the body is chunked."""
    address = urlsplit(permit.url)
    extent = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = [f"PUT {address.path}?{address.query} HTTP/1.1", f"Host: {address.netloc}", extent]
    lines += [f"{name}: {value}" for name, value in permit.headers.items()]
    with socket.create_connection((HOST, front.addresses.ports["storage"]), timeout=20) as connection:
        connection.sendall("\r\n".join((*lines, "", "")).encode())
        yield connection


def test_the_signer_may_create_and_nothing_else(front: Storage) -> None:
    """The signer's role allows only creating: no overwriting, reading or deleting, even without the precondition."""
    assert put(signed(front, "uploads/role"), b"first") == (200, "")
    denied = (403, "AccessDenied")
    assert put(signed(front, "uploads/role"), b"second") == denied
    assert put(signed(front, "uploads/role", method="GET"), None) == denied
    assert put(signed(front, "uploads/role", method="DELETE"), None) == denied
    assert put(signed(front, "token/music.mp3", bucket=RESULTS_BUCKET), b"music") == denied
    assert front.bucket(IMAGES_BUCKET).blob("uploads/role").download_as_bytes() == b"first"


def test_another_signer_has_its_own_role(front: Storage) -> None:
    """The pipeline's account has no access to pictures; in its own bucket it reads and writes."""
    assert put(signed(front, "uploads/wrong", PIPELINE_ACCOUNT), b"picture") == (403, "AccessDenied")
    assert not front.holds("uploads/wrong")
    own = {"bucket": PIPELINE_BUCKET}
    assert put(signed(front, "root/a", PIPELINE_ACCOUNT, **own), b"one") == (200, "")
    assert put(signed(front, "root/a", PIPELINE_ACCOUNT, **own), b"two") == (200, "")
    address = signed(front, "root/a", PIPELINE_ACCOUNT, method="GET", **own)
    assert requests.get(address.url, headers=dict(address.headers), timeout=10).content == b"two"


def test_a_slow_upload_delays_no_other(front: Storage) -> None:
    """While one upload stalls, others are stored; when it breaks off, nothing of it is stored."""
    permit = front.permit("uploads/slow")
    with sending(front, permit, MEGABYTE) as sender:
        sender.sendall(bytes(MEGABYTE // 2))
        assert put(front.permit("uploads/quick"), b"picture") == (200, "")
        assert front.bucket(IMAGES_BUCKET).blob("uploads/quick").download_as_bytes() == b"picture"
    assert not front.holds("uploads/slow")
    assert put(permit, b"again") == (200, "")
