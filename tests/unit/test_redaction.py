import io
import json
import logging
from collections.abc import Iterator

import pytest

from musicgenerator import logs
from musicgenerator.errors import BriefError, EmptyPictureError
from musicgenerator.redaction import error_for_log, object_for_log, redacted, short_hash

SESSION, TOKEN, TRACK = "sabcdefgh234567ijklmnopqrst", "rqrstuvwxyzabcdef234567ghij", "tmnopqrstuvwxyz234567abcdef"
SECRET = "k" + 2 * "abcdefgh234567ijklmnopqrst"
CODE = "m" + "abcdefgh234567ijklmnopqrst"
SIGNED = "https://storage.googleapis.com/b/o?X-Goog-Credential=a&X-Goog-Signature=" + "2f" * 128


@pytest.mark.parametrize(
    "text",
    [
        f"404 sessions/{SESSION}/tracks/{TRACK}",
        f"GET https://storage.googleapis.com/storage/v1/b/results/o/{TOKEN}%2fcover.jpg",
        f"Authorization: Bearer {SECRET}",
        f"%2f{SESSION}%2F{TOKEN}",
        f"results\\{TOKEN}\\cover.jpg",
        json.dumps(f"lines\r{TOKEN}\r{SESSION}\r{SECRET}\r\n{TOKEN}"),
        f'{{"session": "{SESSION}", "secret": "{SECRET}"}}',
        f'{{"code": "{CODE}"}}',
        f"moves\r{CODE}",
        SIGNED,
    ],
)
def test_what_gives_access_is_replaced(text: str) -> None:
    """In paths, URLs, headers and JSON, whatever stands beside it."""
    found = redacted(text)
    assert [value for value in (SESSION, SECRET, TOKEN, CODE, "2f2f2f2f") if value in found] == []
    assert redacted(found) == found


def test_tracks_and_words_stay() -> None:
    """Lines are found by their track, and by the same hash of a session."""
    text = f"mg-{TRACK}-1 results of the sessions keep running, uploads/{TRACK}"
    assert redacted(text) == text
    text = json.dumps(f"lines\r{TRACK}\r\n{TRACK}")
    assert redacted(text) == text
    assert redacted(f"{SESSION} and {SESSION}") == f"session-{short_hash(SESSION)} and session-{short_hash(SESSION)}"


def test_only_a_track_s_own_object_is_named() -> None:
    """People name the files that they drop."""
    assert object_for_log(f"uploads/{TRACK}") == f"uploads/{TRACK}"
    assert object_for_log("me and Kim.jpg") == f"object-{short_hash('me and Kim.jpg')}"


def test_no_log_line_has_what_gives_access(capsys: pytest.CaptureFixture[str]) -> None:
    """In the message and in any field, also of an exception."""
    logs.error(f"of {SESSION}", reason=repr(ValueError(TOKEN)), object="Kim.jpg", more=[SECRET])
    out = capsys.readouterr().out
    assert [value for value in (SESSION, SECRET, TOKEN, "Kim") if value in out] == []
    assert json.loads(out)["object"].startswith("object-")


@pytest.fixture
def other_lines() -> Iterator[io.StringIO]:
    """The output of a library's logger."""
    out, logger = io.StringIO(), logging.getLogger("a.library")
    handler, before = logging.StreamHandler(out), logging.getLogRecordFactory()
    logger.addHandler(handler)
    yield out
    logger.removeHandler(handler)
    logging.setLogRecordFactory(before)


def test_a_framework_s_traceback_is_redacted(other_lines: io.StringIO) -> None:
    """An uncaught error is logged by the framework, with its message and its causes."""
    logs.redact_libraries()
    logger = logging.getLogger("a.library")

    def fail() -> None:
        raise ValueError(f"of {SESSION}") from KeyError(f"gs://results/{TOKEN}/cover.jpg")

    try:
        fail()
    except ValueError:
        logger.exception("Exception on %s", f"/v1/sessions/{SESSION}")
    text = other_lines.getvalue()
    assert "Traceback" in text
    assert [value for value in (SESSION, TOKEN) if value in text] == []


def test_an_error_about_a_field_is_logged_without_its_value() -> None:
    """The value is what a person or a model wrote; other errors hold no such value."""
    assert error_for_log(BriefError("moods", "must be words, not 'of Kim'")) == "moods is not valid"
    assert error_for_log(EmptyPictureError("0 bytes")) == "0 bytes"
