"""Every outcome of the API, from the wire to the track: the real client, the adapter and the captioner's core."""

import json
from typing import Any

import pytest
from openai.types.responses import ResponseError

from musicgenerator.errors import CaptionFailedError, CaptionUnavailableError, ContentRejectedError
from musicgenerator.states import Status
from tests.contracts.recorded import recorded, without_timestamps
from tests.functions.captioner_scene import ANNOUNCED, Scene
from tests.functions.openai_answers import (
    BRIEF,
    HTML,
    MODERATION,
    PAID,
    RESPONSES,
    UNPAID,
    cut_short,
    failed,
    message,
    openai_briefs,
    problem,
    refused,
    response,
    said,
    script_well,
    verdict,
)
from tests.support.fakes import Answer, ScriptedServer

REJECTING_CODES = {"image_content_policy_violation"}
PASSING_CODES = {"rate_limit_exceeded", "server_error", "vector_store_timeout"}
CODES: tuple[str, ...] = ResponseError.model_fields["code"].annotation.__args__  # type: ignore[union-attr]

REJECTING = {
    "a refusal": refused(),
    "stopped by the content filter": cut_short(reason="content_filter"),
    **{f"failed: {code}": failed(code) for code in REJECTING_CODES},
}
FAILING = {
    "truncated": cut_short(message({"type": "output_text", "text": json.dumps(BRIEF)[:120], "annotations": []})),
    "truncated JSON": said(json.dumps(BRIEF)[:120]),
    "all tokens spent before a word was said": cut_short(),
    "nothing said": response(),
    "a message without content": response(message()),
    "no JSON": said("Here is your brief!"),
    "no object": said([BRIEF]),
    "brackets without end": said("[" * 50_000),
    "another schema": said({"title": "바다"}),
    "a field too few": said({name: value for name, value in BRIEF.items() if name != "key"}),
    "a field too many": said(BRIEF | {"artist": "x"}),
    "half a character": said(json.dumps(BRIEF | {"title": "\ud83c"})),
    "an unknown genre": said(BRIEF | {"genre": "polka"}),
    "an empty title": said(BRIEF | {"title": " "}),
    "Korean moods": said(BRIEF | {"moods": ["평온한"]}),
    "no moods": said(BRIEF | {"moods": []}),
    "a valence that is no number": said(json.dumps(BRIEF | {"valence": float("nan")})),
    **{
        f"failed: {code}": failed(code)
        for code in (*CODES, "a_new_code")
        if code not in REJECTING_CODES | PASSING_CODES
    },
}
# Answers of no kind that the API's reference knows, but that a compatible server, or a broken one, may give.
STRANGE = {
    "an empty object": Answer({}),
    "output is a number": response(output=5),
    "output is null": response(output=None),
    "output holds texts": response("바다"),
    "output holds null": response(None),
    "an item of a new type": response({"type": "news"}),
    "content is a text": response({"type": "message", "content": "바다"}),
    "content holds numbers": response(message(5)),
    "a text that is null": response(message({"type": "output_text", "text": None})),
    "the error is a text": response(error="no"),
    "the error is empty but there": response(error={"code": None, "message": None}),
    "the error's code is a list": response(error={"code": [1], "message": {}}),
    "the reason is a text": response(incomplete_details="x"),
}
PASSING = {
    **{f"failed: {code}": failed(code) for code in sorted(PASSING_CODES)},
    "408": problem(408),
    "409": problem(409),
    "429": problem(429, "rate_limit_exceeded", "tokens"),
    "429 without a body": Answer(b"", 429),
    "500": problem(500),
    "502 HTML": Answer(b"<html>", 502, {"Content-Type": "text/html"}),
    "503": problem(503),
    "529": problem(529),
    "200 with HTML": HTML,
    "200 without a body": Answer(b""),
    "200 with half a body": Answer(b'{"id": '),
    "200 with a list": Answer([]),
    "200 with brackets without end": Answer(b"[" * 100_000),
    "a body that breaks off": Answer(b'{"id": "resp_1"', missing=100),
    "a reset connection": Answer(cut=True),
}
BLOCKING = {
    "429 no quota": problem(429, "insufficient_quota", "insufficient_quota"),
    "429 no quota, without a code": problem(429, None, "insufficient_quota"),
    "failed: insufficient_quota": failed("insufficient_quota"),
    "400 unknown model": problem(400, "model_not_found"),
    "401": problem(401, "invalid_api_key"),
    "401 without a body": Answer(b"", 401),
    "402": problem(402),
    "403": problem(403, "unsupported_country_region_territory"),
    "404 unknown model": problem(404, "model_not_found"),
    "404 HTML": Answer(b"<html>", 404, {"Content-Type": "text/html"}),
    "405": problem(405),
}
REFUSING = {
    "400": problem(400, "invalid_value"),
    "400 with a number for a code": problem(400, 400),
    "400 with a list for a code": problem(400, [1]),
    "400 HTML": Answer(b"<html>", 400, {"Content-Type": "text/html"}),
    "413": problem(413),
    "422": problem(422),
}
DECLINING = {
    "400 policy": problem(400, "content_policy_violation"),
    "400 image policy": problem(400, "image_content_policy_violation"),
}


def each(cases: dict[str, Answer]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("answer", [pytest.param(answer, id=name) for name, answer in cases.items()])


def captioned() -> Any:
    return without_timestamps(recorded("track_captioned") | {"describer": PAID})


@pytest.fixture
def scene(server: ScriptedServer) -> Any:
    """The captioner with the real adapter, whose server is well unless the test says otherwise."""
    script_well(server)
    with openai_briefs(server) as adapter:
        yield Scene(adapter=adapter)


def ends(scene: Scene, kind: type[CaptionFailedError | ContentRejectedError], usage: dict[str, Any]) -> None:
    """Assert that the delivery ends the track for good, in words, with its cost, and opens no breaker."""
    scene.deliver()
    assert scene.document["status"] == kind.status
    assert kind("").to_mapping("ko") == scene.document["error"]
    assert scene.document["describer"] == usage
    assert (scene.document["image"]["width"], scene.document["image"]["height"]) == (4032, 3024)
    assert (scene.document["brief"], scene.document["music"]) == (None, None)
    assert (scene.objects.types, scene.captions.heard, scene.breaker.reasons) == ({}, [], [])
    assert not scene.work.parked


def comes_again(scene: Scene, server: ScriptedServer) -> None:
    """Assert that the delivery fails and changes nothing, and that the next one goes well when the server does."""
    with pytest.raises(CaptionUnavailableError):
        scene.deliver()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_captioning"))
    assert (scene.work.parked, scene.work.lease_until) == (False, None)
    assert not scene.breaker.reasons
    script_well(server)
    scene.deliver()
    assert without_timestamps(scene.document) == captioned()
    assert scene.captions.heard == [ANNOUNCED]


def is_parked(scene: Scene, server: ScriptedServer) -> None:
    """Assert that the track waits, that the next is spared a call, and that a replay takes it up."""
    scene.deliver()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_parked"))
    assert (scene.work.parked, scene.work.lease_until) == (True, None)
    assert len(scene.breaker.reasons) == 1
    calls = len(server.heard)
    scene.deliver()
    assert len(server.heard) == calls
    assert scene.work.parked
    script_well(server)
    scene.breaker.opened = False
    scene.resume()
    assert without_timestamps(scene.document) == captioned()
    assert scene.captions.heard == [ANNOUNCED]
    assert not scene.work.parked


def test_a_parsed_answer_captions_the_track(scene: Scene, server: ScriptedServer) -> None:
    """Two calls, of which one is paid for; the brief, and what it cost, are on the track."""
    scene.deliver()
    assert without_timestamps(scene.document) == captioned()
    assert [exchange.path for exchange in server.heard] == [MODERATION, RESPONSES]
    assert scene.captions.heard == [ANNOUNCED]


def test_a_hundred_deliveries_pay_once(scene: Scene, server: ScriptedServer) -> None:
    """However often the event comes."""
    for _ in range(100):
        scene.deliver()
    assert len(server.heard_at(RESPONSES)) == 1
    assert scene.captions.heard == [ANNOUNCED]


@each(REJECTING)
def test_a_declined_picture_is_rejected_and_its_cost_kept(scene: Scene, server: ScriptedServer, answer: Answer) -> None:
    """A refusal raises nothing and is a completed answer, and has to be told from a brief all the same."""
    server.script(f"POST {RESPONSES}", answer)
    ends(scene, ContentRejectedError, PAID)
    assert len(server.heard_at(RESPONSES)) == 1


@each(FAILING)
def test_an_answer_that_cannot_be_used_fails_the_track_and_its_cost_is_kept(
    scene: Scene, server: ScriptedServer, answer: Answer
) -> None:
    """CommandRequest again it would end the same way and be paid for again."""
    server.script(f"POST {RESPONSES}", answer)
    ends(scene, CaptionFailedError, PAID)
    assert len(server.heard_at(RESPONSES)) == 1


@each(STRANGE)
def test_an_answer_of_no_known_shape_fails_the_track(scene: Scene, server: ScriptedServer, answer: Answer) -> None:
    """Raised out of the handler it would be delivered again, and paid for, for a day."""
    server.script(f"POST {RESPONSES}", answer)
    scene.deliver()
    assert CaptionFailedError("").to_mapping("ko") == scene.document["error"]
    assert scene.document["describer"]["calls"] == 1


@each(DECLINING)
@pytest.mark.parametrize("path", [MODERATION, RESPONSES])
def test_a_request_declined_by_policy_rejects_the_track(
    scene: Scene, server: ScriptedServer, path: str, answer: Answer
) -> None:
    """An error, so nothing was paid."""
    server.script(f"POST {path}", answer)
    ends(scene, ContentRejectedError, UNPAID)


@each(REFUSING)
@pytest.mark.parametrize("path", [MODERATION, RESPONSES])
def test_a_request_that_is_never_accepted_fails_the_track(
    scene: Scene, server: ScriptedServer, path: str, answer: Answer
) -> None:
    """Too large, or not understood: it would be no different tomorrow."""
    server.script(f"POST {path}", answer)
    ends(scene, CaptionFailedError, UNPAID)


@each(PASSING)
def test_what_passes_has_the_event_come_again(scene: Scene, server: ScriptedServer, answer: Answer) -> None:
    """Busy, broken or out of reach: the next delivery goes well when the server does."""
    server.script(f"POST {RESPONSES}", answer)
    comes_again(scene, server)


@each({name: answer for name, answer in PASSING.items() if not name.startswith("failed")})
def test_a_moderation_that_is_out_of_reach_has_the_event_come_again(
    scene: Scene, server: ScriptedServer, answer: Answer
) -> None:
    """Nobody is asked about a picture that was not moderated."""
    server.script(f"POST {MODERATION}", answer)
    comes_again(scene, server)
    assert len(server.heard_at(RESPONSES)) == 1


@each(BLOCKING)
def test_what_only_the_operator_can_mend_parks_the_track(scene: Scene, server: ScriptedServer, answer: Answer) -> None:
    """No money, no right, no such model: the breaker opens and a replay takes the track up."""
    server.script(f"POST {RESPONSES}", answer)
    is_parked(scene, server)


@each({name: answer for name, answer in BLOCKING.items() if not name.startswith("failed")})
def test_a_moderation_that_is_blocked_parks_the_track(scene: Scene, server: ScriptedServer, answer: Answer) -> None:
    """The key is the same one."""
    server.script(f"POST {MODERATION}", answer)
    is_parked(scene, server)


@pytest.mark.parametrize("path", [MODERATION, RESPONSES])
def test_a_server_that_never_answers_is_left(server: ScriptedServer, path: str) -> None:
    """The client's time limit ends the call; the event is delivered again."""
    script_well(server)
    server.script(f"POST {path}", Answer(silent=True))
    with openai_briefs(server, timeout=0.3) as adapter:
        comes_again(Scene(adapter=adapter), server)


def test_a_server_that_is_not_there_has_the_event_come_again(server: ScriptedServer) -> None:
    """Nothing listens at the address."""
    script_well(server)
    with openai_briefs(ScriptedServer(url="http://127.0.0.1:9"), timeout=1) as adapter:
        scene = Scene(adapter=adapter)
        with pytest.raises(CaptionUnavailableError):
            scene.deliver()
    assert scene.document["status"] == Status.CAPTIONING
    assert scene.work.lease_until is None


def test_the_client_repeats_a_call_once(server: ScriptedServer) -> None:
    """A hiccup costs no delivery; what lasts longer is left to the event."""
    script_well(server)
    busy = problem(429, "rate_limit_exceeded", retry_after_ms="1")
    server.script(f"POST {RESPONSES}", busy, said(BRIEF))
    with openai_briefs(server, max_retries=1) as adapter:
        scene = Scene(adapter=adapter)
        scene.deliver()
        assert without_timestamps(scene.document) == captioned()
        assert len(server.heard_at(RESPONSES)) == 2
        server.script(f"POST {RESPONSES}", busy)
        scene.at(Status.AWAITING_UPLOAD)
        with pytest.raises(CaptionUnavailableError):
            scene.deliver()
    assert len(server.heard_at(RESPONSES)) == 4


def test_what_a_flagged_picture_costs_is_nothing(scene: Scene, server: ScriptedServer) -> None:
    """The moderation is free and the model is not asked."""
    server.script(f"POST {MODERATION}", verdict(("violence",)))
    ends(scene, ContentRejectedError, UNPAID)
    assert not server.heard_at(RESPONSES)
