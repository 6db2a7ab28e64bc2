"""The commands `:stems` and `:loop`, with the functions that an export passes after them."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from commanding import TrackState
from problems import KeyReusedError, LimitReachedError, UnknownSessionError, UnknownTrackError, WrongStateError

from musicgenerator.errors import BriefError, PipelineFailedError
from musicgenerator.exports import ComposerChangedError, Export
from musicgenerator.messages import CaptionMessage
from musicgenerator.results import LOOP, MUSIC, STEMS, TRACK, MusicFacts
from musicgenerator.states import Status
from musicgenerator.track_requests import Request
from musicgenerator.tracks import PrivateTrack
from tests.contracts.recorded import SESSION, TOKEN, recorded, recorded_track
from tests.contracts.recorded import TRACK as SOURCE
from tests.functions.commands_scene import IMAGES, KEY, RESULTS, Scene
from tests.functions.runs_scene import FACTS, World, attempt, token
from tests.support.command_fakes import MemoryBuckets
from tests.support.functions import ENVIRON

OTHER_KEY = KEY[:-1] + "0"
KINDS = ("stems", "loop")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_an_export_is_a_track_of_its_own(kind: str) -> None:
    """It has its source's picture, brief, length and seed, its own folder with the cover, and it is announced."""
    scene = Scene()
    state = scene.command(kind)
    (track,) = scene.other_tracks()
    assert state == TrackState(SESSION, track, Status.CAPTIONED, 1)
    document, source, work = scene.tracks.documents[track], scene.document, scene.tracks.works[track]
    for name in ("image", "brief"):
        assert document[name] == source[name]
    asked = {"engine": "composer", "seed": recorded_track(Status.READY).seed}
    export = {"export": {"kind": kind, "track": SOURCE, "model": "composer-3"}}
    assert document["request"] == source["request"] | asked | export
    assert document["music"]["coverUrl"].endswith(f"{RESULTS}/{work.token}/cover.jpg")
    assert scene.buckets.read(RESULTS, f"{work.token}/cover.jpg") == b"cover"
    assert work == PrivateTrack(work.token, published=True, source=SOURCE, counted_for_all="everybody")
    assert work.token != TOKEN
    assert scene.captions.heard == [(CaptionMessage(SESSION, track, 1), "composer")]
    assert scene.tracks.works[SOURCE].last_export(kind) == track
    assert set(scene.ledger.counts.values()) == {1}


def test_an_equal_request_returns_the_same_export(kind: str) -> None:
    """With the same key, another one or none, and while it is made or when it is ready; it is counted once."""
    scene = Scene()
    states = {scene.command(kind, key=key).track for key in (KEY, KEY, OTHER_KEY, None)}
    scene.tracks.documents[next(iter(states))]["status"] = "ready"
    states |= {scene.command(kind, key=key).track for key in (KEY, None)}
    assert scene.other_tracks() == list(states)
    assert set(scene.ledger.counts.values()) == {1}
    assert len(scene.captions.heard) == 1


def test_each_kind_has_its_own_export() -> None:
    """A loop is no answer to a request for stems."""
    scene = Scene()
    assert len({scene.command(kind).track for kind in KINDS}) == 2


def test_two_requests_at_the_same_moment_make_one_export(kind: str) -> None:
    """The second one is answered between the first one's count and its documents."""
    scene = Scene()
    heard: list[str] = []
    # The first entry is that of the key.
    scene.ledger.meanwhile += [lambda: None, lambda: heard.append(scene.command(kind, key=OTHER_KEY).track)]
    assert [scene.command(kind, key=KEY).track] == heard == scene.other_tracks()
    assert set(scene.ledger.counts.values()) == {1}


@pytest.mark.parametrize("end", [Status.FAILED, Status.CANCELLED, None])
def test_a_new_request_makes_another_export_after_one_that_is_over(kind: str, end: Status | None) -> None:
    """It has failed, was cancelled, or was deleted. The first request's key still names the first export."""
    scene = Scene()
    first = scene.command(kind, key=KEY).track
    if end:
        scene.tracks.documents[first]["status"] = end.value
    else:
        scene.erase_track(track=first)
    second = scene.command(kind, key=OTHER_KEY).track
    assert second != first
    assert scene.command(kind).track == second
    assert set(scene.ledger.counts.values()) == {2}
    if end:
        scene.tracks.documents[second]["status"] = "failed"
        assert scene.command(kind, key=KEY).track == first
    else:
        assert scene.command(kind, key=KEY).track == second


def test_a_key_belongs_to_one_body(kind: str) -> None:
    """As for the other commands."""
    scene = Scene()
    scene.command(kind, {}, KEY)
    with pytest.raises(KeyReusedError):
        scene.command(kind, {"seed": 1}, KEY)


@pytest.mark.parametrize(
    ("status", "fields", "words"),
    [
        (Status.COMPOSING, {}, "Wait until the music is finished: this track is composing"),
        (Status.FAILED, {}, "this track is failed"),
        (Status.READY, {"music": recorded("track_ready")["music"] | {"engine": "lyria-002"}}, "is lyria-002. Another"),
    ],
)
def test_only_finished_music_of_the_composer_is_exported(
    kind: str, status: Status, fields: dict[str, Any], words: str
) -> None:
    """The words say why not; nothing is created or counted."""
    scene = Scene(status=status, fields=fields)
    with pytest.raises(WrongStateError, match=words):
        scene.command(kind)
    assert not scene.other_tracks()
    assert not scene.ledger.counts


def test_music_that_a_fallback_composer_made_is_exported(kind: str) -> None:
    """Its request names another engine, which the operator does not even offer any more."""
    scene = Scene()
    scene.allowed_engines = ()
    scene.document["request"] |= {"engine": "lyria-002"}
    assert scene.tracks.documents[scene.command(kind).track]["request"]["engine"] == "composer"


def test_music_without_its_facts_is_not_exported(kind: str) -> None:
    """Nobody knows which composer made it."""
    scene = Scene()
    scene.buckets.delete(RESULTS, f"{TOKEN}/{TRACK}")
    with pytest.raises(WrongStateError, match="not complete"):
        scene.command(kind)
    assert not scene.ledger.counts


@pytest.mark.parametrize("command", ["again", "stems", "loop"])
def test_an_export_has_no_versions_and_no_exports(kind: str, command: str) -> None:
    """The words name the way out."""
    scene = Scene()
    export = scene.tracks.documents[scene.command(kind).track]["request"]["export"]
    scene.document["request"] |= {"export": export}
    with pytest.raises(WrongStateError, match="is an export"):
        scene.command(command)


def test_a_request_over_a_limit_is_refused_with_words(kind: str) -> None:
    """An export counts as a track of the session, the address and everybody."""
    scene = Scene()
    scene.limits = replace(scene.limits, session_tracks=0)
    with pytest.raises(LimitReachedError, match="The limit is 0 tracks for one session in a UTC day"):
        scene.command(kind)
    assert not scene.other_tracks()


def test_a_body_cannot_ask_for_an_export() -> None:
    """An announced picture with `export` becomes music."""
    scene = Scene()
    export = {"kind": "stems", "track": SOURCE, "model": "composer-3"}
    body = {"contentType": "image/jpeg", "export": export}
    answer = scene.ask(
        "POST", f"/v1/sessions/{SESSION}/tracks", json=body, headers={"Authorization": "Bearer k" + "a" * 52}
    )
    assert "export" not in scene.tracks.documents[answer.get_json()["track"]]["request"]


def test_a_repeated_request_goes_on_after_a_crash(kind: str) -> None:
    """The topic fails, or the entry exists and the track does not; the next request makes the same track."""
    scene = Scene()
    scene.captions.failures.append(ConnectionError("reset"))
    with pytest.raises(ConnectionError):
        scene.command(kind, key=KEY)
    (track,) = scene.other_tracks()
    scene.tracks.documents[track]["music"] = None
    assert scene.command(kind).track == track
    assert scene.captions.tracks == [track]
    assert scene.tracks.documents[track]["music"]["coverUrl"]
    # Another crash, before the documents.
    scene.tracks.erase(SESSION, track)
    scene.tracks.works[SOURCE] = replace(scene.tracks.works[SOURCE], stems="", loop="")
    assert scene.command(kind, key=KEY).track == track
    assert set(scene.ledger.counts.values()) == {1}


def test_deleting_a_source_deletes_its_exports() -> None:
    """Also one that is being made, what a crashed request left, and whatever the source's deletion left before."""
    scene = Scene()
    tracks = [scene.command(kind, key=KEY).track for kind in KINDS]
    folders = [scene.tracks.works[track].token for track in tracks]
    scene.erase_track()
    assert (scene.tracks.documents, scene.tracks.works) == ({}, {})
    assert [name for name in scene.buckets.names(RESULTS) if name.partition("/")[0] in folders] == []
    assert [entry.details for entry in scene.ledger.entries.values()] == [{}, {}]
    scene = Scene()
    scene.command("stems")
    scene.tracks.erase(SESSION, SOURCE)
    crashed = scene.ledger.entries["crashed"] = replace(
        next(each for each in scene.ledger.entries.values() if "track" in each.details),
        details={"track": "t" + "x" * 26, "token": "r" + "x" * 26, "source": SOURCE},
    )
    scene.buckets.put(RESULTS, f"{crashed.details['token']}/cover.jpg")
    scene.erase_track()
    assert (scene.tracks.documents, scene.tracks.works) == ({}, {})
    assert scene.buckets.names(RESULTS) == [f"{TOKEN}/cover.jpg", f"{TOKEN}/track.json"]


def test_deleting_an_export_leaves_its_source() -> None:
    """With its picture, which the export shares."""
    scene = Scene()
    scene.buckets.delete(IMAGES, f"uploads/{SOURCE}")
    scene.buckets.put(IMAGES, f"uploads/{SOURCE}", generation=scene.document["image"]["generation"])
    scene.erase_track(track=scene.command("stems").track)
    assert list(scene.tracks.documents) == [SOURCE]
    assert scene.buckets.names(IMAGES) == [f"uploads/{SOURCE}"]
    assert scene.buckets.names(RESULTS) == [f"{TOKEN}/cover.jpg", f"{TOKEN}/track.json"]


def test_another_session_deletes_no_exports() -> None:
    """It names a source that is gone."""
    scene = Scene()
    track = scene.command("stems").track
    scene.tracks.erase(SESSION, SOURCE)
    scene.erase_track("s" + "a" * 26, "k" + "b" * 52)
    assert scene.other_tracks() == [track]


def test_an_erased_source_gains_no_export() -> None:
    """It is deleted while the request is handled, before and after the commit; nothing is left of the export."""
    for moment in range(2):
        scene = Scene()
        if moment:
            scene.tracks.meanwhile.append(scene.erase_track)
        else:
            scene.ledger.meanwhile.append(scene.erase_track)
        with pytest.raises(UnknownTrackError):
            scene.command("stems")
        assert scene.tracks.documents == {}
        assert scene.buckets.names(RESULTS) == []


def test_a_cover_is_not_left_by_an_export_without_a_source() -> None:
    """The source is deleted after its cover was read, and before it is written into the export's folder."""

    class Overtaken(MemoryBuckets):
        def create(
            self, bucket: str, name: str, data: bytes, content_type: str, expires_at: datetime | None = None
        ) -> bool:
            scene.erase_track()
            return super().create(bucket, name, data, content_type, expires_at)

    scene = Scene(buckets=Overtaken())
    with pytest.raises(UnknownTrackError):
        scene.command("stems")
    assert scene.tracks.documents == {}
    assert scene.buckets.names(RESULTS) == []


def test_an_ended_session_gains_no_export() -> None:
    """Its deletion begins while the request is handled."""
    scene = Scene()
    scene.ledger.meanwhile.append(lambda: scene.sessions.end(SESSION))
    with pytest.raises(UnknownSessionError):
        scene.command("stems")
    assert not scene.other_tracks()
    assert not scene.ledger.entries


def exporting(kind: str = "stems", **fields: Any) -> World:
    """Return the functions with an export that waits for a job."""
    world = World(environ=ENVIRON | {"FALLBACK_ENGINE": "lyria-002"})
    export = Export(kind, SOURCE, "composer-3").to_mapping()
    request = recorded("track_captioned")["request"] | {"engine": "composer", "seed": 7, "export": export}
    world.wait("t" + "a" * 26, request=request, **fields)
    return world


def facts(file: str) -> MusicFacts:
    return replace(FACTS, mime_type={STEMS: "application/zip", LOOP: "audio/wav"}[file])


@pytest.mark.parametrize(("kind", "file"), [("stems", STEMS), ("loop", LOOP)])
def test_an_export_is_launched_and_settled(kind: str, file: str) -> None:
    """Its order says what to export and of which composer, without a fallback; its music is the export's file."""
    world, track = exporting(kind), "t" + "a" * 26
    world.launcher.launch(attempt(track))
    (order,) = world.book.read(f"mg-{track}-1") or ()
    mapping = order.to_mapping()
    assert [mapping[name] for name in ("engine", "seed", "fallbackEngine")] == ["composer", 7, ""]
    assert [mapping[name] for name in ("export", "model")] == [kind, "composer-3"]
    world.results.facts = facts(file)
    world.buckets.put("musicgenerator-results", f"{token(track)}/{file}")
    world.step(next(iter(world.pipelines.jobs)))
    music = world.tracks.documents[track]["music"]
    assert world.status(track) == "ready"
    assert music["url"].endswith(f"/{token(track)}/{file}")
    assert "wavUrl" not in music


def test_an_earlier_composer_s_music_cannot_be_exported() -> None:
    """The step notes the error; the track fails with words, and cannot be retried."""
    world, track = exporting(), "t" + "a" * 26
    world.launcher.launch(attempt(track))
    world.buckets.put("musicgenerator-results", f"{token(track)}/failure-1.json", b"ComposerChangedError")
    world.end(next(iter(world.pipelines.jobs)))
    world.sweep()
    assert world.tracks.documents[track]["error"] == ComposerChangedError("").to_mapping("ko")
    assert not world.tracks.documents[track]["error"]["retryable"]


def test_an_export_that_another_composer_would_make_is_not_asked_for_twice(kind: str) -> None:
    """It would fail again, after a job that costs money; the refusal has the error's words."""
    scene = Scene()
    first = scene.command(kind, key=KEY).track
    error = ComposerChangedError("").to_mapping("ko")
    scene.tracks.documents[first] |= {"status": "failed", "error": error}
    with pytest.raises(WrongStateError, match="earlier version of the composer"):
        scene.command(kind, key=OTHER_KEY)
    assert set(scene.ledger.counts.values()) == {1}


def test_only_the_newest_export_is_retried(kind: str) -> None:
    """Otherwise two exports of a kind would be made, and counted."""
    scene = Scene()
    first = scene.command(kind, key=KEY).track
    scene.tracks.documents[first] |= {"status": "failed", "error": PipelineFailedError("").to_mapping("ko")}
    second = scene.command(kind, key=OTHER_KEY).track
    assert second != first
    with pytest.raises(WrongStateError, match="asked for again"):
        scene.command("retry", track=first)
    assert scene.tracks.documents[first]["attempt"] == 1


def test_a_failed_export_is_retried_as_an_export() -> None:
    """Although the operator no longer offers the composer; its next attempt has the same source and seed."""
    scene = Scene()
    source = "t" + "b" * 26
    export = Export("stems", source, "composer-3").to_mapping()
    request = recorded("track_failed")["request"] | {"engine": "composer", "seed": 7, "export": export}
    error = PipelineFailedError("").to_mapping("ko")
    scene.at(Status.FAILED, PrivateTrack(TOKEN, source=source), error=error, request=request)
    scene.tracks.documents[source] = recorded("track_ready")
    scene.tracks.sessions[source] = SESSION
    scene.tracks.works[source] = PrivateTrack("r" + "b" * 26, stems=SOURCE)
    scene.default_engine, scene.allowed_engines = "lyria-002", ()
    assert scene.command("retry") == TrackState(SESSION, SOURCE, Status.CAPTIONED, 2)
    assert scene.document["request"] == request
    assert scene.tracks.works[SOURCE].source == "t" + "b" * 26


@pytest.mark.parametrize("change", [{"kind": "video"}, {"track": "x"}, {"model": "a\nb"}, {"model": None}])
def test_an_export_that_is_not_valid_is_refused(change: dict[str, Any]) -> None:
    """The document was written by hand."""
    valid = Export("loop", SOURCE, "composer-3").to_mapping()
    assert Export.from_mapping(valid).to_mapping() == valid
    with pytest.raises(BriefError, match="export"):
        Request.from_mapping({"export": valid | change})


def test_music_s_file_is_the_mp3() -> None:
    """An export's facts do not settle music, and music's do not settle an export."""
    world = World()
    world.wait("t" + "c" * 26)
    world.launcher.launch(attempt("t" + "c" * 26))
    world.buckets.put("musicgenerator-results", f"{token('t' + 'c' * 26)}/{STEMS}")
    world.end(next(iter(world.pipelines.jobs)))
    assert world.tracks.documents["t" + "c" * 26]["error"]["code"] == "music_missing"
    assert MUSIC not in str(world.tracks.documents["t" + "c" * 26]["music"])
