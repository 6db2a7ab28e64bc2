"""Downloads are resumed, verified and explained."""

import hashlib
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.support.archive_server import ArchiveServer, archive_server
from tools.download import download
from tools.manifest import ANY, Archive, ToolError

CONTENT = bytes(range(256)) * 40_000
NAME = "tool-1.bin"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ArchiveServer]:
    file = tmp_path / "served"
    file.write_bytes(CONTENT)
    with archive_server({NAME: file}) as running:
        yield running


def tool(server: ArchiveServer, size: int | None = len(CONTENT)) -> Archive:
    """Return the archive that the server has."""
    return Archive("tool", "1", ANY, f"{server.url}/{NAME}", hashlib.sha256(CONTENT).hexdigest(), size)


def test_a_file_is_downloaded_once(server: ArchiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what, how much and from where; the second call makes no request."""
    for _ in range(2):
        assert download(tool(server), tmp_path / "out", "Do it.").read_bytes() == CONTENT
    assert server.requests == [(NAME, None)]
    assert capsys.readouterr().err == f"Downloading tool 1 (10.2 MB) from {server.url}/{NAME}\n"
    assert [path.name for path in (tmp_path / "out").iterdir()] == [NAME]


def test_a_connection_that_ends_early_is_resumed(server: ArchiveServer, tmp_path: Path) -> None:
    """A try continues where the last one ended."""
    server.cut = 2**22
    assert download(tool(server), tmp_path, "Do it.").read_bytes() == CONTENT
    assert server.requests == [(NAME, None), (NAME, f"bytes={2**22}-"), (NAME, f"bytes={2**23}-")]


def test_a_server_without_ranges_sends_the_whole_file_again(server: ArchiveServer, tmp_path: Path) -> None:
    """What was downloaded before is replaced, not repeated."""
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:1000])
    server.ranges = False
    assert download(tool(server), tmp_path, "Do it.").read_bytes() == CONTENT


def test_a_complete_part_is_verified_and_used(server: ArchiveServer, tmp_path: Path) -> None:
    """A process that was killed after the last byte left it."""
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT)
    assert download(tool(server), tmp_path, "Do it.").read_bytes() == CONTENT


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_part_of_another_file_is_deleted(server: ArchiveServer, tmp_path: Path, size: int | None) -> None:
    """The hash tells; the next call starts from the beginning."""
    (tmp_path / f"{NAME}.part").write_bytes(b"x" * 1000)
    with pytest.raises(ToolError, match=r"has the wrong SHA-256, so it was deleted:\n    expected [0-9a-f]{64}\n"):
        download(tool(server, size), tmp_path, "Do it.")
    assert download(tool(server, size), tmp_path, "Do it.").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE])
def test_a_refusal_is_shown_with_the_remedy(server: ArchiveServer, tmp_path: Path, status: HTTPStatus) -> None:
    """The message has the address and the server's answer."""
    server.status = status
    with pytest.raises(ToolError) as raised:
        download(tool(server), tmp_path, "Install it by hand.")
    assert str(raised.value) == f"{server.url}/{NAME} answered {status} {status.phrase}. Install it by hand."


def test_a_missing_server_is_shown_with_the_remedy(tmp_path: Path) -> None:
    """The message has the address and the reason."""
    nowhere = Archive("tool", "1", ANY, "http://127.0.0.1:9/tool-1.bin", "", 1)
    with pytest.raises(ToolError, match=r"http://127.0.0.1:9/tool-1.bin failed: \[Errno 111\] Connection refused"):
        download(nowhere, tmp_path, "Install it by hand.")
