"""Every state of the page, checked by axe-core in both languages, colour schemes and sizes.

Screenshots of the states are stored in ``test-results/page``.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

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
Scheme = Literal["dark", "light"]
# Neither colours nor names depend on the size, so axe runs once in each language, colour scheme and size.
LOOKS: tuple[tuple[str, ViewportSize, Scheme, tuple[int, ...]], ...] = (
    ("ko", DESKTOP, "light", (2560, 320)),
    ("en", PHONE, "dark", (320,)),
)
SPEAK = "(language) => document.querySelector(`language-switch [value=${language}]`)?.click()"
MEMORY: Final = """
window.showSaveFilePicker = async () =>
  (await navigator.storage.getDirectory()).getFileHandle("all.zip", { create: true });
"""


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

    def add(self, page: Page, status: str, **fields: Any) -> str:
        """Add a track, which the page then shows on the stage."""
        track = self.scene.add(status, self.heard, **fields)
        expect(stage(page)).to_have_attribute("data-track", track)
        return track

    def change(self, track: str, **fields: Any) -> None:
        self.scene.document(track).update(fields)


@dataclass(frozen=True)
class State:
    """A state of the page. ``show`` opens the dialog that it is about, once for each language."""

    name: str
    page: Page
    show: Callable[[], object] | None = None


Walk = Iterator[State]


def opening(button: Locator, shown: Locator) -> Callable[[], None]:
    """Return a function that opens a dialog and waits for what it shows."""

    def show() -> None:
        button.click()
        shown.wait_for()

    return show


def visit(setup: Setup) -> Walk:
    """A first visit, where the operator offers several engines."""
    page = with_engines(setup.opener, None)
    expect(page.get_by_role("heading", name="이 순간은 어떤 소리일까요?")).to_be_visible()
    expect(page.get_by_role("radio", name="Lyria 3 Pro")).to_be_visible()
    yield State("first", page)
    page.locator("[data-part=choose]").set_input_files(Path(__file__))
    expect(page.get_by_role("alert").filter(has_text="test_states.py")).to_be_visible()
    yield State("refused-file", page)


def loading(setup: Setup) -> Walk:
    page = setup.opener("/share.html", scene=setup.scene, allow="ERR_FAILED")
    page.route("**/config.json", lambda _: None)
    page.goto("/", wait_until="commit")
    expect(stage(page).locator("[data-part=title]")).to_have_text("음악을 불러오고 있어요")
    yield State("loading", page)


def uploading(setup: Setup) -> Walk:
    page = setup.opener()
    session = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 5_000}
    session.send("Network.emulateNetworkConditions", slow)
    choose(page, PHOTOS / "rocket.jpg")
    expect(stage(page).locator("[data-part=saying]")).to_have_text("사진을 올리고 있어요")
    yield State("uploading", page)


def becoming_music(setup: Setup) -> Walk:
    """A track from its first step to each of its ends."""
    facts = setup.heard.facts
    sketch = {"url": facts["url"], "durationSeconds": 12, "peaks": facts["peaks"], "seed": 7}
    page = setup.showing("ready", "composing")
    yield State("working", page)
    track = setup.scene.tracks[-1]
    setup.change(track, sketch=sketch)
    expect(stage(page).get_by_role("button", name="완성된 음악")).to_be_disabled()
    yield State("sketched", page)
    stage(page).get_by_role("button", name="재생").first.click()
    music = facts | {"url": facts["url"] + "?", "engine": "lyria-002"}
    setup.change(track, **(document_of("ready", setup.heard) | {"music": music, "sketch": sketch}))
    expect(stage(page).get_by_role("button", name="완성된 음악")).to_be_enabled()
    yield State("sketch-and-music", page)
    track = setup.add(page, "composing", sketch=sketch)
    setup.change(track, status="failed", error=recorded("track_failed")["error"])
    expect(stage(page)).to_have_attribute("data-state", "problem")
    expect(stage(page).locator("music-player")).to_be_visible()
    yield State("sketch-of-failed-music", page)
    for status in ("parked", "failed", "rejected", "cancelled"):
        setup.add(page, status)
        yield State(status, page)
    # Pictures without a title are named by when they came.
    setup.add(page, "rejected")
    expect(stage(page).locator("[data-part=title]")).to_have_text(re.compile(r"^\d+월 \d+일 .*에 올린 사진$"))
    untitled = [name for name in tiles(page).locator(".name").all_text_contents() if re.search(r":\d\d$", name)]
    assert len(untitled) == len(set(untitled)) == 3


def library(setup: Setup) -> Walk:
    """Finished music and all that can be done with it, alone and as a library."""
    page = setup.showing("ready", "ready", "ready", allow="404|ERR_FAILED")
    ready(page)
    expect(stage(page).locator("[data-part=cover]")).to_have_js_property("complete", value=True)
    yield State("made", page)
    code = page.locator("dialog[open] .code svg")
    yield State("asking", page, lambda: stage(page).locator("[data-part=erase]").click())
    yield State("sharing", page, opening(stage(page).locator("[data-part=share]"), code))
    move = page.locator("[data-part=move]")
    yield State("moving", page, opening(move, code))
    video = stage(page).locator("[data-part=video]")
    yield State("shapes", page, opening(video, page.locator("dialog[open] .shapes")))

    page.route("**/music.mp3", lambda _: None)
    page.evaluate(MEMORY)
    video.click()
    sound = {"codec": "mp4a.40.2", "sampleRate": 48_000, "numberOfChannels": 2, "bitrate": 160_000}
    has_aac = page.evaluate("async (sound) => (await AudioEncoder.isConfigSupported(sound)).supported", sound)
    expect(page.get_by_role("dialog").get_by_text("Opus")).to_have_count(0 if has_aac else 1)
    page.get_by_role("dialog").get_by_role("button", name="만들기").click()
    page.get_by_role("button", name="모두 내려받기").click()
    expect(video).to_have_text("동영상 멈추기")
    expect(page.locator("[data-part=zip]")).to_have_attribute("data-done", "0/3")
    page.get_by_role("searchbox").fill("없는 말")
    expect(page.locator("library-tools").get_by_role("status")).to_have_text(
        re.compile("없는 말.에 맞는 음악이 없어요.")
    )
    yield State("saving", page)
    video.click()
    page.locator("[data-part=zip]").click()
    page.unroute("**/music.mp3")
    page.get_by_role("searchbox").fill("바다")
    page.get_by_role("button", name="찾은 음악 듣기").click()
    expect(page.get_by_role("region", name="이어 듣기")).to_be_visible()
    expect(page.locator("library-tools").get_by_role("status")).to_have_text("찾은 사진 3장")
    yield State("in-a-row", page)

    receive = page.locator("[data-part=receive]")

    def follow() -> None:
        page.evaluate("(link) => { location.hash = link; }", f"#move=m{'a' * 26}.{'A' * 43}")
        receive.wait_for()

    def claim() -> None:
        follow()
        receive.click()
        receive.wait_for(state="hidden")

    yield State("receiving", page, follow)
    yield State("code-used", page, claim)
    page.clock.install()
    renew = page.locator("[data-part=renew]")

    def expire() -> None:
        opening(move, code)()
        page.clock.fast_forward(301_000)
        renew.wait_for()

    yield State("code-expired", page, expire)


def versions(setup: Setup) -> Walk:
    setup.scene.add("ready", setup.heard, image=IMAGE, liked=True)
    setup.scene.add("ready", setup.heard, image=IMAGE)
    page = setup.showing("ready")
    page.get_by_role("checkbox", name="좋아요한 음악만").check()
    expect(tiles(page).nth(0)).to_be_hidden()
    tiles(page).nth(1).click()
    expect(stage(page).locator("[data-part=versions] button")).to_have_count(2)
    yield State("versions", page)


def composed(setup: Setup) -> Walk:
    """Two takes with chords, their list, reasons, and exports in each of their states."""
    heard = store_composed(setup.scene.addresses)
    image = document_of("ready")["image"]
    source = add_composed(setup.scene, heard, image=image)
    request = setup.scene.of(source)["request"] | {"twinOf": source}
    twin = setup.scene.add("composing", heard, image=image, request=request)
    stems = setup.scene.add("composing", image=image, request=asked(source, "stems"))
    file = store_export(setup.scene.addresses, "loop.wav", b"RIFF")
    loop = setup.scene.add("ready", setup.heard, image=image, request=asked(source, "loop"), music=file)
    page = with_engines(setup.opener, setup.scene, allow="429")
    stage(page).get_by_role("button", name="코드 목록").click()
    expect(stage(page).get_by_role("button", name="루프 받기")).to_be_visible()
    expect(stage(page).get_by_role("button", name="B 만드는 중")).to_be_visible()
    yield State("composed", page)
    setup.change(twin, **(document_of("ready", heard) | {"image": image, "request": request}))
    expect(stage(page).get_by_role("button", name="B", exact=True)).to_be_visible()
    yield State("keeping-one", page, lambda: stage(page).locator("[data-part=one]").click())

    def edit() -> None:
        stage(page).locator("[data-part=again]").click()
        page.get_by_role("dialog").locator("[data-part=keep]").wait_for()
        for name in ("instruments", "moods"):
            page.get_by_role("dialog").locator("details", has=page.locator(f"[data-part={name}]")).click()

    yield State("editing", page, edit)
    refuse(page, "loop")
    setup.change(loop, status="cancelled", music=None)
    setup.change(stems, status="failed", error=recorded("track_failed")["error"])
    button = stage(page).locator("[data-kind=loop]")
    expect(button).to_have_text("루프")
    yield State("exporting", page, button.click)
    button.click()
    page.get_by_role("dialog").get_by_role("button", name="만들기").click()
    expect(stage(page).get_by_role("alert").filter(has_text="다시 만들 수 있어요")).to_be_visible()
    yield State("exports-refused", page)


def limits(setup: Setup) -> Walk:
    """The day's limit is reached, and then there is no network."""
    use_up(setup.scene.session)
    page = setup.showing("ready", allow="429|ERR_INTERNET_DISCONNECTED|ERR_FAILED|Could not reach Cloud Firestore")
    choose(page, PHOTOS / "rocket.jpg")
    expect(page.locator("[data-part=closed]")).to_have_text(re.compile("다시 만들 수 있어요"))
    yield State("closed", page)
    page.context.set_offline(offline=True)
    expect(page.get_by_role("status").filter(has_text="인터넷에 연결되어 있지 않아요")).to_be_visible()
    yield State("offline", page)


def expired(setup: Setup) -> Walk:
    gone = Scene(setup.scene.addresses, "saaaaaaaaaaaaaaaaaaaaaaaaaa", "k")
    page = setup.opener(scene=gone, allow="permission|403")
    expect(page.get_by_role("alert").filter(has_text="보관 기간이 지났거나")).to_be_visible()
    yield State("expired", page)


def shared(setup: Setup) -> Walk:
    """Everything that a share page can have: music of the composer that may be downloaded; then nothing."""
    token = store_composed(setup.scene.addresses).folder.token
    page = setup.opener(f"/share.html#{token}.d", allow="403|404")
    expect(page.get_by_role("button", name="푸른 물결 재생")).to_be_visible()
    expect(page.get_by_role("button", name="음악 내려받기 (MP3)")).to_be_visible()
    expect(page.get_by_role("button", name="지금 코드")).to_be_visible()
    yield State("shared", page)
    page.goto("/share.html#rabcdefghijklmnopqrstuvwxyz")
    expect(page.get_by_role("heading", level=1)).to_have_text("들을 수 없는 음악이에요")
    yield State("shared-gone", page)


def other_pages(setup: Setup) -> Walk:
    """The music of dropped pictures, and the privacy notice, which is in both languages at once."""
    page = setup.opener("/#drops")
    expect(page.locator("#library-heading")).to_have_text("버킷에 넣은 사진의 음악")
    yield State("drops", page)
    page.locator("footer a[href='privacy.html']").click()
    expect(page.get_by_role("heading", name="Privacy notice")).to_be_visible()
    yield State("privacy", page)


WALKS: tuple[Callable[[Setup], Walk], ...] = (
    visit, loading, uploading, becoming_music, library, versions, composed, limits, expired, shared, other_pages,
)  # fmt: skip


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.__name__)
def test_every_state_is_accessible_and_fits(
    open_page: Opener, scene: Scene, heard: Heard, walk: Callable[[Setup], Walk]
) -> None:
    """In both languages axe finds no violation, and nothing is wider than the window."""
    found = []
    SHOTS.mkdir(parents=True, exist_ok=True)
    for state in walk(Setup(open_page, scene, heard)):
        page = state.page
        for language, viewport, scheme, widths in LOOKS:
            page.set_viewport_size(viewport)
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.evaluate(SPEAK, language)
            if state.show:
                state.show()
                expect(page.locator("dialog[open]")).to_be_visible()
            page.screenshot(path=SHOTS / f"{state.name}-{language}.png")
            found += [f"{state.name} {language}: {violation}" for violation in axe.violations(page)]
            for width in widths:
                page.set_viewport_size({"width": width, "height": 900})
                wide = page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
                if wide > width:
                    found.append(f"{state.name} {language}: {wide} px wide at {width} px")
            if state.show:
                page.keyboard.press("Escape")
        page.set_viewport_size(DESKTOP)
        page.evaluate(SPEAK, "ko")
    assert found == []


def test_reduced_motion_stops_every_animation(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """With reduced motion no animation runs; otherwise the current step is animated."""
    page = Setup(open_page, scene, heard).showing("ready", "composing")
    running = "document.getAnimations().filter(({ playState }) => playState === 'running').length"
    page.emulate_media(reduced_motion="no-preference")
    page.wait_for_function(f"() => {running} > 0")
    page.emulate_media(reduced_motion="reduce")
    page.wait_for_function(f"() => {running} === 0")


def test_lines_break_only_between_korean_words(open_page: Opener) -> None:
    """The page is marked as Korean and keeps words whole."""
    page = open_page()
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).wordBreak") == "keep-all"
    assert page.evaluate("document.documentElement.lang") == "ko"
