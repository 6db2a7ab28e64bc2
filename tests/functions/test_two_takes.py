"""Two takes of one picture: what is created once, what is counted, and what is given back."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import flask
import pytest
from admitting import Limits

from musicgenerator import ids
from musicgenerator.errors import (
    CaptionFailedError,
    CaptionUnavailableError,
    ContentRejectedError,
    DescriberBlockedError,
    LeasedError,
    NotAnImageError,
)
from musicgenerator.messages import CaptionMessage
from tests.contracts.recorded import SESSION, TOKEN, TRACK, recorded, without_timestamps
from tests.functions.captioner_scene import PICTURE, RefusingDecoder
from tests.functions.captioner_scene import Scene as CaptionerScene
from tests.functions.commands_scene import IMAGES, KEY, SECRET
from tests.functions.takes_scene import TAKES, Scene
from tests.support.interleaving import Schedule, turns_of, watched

TWIN = ids.twin_of(TRACK)
TWIN_TOKEN = "r" + "t" * 26


def test_one_commit_describes_the_picture_and_creates_the_second_take() -> None:
    """The second take is the recorded document: the same brief and picture, a request and a cover of its own."""
    scene = CaptionerScene()
    scene.asking(takes=2)
    scene.tracks.works[TRACK] = replace(scene.work, twin_token=TWIN_TOKEN)
    scene.deliver()
    twin, work = scene.tracks.documents[TWIN], scene.tracks.works[TWIN]
    assert without_timestamps(twin) == without_timestamps(recorded("track_second_take"))
    assert scene.document["request"]["takes"] == 2
    assert (work.token, work.counted, work.counted_for_all, work.published) == (TWIN_TOKEN, (), "everybody", True)
    assert (scene.work.token, scene.work.twin_token, scene.work.twin_counted_for_all) == (TOKEN, "", "")
    assert scene.tracks.pictures == 2
    assert scene.objects.objects["musicgenerator-results", f"{TWIN_TOKEN}/cover.jpg"] == b"\xff\xd8jpeg"
    assert scene.tracks.expiries[TWIN] == scene.tracks.find(TRACK)[0].expires_at  # type: ignore[index]
    # The second take first: a delivery that finds the first one announced does nothing more.
    assert scene.captions.heard == [(CaptionMessage(SESSION, name, 1), "composer") for name in (TWIN, TRACK)]


@pytest.mark.parametrize(("seed", "second"), [(None, None), (5, 6), (2**32 - 1, 0)])
def test_the_second_take_has_another_seed(seed: int | None, second: int | None) -> None:
    """The next one, if the person asked for one; otherwise each track's own."""
    scene = Scene()
    track = scene.announced(seed=seed)
    scene.deliver(track)
    first, twin = (scene.tracks.find(name) for name in (track, ids.twin_of(track)))
    assert first
    assert twin
    assert (first[0].request.seed, twin[0].request.seed) == (seed, second)
    assert first[0].seed != twin[0].seed


def test_one_take_is_one_track() -> None:
    """Nothing of the second take is written."""
    scene = Scene()
    track = scene.announced(takes=1)
    scene.deliver(track)
    assert list(scene.tracks.documents) == [track]
    assert "takes" not in scene.tracks.documents[track]["request"]
    assert (scene.tracks.pictures, scene.covers) == (1, {scene.work(track).token})


def test_every_delivery_together_creates_one_second_take() -> None:
    """Deliveries that come twice, late or after a lost answer change nothing."""
    scene = Scene()
    track = scene.announced()
    scene.tracks.lost_answers = 3
    for _ in range(3):
        scene.deliver(track)
        scene.resume(track)
    assert sorted(scene.tracks.documents) == sorted([track, ids.twin_of(track)])
    assert sorted(scene.captions.tracks) == sorted([track, ids.twin_of(track)])
    assert scene.tracks.pictures == 2


def test_a_crash_between_the_announcements_announces_both() -> None:
    """The next delivery announces the rest, whichever topic call failed."""
    for failures in ([ConnectionError()], [None, ConnectionError()]):
        scene = Scene()
        track = scene.announced()
        announce, left = scene.captions.announce, list(failures)

        def failing(message: CaptionMessage, engine: str, left: list[Any] = left, announce: Any = announce) -> None:
            if left and (failure := left.pop(0)):
                raise failure
            announce(message, engine)

        scene.captions.announce = failing  # type: ignore[method-assign,assignment]
        with pytest.raises(ConnectionError):
            scene.deliver(track)
        scene.deliver(track)
        assert sorted(scene.captions.tracks) == sorted([track, ids.twin_of(track)])
        assert all(work.published for work in scene.tracks.works.values())


def test_a_cancellation_before_the_brief_leaves_no_second_take() -> None:
    """Its count is given back; the first one may have been paid and stays counted. Both covers are erased."""
    scene = Scene()
    track = scene.announced()
    scene.describer.meanwhile = lambda: scene.command(track, "cancel")
    scene.deliver(track)
    assert list(scene.tracks.documents) == [track]
    assert scene.status(track) == "cancelled"
    assert scene.tracks.pictures == 1
    assert not scene.covers


def test_a_cancellation_of_a_parked_track_gives_both_back() -> None:
    """The describer was not available, so nothing has been paid."""
    scene = Scene()
    track = scene.announced()
    scene.describer.failure = DescriberBlockedError("")
    scene.deliver(track)
    assert scene.tracks.pictures == 2
    scene.command(track, "cancel")
    assert scene.tracks.pictures == 0


def test_a_cancellation_that_overtakes_the_parking_gives_back_once() -> None:
    """The command gives back the second take's, the captioner the first one's."""
    scene = Scene()
    track = scene.announced()
    scene.describer.failure = DescriberBlockedError("")
    scene.describer.meanwhile = lambda: scene.command(track, "cancel")
    scene.deliver(track)
    assert (scene.status(track), scene.tracks.pictures) == ("cancelled", 0)


def test_a_refused_picture_gives_both_back() -> None:
    """It has cost nothing."""
    scene = Scene(decode=RefusingDecoder(NotAnImageError("")))
    track = scene.announced()
    scene.deliver(track)
    assert (scene.status(track), scene.tracks.pictures, list(scene.tracks.documents)) == ("failed", 0, [track])


def test_a_slow_captioner_does_not_erase_the_second_take_s_cover() -> None:
    """Another delivery has described the picture, and then the first take was cancelled."""
    scene = Scene()
    track = scene.announced()

    def overtake() -> None:
        scene.describer.meanwhile = lambda: None
        scene.without_lease(track)
        scene.deliver(track)
        scene.command(track, "cancel")

    scene.describer.meanwhile = overtake
    scene.deliver(track)
    assert (scene.status(track), scene.status(ids.twin_of(track))) == ("cancelled", "captioned")
    assert scene.work(ids.twin_of(track)).token in scene.covers


def test_an_announcement_that_is_cancelled_gives_both_back() -> None:
    """Its session and address have counted two, and have them again."""
    scene = Scene()
    track = scene.announced()
    assert {count for (_, unit), count in scene.ledger.counts.items() if unit == "tracks"} == {2}
    assert {count for (_, unit), count in scene.ledger.counts.items() if unit == "announcements"} == {1}
    scene.command(track, "cancel")
    assert sorted(scene.tracks.given_back) == sorted([f"session {SESSION}", "address 203.0.113.9"] * 2)
    assert scene.tracks.pictures == 0


def test_a_refused_description_gives_the_second_take_back() -> None:
    """The describer may have been paid for the first one."""
    scene = Scene()
    track = scene.announced()
    scene.describer.failure = ContentRejectedError("")
    scene.deliver(track)
    assert (list(scene.tracks.documents), scene.status(track)) == ([track], "rejected")
    assert scene.tracks.pictures == 1


def test_a_retry_of_a_failed_description_still_makes_both() -> None:
    """The second take is created once, and was counted once: the retry counts only itself."""
    scene = Scene()
    track = scene.announced()
    scene.describer.failure = CaptionFailedError("")
    scene.deliver(track)
    assert (scene.status(track), scene.tracks.pictures, list(scene.tracks.documents)) == ("failed", 2, [track])
    scene.describer.failure = None
    before = dict(scene.ledger.counts)
    scene.command(track, "retry")
    assert counted_since(scene, before) == {1}
    scene.resume(track)
    assert [scene.status(name) for name in (track, ids.twin_of(track))] == ["captioned", "captioned"]
    assert scene.work(ids.twin_of(track)).counted_for_all == "everybody"


def test_a_retry_after_the_day_s_limit_counts_both() -> None:
    """Neither was counted: the picture came after the limit, with only one left."""
    scene = Scene(environ=Scene().environ | {"TRACKS_A_DAY": "1"})
    track = scene.announced()
    scene.deliver(track)
    assert scene.tracks.documents[track]["error"]["code"] == "budget_spent"
    assert scene.tracks.pictures == 0
    before = dict(scene.ledger.counts)
    scene.command(track, "retry")
    assert counted_since(scene, before) == {2}
    scene.resume(track)
    assert scene.status(ids.twin_of(track)) == "captioned"


@pytest.mark.parametrize("arrival", ["over the limit", "dropped"])
def test_a_second_take_that_was_not_counted_at_its_arrival_is_counted_once(arrival: str) -> None:
    """The first retry counts it, no later one does, and the end of the last attempt gives it back."""
    scene, track = failed_uncounted(arrival)
    scene.describer.failure = CaptionFailedError("")
    for number in (2, 1, 1):
        before = dict(scene.ledger.counts)
        scene.command(track, "retry")
        assert counted_since(scene, before) == {number}
        scene.resume(track)
        assert scene.status(track) == "failed"
    # The fourth attempt's count stays, since it may have paid the describer.
    scene.describer.meanwhile = lambda: scene.command(track, "cancel")
    scene.command(track, "retry")
    scene.resume(track)
    assert (scene.status(track), for_everybody(scene)) == ("cancelled", 4)


@pytest.mark.parametrize("arrival", ["over the limit", "dropped"])
@pytest.mark.parametrize("end", ["cancel", "erase", "refuse"])
def test_a_retry_that_costs_nothing_gives_everything_back(arrival: str, end: str) -> None:
    """The describer is not available, or the picture cannot be used: neither take counts for everybody."""
    scene, track = failed_uncounted(arrival)
    scene.describer.failure = DescriberBlockedError("")
    scene.command(track, "retry")
    scene.resume(track)
    assert for_everybody(scene) == 2
    if end == "refuse":
        scene.decode = RefusingDecoder(NotAnImageError(""))
        scene.resume(track)
    else:
        ENDS[end](scene, track)
    assert for_everybody(scene) == 0


def test_a_retried_second_take_keeps_the_count_of_the_retry() -> None:
    """So its cancellation before its launch gives it back, as that of any second take."""
    scene, track = failed_uncounted("dropped")
    scene.command(track, "retry")
    scene.resume(track)
    twin = ids.twin_of(track)
    assert (scene.work(track).twin_counted_for_all, scene.work(twin).counted_for_all) == ("", "everybody")
    scene.command(twin, "cancel")
    scene.command(track, "cancel")
    assert for_everybody(scene) == 1


def test_requests_for_one_attempt_count_it_once() -> None:
    """Whatever their keys are, and if one crashes before it starts the attempt."""
    scene, track = failed_uncounted("over the limit")
    advance = scene.tracks.advance

    def crashing(*_: Any) -> None:
        scene.tracks.advance = advance  # type: ignore[method-assign]
        raise ConnectionError

    before = dict(scene.ledger.counts)
    scene.tracks.advance = crashing  # type: ignore[method-assign,assignment]
    with pytest.raises(ConnectionError):
        scene.command(track, "retry")
    # Another request comes between the answer of the ledger and the start of the attempt.
    scene.tracks.meanwhile.append(lambda: scene.command(track, "retry", KEY))
    scene.command(track, "retry")
    assert (scene.tracks.documents[track]["attempt"], counted_since(scene, before)) == (2, {2})
    scene.resume(track)
    assert scene.work(ids.twin_of(track)).counted_for_all == "everybody"


@pytest.mark.parametrize("times", [1, 2])
def test_a_failed_track_that_is_erased_gives_its_second_take_back(times: int) -> None:
    """The second one was never made; the first one may have paid for a description. A repeated deletion is harmless."""
    scene = Scene()
    track = scene.announced()
    scene.describer.failure = CaptionFailedError("")
    scene.deliver(track)
    erase, failing = scene.tracks.erase, times > 1

    def crash(*_: Any) -> None:
        raise ConnectionError

    if failing:
        scene.tracks.erase = crash  # type: ignore[method-assign,assignment]
        with pytest.raises(ConnectionError):
            scene.erase(track)
        scene.tracks.erase = erase  # type: ignore[method-assign]
    scene.erase(track)
    assert (scene.status(track), scene.tracks.pictures) == ("gone", 1)
    assert not scene.covers


def test_a_retry_after_failed_music_makes_no_other_second_take() -> None:
    """The first one has its brief already; what became of the second one does not matter."""
    for erased in (False, True):
        scene = Scene()
        track = scene.announced()
        scene.deliver(track)
        twin = ids.twin_of(track)
        if erased:
            scene.erase(twin)
        scene.tracks.documents[track] |= {"status": "failed", "error": CaptionFailedError("").to_mapping("ko")}
        before = dict(scene.tracks.documents)
        scene.command(track, "retry")
        scene.resume(track)
        assert scene.tracks.documents.keys() == before.keys()
        assert scene.captions.tracks[-1] == track


def test_keeping_one_take_erases_only_the_other() -> None:
    """Each has its own folder; whichever goes, the other one keeps its files."""
    for gone in (0, 1):
        scene = Scene()
        track = scene.announced()
        scene.deliver(track)
        pair = [track, ids.twin_of(track)]
        kept = scene.work(pair[1 - gone]).token
        scene.erase(pair[gone])
        assert list(scene.tracks.documents) == [pair[1 - gone]]
        assert scene.covers == {kept}


def test_a_session_is_erased_with_a_second_take_that_its_listing_missed() -> None:
    """The captioner creates it after the deletion has listed the tracks; one request deletes it all the same."""
    scene = Scene()
    track = scene.announced()
    listing = scene.tracks.of_session

    def listed_before(session: str) -> list[str]:
        found = listing(session)
        scene.tracks.of_session = listing  # type: ignore[method-assign]
        scene.deliver(track)
        return found

    scene.tracks.of_session = listed_before  # type: ignore[method-assign]
    scene.erase()
    assert not scene.tracks.documents
    assert not scene.buckets.objects


def test_a_cancelled_second_take_gives_its_count_back() -> None:
    """Its brief has cost nothing, and it has no job yet."""
    scene = Scene()
    track = scene.announced()
    scene.deliver(track)
    scene.command(ids.twin_of(track), "cancel")
    assert scene.tracks.pictures == 1
    assert [scene.status(name) for name in (track, ids.twin_of(track))] == ["captioned", "cancelled"]


@pytest.mark.parametrize("limits", ["SESSION_TRACKS_A_DAY", "ADDRESS_TRACKS_A_DAY", "TRACKS_A_DAY"])
def test_two_takes_are_refused_if_only_one_is_left(limits: str) -> None:
    """The words say so, nothing is counted, and one take is still accepted."""
    scene = Scene(limits=Limits.from_environ({limits: "3"}))
    if limits == "TRACKS_A_DAY":
        # Everybody's are counted when pictures arrive; other versions count at once.
        scene.ledger.counts["", "tracks"] = 2
    else:
        _post(scene, TAKES)
    before = dict(scene.ledger.counts)
    refused = _post(scene, TAKES)
    problem = json.loads(refused.get_data())
    assert (refused.status_code, problem["code"]) == (429, "limit_reached")
    assert "only 1 is left for two takes" in problem["detail"]
    assert "Ask for one take" in problem["detail"]
    assert scene.ledger.counts == before
    assert _post(scene, TAKES | {"takes": 1}).status_code == 201


@pytest.mark.parametrize("takes", [0, 3, "2", True, 1.5])
def test_another_number_of_takes_is_refused(takes: Any) -> None:
    """The problem names the field; nothing is counted."""
    scene = Scene()
    refused = _post(scene, TAKES | {"takes": takes})
    assert (refused.status_code, json.loads(refused.get_data())["field"]) == (400, "takes")
    assert not scene.ledger.counts


def test_a_repeated_announcement_is_one_pair() -> None:
    """It counts once, and its second take keeps the folder of the first request."""
    scene = Scene()
    first = scene.announced(KEY)
    token = scene.work(first).twin_token
    assert scene.announced(KEY) == first
    assert scene.work(first).twin_token == token
    assert {count for (_, unit), count in scene.ledger.counts.items() if unit == "tracks"} == {2}


def test_a_client_names_no_first_take() -> None:
    """Only the captioner creates a second take; a request cannot pretend to be one."""
    scene = Scene()
    _post(scene, TAKES | {"twinOf": TRACK, "keep": [{"seed": 1, "except": "lead"}]})
    (document,) = scene.tracks.documents.values()
    assert document["request"].keys() & {"twinOf", "keep"} == set()


def counted_since(scene: Scene, before: dict[tuple[str, str], int]) -> set[int]:
    """Return how many tracks each quota has counted since then."""
    return {count - before.get(unit, 0) for unit, count in scene.ledger.counts.items() if unit[1] == "tracks"}


def for_everybody(scene: Scene) -> int:
    """Return what everybody's limit counts: pictures that arrived, and requests, less what was given back."""
    return scene.tracks.pictures + scene.ledger.counts.get(("", "tracks"), 0)


def failed_uncounted(arrival: str) -> tuple[Scene, str]:
    """Return a track that has failed before its two takes were counted for everybody."""
    scene = Scene(environ=Scene().environ | {"TRACKS_A_DAY": "1"})
    track = scene.announced()
    scene.deliver(track)
    assert (scene.status(track), for_everybody(scene)) == ("failed", 0)
    if arrival == "dropped":
        scene.tracks.works[track] = replace(scene.work(track), dropped_object="beach.jpg", hint="waves")
        scene.buckets.put(IMAGES, "beach.jpg", PICTURE, 7)
    return scene, track


def _post(scene: Scene, body: dict[str, Any]) -> flask.Response:
    headers = {"Authorization": f"Bearer {SECRET}", "X-Forwarded-For": "203.0.113.9"}
    return scene.ask("POST", f"/v1/sessions/{SESSION}/tracks", headers=headers, json=body)


def _delivered(scene: Scene, track: str) -> None:
    try:
        scene.deliver(track)
    except (LeasedError, CaptionUnavailableError):
        return


Act = Callable[[Scene, str], None]
ENDS: dict[str, Act] = {
    "cancel": lambda scene, track: scene.command(track, "cancel"),
    "erase": lambda scene, track: scene.erase(track),
    "erase all": lambda scene, _: scene.erase(),
    "deliver": _delivered,
}


@pytest.mark.parametrize("command_first", [False, True])
@pytest.mark.parametrize("name", ENDS)
def test_every_order_of_a_description_and_a_command_converges(name: str, command_first: bool) -> None:
    """Each access of one is interrupted by the other one, or by a crash, after which both come again.

    A session that is erased leaves nothing. Otherwise every cover belongs to a track, and everybody's count is that of
    the tracks, of which one may have been paid although it has ended.
    """
    _, plain = _played(name, {}, command_first)
    for turn in turns_of(plain.taken):
        scene, schedule = _played(name, dict([turn]), command_first)
        story = f"{turn} of {schedule.taken}"
        assert scene.covers <= scene.folders(), story
        first, twin = (scene.status(track) for track in _pair(scene))
        described = [work.token for track, work in scene.tracks.works.items() if scene.status(track) == "captioned"]
        assert scene.covers >= set(described), story
        if name == "erase all":
            assert (first, twin) == ("gone", "gone"), story
            assert not scene.covers, story
        elif name == "deliver":
            assert (first, twin, scene.tracks.pictures) == ("captioned", "captioned", 2), story
            assert set(scene.captions.tracks) == set(_pair(scene)), story
        else:
            assert first == ("cancelled" if name == "cancel" else "gone"), story
            assert twin in {"captioned", "gone"}, story
            assert scene.tracks.pictures <= 1 + (twin == "captioned"), story
            if name == "cancel":
                assert scene.tracks.pictures >= (twin == "captioned"), story


def _pair(scene: Scene) -> tuple[str, str]:
    (entry,) = scene.announced_tracks
    return entry, ids.twin_of(entry)


def _played(name: str, turns: dict[int, str], command_first: bool) -> tuple[Scene, Schedule]:
    scene, schedule = Scene(), Schedule(turns)
    track = scene.announced()
    scene.announced_tracks = [track]
    watched(scene.tracks, schedule.point, "advance", "find", "erase", "of_session")
    watched(scene.buckets, schedule.point, "create", "erase", "find")
    watched(scene.captions, schedule.point, "announce")
    acts: dict[str, Callable[[], None]] = {
        "caption": partial(_delivered, scene, track),
        name: partial(ENDS[name], scene, track),
    }
    for each, act in sorted(acts.items(), key=lambda act: act[0] == "caption", reverse=not command_first):
        schedule.add(each, act)
    schedule.run()
    for _ in range(2):
        for each in schedule.crashed:
            if track in scene.tracks.works:
                scene.without_lease(track)
            acts[each]()
    if schedule.crashed and track in scene.tracks.works:
        scene.without_lease(track)
        scene.resume(track)
    return scene, schedule
