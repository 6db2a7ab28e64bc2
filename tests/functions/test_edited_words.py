"""Words that a person wrote into another version's brief are moderated before anything is made of them."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from localcloud.addresses import REPOSITORY
from localcloud.openai.describer.vocabulary import MOODS as DESCRIBED
from musicgenerator.briefs import LANGUAGES, MOODS, Brief
from musicgenerator.errors import CaptionUnavailableError, ContentRejectedError, DescriberBlockedError, PermanentError
from musicgenerator.states import Status
from tests.contracts.recorded import SESSION, TRACK, recorded, recorded_work
from tests.functions import commands_scene
from tests.functions.captioner_scene import ANNOUNCED, Scene
from tests.functions.openai_answers import MODERATION, RESPONSES, openai_briefs, script_well, verdict
from tests.support.scripted_http import ScriptedServer

BRIEF = recorded("track_captioned")["brief"] | {"title": "Written by a person", "editedByPerson": True}


@dataclass
class VersionScene(Scene):
    """The captioner with another version, whose brief a person has edited."""

    def __post_init__(self) -> None:
        self.again()

    def again(self) -> None:
        document = recorded("track_captioned") | {"status": "captioning", "brief": BRIEF}
        self.tracks.hold(document, SESSION, TRACK, replace(recorded_work(), unchecked=True))


def test_words_that_pass_are_announced() -> None:
    """Only they are sent: the picture is neither read nor described again."""
    scene = VersionScene()
    scene.resume()
    scene.resume()
    assert scene.describer.checked == [Brief.from_mapping(BRIEF)]
    assert (scene.describer.asked, scene.objects.read_names, scene.tracks.pictures) == ([], [], 0)
    assert (scene.document["status"], scene.document["brief"], scene.work.unchecked) == ("captioned", BRIEF, False)
    assert scene.captions.heard == [ANNOUNCED]


def test_words_that_are_refused_end_the_version() -> None:
    """No other version gets past moderation with a copy of them."""
    scene = VersionScene()
    scene.describer.failure = ContentRejectedError("moderation: hate")
    scene.resume()
    assert (scene.document["status"], scene.document["error"]["code"]) == ("rejected", "content_rejected")
    assert scene.work.unchecked
    assert scene.captions.heard == []


def test_a_version_whose_words_are_refused_does_not_count_for_everybody() -> None:
    """Moderation costs nothing; another error ends a version that stays counted."""
    scene = VersionScene()
    scene.tracks.works[TRACK] = replace(scene.work, counted_for_all="everybody")
    scene.describer.failure = ContentRejectedError("moderation: hate")
    scene.resume()
    assert scene.document["status"] == "rejected"
    assert (scene.tracks.given_back, scene.work.counted_for_all) == (["everybody"], "")


def test_an_outage_of_moderation_lets_nothing_past() -> None:
    """The message is delivered again, and the words are moderated then."""
    scene = VersionScene()
    scene.describer.failure = CaptionUnavailableError("503")
    with pytest.raises(CaptionUnavailableError):
        scene.resume()
    assert (scene.document["status"], scene.work.unchecked, scene.captions.heard) == ("captioning", True, [])
    scene.describer.failure = None
    scene.resume()
    assert (scene.document["status"], scene.captions.heard) == ("captioned", [ANNOUNCED])


def test_a_bad_key_parks_the_version() -> None:
    """A replay moderates its words."""
    scene = VersionScene()
    scene.describer.failure = DescriberBlockedError("quota")
    scene.resume()
    assert (scene.work.parked, scene.work.unchecked, scene.breaker.opened) == (True, True, True)
    scene.describer.failure, scene.breaker.opened = None, False
    scene.tracks.works[TRACK] = replace(scene.work, lease_until=datetime.now(UTC) - timedelta(minutes=5))
    scene.resume()
    assert (scene.document["status"], scene.captions.heard) == ("captioned", [ANNOUNCED])


def test_a_retry_of_words_that_have_not_passed_moderates_them() -> None:
    """The next attempt goes to the captioner, although the track has a brief."""
    scene = commands_scene.failed()
    scene.tracks.works[TRACK] = replace(scene.tracks.works[TRACK], unchecked=True)
    assert scene.command("retry").status is Status.CAPTIONING
    assert scene.tracks.works[TRACK].unchecked
    assert (len(scene.pictures.heard), scene.captions.heard) == (1, [])


def test_the_describer_s_own_words_are_moderated(server: ScriptedServer) -> None:
    """The picture may have shown them; the paid call is recorded."""
    script_well(server)
    server.script(f"POST {MODERATION}", verdict(), verdict(("hate",)))
    with openai_briefs(server) as adapter:
        scene = Scene(adapter=adapter)
        scene.deliver()
    assert (scene.document["status"], scene.document["brief"]) == ("rejected", None)
    assert scene.document["describer"]["calls"] == 1
    (text,) = server.heard_at(MODERATION)[1].json()["input"]
    brief = recorded("track_captioned")["brief"]
    for word in (brief["title"], brief["caption"], brief["altText"], brief["prompt"], *brief["moods"]):
        assert word in text["text"]


def test_a_person_s_words_are_moderated_by_openai(server: ScriptedServer) -> None:
    """Without a moderation model they pass."""
    script_well(server)
    with openai_briefs(server) as adapter:
        adapter.check(Brief.from_mapping(BRIEF))
        server.script(f"POST {MODERATION}", verdict(("hate",)))
        with pytest.raises(PermanentError, match="hate"):
            adapter.check(Brief.from_mapping(BRIEF))
    assert "Written by a person" in server.heard[0].json()["input"][0]["text"]
    with openai_briefs(server, replace(adapter._models, moderation="")) as unmoderated:  # noqa: SLF001  the server's models, but for one
        unmoderated.check(Brief.from_mapping(BRIEF))
    assert len(server.heard) == 2


def test_openai_can_tell_people_apart(server: ScriptedServer) -> None:
    """Each request has a hash of its session, so that one person's violations block nobody else."""
    script_well(server)
    with openai_briefs(server) as adapter:
        for session in (SESSION, SESSION, "s" + "b" * 26):
            scene = Scene(adapter=adapter)
            scene.tracks.hold(recorded("track_awaiting_upload"), session, TRACK, recorded_work())
            scene.deliver()
    first, second, third = (exchange.json()["safety_identifier"] for exchange in server.heard_at(RESPONSES))
    assert first == second != third
    assert len(first) == 64
    assert all(
        session not in exchange.body.decode() for exchange in server.heard for session in (SESSION, "s" + "b" * 26)
    )


def test_the_vocabulary_of_moods_is_the_page_s() -> None:
    """A person can choose every mood that the page offers, and no other."""
    for language in LANGUAGES:
        texts = json.loads((REPOSITORY / "web" / "src" / "texts" / f"{language}.json").read_text(encoding="utf-8"))
        assert set(texts.get("moods", MOODS)) == set(MOODS)
    assert set(DESCRIBED) <= set(MOODS)
