"""The mark of a video: it says what the track's results say, for a hash that the page has computed."""

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import flask
import pytest
from admitting import Limits
from command_requests import CommandRequest
from cryptography.hazmat.primitives.asymmetric import ec
from marking_videos import VideoMark
from problems import InvalidRequestError, LimitReachedError, UnknownSessionError, UnknownTrackError, WrongStateError

from musicgenerator.marks.signers import SigningKeyRefusedError
from musicgenerator.marks.videos import BOX_BYTES
from musicgenerator.states import Status
from musicgenerator_google.mark_signer import PemSigner
from pipeline.credentials import read
from tests.contracts.recorded import SESSION, TOKEN, TRACK, recorded
from tests.functions.commands_scene import KEY, OTHER, OTHER_SECRET, RESULTS, SECRET, Scene
from tests.support.marks import anchor, signer

FTYP = b"\0\0\0\x14ftypisom\0\0\2\0isom"
MDAT = b"\0\0\1\0mdat" + bytes(248)


def sha256(*boxes: bytes) -> str:
    """Return the hash of the boxes behind the mark, each after its place in the file as eight bytes."""
    digest, at = hashlib.sha256(), len(FTYP) + BOX_BYTES
    for box in boxes:
        digest.update(at.to_bytes(8) + box)
        at += len(box)
    return digest.hexdigest()


def scene(**fields: Any) -> Scene:
    made = Scene(**fields)
    made.signer = signer()
    told = recorded("track") | {"provenance": recorded("track")["provenance"] | {"engine": "lyria-3-clip"}}
    made.buckets.put(RESULTS, f"{TOKEN}/track.json", json.dumps(told).encode())
    return made


def mark(at: Scene, body: dict[str, Any], key: str | None = None, **fields: str) -> VideoMark:
    asked = {"session": SESSION, "secret": SECRET, "track": TRACK} | fields
    return at.api.marks.mark(CommandRequest(body=body, key=key, address="203.0.113.9", **asked))


def test_the_page_inserts_the_box_and_a_reader_accepts_the_video() -> None:
    """The box has the size of the hole; it states engine and IPTC term, and covers every other box."""
    box = mark(scene(), {"sha256": sha256(MDAT)}).box
    assert box is not None
    film = FTYP + base64.b64decode(box) + MDAT
    assert len(film) == len(FTYP) + BOX_BYTES + len(MDAT)
    found = read(film, "video/mp4", anchor())
    assert (found.trusted, found.problems) == (True, ())
    assert found.source_type == "compositeWithTrainedAlgorithmicMedia"
    data = next(each["data"] for each in found.manifest["assertions"] if each["label"] == "musicgenerator.origin")
    assert (data["engine"], data["aiGenerated"]) == ("lyria-3-clip", True)
    assert read(film[:-1] + b"x", "video/mp4").problems == ("assertion.bmffHash.mismatch",)


def test_the_same_hash_has_the_same_mark() -> None:
    """Another one has another; without a signer there is none."""
    at = scene()
    first = mark(at, {"sha256": sha256(MDAT)})
    assert mark(at, {"sha256": sha256(MDAT)}) == first
    assert mark(at, {"sha256": sha256(MDAT, MDAT)}) != first
    at.signer = None
    assert mark(at, {"sha256": sha256(MDAT)}) == VideoMark(None)


def test_certificates_that_do_not_fit_leave_a_video_without_mark() -> None:
    """The page can still save it, with its plain tags; the log says why."""
    at, key = scene(), ec.generate_private_key(ec.SECP256R1())
    at.signer = PemSigner([signer().chain[0]] * 40, key)
    assert mark(at, {"sha256": sha256(MDAT)}) == VideoMark(None)


@pytest.mark.parametrize(
    "body",
    [{}, {"sha256": None}, {"sha256": "0" * 63}, {"sha256": "G" * 64}, {"sha256": "0" * 64, "title": "Own words"}],
)
def test_nothing_else_is_signed(body: dict[str, Any]) -> None:
    """A request has no say in what a mark states."""
    with pytest.raises(InvalidRequestError):
        mark(scene(), body)


def test_only_the_session_s_own_music_is_marked() -> None:
    """Not another session's track, not a track that has no music, and not one whose files are gone."""
    body = {"sha256": "0" * 64}
    with pytest.raises(UnknownTrackError):
        mark(scene(), body, session=OTHER, secret=OTHER_SECRET)
    with pytest.raises(UnknownSessionError):
        mark(scene(), body, secret=OTHER_SECRET)
    with pytest.raises(WrongStateError):
        mark(scene(status=Status.COMPOSING), body)
    gone = scene()
    gone.buckets.erase(RESULTS, f"{TOKEN}/track.json")
    with pytest.raises(WrongStateError):
        mark(gone, body)


def test_a_key_that_cannot_be_read_costs_no_mark() -> None:
    """Its grant may be late: the page is asked to send the same request again, and gets the mark then."""
    at, answers = scene(), [SigningKeyRefusedError("403"), SigningKeyRefusedError("403")]

    def reading() -> PemSigner:
        if answers:
            raise answers.pop()
        return signer()

    api = at.api
    marks = replace(api.marks, signer=reading)
    headers = {"Authorization": f"Bearer {SECRET}", "X-Forwarded-For": "203.0.113.9"}
    for status in (503, 503, 200):
        path = f"/v1/sessions/{SESSION}/tracks/{TRACK}:mark"
        with flask.Flask("upload_handler").test_request_context(
            path, method="POST", headers=headers, json={"sha256": "0" * 64}
        ):
            answer = replace(api, marks=marks).answer(flask.request)
        assert answer.status_code == status
        assert ("Retry-After" in answer.headers) == (status == 503)
        assert len(at.ledger.entries) == (status == 200)


def test_marks_have_a_daily_limit() -> None:
    """It is five times that of tracks; a repeated request is counted once, and a mark counts as no track."""
    at = scene()
    at.limits = Limits(session_tracks=1)
    for number in range(5):
        mark(at, {"sha256": f"{number:064x}"}, f"{KEY}-{number}")
        mark(at, {"sha256": f"{number:064x}"}, f"{KEY}-{number}")
    with pytest.raises(LimitReachedError, match="5 marks for one session"):
        mark(at, {"sha256": "f" * 64})
    assert {unit for _, unit in at.ledger.counts} == {"marks"}
