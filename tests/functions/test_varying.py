"""Another version that keeps everything but one part or section: what the door checks, and what it hands on."""

import json
from typing import Any, Final

import pytest
from problems import EngineRefusedError, InvalidRequestError, ProblemError, WrongStateError

from musicgenerator.messages import CaptionMessage
from musicgenerator.orders import Order, orders_from_bytes
from musicgenerator.states import Status
from musicgenerator.track_requests import MAX_KEPT, Kept
from musicgenerator.tracks import PrivateTrack
from tests.contracts.recorded import PIPELINE_BUCKET, SESSION, TOKEN, TRACK, recorded, without_timestamps
from tests.functions.commands_scene import RESULTS, Scene
from tests.functions.test_sketching import Scene as SketcherScene
from tests.functions.test_sketching import ScriptedSketches
from tests.support.fakes import MemoryObjects, MemoryPipelines, MemoryTracks
from tests.support.functions import ENVIRON, launcher

PARTS: Final = [{"name": "lead", "instrument": "piano"}, {"name": "pad-2", "instrument": "warm pad"}]
MADE: Final = {"model": "composer-3"}
FORM: Final = {"sections": [{"name": "A"}, {"name": "B"}, {"name": "end"}], "parts": PARTS}


def scene_of(
    form: Any = FORM,
    keep: tuple[Kept, ...] = (),
    engine: str = "composer",
    status: Status = Status.READY,
    provenance: Any = MADE,
) -> Scene:
    """Return the API with a finished track of this form, which was varied by ``keep`` already."""
    document = recorded("track_ready")
    request = document["request"] | ({"keep": [each.to_mapping() for each in keep]} if keep else {})
    scene = Scene(status=status, fields={"request": request})
    facts = {"form": form, "music": document["music"] | {"engine": engine, "seed": 77}, "provenance": provenance}
    scene.buckets.put(RESULTS, f"{TOKEN}/track.json", json.dumps(facts).encode())
    return scene


@pytest.mark.parametrize("exception", ["lead", "pad-2", "section 1", "section 3"])
def test_a_version_keeps_all_but_one_part_or_section(exception: str) -> None:
    """Its request names seed and composer of the music that it keeps, and its own seed makes the rest."""
    scene = scene_of()
    track = scene.command("again", {"keep": {"except": exception}, "seed": 9, "engine": None}).track
    request = scene.tracks.documents[track]["request"]
    assert request == recorded("track_ready")["request"] | {
        "seed": 9,
        "engine": "composer",
        "keep": [{"seed": 77, "except": exception, "model": "composer-3"}],
    }
    assert scene.tracks.documents[track]["status"] == "captioned"


def test_a_version_of_a_version_continues_its_chain() -> None:
    """The oldest step comes first, and the last one is the version that is kept now."""
    scene = scene_of(keep=(Kept(5, "lead"),))
    track = scene.command("again", {"keep": {"except": "section 2"}}).track
    assert scene.tracks.documents[track]["request"]["keep"] == [
        {"seed": 5, "except": "lead"},
        {"seed": 77, "except": "section 2", "model": "composer-3"},
    ]


def test_another_version_without_keep_is_new_music() -> None:
    """It asks for one take, of no other track, and keeps nothing of an earlier version's seeds."""
    scene = scene_of(keep=(Kept(5, "lead"),))
    scene.document["request"] |= {"takes": 2}
    scene.document["request"] |= {"twinOf": TRACK}
    track = scene.command("again").track
    assert scene.tracks.documents[track]["request"].keys() == recorded("track_ready")["request"].keys()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"keep": "lead"}, "keep must be an object"),
        ({"keep": {}}, "keep must be an object"),
        ({"keep": {"except": "lead", "seed": 1}}, "keep must be an object"),
        ({"keep": {"except": 2}}, "must name a part"),
        ({"keep": {"except": "Section 1"}}, "must name a part"),
        ({"keep": {"except": "section 0"}}, "must name a part"),
        ({"keep": {"except": "bass"}}, "parts (lead, pad-2)"),
        ({"keep": {"except": "section 4"}}, "section 1 to section 3"),
    ],
)
def test_a_part_or_section_that_the_music_does_not_have_is_refused(body: dict[str, Any], words: str) -> None:
    """The words say which ones it has; nothing is created or counted."""
    assert_refused(scene_of(), body, InvalidRequestError, words, field="keep")


@pytest.mark.parametrize("name", ["prompt", "tempoBpm", "moods", "durationSeconds", "energy"])
def test_an_edit_of_all_of_the_music_is_refused_with_keep(name: str) -> None:
    """The composer derives every seed from the brief, so nothing would stay."""
    values = {"prompt": "Piano", "tempoBpm": 90, "moods": ["calm"], "durationSeconds": 60, "energy": 0.5}
    body = {"keep": {"except": "lead"}, name: values[name]}
    assert_refused(scene_of(), body, InvalidRequestError, "With keep, only these can be edited", field=name)


def test_a_title_may_be_edited_with_keep() -> None:
    """It is moderated, and changes no note."""
    scene = scene_of()
    track = scene.command("again", {"keep": {"except": "lead"}, "title": "밤"}).track
    assert scene.tracks.documents[track]["status"] == "captioning"
    assert scene.tracks.documents[track]["request"]["keep"] == [{"seed": 77, "except": "lead", "model": "composer-3"}]


KEEP_LEAD: Final = {"keep": {"except": "lead"}}


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (scene_of(engine="lyria-3-clip"), "this is by lyria-3-clip"),
        (scene_of(provenance={}), "earlier version of the composer"),
        (scene_of(form={}), "earlier version of the composer"),
        (scene_of(form={"sections": FORM["sections"]}), "earlier version of the composer"),
        (scene_of(keep=(Kept(1, "lead"),) * MAX_KEPT), "varied 8 times"),
        (scene_of(status=Status.COMPOSING), "until the track is ready"),
    ],
)
def test_music_that_cannot_be_kept_in_part_is_refused(scene: Scene, words: str) -> None:
    """The words say what the person can do."""
    assert_refused(scene, KEEP_LEAD, WrongStateError, words)


def test_music_without_facts_is_refused() -> None:
    """Somebody may have deleted `track.json` by hand."""
    scene = scene_of()
    scene.buckets.delete(RESULTS, f"{TOKEN}/track.json")
    assert_refused(scene, KEEP_LEAD, WrongStateError, "facts of this music are missing")


def test_another_engine_keeps_nothing() -> None:
    """A request that names one is refused, and so is the composer if the operator does not offer it."""
    assert_refused(scene_of(), KEEP_LEAD | {"engine": "lyria-002"}, InvalidRequestError, "Only the engine composer")
    scene = scene_of()
    scene.default_engine, scene.allowed_engines = "lyria-002", ()
    assert_refused(scene, KEEP_LEAD, EngineRefusedError, "lyria-002")


def test_a_version_is_the_recorded_one() -> None:
    """The launcher and the sketcher read this document."""
    scene = scene_of(keep=(Kept(5, "lead", "composer-3"),))
    track = scene.command("again", {"keep": {"except": "section 2"}, "seed": 9}).track
    written, expected = scene.tracks.documents[track], recorded("track_varied")
    # The folder of its cover is random.
    written["music"] = expected["music"]
    assert without_timestamps(written) == without_timestamps(expected)


def test_the_order_says_what_is_kept_by_which_composer_and_has_no_fallback() -> None:
    """No other engine could keep a part; the operator's fallback engine stays for all other music."""
    (varied,) = recorded("order_varied")
    (usual,) = recorded("order")
    for name, expected in (("varied", varied), ("captioned", usual | {"fallbackEngine": "lyria-002"})):
        document = recorded(f"track_{name}")
        tracks, objects = MemoryTracks(), MemoryObjects()
        tracks.hold(document, SESSION, TRACK, PrivateTrack(TOKEN, published=True))
        launching = launcher(tracks, MemoryPipelines(), objects, environ=ENVIRON | {"FALLBACK_ENGINE": "lyria-002"})
        launching.launch(CaptionMessage(SESSION, TRACK, 1))
        (data,) = [data for (bucket, _), data in objects.objects.items() if bucket == PIPELINE_BUCKET]
        (order,) = orders_from_bytes(data)
        assert isinstance(order, Order)
        assert order.to_mapping() == expected


def test_a_sketch_keeps_what_its_music_keeps() -> None:
    """Otherwise the sketch would be of other music."""
    scene = SketcherScene(sketches=ScriptedSketches())
    scene.at(Status.CAPTIONED, request=recorded("track_varied")["request"])
    scene.deliver()
    assert scene.sketches.kept == [(Kept(5, "lead", "composer-3"), Kept(77, "section 2", "composer-3"))]


def assert_refused(
    scene: Scene, body: dict[str, Any], kind: type[ProblemError], words: str, field: str | None = None
) -> None:
    with pytest.raises(kind) as caught:
        scene.command("again", body)
    assert words in caught.value.detail
    if field:
        assert caught.value.members == {"field": field}
    assert not scene.other_tracks()
    assert not scene.ledger.counts
