"""What a person does with music that is ready: play, save, share and delete it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from localcloud.addresses import Addresses
from pipeline import credentials
from tests.support.gestures import choose, ready, stage, tiles
from tests.support.scenes import PHOTOS, SCENE_SECONDS, Heard, Scene, document_of, new_scene
from tests.web.conftest import Opener

pytestmark = [pytest.mark.browser, pytest.mark.cloud]

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def track(scene: Scene, heard: Heard) -> str:
    return scene.add("ready", heard)


def audio(page: Page, name: str) -> Any:
    return page.evaluate(f"document.querySelector('audio').{name}")


def test_older_music_is_shown_page_by_page(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """A hundred at a time, which is what the rules allow a query to ask for; new music moves nothing out."""
    for place in range(105):
        scene.document(f"t{place:026d}").set(document_of("ready", heard, place))
    page = open_page(scene=scene)
    ready(page)
    expect(tiles(page)).to_have_count(100)
    page.get_by_role("button", name="이전 음악 더 보기").click()
    expect(tiles(page)).to_have_count(105)
    expect(page.get_by_role("button", name="이전 음악 더 보기")).to_be_hidden()
    scene.document("t" + "z" * 26).set(document_of("ready", heard, 200))
    expect(tiles(page)).to_have_count(106)


@pytest.mark.usefixtures("track")
def test_the_waveform_is_a_slider(open_page: Opener, scene: Scene) -> None:
    """It seeks by pointer and by keys, and states the position in words."""
    page = open_page(scene=scene)
    ready(page)
    wave = stage(page).get_by_role("slider", name="재생 위치")
    page.wait_for_function("() => document.querySelector('audio').readyState > 0")
    expect(wave).to_have_attribute("aria-valuemax", str(SCENE_SECONDS))
    assert len(re.findall("M", wave.locator("path").first.get_attribute("d") or "")) == 72

    box = wave.bounding_box()
    assert box is not None
    wave.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    expect(wave).to_have_attribute("aria-valuenow", "6")
    for key, place in (("ArrowRight", 11), ("ArrowLeft", 6), ("End", 12), ("Home", 0), ("PageUp", 1)):
        wave.press(key)
        expect(wave).to_have_attribute("aria-valuenow", str(place))
    expect(wave).to_have_attribute("aria-valuetext", "12초 중 1초")
    expect(stage(page).locator("[data-part=time]")).to_have_text("0:01")
    played = page.evaluate("parseFloat(document.querySelector('.wave').style.getPropertyValue('--played')) / 100")
    assert played == pytest.approx(0.1, abs=0.01)


@pytest.mark.usefixtures("track")
def test_the_player_has_controls_and_informs_the_system(open_page: Opener, scene: Scene) -> None:
    """Volume, mute and repeat work; the system's player shows the title and the genre."""
    page = open_page(scene=scene)
    ready(page)
    stage(page).get_by_role("button", name="푸른 물결 재생").click()
    expect(stage(page).get_by_role("button", name="푸른 물결 일시 정지")).to_be_visible()
    stage(page).get_by_role("button", name="반복 재생").click()
    assert audio(page, "loop")
    stage(page).get_by_role("slider", name="음량").fill("0.5")
    assert audio(page, "volume") == 0.5
    stage(page).get_by_role("button", name="소리 끄기").click()
    assert audio(page, "muted")
    told = page.evaluate("(({title, artist}) => [title, artist])(navigator.mediaSession.metadata)")
    assert told == ["푸른 물결", "앰비언트"]


def test_only_one_track_plays_at_a_time(open_page: Opener, scene: Scene, track: str, heard: Heard) -> None:
    """Music stops when another track is shown, and when a second tab plays."""
    scene.add("ready", heard)
    page = open_page(scene=scene)
    ready(page)
    tiles(page).nth(1).click()
    expect(stage(page)).to_have_attribute("data-track", track)
    stage(page).get_by_role("button", name="재생").first.click()
    page.wait_for_function("() => !document.querySelector('audio').paused")
    other = page.context.new_page()
    other.goto("/")
    ready(other).get_by_role("button", name="재생").first.click()
    page.wait_for_function("() => document.querySelector('audio').paused")
    assert not audio(other, "paused")


@pytest.mark.usefixtures("track")
def test_the_music_can_be_saved_under_its_title(open_page: Opener, scene: Scene) -> None:
    """MP3, WAV and MIDI are saved under the title of the music."""
    page = open_page(scene=scene)
    ready(page)
    for name, magic in (("MP3", (b"ID3", b"\xff\xfb")), ("WAV", (b"RIFF",)), ("MIDI", (b"MThd",))):
        with page.expect_download() as download:
            stage(page).get_by_role("button", name=name, exact=True).click()
        extension = "mid" if name == "MIDI" else name.lower()
        assert download.value.suggested_filename == f"푸른 물결.{extension}"
        assert Path(download.value.path()).read_bytes().startswith(magic)


def test_other_engines_have_no_notes_to_save(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """MIDI is offered only for music of the composer."""
    scene.add("ready", heard, music=heard.facts | {"engine": "lyria-002"})
    page = open_page(scene=scene)
    ready(page)
    expect(stage(page).get_by_role("button", name="WAV", exact=True)).to_be_visible()
    expect(stage(page).get_by_role("button", name="MIDI", exact=True)).to_be_hidden()


def test_a_video_is_made_in_the_browser(open_page: Opener, scene: Scene, heard: Heard, local_cloud: Addresses) -> None:
    """The video shows cover, title and waveform with the music, in a file that browsers play; it carries a mark."""
    scene.add("ready", heard, token=heard.folder.token)
    page = open_page(scene=scene)
    ready(page)
    with page.expect_download(timeout=120_000) as download:
        stage(page).get_by_role("button", name="동영상").click()
    assert download.value.suggested_filename == "푸른 물결.mp4"
    film = Path(download.value.path()).read_bytes()
    assert film[4:8] == b"ftyp"
    assert any(codec in film for codec in (b"avc1", b"vp09", b"av01"))
    assert any(codec in film for codec in (b"mp4a", b"Opus"))
    assert b"AI-generated: engine" in film
    found = credentials.read(film, "video/mp4", (local_cloud.marks_folder / "authority.pem").read_text())
    assert (found.trusted, found.problems, found.manifest["title"]) == (True, (), "푸른 물결")
    expect(stage(page).get_by_role("button", name="동영상", exact=True)).to_be_visible()


@pytest.mark.usefixtures("track")
def test_a_browser_that_makes_no_videos_offers_none(open_page: Opener, scene: Scene) -> None:
    """The button is hidden."""
    page = open_page("/share.html")
    page.context.add_init_script("delete window.VideoEncoder")
    page.context.add_init_script(
        f"localStorage.session = JSON.stringify({scene.state['origins'][0]['localStorage'][0]['value']})"
    )
    page.goto("/")
    ready(page)
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some(({name}) => name.includes('video-support'))"
    )
    expect(stage(page).get_by_role("button", name="동영상")).to_be_hidden()


@pytest.mark.usefixtures("track")
def test_a_share_link_shows_one_track_and_nothing_else(
    open_page: Opener, scene: Scene, heard: Heard, local_cloud: Addresses
) -> None:
    """In a fresh profile the linked page plays the music, and never requests the session."""
    scene.add("ready", heard)
    page = open_page(scene=scene, permissions=["clipboard-read", "clipboard-write"])
    ready(page).get_by_role("button", name="공유하기").click()
    dialog = page.get_by_role("dialog", name="음악 공유하기")
    expect(dialog.get_by_role("img", name="QR 코드")).to_be_visible()
    link = dialog.get_by_role("textbox", name="링크").input_value()
    assert link == f"{local_cloud.url('page')}/share.html#{heard.folder.token}"
    dialog.get_by_role("button", name="링크 복사").click()
    expect(dialog.get_by_role("status")).to_have_text("링크를 복사했어요.")
    assert page.evaluate("navigator.clipboard.readText()") == link

    asked: list[str] = []
    visitor = open_page("/share.html")
    visitor.context.on("request", lambda request: asked.append(request.url))
    visitor.goto(link)
    expect(visitor.get_by_role("heading", level=1)).to_have_text("푸른 물결")
    expect(visitor.locator("[data-part=caption]")).to_have_text(re.compile("바다"))
    visitor.get_by_role("button", name="푸른 물결 재생").click()
    visitor.wait_for_function("() => document.querySelector('audio').currentTime > 0.3")
    assert not [url for url in asked if scene.session in url or local_cloud.url("firestore") in url]
    assert visitor.get_by_role("button", name="지우기").count() == 0
    expect(visitor.get_by_role("link", name="나도 만들어 보기")).to_have_attribute("href", "./")


def test_a_share_link_to_missing_music_says_so(open_page: Opener) -> None:
    """For deleted music and for an invalid address, the page says so in words."""
    page = open_page("/share.html#rabcdefghijklmnopqrstuvwxyz", allow="403|404")
    expect(page.get_by_role("heading", level=1)).to_have_text("들을 수 없는 음악이에요")
    other = open_page("/share.html#../../../etc/passwd")
    expect(other.get_by_role("heading", level=1)).to_have_text("들을 수 없는 음악이에요")


def test_the_share_page_can_be_previewed(open_page: Opener) -> None:
    """Link previews find their properties without running a script."""
    page = open_page("/share.html", java_script_enabled=False)
    properties = page.locator("meta[property]").evaluate_all(
        "(all) => all.map((meta) => meta.getAttribute('property'))"
    )
    assert {"og:type", "og:title", "og:description", "og:image", "og:locale"} <= set(properties)


def test_one_track_is_deleted_and_then_all(open_page: Opener, scene: Scene) -> None:
    """Both ask first and delete from the database; then the page is as at the first visit."""
    kept, failed = scene.add("failed"), scene.add("failed")
    page = open_page(scene=scene)
    expect(tiles(page)).to_have_count(2)
    stage(page).get_by_role("button", name="지우기").click()
    page.get_by_role("dialog").get_by_role("button", name="그대로 두기").click()
    expect(tiles(page)).to_have_count(2)
    stage(page).get_by_role("button", name="지우기").click()
    page.get_by_role("dialog").get_by_role("button", name="지우기").click()
    expect(tiles(page)).to_have_count(1)
    assert scene.of(failed) == {}

    page.get_by_role("button", name="모두 지우기").click()
    page.get_by_role("dialog").get_by_role("button", name="모두 지우기").click()
    page.wait_for_function("() => localStorage.getItem('session') === null")
    expect(page.locator("body")).to_have_attribute("data-state", "first")
    assert scene.of(kept) == {}


def test_starting_over_leaves_the_session_without_deleting_it(open_page: Opener, scene: Scene, track: str) -> None:
    """The list is empty, and the music still exists."""
    page = open_page(scene=scene)
    ready(page)
    page.get_by_role("button", name="새로 시작하기").click()
    page.get_by_role("dialog").get_by_role("button", name="새로 시작하기").click()
    expect(page.locator("body")).to_have_attribute("data-state", "first")
    assert scene.of(track)["status"] == "ready"


def test_two_tabs_show_the_same(open_page: Opener) -> None:
    """Both tabs share the session that one of them starts, and its end."""
    page = open_page()
    other = page.context.new_page()
    other.goto("/")
    choose(page, PHOTOS / "rocket.jpg")
    expect(tiles(page)).to_have_count(1)
    expect(tiles(other)).to_have_count(1)
    assert other.evaluate("localStorage.session") == page.evaluate("localStorage.session")
    other.get_by_role("button", name="새로 시작하기").click()
    other.get_by_role("dialog").get_by_role("button", name="새로 시작하기").click()
    expect(page.locator("body")).to_have_attribute("data-state", "first")


def test_words_of_people_and_models_are_never_markup(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """A title, a caption, a mood and an error that look like HTML are shown as plain text."""
    brief = heard_brief() | {"title": MARKUP, "caption": MARKUP, "altText": MARKUP, "moods": [MARKUP]}
    scene.add("failed", brief=brief, error={"code": "x", "message": MARKUP, "retryable": False})
    scene.add("ready", heard, brief=brief)
    page = open_page(scene=scene)
    ready(page)
    for part in ("title", "caption", "moods"):
        expect(stage(page).locator(f"[data-part={part}]")).to_have_text(MARKUP)
    tiles(page).nth(1).click()
    expect(stage(page).locator("[data-part=reason]")).to_have_text(MARKUP)
    stage(page).get_by_role("button", name="지우기").click()
    expect(page.get_by_role("dialog")).to_contain_text(MARKUP)
    assert page.locator("img[src=x]").count() == 0


def test_a_track_of_another_session_cannot_be_commanded(
    open_page: Opener, scene: Scene, local_cloud: Addresses
) -> None:
    """With a wrong secret the page offers to leave the session, and the track stays."""
    track = scene.add("failed")
    stranger = new_scene(local_cloud)
    forged = Scene(local_cloud, scene.session, stranger.secret)
    page = open_page(scene=forged, allow="401")
    stage(page).get_by_role("button", name="지우기").click()
    page.get_by_role("dialog").get_by_role("button", name="지우기").click()
    expect(page.get_by_role("alert").filter(has_text="찾을 수 없는 목록")).to_be_visible()
    assert scene.of(track)["status"] == "failed"


def heard_brief() -> dict[str, Any]:
    return dict(json.loads((Path(__file__).parent.parent / "contracts" / "track_ready.json").read_text())["brief"])
