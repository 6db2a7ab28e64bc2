"""What a person does with music that is ready: play, save, share and delete it."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from localcloud.addresses import REPOSITORY, Addresses
from pipeline import credentials
from tests.support.gestures import choose, ready, refuse, stage, tiles
from tests.support.scenes import PHOTOS, SCENE_SECONDS, Heard, Scene, document_of, new_scene, store_music
from tests.web.conftest import Opener

pytestmark = [pytest.mark.browser, pytest.mark.cloud]

SHOTS = REPOSITORY / "test-results" / "page"
# Plays a film on a page of its own, and counts the white points of its waveform early and late.
WATCH = """
async (data) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const film = document.createElement("video");
  film.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
  await new Promise((resolve, reject) => Object.assign(film, { oncanplay: resolve, onerror: reject }));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [film.videoWidth, film.videoHeight];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const white = [];
  for (const place of [0.1, 0.8]) {
    await new Promise((resolve) => Object.assign(film, { onseeked: resolve, currentTime: place }));
    context.drawImage(film, 0, 0);
    const { data: points } = context.getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < points.length; at += 4) {
      if (Math.min(points[at], points[at + 1], points[at + 2]) > 235) count += 1;
    }
    white.push(count);
  }
  const picture = canvas.toDataURL("image/png").split(",")[1];
  return { size: [canvas.width, canvas.height], seconds: film.duration, white, picture };
}
"""
MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def track(scene: Scene, heard: Heard) -> str:
    return scene.add("ready", heard)


def audio(page: Page, name: str) -> Any:
    return page.evaluate(f"document.querySelector('audio').{name}")


def test_older_music_is_shown_page_by_page(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """A hundred at a time, which is what the rules allow a query to ask for; new music moves nothing out.

    A search says that it has not searched what is not loaded, and a press loads the next ones.
    """
    for place in range(205):
        track = document_of("ready", heard, place)
        track["brief"]["title"] = "등대" if place == 0 else "하늘"
        scene.document(f"t{place:026d}").set(track)
    page = open_page(scene=scene)
    ready(page)
    expect(tiles(page)).to_have_count(100)
    page.get_by_role("button", name="이전 음악 더 보기").click()
    expect(tiles(page)).to_have_count(200)
    search = page.get_by_role("searchbox", name="음악 찾기")
    search.fill("등대")
    told = page.locator("library-tools").get_by_role("status")
    expect(told).to_have_text(re.compile("등대.에 맞는 음악이 없어요. 최근 음악 200곡에서만 찾았어요."))
    page.get_by_role("button", name="더 오래된 음악에서도 찾기").press("Enter")
    expect(told).to_have_text("찾은 사진 1장")
    # The button is gone, and the focus stays where it was.
    expect(page.get_by_role("region", name="내 음악")).to_be_focused()
    expect(page.locator("track-library li:not([hidden])")).to_have_count(1)
    search.fill("")
    expect(tiles(page)).to_have_count(205)
    expect(page.get_by_role("button", name="이전 음악 더 보기")).to_be_hidden()
    scene.document("t" + "z" * 26).set(document_of("ready", heard, 300))
    expect(tiles(page)).to_have_count(206)


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
    """Volume, mute and repeat work; the system's player shows the title and the genre.

    Headless Chromium has no voice, so nothing offers to read the picture.
    """
    page = open_page(scene=scene)
    ready(page)
    page.wait_for_function("() => customElements.get('hear-picture')")
    expect(stage(page).locator("hear-picture")).to_be_hidden()
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
    """MP3, WAV and MIDI are saved under the title of the music. While a file arrives, its button says how far it is."""
    # Playwright's routes do not hold what passes a service worker.
    page = open_page(scene=scene, service_workers="block")
    ready(page)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/music.wav", hold)
    wav = stage(page).get_by_role("button", name="WAV", exact=True)
    wav.click()
    wav.click()
    expect(wav).to_have_attribute("data-done", "…")
    assert len(held) == 1
    with page.expect_download():
        held[0].continue_()
    expect(wav).not_to_have_attribute("data-done", re.compile(""))
    page.unroute("**/music.wav")
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


def test_videos_are_made_in_the_browser_in_three_shapes(
    open_page: Opener, scene: Scene, local_cloud: Addresses
) -> None:
    """They show cover, title and waveform with the music, in marked files that browsers play; it asks for the shape.

    If the mark is refused, the page says why, and does not make the video again in a smaller size.
    """
    heard = store_music(local_cloud, "chelsea", seconds=1)
    scene.add("ready", heard, token=heard.folder.token)
    authority = (local_cloud.marks_folder / "authority.pem").read_text()
    page = open_page(scene=scene, allow="429")
    ready(page)
    cinema = page.context.new_page()
    SHOTS.mkdir(parents=True, exist_ok=True)
    for shape, size in {"정사각형": [1080, 1080], "세로": [1080, 1920], "가로": [1920, 1080]}.items():
        # A second press, before there is anything to stop, changes nothing.
        stage(page).get_by_role("button", name="동영상", exact=True).evaluate(
            "(video) => [video.click(), video.click()]"
        )
        dialog = page.get_by_role("dialog", name="동영상 만들기")
        expect(dialog.get_by_role("radio", name="정사각형")).to_be_checked()
        dialog.get_by_role("radio", name=shape).press("Space")
        with page.expect_download(timeout=120_000) as download:
            page.keyboard.press("Enter")
        assert download.value.suggested_filename == "푸른 물결.mp4"
        film = Path(download.value.path()).read_bytes()
        assert film[4:8] == b"ftyp"
        assert any(codec in film for codec in (b"avc1", b"vp09", b"av01"))
        assert any(codec in film for codec in (b"mp4a", b"Opus"))
        assert b"AI-generated: engine" in film
        found = credentials.read(film, "video/mp4", authority)
        assert (found.trusted, found.problems, found.manifest["title"]) == (True, (), "푸른 물결")
        shown = cinema.evaluate(WATCH, base64.b64encode(film).decode())
        assert shown["size"] == size
        assert shown["seconds"] == pytest.approx(1, abs=0.15)
        # The played part of the waveform is white: it grows.
        assert shown["white"][0] < shown["white"][1]
        (SHOTS / f"video-{size[0]}x{size[1]}.png").write_bytes(base64.b64decode(shown["picture"]))
    refused = refuse(page, "mark")
    stage(page).get_by_role("button", name="동영상", exact=True).click()
    page.get_by_role("dialog", name="동영상 만들기").get_by_role("button", name="만들기").click()
    notice = page.get_by_role("alert").filter(has_text=re.compile("오늘은 더 할 수 없어요"))
    expect(notice).to_be_visible(timeout=120_000)
    expect(stage(page).get_by_role("button", name="동영상", exact=True)).to_be_visible()
    assert len(refused) == 1


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
    code = dialog.get_by_role("img", name="QR 코드").inner_html()
    dialog.get_by_role("checkbox", name="내려받기 허용").press("Space")
    expect(dialog.get_by_role("textbox", name="링크")).to_have_value(f"{link}.d")
    page.wait_for_function("(code) => document.querySelector('[data-part=code] svg').innerHTML !== code", arg=code)

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
    save = visitor.get_by_role("button", name="음악 내려받기")
    expect(save).to_be_hidden()
    # The end of the sentence becomes a part of the link.
    visitor.goto(f"{link}.d.")
    with visitor.expect_download() as download:
        save.click()
    assert download.value.suggested_filename == "푸른 물결.mp3"
    assert Path(download.value.path()).stat().st_size == heard.facts["bytes"]


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
