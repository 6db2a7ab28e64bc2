import gzip
import os
import time
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from musicgenerator.encodings import undone

LIMIT = 1_000_000
CONTENT = b"\xff\xd8\xff picture " + os.urandom(200_000)
ZIPPED = gzip.compress(CONTENT, mtime=0)
THREE_TIMES = gzip.compress(gzip.compress(ZIPPED, mtime=0), mtime=0)


def with_name(content: bytes) -> bytes:
    """Return gzip data whose header has every optional field."""
    fields = b"\4\0" + b"spec" + b"a.jpg\0" + b"a comment\0" + b"\0\0"
    return b"\x1f\x8b\x08\x1e\0\0\0\0\0\xff" + fields + gzip.compress(content, mtime=0)[10:]


def raw_deflate(content: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(content) + stream.flush()


@pytest.mark.parametrize(
    ("data", "encoding", "expected"),
    [
        (CONTENT, "", CONTENT),
        (CONTENT, "identity", CONTENT),
        (ZIPPED, "gzip", CONTENT),
        (ZIPPED, "GZIP", CONTENT),
        (ZIPPED, "x-gzip", CONTENT),
        (ZIPPED, " identity , gzip,", CONTENT),
        (with_name(CONTENT), "gzip", CONTENT),
        (
            gzip.compress(CONTENT[:9], mtime=0) + gzip.compress(b"", mtime=0) + gzip.compress(CONTENT[9:], mtime=0),
            "gzip",
            CONTENT,
        ),
        (ZIPPED + b"\0" * 512, "gzip", CONTENT),
        (ZIPPED[:-8], "gzip", CONTENT),
        (ZIPPED[:-8] + b"\1" * 8, "gzip", CONTENT),
        (gzip.compress(ZIPPED, mtime=0), "gzip, gzip", CONTENT),
        (zlib.compress(CONTENT), "deflate", CONTENT),
        (raw_deflate(CONTENT), "deflate", CONTENT),
        (gzip.compress(zlib.compress(CONTENT), mtime=0), "deflate, gzip", CONTENT),
        # False or unknown encodings leave the bytes as they are.
        (CONTENT, "gzip", CONTENT),
        (CONTENT, "br", CONTENT),
        (CONTENT, "\udcff, zstd", CONTENT),
        (ZIPPED, "", ZIPPED),
        (ZIPPED, "br", ZIPPED),
        (ZIPPED, "aws-chunked", ZIPPED),
        (gzip.compress(ZIPPED, mtime=0), "gzip", ZIPPED),
        (THREE_TIMES, "gzip, gzip, gzip", THREE_TIMES),
        (b"", "gzip", b""),
        (b"\x1f\x8b\x08", "gzip", b""),
        # A header that is cut inside its optional fields has no content.
        *((with_name(CONTENT)[:length], "gzip", b"") for length in range(3, 36)),
        (b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"no end of the name" * 99, "gzip", b""),
        (zlib.compress(b""), "deflate", zlib.compress(b"")),
        (b"", "deflate", b""),
        (b"\x78", "deflate", b"\x78"),
    ],
)
def test_an_honest_encoding_is_undone_and_another_ignored(data: bytes, encoding: str, expected: bytes) -> None:
    """Each member of gzip data counts, its checksum does not, and at most two encodings are undone."""
    assert undone(data, encoding, LIMIT) == expected


@pytest.mark.parametrize("cut", [len(ZIPPED) // 2, len(ZIPPED) - 9])
def test_cut_data_gives_what_it_has(cut: int) -> None:
    """The decoder then says that the picture ends early, or takes it."""
    found = undone(ZIPPED[:cut], "gzip", LIMIT)
    assert CONTENT.startswith(found)
    assert len(found) > cut - 70_000


def test_damaged_data_gives_what_comes_before_the_damage() -> None:
    """An error in the middle loses the rest only."""
    text = b"".join(b"line %d\n" % number for number in range(100_000))
    data = bytearray(gzip.compress(text, 1))
    data[-2000:-1000] = b"\xff" * 1000
    found = undone(bytes(data), "gzip", LIMIT * 2)
    assert text.startswith(found[:100_000])
    assert len(found) > 100_000


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "deflate"])
def test_a_bomb_is_inflated_up_to_the_limit_and_no_further(encoding: str) -> None:
    """Neither memory nor time grows with what the data would become: 200 MB here."""
    stream = zlib.compressobj(wbits=15 if encoding == "deflate" else 31)
    block = b"\0" * 10_000_000
    bomb = b"".join(stream.compress(block) for _ in range(20)) + stream.flush()
    bomb = gzip.compress(bomb, mtime=0) if encoding == "gzip, gzip" else bomb
    tracemalloc.start()
    began = time.process_time()
    assert undone(bomb, encoding, LIMIT) == b"\0" * LIMIT
    assert time.process_time() - began < 1
    assert tracemalloc.get_traced_memory()[1] < 6 * LIMIT
    tracemalloc.stop()


def test_a_bomb_of_many_members_is_inflated_up_to_the_limit() -> None:
    """Each member counts for the limit, and members without content end too."""
    member = gzip.compress(b"\0" * (LIMIT // 3))
    assert undone(member * 1000, "gzip", LIMIT) == b"\0" * LIMIT
    began = time.process_time()
    assert undone(gzip.compress(b"") * LIMIT, "gzip", LIMIT) == b""
    assert time.process_time() - began < 1


@given(data=st.binary(min_size=1, max_size=3000), level=st.integers(0, 9))
def test_deflate_is_undone_with_and_without_its_header(data: bytes, level: int) -> None:
    """Servers and clients disagree about what `deflate` is."""
    raw = zlib.compressobj(level, wbits=-15)
    assert undone(zlib.compress(data, level), "deflate", LIMIT) == data
    assert undone(raw.compress(data) + raw.flush(), "deflate", LIMIT) == data


@given(data=st.binary() | st.binary().map(gzip.compress), encoding=st.sampled_from(["gzip", "deflate", "gzip,gzip"]))
def test_any_bytes_are_undone_or_left(data: bytes, encoding: Any) -> None:
    """Nothing is raised, and the limit holds."""
    assert len(undone(data, encoding, 20)) <= 20


@given(data=st.binary(max_size=2000), cut=st.integers(0, 60))
def test_every_gzip_file_comes_back_whole_or_cut(data: bytes, cut: int) -> None:
    """A cut in the header, the stream or the trailer only shortens the result."""
    zipped = gzip.compress(data, mtime=0)
    assert undone(zipped, "gzip", LIMIT) == data
    assume(len(zipped) - cut >= len(b"\x1f\x8b\x08"))
    assert data.startswith(undone(zipped[: len(zipped) - cut], "gzip", LIMIT))
