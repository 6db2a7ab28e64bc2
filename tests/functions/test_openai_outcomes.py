"""Every outcome of OpenAI's API, from HTTP to the track, through the real client, the adapter and the core."""

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
from tests.support.scripted_http import Answer, ScriptedServer


def nested(levels: int) -> dict[str, Any]:
    return {"x": nested(levels - 1)} if levels else {}


REJECTED_CODES = ("image_content_policy_violation",)
TEMPORARY_CODES = ("rate_limit_exceeded", "server_error", "vector_store_timeout")
CODES: tuple[str, ...] = ResponseError.model_fields["code"].annotation.__args__  # type: ignore[union-attr]

HALF_A_BRIEF = message({"type": "output_text", "text": json.dumps(BRIEF)[:120], "annotations": []})

REJECTED = {
    "a refusal": refused(),
    "stopped by the content filter": cut_short(reason="content_filter"),
    "stopped by the content filter after some words": cut_short(HALF_A_BRIEF, reason="content_filter"),
    **{f"failed: {code}": failed(code) for code in REJECTED_CODES},
}
FAILED = {
    "truncated": cut_short(HALF_A_BRIEF),
    "truncated JSON": said(json.dumps(BRIEF)[:120]),
    "all tokens spent before a word was said": cut_short(),
    "nothing said": response(),
    "a message without content": response(message()),
    "no JSON": said("Here is your brief!"),
    "no object": said([5]),
    "two texts without music": response(message(*HALF_A_BRIEF["content"], *HALF_A_BRIEF["content"])),
    "brackets without end": said("[" * 50_000),
    "objects without end": said('{"moods":' * 50_000),
    "no music": said({"title": "바다"}),
    **{
        f"failed: {code}": failed(code)
        for code in (*CODES, "a_new_code")
        if code not in (*REJECTED_CODES, *TEMPORARY_CODES)
    },
}
# Answers that the API's reference does not allow, but that a compatible or broken server may give.
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
    "an object nested 300 levels deep": response(extra=nested(300)),
}
TEMPORARY = {
    "failed after some words": response(HALF_A_BRIEF, status="failed", error={"code": "server_error", "message": "no"}),
    **{f"failed: {code}": failed(code) for code in TEMPORARY_CODES},
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
BLOCKED = {
    "429 no quota": problem(429, "insufficient_quota", "insufficient_quota"),
    "429 no quota, without a code": problem(429, None, "insufficient_quota"),
    "failed: insufficient_quota": failed("insufficient_quota"),
    "400 unknown model": problem(400, "model_not_found"),
    "401": problem(401, "invalid_api_key"),
    "401 without a body": Answer(b"", 401),
    "402": problem(402),
    "403 country": problem(403, "unsupported_country_region_territory"),
    "403 account": problem(403, "account_deactivated"),
    "429 billing": problem(429, "billing_not_active"),
    "404 unknown model": problem(404, "model_not_found"),
}
INVALID = {
    "400": problem(400, "invalid_value"),
    "400 with a number for a code": problem(400, 400),
    "400 with a list for a code": problem(400, [1]),
    "400 HTML": Answer(b"<html>", 400, {"Content-Type": "text/html"}),
    "403": problem(403),
    "403 HTML": Answer(b"<html>", 403, {"Content-Type": "text/html"}),
    "403 of the person": problem(403, "safety_identifier_blocked"),
    "404": problem(404),
    "404 HTML": Answer(b"<html>", 404, {"Content-Type": "text/html"}),
    "405": problem(405),
    "410": problem(410),
    "413": problem(413),
    "415": problem(415),
    "418": problem(418),
    "422": problem(422),
    "431": problem(431),
    "451": problem(451),
    "499": problem(499),
}
POLICY_ERRORS = {
    "400 policy": problem(400, "content_policy_violation"),
    "400 image policy": problem(400, "image_content_policy_violation"),
}


def each(cases: dict[str, Answer]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("answer", [pytest.param(answer, id=name) for name, answer in cases.items()])


def captioned() -> Any:
    return without_timestamps(recorded("track_captioned") | {"describer": PAID})


@pytest.fixture
def scene(server: ScriptedServer) -> Any:
    """The captioner with the real adapter; its server works unless the test scripts another answer."""
    script_well(server)
    with openai_briefs(server) as adapter:
        yield Scene(adapter=adapter)


def ends(scene: Scene, kind: type[CaptionFailedError | ContentRejectedError], usage: dict[str, Any]) -> None:
    """Assert that the delivery ends the track with this error and usage, and that the breaker stays closed."""
    scene.deliver()
    assert scene.document["status"] == kind.status
    assert kind("").to_mapping("ko") == scene.document["error"]
    assert scene.document["describer"] == usage
    assert (scene.document["image"]["width"], scene.document["image"]["height"]) == (4032, 3024)
    assert (scene.document["brief"], scene.document["music"]) == (None, None)
    assert (scene.objects.types, scene.captions.heard, scene.breaker.reasons) == ({}, [], [])
    assert not scene.work.parked


def is_delivered_again(scene: Scene, server: ScriptedServer) -> None:
    """Assert that the delivery fails without a change, and that the next one succeeds when the server works."""
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
    """Assert that the track is parked, that the next delivery makes no call, and that a replay finishes the track."""
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
    """The captioner makes three calls, one of them paid, and writes the brief and its cost to the track."""
    scene.deliver()
    assert without_timestamps(scene.document) == captioned()
    assert [exchange.path for exchange in server.heard] == [MODERATION, RESPONSES, MODERATION]
    assert scene.captions.heard == [ANNOUNCED]


def test_a_hundred_deliveries_pay_once(scene: Scene, server: ScriptedServer) -> None:
    """Repeated deliveries make no second call and publish no second message."""
    for _ in range(100):
        scene.deliver()
    assert len(server.heard_at(RESPONSES)) == 1
    assert scene.captions.heard == [ANNOUNCED]


@each(REJECTED)
def test_a_refused_picture_is_rejected_and_its_cost_recorded(
    scene: Scene, server: ScriptedServer, answer: Answer
) -> None:
    """A refusal is a completed response without an error, but no brief."""
    server.script(f"POST {RESPONSES}", answer)
    ends(scene, ContentRejectedError, PAID)
    assert len(server.heard_at(RESPONSES)) == 1


@each(FAILED)
def test_an_unusable_answer_fails_the_track_and_its_cost_is_recorded(
    scene: Scene, server: ScriptedServer, answer: Answer
) -> None:
    """Another delivery would pay again for the same outcome."""
    server.script(f"POST {RESPONSES}", answer)
    ends(scene, CaptionFailedError, PAID)
    assert len(server.heard_at(RESPONSES)) == 1


# The SDK warns about fields with an unexpected type.
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@each(STRANGE)
def test_an_answer_of_another_shape_fails_the_track(scene: Scene, server: ScriptedServer, answer: Answer) -> None:
    """An exception out of the handler would repeat the paid call for a day."""
    server.script(f"POST {RESPONSES}", answer)
    scene.deliver()
    assert CaptionFailedError("").to_mapping("ko") == scene.document["error"]
    assert scene.document["describer"]["calls"] == 1


@each(POLICY_ERRORS)
@pytest.mark.parametrize("path", [MODERATION, RESPONSES])
def test_a_policy_error_rejects_the_track(scene: Scene, server: ScriptedServer, path: str, answer: Answer) -> None:
    """A request that ends in an error costs nothing."""
    server.script(f"POST {path}", answer)
    ends(scene, ContentRejectedError, UNPAID)


@each(INVALID)
@pytest.mark.parametrize("path", [MODERATION, RESPONSES])
def test_an_invalid_request_fails_the_track(scene: Scene, server: ScriptedServer, path: str, answer: Answer) -> None:
    """A request that is too large or not understood fails at every retry."""
    server.script(f"POST {path}", answer)
    ends(scene, CaptionFailedError, UNPAID)


@each(TEMPORARY)
def test_a_temporary_failure_repeats_the_event(scene: Scene, server: ScriptedServer, answer: Answer) -> None:
    """The server is busy, broken or unreachable; the next delivery succeeds when it works."""
    server.script(f"POST {RESPONSES}", answer)
    is_delivered_again(scene, server)


@each({name: answer for name, answer in TEMPORARY.items() if not name.startswith("failed")})
def test_a_temporary_failure_of_moderation_repeats_the_event(
    scene: Scene, server: ScriptedServer, answer: Answer
) -> None:
    """The model is not called for a picture that was not moderated."""
    server.script(f"POST {MODERATION}", answer)
    is_delivered_again(scene, server)
    assert len(server.heard_at(RESPONSES)) == 1


@each(BLOCKED)
def test_a_failure_that_only_the_operator_can_fix_parks_the_track(
    scene: Scene, server: ScriptedServer, answer: Answer
) -> None:
    """The account has no money or no access, or the model is unknown: the breaker opens, and a replay resumes."""
    server.script(f"POST {RESPONSES}", answer)
    is_parked(scene, server)


@each({name: answer for name, answer in BLOCKED.items() if not name.startswith("failed")})
def test_a_blocked_moderation_parks_the_track(scene: Scene, server: ScriptedServer, answer: Answer) -> None:
    """Moderation uses the same key."""
    server.script(f"POST {MODERATION}", answer)
    is_parked(scene, server)


@pytest.mark.parametrize("path", [MODERATION, RESPONSES])
def test_a_call_without_an_answer_times_out(server: ScriptedServer, path: str) -> None:
    """The client's time-out ends the call, and the event is delivered again."""
    script_well(server)
    server.script(f"POST {path}", Answer(silent=True))
    with openai_briefs(server, timeout=0.3) as adapter:
        is_delivered_again(Scene(adapter=adapter), server)


def test_a_refused_connection_repeats_the_event(server: ScriptedServer) -> None:
    """No server listens at the address, and the lease is released."""
    script_well(server)
    with openai_briefs(ScriptedServer(url="http://127.0.0.1:9"), timeout=1) as adapter:
        scene = Scene(adapter=adapter)
        with pytest.raises(CaptionUnavailableError):
            scene.deliver()
    assert scene.document["status"] == Status.CAPTIONING
    assert scene.work.lease_until is None


def test_the_client_retries_a_call_once(server: ScriptedServer) -> None:
    """A short failure costs no delivery; a longer one repeats the event."""
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


def test_a_flagged_picture_costs_nothing(scene: Scene, server: ScriptedServer) -> None:
    """Moderation is free, and the model is not called."""
    server.script(f"POST {MODERATION}", verdict(("violence",)))
    ends(scene, ContentRejectedError, UNPAID)
    assert not server.heard_at(RESPONSES)
