"""A session moves to another device by a code that works once, for five minutes."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import flask
import pytest

from musicgenerator import ids
from tests.contracts.recorded import SESSION
from tests.functions.test_limits import OTHER, SECRETS, Scene, assert_limited

SEALED = "c2VhbGVk" * 16
ORIGIN = "https://music.example"


def offer(scene: Scene, session: str = SESSION, sealed: object = SEALED, **request: Any) -> flask.Response:
    return scene.post(f"/v1/sessions/{session}:move", {"sealed": sealed}, session, **request)


def claim(scene: Scene, code: object, address: str = "198.51.100.4", **headers: str) -> flask.Response:
    """Claim a code as another device, which has no secret."""
    return scene.ask("POST", "/v1/moves:claim", headers={"X-Forwarded-For": address, **headers}, json={"code": code})


def answer(response: flask.Response) -> tuple[int, Any]:
    return response.status_code, json.loads(response.get_data())


def test_a_code_gives_what_the_page_sealed_once() -> None:
    """The store has only the code's hash, and nothing after the claim."""
    scene = Scene()
    status, offered = answer(offer(scene))
    assert status == 201
    assert ids.is_move_code(offered["code"])
    left = datetime.fromisoformat(offered["expiresAt"]) - datetime.now(UTC)
    assert timedelta(minutes=4, seconds=50) < left <= timedelta(minutes=5)
    assert offered["code"] not in repr((scene.moves.moves, scene.ledger.entries))
    assert answer(claim(scene, offered["code"])) == (200, {"sealed": SEALED})
    assert scene.moves.moves == {}
    assert claim(scene, offered["code"]).status_code == 404


def test_unknown_used_and_expired_codes_get_the_same_answer() -> None:
    """Nobody learns which codes were ever offered; an expired one is deleted although its TTL has not run."""
    scene = Scene()
    used, expired = (answer(offer(scene))[1]["code"] for _ in range(2))
    claim(scene, used)
    name = ids.secret_hash(expired)
    scene.moves.moves[name] = replace(scene.moves.moves[name], expires_at=datetime.now(UTC))
    answers = [answer(claim(scene, code)) for code in (used, expired, ids.new_move_code(), "no code", "")]
    assert [status for status, _ in answers] == [404] * 5
    assert {problem["code"] for _, problem in answers} == {"unknown_move"}
    assert len({json.dumps(problem) for _, problem in answers}) == 1
    assert scene.moves.moves == {}


@pytest.mark.parametrize("sealed", [None, 5, "a" * 63, "a" * 1025, "a" * 63 + "=", "a" * 64 + "\n"])
def test_only_a_short_sealed_text_is_kept(sealed: object) -> None:
    """The store is no place for files, and the text needs no escaping anywhere."""
    scene = Scene()
    status, problem = answer(offer(scene, sealed=sealed))
    assert (status, problem["field"], scene.moves.moves) == (400, "sealed", {})


def test_only_the_session_s_secret_offers_it() -> None:
    """Another session's secret is refused, and so is a session that is being deleted."""
    scene = Scene()
    headers = {"Authorization": f"Bearer {SECRETS[OTHER]}"}
    assert (
        scene.ask("POST", f"/v1/sessions/{SESSION}:move", headers=headers, json={"sealed": SEALED}).status_code == 401
    )
    scene.sessions.end(SESSION)
    assert offer(scene).status_code == 401
    assert scene.moves.moves == {}


def test_the_codes_of_a_session_and_an_address_are_limited() -> None:
    """A session makes 20 a day, an address as many as it may open sessions."""
    scene = Scene()
    assert {offer(scene).status_code for _ in range(20)} == {201}
    assert_limited(offer(scene), "20 moves for one session")
    assert offer(scene, OTHER).status_code == 201
    scene.limits = replace(scene.limits, address_sessions=21)
    assert_limited(offer(scene, OTHER), "21 moves for one network address")
    assert offer(scene, OTHER, address="203.0.113.10").status_code == 201


def test_the_claims_of_an_address_are_limited() -> None:
    """Right and wrong ones count, and the right code survives a refused claim."""
    scene = Scene(limits=replace(Scene().limits, address_sessions=3))
    first, second = (answer(offer(scene))[1]["code"] for _ in range(2))
    assert [claim(scene, code).status_code for code in (ids.new_move_code(), first, first)] == [404, 200, 404]
    assert_limited(claim(scene, second), "3 claims for one network address")
    assert claim(scene, second, address="198.51.100.5").status_code == 200


def test_a_page_of_another_origin_can_neither_claim_nor_read() -> None:
    """An allowed page may read the answer."""
    scene = Scene()
    code = answer(offer(scene))[1]["code"]
    assert claim(scene, code, Origin="https://evil.example").status_code == 403
    response = claim(scene, code, Origin=ORIGIN)
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)


def test_a_deleted_session_leaves_no_code() -> None:
    """Its codes are erased with it, also one that is offered while the deletion runs; those of others stay."""
    scene = Scene()
    code, other = (answer(offer(scene, session))[1]["code"] for session in (SESSION, OTHER))
    headers = {"Authorization": f"Bearer {SECRETS[SESSION]}"}
    statuses = []

    def erase() -> None:
        statuses.append(scene.ask("DELETE", f"/v1/sessions/{SESSION}", headers=headers).status_code)

    scene.moves.meanwhile.append(erase)
    assert offer(scene).status_code == 401
    assert statuses == [204]
    assert [claim(scene, each).status_code for each in (code, other)] == [404, 200]
    assert scene.moves.moves == {}
