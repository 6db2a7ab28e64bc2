"""No log line of a whole run has an id that gives access, or anything that a person or a model wrote."""

import json
import time
from pathlib import Path

import pytest

from localcloud.addresses import Addresses
from localcloud.parts import FUNCTIONS
from localcloud.provision import drop_session
from musicgenerator import ids
from tests.cloud.api_visitors import visitor
from tests.cloud.clients import Jobs, document, drop_bytes, ends, post, token_of

pytestmark = pytest.mark.cloud

HINT = "lanternfishhint"
STYLE = "quaggastyle"
TITLE = "Okapititle"
DROPPED = "axolotl-name.jpg"
BROKEN = "tapirfile.jpg"
FIELD = "numbatvalue"


def lines_of(addresses: Addresses) -> list[str]:
    """Return every line of every log of the local cloud: functions, steps, servers and emulators."""
    files = sorted((addresses.home / "logs").rglob("*.log"))
    assert {*FUNCTIONS, "vertex", "storage"} <= {file.stem for file in files}
    return [f"{file.name}: {line}" for file in files for line in file.read_text(errors="replace").splitlines()]


def test_no_log_has_what_gives_access_or_what_people_write(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """A track with another version, refused requests, failed tracks, a drop, a cancelled job and an erasure."""
    someone = visitor(local_cloud)
    made = someone.upload(photos["chelsea"].read_bytes(), durationSeconds=10, hint=HINT, style=STYLE)
    documents = ends(local_cloud, [made], someone.session)
    assert documents[made]["status"] == "ready"
    status, again = someone.command(made, "again", {"title": TITLE})
    assert status == 201
    ends(local_cloud, [again["track"]], someone.session)

    broken = someone.upload(b"\x89PNG no picture", hint=HINT)
    dropped = drop_bytes(DROPPED, photos["rocket"].read_bytes(), {"hint": HINT, "durationSeconds": FIELD})
    drop_bytes(BROKEN, b"not a picture")
    assert ends(local_cloud, [broken], someone.session)[broken]["status"] == "failed"
    ends(local_cloud, [dropped])

    # A move, claimed twice.
    sealed = "c2VhbGVk" * 16
    code = someone.send("POST", ":move", {"sealed": sealed})[1]["code"]
    claim = f"{local_cloud.url('upload_handler')}/v1/moves:claim"
    assert [post(claim, {"code": code})[0] for _ in range(2)] == [200, 404]

    # Refused: a wrong secret, an unknown track, a field's value, a path that is no path, and a body that is none.
    tracks = f"{local_cloud.url('upload_handler')}/v1/sessions/{someone.session}/tracks"
    wrong = ids.new_secret()
    assert post(tracks, {}, {"Authorization": f"Bearer {wrong}"})[0] == 401
    assert someone.send("POST", "/tracks", {"contentType": "image/jpeg", "bytes": 9, "engine": FIELD})[0] == 400
    assert someone.send("POST", f"/{HINT}", {})[0] == 404
    assert someone.command(made, "again", {"moods": [FIELD * 9]})[0] == 400
    assert someone.command(made, "retry")[0] == 409
    assert someone.send("DELETE", f"/tracks/{ids.new_track_id()}")[0] == 204

    take = someone.command(made, "again", {"title": TITLE, "durationSeconds": 180})[1]["track"]
    tokens = [token_of(track) for track in (made, again["track"], broken, dropped, take)]
    briefs = [documents[made]["brief"], document(drop_session(local_cloud), dropped)["brief"]]
    assert someone.send("DELETE", "")[0] == 204
    assert Jobs(local_cloud).forgotten(take)
    time.sleep(1)

    written = [brief[name] for brief in briefs for name in ("title", "caption", "altText", "prompt")]
    private = [someone.session, someone.secret, wrong, code, sealed, drop_session(local_cloud), *tokens, *written]
    private += [HINT, STYLE, TITLE, DROPPED, BROKEN, FIELD]
    lines = lines_of(local_cloud)
    found = [(text, line) for line in lines for text in private if text in line or json.dumps(text)[1:-1] in line]
    assert found == []
    # The lines are there, and name tracks: an operator finds a run by them.
    for track in (made, dropped, take):
        assert any(track in line for line in lines)
