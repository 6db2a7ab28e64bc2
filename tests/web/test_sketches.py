"""The sketch is heard first, and the finished music takes over without a break."""

import re
from typing import Any

import pytest
from google.cloud import firestore
from playwright.sync_api import Page, Route, ViewportSize, expect

from tests.support.composed import store_composed
from tests.support.gestures import stage
from tests.support.scenes import SCENE_SECONDS, Heard, Scene, document_of, store_music
from tests.web.conftest import Opener
from tests.web.test_states import SHOTS

pytestmark = [pytest.mark.browser, pytest.mark.cloud]

PHONE = ViewportSize(width=390, height=844)
SEED = 7
# Measures the longest silence between two sounds that are heard.
LISTEN = """
() => {
  window.silence = 0;
  let last = null;
  const watch = () => {
    const audio = document.querySelector("audio");
    const now = performance.now();
    if (!audio.paused && audio.readyState > 2) {
      if (last !== null) window.silence = Math.max(window.silence, now - last);
      last = now;
    }
    requestAnimationFrame(watch);
  };
  watch();
}
"""


def sketch_of(heard: Heard, seed: int = SEED) -> dict[str, Any]:
    return {"url": heard.facts["url"], "durationSeconds": SCENE_SECONDS, "peaks": heard.facts["peaks"], "seed": seed}


def audio(page: Page, name: str) -> Any:
    return page.evaluate(f"document.querySelector('audio').{name}")


def sketched(scene: Scene, opener: Opener, heard: Heard, **options: Any) -> tuple[Page, str]:
    """Open the page on a track that is composing and has a sketch."""
    first = store_music(scene.addresses)
    track = scene.add("composing", heard, sketch=sketch_of(first))
    page = opener(scene=scene, **options)
    expect(stage(page).locator("music-player")).to_be_visible()
    expect(stage(page).locator("[data-part=saying]")).to_have_text("음악을 만들고 있어요")
    return page, track


def finish(scene: Scene, track: str, heard: Heard, engine: str) -> None:
    """Let the music come."""
    music = heard.facts | {"engine": engine, "seed": SEED}
    timeline = document_of("ready", heard)["timeline"]
    scene.document(track).update(
        {"status": "ready", "music": music, "timeline": timeline, "updatedAt": firestore.SERVER_TIMESTAMP}
    )


def taken_over(page: Page, heard: Heard) -> None:
    """Wait until the music is loaded instead of the sketch."""
    page.wait_for_function(f"() => document.querySelector('audio').src === '{heard.facts['url']}'")


def hold_back(page: Page, url: str) -> list[Route]:
    """Hold back the requests for a URL; return where they are kept."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(url, keep)
    return held


def asked(page: Page, held: list[Route]) -> None:
    """Wait until the page has asked for what is held back."""
    for _ in range(300):
        if held:
            return
        page.wait_for_timeout(100)
    pytest.fail("the page asked for nothing")


def gap(page: Page, upper: str, lower: str) -> float:
    """Return how many pixels of the stage are empty between two of its elements."""
    boxes = [stage(page).locator(name).bounding_box() for name in (upper, lower)]
    assert boxes[0]
    assert boxes[1]
    return boxes[1]["y"] - boxes[0]["y"] - boxes[0]["height"]


def play(page: Page) -> None:
    stage(page).get_by_role("button", name="재생").first.click()
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.5")


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE, "is_mobile": True}], ids=["desktop", "phone"])
def test_nothing_moves_when_the_sketch_comes_and_when_the_music_comes(
    open_page: Opener, scene: Scene, options: dict[str, Any]
) -> None:
    """Nothing moves when the chords come below the player either."""
    heard = store_composed(scene.addresses)
    track = scene.add("composing", heard)
    page = open_page(scene=scene, **options)
    expect(stage(page).locator("[data-part=saying]")).to_have_text("음악을 만들고 있어요")
    cancel = stage(page).get_by_role("button", name="그만두기")
    before = cancel.bounding_box()
    page.evaluate("window.shifted = 0")
    scene.document(track).update({"sketch": sketch_of(store_music(scene.addresses))})
    expect(stage(page).locator("music-player")).to_be_visible()
    expect(stage(page).get_by_role("button", name="먼저 들어 보기")).to_have_attribute("aria-pressed", "true")
    expect(stage(page).get_by_role("button", name="완성된 음악")).to_be_disabled()
    # A picture of the full page would resize the window, and what shifts soon after that does not count.
    page.screenshot(path=SHOTS / f"sketch-{'phone' if options else 'desktop'}.png")
    assert cancel.bounding_box() == before
    button = stage(page).get_by_role("button", name="재생").first.bounding_box()
    finish(scene, track, heard, "composer")
    expect(stage(page)).to_have_attribute("data-state", "ready")
    assert stage(page).get_by_role("button", name="재생").first.bounding_box() == button
    expect(stage(page).get_by_role("button", name="지금 코드 D")).to_be_visible()
    page.screenshot(path=SHOTS / f"sketch-ready-{'phone' if options else 'desktop'}.png")
    assert page.evaluate("window.shifted") == 0
    assert 0 < gap(page, ".dials", "track-lane") < 20


def test_the_same_piece_takes_over_by_one_press_without_a_break(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """The composer's sketch is the start of the music, so the music goes on at the same place."""
    page, track = sketched(scene, open_page, heard)
    play(page)
    page.evaluate(LISTEN)
    finish(scene, track, heard, "composer")
    finished = stage(page).get_by_role("button", name="완성된 음악")
    expect(finished).to_be_enabled()
    assert not audio(page, "paused")
    assert audio(page, "src") != heard.facts["url"]
    page.screenshot(path=SHOTS / "sketch-and-music.png")
    at = audio(page, "currentTime")
    finished.focus()
    page.keyboard.press("Enter")
    taken_over(page, heard)
    page.wait_for_function(f"() => document.querySelector('audio').currentTime > {at + 0.5}")
    assert not audio(page, "paused")
    assert page.evaluate("window.silence") < 300
    expect(stage(page).locator("[data-part=takes]")).to_be_hidden()
    # A person who uses the keyboard does not lose their place with the button that they pressed.
    assert page.evaluate("document.activeElement.dataset.part") == "play"
    assert page.evaluate("navigator.mediaSession.metadata.album") == ""


def test_the_music_takes_over_at_the_end_of_the_sketch(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """Another engine's piece begins when the sketch has ended."""
    page, track = sketched(scene, open_page, heard)
    play(page)
    finish(scene, track, heard, "lyria-002")
    expect(stage(page)).to_have_attribute("data-state", "ready")
    page.evaluate(f"document.querySelector('audio').currentTime = {SCENE_SECONDS - 1}")
    taken_over(page, heard)
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.3")
    assert not audio(page, "paused")
    assert audio(page, "currentTime") < SCENE_SECONDS / 2


def test_music_that_follows_the_sketch_stays_silent_if_another_tab_plays_meanwhile(
    open_page: Opener, scene: Scene, heard: Heard
) -> None:
    """The sketch has ended and the music loads, so nothing plays that the other tab could pause."""
    page, track = sketched(scene, open_page, heard)
    play(page)
    held = hold_back(page, heard.facts["url"])
    finish(scene, track, heard, "lyria-002")
    expect(stage(page)).to_have_attribute("data-state", "ready")
    page.evaluate(f"document.querySelector('audio').currentTime = {SCENE_SECONDS - 0.5}")
    asked(page, held)
    page.evaluate("new BroadcastChannel('playing').postMessage(null)")
    page.wait_for_timeout(300)
    while held:
        held.pop().continue_()
    page.unroute(heard.facts["url"])
    taken_over(page, heard)
    assert audio(page, "paused")


def test_other_music_and_the_sketch_stay_one_press_apart_at_the_same_place(
    open_page: Opener, scene: Scene, heard: Heard
) -> None:
    page, track = sketched(scene, open_page, heard)
    play(page)
    finish(scene, track, Heard(heard.folder, heard.facts | {"midiUrl": None}), "lyria-002")
    stage(page).get_by_role("button", name="완성된 음악").click()
    taken_over(page, heard)
    # The sentence about how it was made is where the chords of other music are.
    assert 0 < gap(page, ".takes", "[data-part=provenance]") < 30
    expect(stage(page).locator("[data-part=provenance]")).to_contain_text("Lyria 2")
    assert audio(page, "currentTime") >= 0.5
    stage(page).get_by_role("button", name="먼저 들어 보기").click()
    page.wait_for_function(f"() => document.querySelector('audio').src !== '{heard.facts['url']}'")
    assert audio(page, "currentTime") >= 0.5
    page.evaluate(f"document.querySelector('audio').currentTime = {SCENE_SECONDS - 0.7}")
    stage(page).get_by_role("button", name="완성된 음악").click()
    taken_over(page, heard)
    # The other sound has no such place, or hardly.
    assert audio(page, "currentTime") < 2
    page.reload()
    expect(stage(page).get_by_role("button", name="완성된 음악")).to_have_attribute("aria-pressed", "true")
    expect(stage(page).get_by_role("button", name="먼저 들어 보기")).to_be_enabled()


def test_music_that_comes_before_the_sketch_is_played_is_simply_there(
    open_page: Opener, scene: Scene, heard: Heard
) -> None:
    page, track = sketched(scene, open_page, heard)
    finish(scene, track, heard, "composer")
    taken_over(page, heard)
    assert audio(page, "paused")


@pytest.mark.parametrize("when", ["before the music", "after the music"])
def test_the_music_takes_over_from_a_sketch_that_cannot_be_loaded(
    open_page: Opener, scene: Scene, heard: Heard, when: str
) -> None:
    """The sketch has expired, or its connection breaks while it loads."""
    url = f"{store_music(scene.addresses).facts['url']}?lost"
    track = scene.add("composing", heard, sketch=sketch_of(heard) | {"url": url})
    page = open_page("/privacy.html", scene=scene, allow="Failed to load resource")
    held = hold_back(page, url)
    page.goto("/")
    stage(page).get_by_role("button", name="재생").first.click()
    asked(page, held)
    wrong = stage(page).locator("[data-part=wrong]")
    if when == "after the music":
        finish(scene, track, heard, "lyria-002")
        expect(stage(page)).to_have_attribute("data-state", "ready")
    while held:
        held.pop().abort()
    page.unroute(url)
    if when == "before the music":
        expect(wrong).not_to_be_empty()
        # By the standard, an element that fails goes on saying that it plays; Chromium's does not.
        page.evaluate("Object.defineProperty(document.querySelector('audio'), 'paused', { value: false })")
        finish(scene, track, heard, "lyria-002")
    taken_over(page, heard)
    expect(wrong).to_be_empty()


def test_the_sketch_of_failed_music_stays_playable(open_page: Opener, scene: Scene, heard: Heard) -> None:
    scene.add("failed", heard, sketch=sketch_of(store_music(scene.addresses)))
    page = open_page(scene=scene)
    expect(stage(page)).to_have_attribute("data-state", "problem")
    play(page)
    expect(stage(page).get_by_role("button", name="다시 시도하기")).to_be_visible()
    page.screenshot(path=SHOTS / "sketch-failed.png")


def test_a_repeated_sketch_ends_when_there_is_music(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """Music that is longer goes on where the sketch ends, and is what repeats from then on."""
    first = store_music(scene.addresses)
    track = scene.add("composing", heard, sketch=sketch_of(first) | {"durationSeconds": SCENE_SECONDS / 2})
    page = open_page(scene=scene)
    repeat = stage(page).get_by_role("button", name="반복 재생")
    repeat.click()
    play(page)
    assert page.evaluate("navigator.mediaSession.metadata.album") == "먼저 들어 보기"
    assert audio(page, "loop")
    finish(scene, track, heard, "composer")
    expect(stage(page)).to_have_attribute("data-state", "ready")
    page.evaluate(f"document.querySelector('audio').currentTime = {SCENE_SECONDS - 1}")
    taken_over(page, heard)
    page.wait_for_function(f"() => document.querySelector('audio').currentTime > {SCENE_SECONDS / 2}")
    assert audio(page, "currentTime") < SCENE_SECONDS - 1
    assert audio(page, "loop")
    expect(repeat).to_have_attribute("aria-pressed", "true")


def test_music_that_comes_after_the_sketch_has_ended_waits_where_it_would_have_gone_on(
    open_page: Opener, scene: Scene, heard: Heard
) -> None:
    sketch = sketch_of(store_music(scene.addresses)) | {"durationSeconds": SCENE_SECONDS / 2}
    track = scene.add("composing", heard, sketch=sketch)
    page = open_page(scene=scene)
    play(page)
    page.evaluate(f"document.querySelector('audio').currentTime = {SCENE_SECONDS - 0.5}")
    page.wait_for_function("() => document.querySelector('audio').ended")
    finish(scene, track, heard, "composer")
    taken_over(page, heard)
    assert (audio(page, "paused"), audio(page, "currentTime")) == (True, SCENE_SECONDS / 2)


def test_music_that_still_loads_follows_what_the_person_does_meanwhile(
    open_page: Opener, scene: Scene, heard: Heard
) -> None:
    """A pause, the volume and another track count, although the music was asked for before."""
    other = store_music(scene.addresses)
    older = scene.add("ready", other, music=other.facts | {"engine": "composer"})
    page, track = sketched(scene, open_page, heard)
    play(page)
    held = hold_back(page, heard.facts["url"])
    finish(scene, track, heard, "lyria-002")
    finished = stage(page).get_by_role("button", name="완성된 음악")
    finished.click()
    asked(page, held)
    stage(page).get_by_role("button", name="일시 정지").click()
    page.evaluate("document.querySelector('audio').volume = 0.5")
    while held:
        held.pop().continue_()
    page.unroute(heard.facts["url"])
    taken_over(page, heard)
    assert (audio(page, "paused"), audio(page, "volume")) == (True, 0.5)

    first = str(scene.of(track)["sketch"]["url"])
    held = hold_back(page, first)
    stage(page).get_by_role("button", name="먼저 들어 보기").click()
    asked(page, held)
    page.locator(f"track-library button[value={older}]").click()
    while held:
        held.pop().continue_()
    page.unroute(first)
    page.wait_for_timeout(1000)
    assert audio(page, "src") == other.facts["url"]


def test_a_browser_that_plays_only_the_pressed_element_goes_on(open_page: Opener, scene: Scene, heard: Heard) -> None:
    page, track = sketched(scene, open_page, heard)
    page.evaluate(
        """() => {
          const play = HTMLMediaElement.prototype.play;
          HTMLMediaElement.prototype.play = function () {
            return this.isConnected ? play.call(this) : Promise.reject(new DOMException("", "NotAllowedError"));
          };
        }"""
    )
    play(page)
    finish(scene, track, heard, "lyria-002")
    stage(page).get_by_role("button", name="완성된 음악").click()
    taken_over(page, heard)
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.6")
    assert not audio(page, "paused")


def test_a_cancelled_track_stops_and_a_new_attempt_begins_without_a_sketch(
    open_page: Opener, scene: Scene, heard: Heard
) -> None:
    """Screen readers are told once that there is something to hear."""
    track = scene.add("composing", heard)
    page = open_page(scene=scene)
    expect(stage(page).locator("[data-part=saying]")).to_have_text("음악을 만들고 있어요")
    page.evaluate(
        """() => {
          window.told = [];
          const announcer = document.querySelector("status-announcer");
          new MutationObserver(() => told.push(announcer.textContent)).observe(announcer, { childList: true });
        }"""
    )
    scene.document(track).update({"sketch": sketch_of(store_music(scene.addresses))})
    play(page)
    scene.document(track).update({"sketch": None, "status": "captioned", "attempt": 2})
    expect(stage(page).locator("stage-steps ol")).to_be_visible()
    assert (audio(page, "paused"), page.evaluate("navigator.mediaSession.metadata")) == (True, None)
    scene.document(track).update({"sketch": sketch_of(store_music(scene.addresses))})
    play(page)
    scene.document(track).update({"status": "cancelled"})
    expect(stage(page)).to_have_attribute("data-state", "problem")
    expect(stage(page).locator("music-player")).to_be_hidden()
    assert (audio(page, "paused"), audio(page, "src")) == (True, "")
    heard_now = "푸른 물결: 음악이 완성되기 전에 먼저 들어 볼 수 있어요."
    assert page.evaluate("told") == [heard_now, "푸른 물결: 그만두었어요."]


def test_the_page_behind_a_share_link_has_only_the_music(open_page: Opener, heard: Heard) -> None:
    page = open_page(f"/share.html#{heard.folder.token}")
    expect(page.get_by_role("button", name="푸른 물결 재생")).to_be_visible()
    assert audio(page, "src") == heard.facts["url"]
    expect(page.locator("[data-part=takes]")).to_be_hidden()


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        (
            "ko-KR",
            [
                "보통 45초 뒤에 먼저 들어 볼 수 있고, 3분 30초 뒤에 음악이 완성돼요.",
                "보통 3분 30초 뒤에 음악이 완성돼요.",
            ],
        ),
        (
            "en-US",
            [
                "Usually there is something to hear after 45 s, and the music is finished after 3 min 30 s.",
                "The music is usually finished after 3 min 30 s.",
            ],
        ),
    ],
)
def test_the_picker_says_how_long_it_usually_takes_once_the_configuration_is_read(
    open_page: Opener, locale: str, words: list[str]
) -> None:
    """Nothing moves when it does, and an installation without sketches promises none."""
    for sketch, expected in zip((30, None), words, strict=True):
        # A second visit would be answered by the service worker.
        page = open_page("/privacy.html", locale=locale)
        answers = hold_back(page, "**/config.json")
        usual = page.locator("[data-part=usual]")
        page.goto("/", wait_until="commit")
        expect(usual).to_have_text(re.compile("."))
        expect(usual).to_be_hidden()
        page.evaluate("window.shifted = 0")
        asked(page, answers)
        answer = answers.pop()
        times = {"upload": 5, "reading": 10, "preparing": 15, "composing": 180, "sketch": sketch}
        answer.fulfill(json=answer.fetch().json() | {"usualSeconds": times})
        expect(usual).to_have_text(expected)
        expect(usual).to_be_visible()
        assert page.evaluate("window.shifted") == 0
