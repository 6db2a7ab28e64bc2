"""The page without network, storage, quota or mouse."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from localcloud.addresses import Addresses
from tests.support.browser import FLAGS, executable
from tests.support.gestures import MUSIC_MILLISECONDS, choose, ready, stage, tiles
from tests.support.scenes import PHOTOS, Heard, Scene
from tests.web.conftest import Opener, listen
from tests.web.quotas import use_up

pytestmark = [pytest.mark.browser, pytest.mark.cloud]

COFFEE = PHOTOS / "coffee.jpg"
NO_NETWORK = "ERR_INTERNET_DISCONNECTED|ERR_FAILED|fetching the script|Could not reach Cloud Firestore|Failed to fetch"


COLOURS = "[...document.querySelectorAll('a')].map((link) => getComputedStyle(link).color)"


def await_service_worker(page: Page) -> None:
    """Wait until the page can be opened without a network."""
    page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")


def asks_before_leaving(page: Page) -> bool:
    return bool(page.evaluate("!dispatchEvent(new Event('beforeunload', { cancelable: true }))"))


def test_a_picture_chosen_offline_is_sent_when_the_network_is_back(open_page: Opener, scene: Scene) -> None:
    """The page says that it is offline, keeps the picture, and sends it when the network is back."""
    page = open_page(scene=scene, allow=NO_NETWORK)
    expect(page.locator("body")).to_have_attribute("data-state", "first")
    page.context.set_offline(offline=True)
    expect(page.get_by_role("status").filter(has_text="연결되어 있지 않아요")).to_be_visible()
    choose(page, COFFEE)
    expect(stage(page).locator("[data-part=saying]")).to_have_text(re.compile("다시 연결되면 저절로 올려요"))
    expect(stage(page)).to_have_attribute("data-state", "working")
    expect(stage(page).get_by_role("button", name="다시 올리기")).to_be_hidden()
    assert asks_before_leaving(page)
    page.context.set_offline(offline=False)
    expect(page.get_by_role("status").filter(has_text="연결되어 있지 않아요")).to_be_hidden()
    expect(stage(page)).to_have_attribute(
        "data-status", re.compile("caption|launching|composing|ready"), timeout=MUSIC_MILLISECONDS
    )
    expect(tiles(page)).to_have_count(1)
    assert not asks_before_leaving(page)


def test_the_page_opens_without_a_network(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """The page loads from the service worker, says that it is offline, and shows the music when the network is back."""
    scene.add("ready", heard)
    page = open_page(scene=scene, allow=NO_NETWORK)
    ready(page)
    await_service_worker(page)
    page.context.set_offline(offline=True)
    page.reload()
    expect(page.get_by_role("status").filter(has_text="연결되어 있지 않아요")).to_be_visible()
    expect(page.locator("track-library [data-part=empty]")).to_have_text(re.compile("연결되면"))
    column, row = page.locator("track-library").bounding_box(), page.locator("track-library ol").bounding_box()
    assert column
    assert row
    assert (row["x"], row["width"]) == (column["x"], column["width"])
    page.context.set_offline(offline=False)
    expect(tiles(page)).to_have_count(1, timeout=MUSIC_MILLISECONDS)
    ready(page)


def test_an_upload_under_way_can_be_stopped(open_page: Opener, scene: Scene) -> None:
    """The page shows the progress of an upload; a stopped one leaves nothing on the page or in the database."""
    page = open_page(scene=scene)
    session = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 20_000}
    session.send("Network.emulateNetworkConditions", slow)
    choose(page, PHOTOS / "rocket.jpg")
    expect(stage(page).locator("[data-step=upload] .took")).to_have_text(re.compile(r"^[1-9]\d?%$"))
    expect(stage(page).locator("[data-part=progress]")).not_to_have_js_property("value", 0)
    page.get_by_role("button", name="그만두기").click()
    expect(page.locator("body")).to_have_attribute("data-state", "first")
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some(({ name }) => /tracks\\/t[a-z2-7]+$/.test(name))"
    )
    documents = scene.document("x").parent.list_documents()
    assert [document.id for document in documents] == []


def test_the_page_says_when_the_daily_limit_ends(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """When the API refuses, the picker closes and names the time at which it opens; ready music still plays."""
    scene.add("ready", heard)
    use_up(scene.session)
    page = open_page(scene=scene, allow="429")
    choose(page, COFFEE)
    expect(stage(page).locator("[data-part=reason]")).to_have_text(re.compile(r"\d+월 \d+일 .*\d+:\d\d부터"))
    expect(page.locator("[data-part=closed]")).to_be_visible()
    expect(page.locator("[data-part=choose]")).to_be_disabled()
    # Neither button could help before the limit ends.
    expect(stage(page).locator("stage-problem button:visible")).to_have_count(0)
    tiles(page).nth(1).click()
    ready(page)
    stage(page).get_by_role("button", name="다른 버전 만들기").click()
    page.get_by_role("dialog").get_by_role("button", name="만들기").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text(re.compile("모두 만들었어요"))


def test_the_whole_way_by_keyboard(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """A keyboard can choose, play, seek, make another version and delete, and the focus moves as expected."""
    track = scene.add("ready", heard)
    page = open_page(scene=scene)
    # Listen from the start, because Chromium reports file choosers only some time after it was asked to.
    page.on("filechooser", lambda _: None)
    ready(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="음악 목록으로 건너뛰기")).to_be_focused()

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()"
            )
            if focused == name:
                return
        pytest.fail(f"the keyboard never reaches {name}")

    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("[data-part=choose]")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    assert chooser.value.is_multiple()

    tab_to("푸른 물결 재생")
    page.keyboard.press("Enter")
    # Seeking needs the length of the music, which is known before it plays.
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0")
    page.keyboard.press("Tab")
    expect(page.get_by_role("slider", name="재생 위치")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("slider", name="재생 위치")).to_have_attribute("aria-valuenow", "12")

    tab_to("다른 버전 만들기")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("제목")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="다른 버전 만들기")).to_be_focused()

    tab_to("지우기")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("button", name="그대로 두기")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("dialog").get_by_role("button", name="지우기")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_have_attribute("data-state", "first")
    assert scene.of(track) == {}


def test_a_screen_reader_announces_ended_tracks(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """The page announces the end of a track once, in words, and announces no track that had ended before."""
    scene.add("ready", heard)
    page = open_page(scene=scene)
    ready(page)
    said = page.locator("status-announcer")
    assert (said.get_attribute("aria-live") or "polite") == "polite"
    assert said.text_content() == ""
    scene.add("ready", heard)
    expect(said).to_have_text("푸른 물결: 음악이 완성됐어요.")


def test_both_languages(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """English for an English browser; a click switches to Korean for good; captions keep their language."""
    scene.add("ready", heard)
    page = open_page(scene=scene, locale="en-GB")
    expect(page.get_by_role("heading", name="What does this moment sound like?")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(ready(page).locator("[data-part=facts] dd").first).to_have_text("Ambient")
    expect(stage(page).locator("[data-part=caption]")).to_have_attribute("lang", "ko")
    # On a phone, name and languages share a line, and no link has the browser's colour.
    page.set_viewport_size({"width": 390, "height": 844})
    name, languages = page.locator(".brand").bounding_box(), page.locator("language-switch").bounding_box()
    assert name
    assert languages
    assert languages["y"] < name["y"] + name["height"]
    for scheme, colour in (("light", "rgb(0, 0, 238)"), ("dark", "rgb(158, 158, 255)")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert colour not in page.evaluate(COLOURS)
    page.set_viewport_size({"width": 1280, "height": 720})
    page.get_by_role("button", name="한국어").click()
    expect(page.get_by_role("heading", name="이 순간은 어떤 소리일까요?")).to_be_visible()
    expect(stage(page).locator("[data-part=facts] dd").first).to_have_text("앰비언트")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page).to_have_title("사진을 음악으로")


def test_the_page_works_for_one_visit_without_storage(
    playwright: Playwright, local_cloud: Addresses, tmp_path: Path
) -> None:
    """With storage blocked in the browser's settings, a picture still becomes music."""
    profile = tmp_path / "profile"
    (profile / "Default").mkdir(parents=True)
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (profile / "Default" / "Preferences").write_text(json.dumps(blocked))
    complaints: list[str] = []
    context = playwright.chromium.launch_persistent_context(
        str(profile), executable_path=executable(), args=list(FLAGS), locale="ko-KR"
    )
    try:
        page = context.pages[0]
        listen(page, complaints)
        page.goto(local_cloud.url("page"))
        assert page.evaluate("() => { try { localStorage; } catch (error) { return error.name; } }") == "SecurityError"
        choose(page, COFFEE)
        expect(stage(page)).to_have_attribute("data-status", "ready", timeout=MUSIC_MILLISECONDS)
    finally:
        context.close()
    assert complaints == []


def test_the_page_can_be_installed(open_page: Opener) -> None:
    """The manifest is valid and complete and names all icons."""
    page = open_page()
    session = page.context.new_cdp_session(page)
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    objections = [error["errorId"] for error in session.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    # The only objection is that a test's profile is a private one.
    assert set(objections) <= {"in-incognito"}
    sizes = [icon["sizes"] for icon in json.loads(manifest["data"])["icons"]]
    assert sizes == ["any", "192x192", "512x512", "512x512"]
