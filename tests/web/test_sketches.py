"""The sketch is heard first, and the finished music takes over without a break."""

from typing import Any

import pytest
from google.cloud import firestore
from playwright.sync_api import Page, ViewportSize, expect

from tests.support.scenes import SCENE_SECONDS, Heard, Scene, document_of, store_music
from tests.web.conftest import Opener
from tests.web.gestures import stage
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


def play(page: Page) -> None:
    stage(page).get_by_role("button", name="재생").first.click()
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.5")


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE, "is_mobile": True}], ids=["desktop", "phone"])
def test_nothing_moves_when_the_sketch_comes_and_when_the_music_comes(
    open_page: Opener, scene: Scene, heard: Heard, options: dict[str, Any]
) -> None:
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
    page.screenshot(path=SHOTS / f"sketch-{'phone' if options else 'desktop'}.png", full_page=True)
    assert cancel.bounding_box() == before
    button = stage(page).get_by_role("button", name="재생").first.bounding_box()
    finish(scene, track, heard, "composer")
    expect(stage(page)).to_have_attribute("data-state", "ready")
    assert stage(page).get_by_role("button", name="재생").first.bounding_box() == button
    page.screenshot(path=SHOTS / f"sketch-ready-{'phone' if options else 'desktop'}.png", full_page=True)
    assert page.evaluate("window.shifted") < 0.02


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
    finished.click()
    page.wait_for_function(f"() => document.querySelector('audio').src === '{heard.facts['url']}'")
    page.wait_for_function(f"() => document.querySelector('audio').currentTime > {at + 0.5}")
    assert not audio(page, "paused")
    assert page.evaluate("window.silence") < 300
    expect(stage(page).locator("[data-part=takes]")).to_be_hidden()


def test_the_music_takes_over_at_the_end_of_the_sketch(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """Another engine's piece begins when the sketch has ended."""
    page, track = sketched(scene, open_page, heard)
    play(page)
    finish(scene, track, heard, "lyria-002")
    expect(stage(page)).to_have_attribute("data-state", "ready")
    page.evaluate(f"document.querySelector('audio').currentTime = {SCENE_SECONDS - 1}")
    page.wait_for_function(f"() => document.querySelector('audio').src === '{heard.facts['url']}'")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.3")
    assert not audio(page, "paused")
    assert audio(page, "currentTime") < SCENE_SECONDS / 2


def test_other_music_and_the_sketch_stay_one_press_apart_at_the_same_place(
    open_page: Opener, scene: Scene, heard: Heard
) -> None:
    page, track = sketched(scene, open_page, heard)
    play(page)
    finish(scene, track, heard, "lyria-002")
    stage(page).get_by_role("button", name="완성된 음악").click()
    page.wait_for_function(f"() => document.querySelector('audio').src === '{heard.facts['url']}'")
    assert audio(page, "currentTime") >= 0.5
    stage(page).get_by_role("button", name="먼저 들어 보기").click()
    page.wait_for_function(f"() => document.querySelector('audio').src !== '{heard.facts['url']}'")
    assert audio(page, "currentTime") >= 0.5
    page.reload()
    expect(stage(page).get_by_role("button", name="완성된 음악")).to_have_attribute("aria-pressed", "true")
    expect(stage(page).get_by_role("button", name="먼저 들어 보기")).to_be_enabled()


def test_music_that_comes_before_the_sketch_is_played_is_simply_there(
    open_page: Opener, scene: Scene, heard: Heard
) -> None:
    page, track = sketched(scene, open_page, heard)
    finish(scene, track, heard, "composer")
    page.wait_for_function(f"() => document.querySelector('audio').src === '{heard.facts['url']}'")
    assert audio(page, "paused")


def test_the_sketch_of_failed_music_stays_playable(open_page: Opener, scene: Scene, heard: Heard) -> None:
    scene.add("failed", heard, sketch=sketch_of(store_music(scene.addresses)))
    page = open_page(scene=scene)
    expect(stage(page)).to_have_attribute("data-state", "problem")
    play(page)
    expect(stage(page).get_by_role("button", name="다시 시도하기")).to_be_visible()
    page.screenshot(path=SHOTS / "sketch-failed.png")


def test_a_cancelled_track_has_no_player(open_page: Opener, scene: Scene, heard: Heard) -> None:
    scene.add("cancelled", heard, sketch=sketch_of(store_music(scene.addresses)))
    page = open_page(scene=scene)
    expect(stage(page)).to_have_attribute("data-state", "problem")
    expect(stage(page).locator("music-player")).to_be_hidden()
