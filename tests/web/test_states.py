"""Every state of the page, checked by axe-core in both colour schemes and at widths from 320 to 2,560 pixels.

Screenshots of the states are stored in ``test-results/page``.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from localcloud.addresses import REPOSITORY
from tests.contracts.recorded import recorded
from tests.support.composed import IMAGE, add_composed, asked, store_composed, store_export
from tests.support.gestures import choose, ready, refuse, stage, tiles, with_engines
from tests.support.scenes import PHOTOS, Heard, Scene, document_of
from tests.web import axe
from tests.web.conftest import Opener
from tests.web.quotas import use_up

pytestmark = [pytest.mark.browser, pytest.mark.cloud]

SHOTS = REPOSITORY / "test-results" / "page"
DESKTOP, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
WIDTHS = (320, 2560)
Scheme = Literal["dark", "light"]
LOOKS: tuple[tuple[str, ViewportSize, tuple[Scheme, Scheme]], ...] = (
    ("desktop", DESKTOP, ("dark", "light")),
    ("phone", PHONE, ("light", "dark")),
)


class Setup:
    """What a state of the page is built from."""

    def __init__(self, opener: Opener, scene: Scene, heard: Heard) -> None:
        self.opener, self.scene, self.heard = opener, scene, heard

    def showing(self, *statuses: str, path: str = "/", allow: str | None = None) -> Page:
        """Open the page on a session with tracks in these states, the last one on the stage."""
        for status in statuses:
            self.scene.add(status, self.heard)
        page = self.opener(path, scene=self.scene, allow=allow)
        expect(stage(page)).to_have_attribute("data-status", statuses[-1])
        return page


def first(setup: Setup) -> Page:
    page = setup.opener()
    expect(page.get_by_role("heading", name="이 순간은 어떤 소리일까요?")).to_be_visible()
    return page


def loading(setup: Setup) -> Page:
    page = setup.opener("/share.html", scene=setup.scene, allow="ERR_FAILED")
    page.route("**/config.json", lambda _: None)
    page.goto("/", wait_until="commit")
    expect(stage(page).locator("[data-part=title]")).to_have_text("음악을 불러오고 있어요")
    return page


def uploading(setup: Setup) -> Page:
    page = setup.opener()
    session = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 5_000}
    session.send("Network.emulateNetworkConditions", slow)
    choose(page, PHOTOS / "rocket.jpg")
    expect(stage(page).locator("[data-part=saying]")).to_have_text("사진을 올리고 있어요")
    return page


def working(setup: Setup) -> Page:
    return setup.showing("ready", "composing")


def sketched(setup: Setup) -> Page:
    sketch = setup.heard.facts
    sketch = {"url": sketch["url"], "durationSeconds": 12, "peaks": sketch["peaks"], "seed": 7}
    setup.scene.add("ready", setup.heard)
    setup.scene.add("composing", setup.heard, sketch=sketch)
    page = setup.opener(scene=setup.scene)
    expect(stage(page).get_by_role("button", name="완성된 음악")).to_be_disabled()
    return page


def sketch_and_music(setup: Setup) -> Page:
    page = sketched(setup)
    stage(page).get_by_role("button", name="재생").first.click()
    setup.scene.document(setup.scene.tracks[-1]).update(
        document_of("ready", setup.heard)
        | {
            "music": setup.heard.facts | {"url": setup.heard.facts["url"] + "?", "engine": "lyria-002"},
            "sketch": setup.scene.of(setup.scene.tracks[-1])["sketch"],
        }
    )
    expect(stage(page).get_by_role("button", name="완성된 음악")).to_be_enabled()
    return page


def sketch_of_failed_music(setup: Setup) -> Page:
    page = sketched(setup)
    setup.scene.document(setup.scene.tracks[-1]).update(
        {"status": "failed", "error": recorded("track_failed")["error"]}
    )
    expect(stage(page)).to_have_attribute("data-state", "problem")
    expect(stage(page).locator("music-player")).to_be_visible()
    return page


def parked(setup: Setup) -> Page:
    setup.scene.add("parked")
    page = setup.opener(scene=setup.scene)
    expect(stage(page).locator("[data-part=saying]")).to_have_text(re.compile("잠시 기다리고 있어요"))
    return page


def made(setup: Setup) -> Page:
    page = setup.showing("ready", "ready", "ready")
    ready(page)
    expect(stage(page).locator("[data-part=cover]")).to_have_js_property("complete", value=True)
    return page


def versions(setup: Setup) -> Page:
    setup.scene.add("ready", setup.heard, image=IMAGE, liked=True)
    setup.scene.add("ready", setup.heard, image=IMAGE)
    page = setup.showing("ready")
    page.get_by_role("checkbox", name="좋아요한 음악만").check()
    expect(tiles(page).nth(0)).to_be_hidden()
    tiles(page).nth(1).click()
    expect(stage(page).locator("[data-part=versions] button")).to_have_count(2)
    return page


def in_a_row(setup: Setup) -> Page:
    page = made(setup)
    page.get_by_role("searchbox").fill("바다")
    page.get_by_role("button", name="찾은 음악 듣기").click()
    expect(page.get_by_role("region", name="이어 듣기")).to_be_visible()
    expect(page.locator("library-tools").get_by_role("status")).to_have_text("찾은 사진 3장")
    return page


def filming(setup: Setup) -> Page:
    page = made(setup)
    page.get_by_role("button", name="English").click()
    stage(page).get_by_role("button", name="Video").click()
    dialog = page.get_by_role("dialog", name="Make a video")
    expect(dialog).to_be_visible()
    sound = {"codec": "mp4a.40.2", "sampleRate": 48_000, "numberOfChannels": 2, "bitrate": 160_000}
    has_aac = page.evaluate("async (sound) => (await AudioEncoder.isConfigSupported(sound)).supported", sound)
    expect(dialog.get_by_text("only store the sound as Opus")).to_have_count(0 if has_aac else 1)
    return page


def failed(setup: Setup) -> Page:
    return setup.showing("ready", "failed")


def rejected(setup: Setup) -> Page:
    """Pictures that have no title are named by when they came."""
    setup.scene.add("failed", brief=None)
    page = setup.showing("rejected")
    expect(stage(page).locator("[data-part=title]")).to_have_text(re.compile(r"^\d+월 \d+일 .*에 올린 사진$"))
    names = tiles(page).locator(".name").all_text_contents()
    assert len(set(names)) == len(names) == 2
    return page


def cancelled(setup: Setup) -> Page:
    return setup.showing("cancelled")


def closed(setup: Setup) -> Page:
    use_up(setup.scene.session)
    page = setup.showing("ready", allow="429")
    choose(page, PHOTOS / "rocket.jpg")
    expect(page.locator("[data-part=closed]")).to_have_text(re.compile("다시 만들 수 있어요"))
    return page


def offline(setup: Setup) -> Page:
    page = setup.showing("ready", allow="ERR_INTERNET_DISCONNECTED|ERR_FAILED|Could not reach Cloud Firestore")
    page.context.set_offline(offline=True)
    expect(page.get_by_role("status").filter(has_text="인터넷에 연결되어 있지 않아요")).to_be_visible()
    return page


def expired(setup: Setup) -> Page:
    gone = Scene(setup.scene.addresses, "saaaaaaaaaaaaaaaaaaaaaaaaaa", "k")
    page = setup.opener(scene=gone, allow="permission|403")
    expect(page.get_by_role("alert").filter(has_text="보관 기간이 지났거나")).to_be_visible()
    return page


def refused_file(setup: Setup) -> Page:
    page = setup.opener()
    page.locator("[data-part=choose]").set_input_files(Path(__file__))
    expect(page.get_by_role("alert").filter(has_text="test_states.py")).to_be_visible()
    return page


def drops(setup: Setup) -> Page:
    page = setup.opener("/#drops")
    expect(page.locator("#library-heading")).to_have_text("버킷에 넣은 사진의 음악")
    return page


def editing(setup: Setup) -> Page:
    """The dialog of another version with everything that it can offer."""
    add_composed(setup.scene, store_composed(setup.scene.addresses))
    page = with_engines(setup.opener, setup.scene)
    ready(page).get_by_role("button", name="다른 버전 만들기").click()
    expect(page.get_by_role("dialog").get_by_label("그대로 두고 하나만")).to_be_visible()
    for name in ("악기", "분위기"):
        page.get_by_role("dialog").locator("summary", has_text=name).click()
    expect(page.get_by_role("checkbox", name="그리운")).to_be_visible()
    return page


def sharing(setup: Setup) -> Page:
    page = made(setup)
    page.get_by_role("button", name="공유하기").click()
    expect(page.get_by_role("img", name="QR 코드")).to_be_visible()
    return page


def moving(setup: Setup) -> Page:
    page = made(setup)
    page.get_by_role("button", name="다른 기기로 옮기기").click()
    expect(page.get_by_role("img", name="QR 코드")).to_be_visible()
    return page


def receiving(setup: Setup) -> Page:
    page = made(setup)
    page.goto(f"/#move=m{'a' * 26}.{'A' * 43}")
    expect(page.get_by_role("dialog")).to_contain_text("더는 볼 수 없게")
    return page


def asking(setup: Setup) -> Page:
    page = made(setup)
    stage(page).get_by_role("button", name="지우기").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    return page


def english(setup: Setup) -> Page:
    page = made(setup)
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="What does this moment sound like?")).to_be_visible()
    return page


def shared(setup: Setup) -> Page:
    """Everything that a share page can have: music of the composer that may be downloaded."""
    token = store_composed(setup.scene.addresses).folder.token
    page = setup.opener(f"/share.html#{token}.d")
    expect(page.get_by_role("button", name="푸른 물결 재생")).to_be_visible()
    expect(page.get_by_role("button", name="음악 내려받기 (MP3)")).to_be_visible()
    expect(page.get_by_role("button", name="지금 코드")).to_be_visible()
    return page


def shared_gone(setup: Setup) -> Page:
    page = setup.opener("/share.html#rabcdefghijklmnopqrstuvwxyz", allow="403|404")
    expect(page.get_by_role("heading", level=1)).to_have_text("들을 수 없는 음악이에요")
    return page


def privacy(setup: Setup) -> Page:
    page = setup.opener("/")
    page.locator("footer a[href='privacy.html']").click()
    expect(page.get_by_role("heading", name="Privacy notice")).to_be_visible()
    return page


def composed(setup: Setup, allow: str | None = None) -> Page:
    """Two takes with chords, their list, reasons, one export being made and one that is made."""
    heard = store_composed(setup.scene.addresses)
    image = document_of("ready")["image"]
    source = add_composed(setup.scene, heard, image=image)
    twin = setup.scene.of(source)["request"] | {"twinOf": source}
    setup.scene.add("ready", heard, image=image, request=twin)
    setup.scene.add("composing", image=image, request=asked(source, "stems"))
    loop = store_export(setup.scene.addresses, "loop.wav", b"RIFF")
    setup.scene.add("ready", setup.heard, image=image, request=asked(source, "loop"), music=loop)
    page = setup.opener(scene=setup.scene, allow=allow)
    stage(page).get_by_role("button", name="코드 목록").click()
    expect(stage(page).get_by_role("button", name="루프 받기")).to_be_visible()
    expect(stage(page).get_by_role("button", name="B", exact=True)).to_be_visible()
    return page


def keeping_one(setup: Setup) -> Page:
    page = composed(setup)
    stage(page).get_by_role("button", name="A만 남기기").click()
    expect(page.get_by_role("dialog", name="A만 남길까요")).to_be_visible()
    return page


def exporting(setup: Setup) -> Page:
    """The question about an export, in English."""
    add_composed(setup.scene, store_composed(setup.scene.addresses))
    page = setup.opener(scene=setup.scene)
    page.get_by_role("button", name="English").click()
    stage(page).get_by_role("button", name="Loop", exact=True).click()
    expect(page.get_by_role("dialog", name="Make a loop?")).to_be_visible()
    return page


def export_refused(setup: Setup) -> Page:
    """Composed music in English whose export is over the day's limit, with an export that is being made."""
    page = composed(setup, allow="429")
    refuse(page, "loop")
    setup.scene.document(setup.scene.tracks[-1]).update({"status": "cancelled", "music": None})
    page.get_by_role("button", name="English").click()
    stage(page).get_by_role("button", name="Loop", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Make it").click()
    expect(stage(page).get_by_role("alert").filter(has_text="You can make more music from")).to_be_visible()
    return page


STATES: tuple[Callable[[Setup], Page], ...] = (
    first, loading, uploading, working, sketched, sketch_and_music, sketch_of_failed_music,
    parked, made, versions, in_a_row, filming, failed, rejected, cancelled, closed, offline, expired,
    refused_file, drops, editing, sharing, moving, receiving, asking, english, shared, shared_gone, privacy,
    composed, keeping_one, exporting, export_refused,
)  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_every_state_is_accessible_and_fits(
    open_page: Opener, scene: Scene, heard: Heard, state: Callable[[Setup], Page]
) -> None:
    """In both schemes and sizes axe finds no violation, and nothing is wider than the window."""
    page = state(Setup(open_page, scene, heard))
    found = []
    SHOTS.mkdir(parents=True, exist_ok=True)
    for size, viewport, schemes in LOOKS:
        page.set_viewport_size(viewport)
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.screenshot(path=SHOTS / f"{state.__name__}-{size}-{scheme}.png")
        # Check each scheme once and each size once; colours do not depend on the size.
        found += [f"{size} {scheme}: {violation}" for violation in axe.violations(page)]
    assert found == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]")
        assert wide == [min(width, wide[0]), min(width, wide[1])]


def test_reduced_motion_stops_every_animation(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """With reduced motion no animation runs; otherwise the current step is animated."""
    page = working(Setup(open_page, scene, heard))
    running = "document.getAnimations().filter(({ playState }) => playState === 'running').length"
    page.emulate_media(reduced_motion="no-preference")
    page.wait_for_function(f"() => {running} > 0")
    page.emulate_media(reduced_motion="reduce")
    page.wait_for_function(f"() => {running} === 0")


def test_lines_break_only_between_korean_words(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """The page is marked as Korean and keeps words whole."""
    page = first(Setup(open_page, scene, heard))
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).wordBreak") == "keep-all"
    assert page.evaluate("document.documentElement.lang") == "ko"
