"""The browser's voice reads what the picture shows, then the music plays.

Headless Chromium has no voices. An extension gives it two, as an extension of a person would: ``tests/web/voice`` is a
speech engine of ``chrome.ttsEngine``. So the page's real calls go through the browser's real speech synthesis, and the
engine notes what arrives.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, Worker, expect

from localcloud.addresses import Addresses
from tests.contracts.recorded import recorded
from tests.support.browser import FLAGS, executable
from tests.support.gestures import ready, stage, tiles
from tests.support.scenes import Heard, Scene
from tests.web import axe
from tests.web.conftest import listen
from tests.web.test_states import SHOTS, SPEAK, Scheme

pytestmark = [pytest.mark.browser, pytest.mark.cloud]

VOICE = Path(__file__).with_name("voice")
ALT = recorded("track_ready")["brief"]["altText"]


@pytest.fixture
def talking(playwright: Playwright, local_cloud: Addresses, tmp_path: Path) -> Iterator[BrowserContext]:
    """Yield a profile with two voices; only a profile on disk has extensions."""
    complaints: list[str] = []
    context = playwright.chromium.launch_persistent_context(
        tmp_path,
        executable_path=executable(),
        args=[*FLAGS, f"--load-extension={VOICE}", f"--disable-extensions-except={VOICE}"],
        ignore_default_args=["--disable-extensions"],
        base_url=local_cloud.url("page"),
        locale="ko-KR",
        viewport={"width": 390, "height": 844},
    )
    context.on("page", lambda page: listen(page, complaints))
    yield context
    context.close()
    assert complaints == []


def engine(context: BrowserContext) -> Worker:
    return next(worker for worker in context.service_workers if "extension" in worker.url)


def spoken(context: BrowserContext) -> list[Any]:
    return list(engine(context).evaluate("spoken.splice(0)"))


def end(context: BrowserContext) -> None:
    engine(context).evaluate("end()")


def is_playing(page: Page) -> bool:
    return not page.evaluate("document.querySelector('audio').paused")


def looked_at(page: Page, language: str, scheme: Scheme) -> list[str]:
    """Return what axe finds in a language and a colour scheme."""
    page.emulate_media(color_scheme=scheme)
    page.evaluate(SPEAK, language)
    page.screenshot(path=SHOTS / f"hearing-{language}.png")
    return axe.violations(page)


def test_a_voice_reads_the_picture_and_then_the_music_plays(
    talking: BrowserContext, scene: Scene, heard: Heard, local_cloud: Addresses
) -> None:
    """In the brief's language; a press stops it, and so does playing the music or showing another picture."""
    english = {"language": "en", "altText": "A sea at dusk."}
    scene.add("ready", heard, brief=dict(recorded("track_ready")["brief"]) | english)
    scene.add("ready", heard)
    kept = scene.state["origins"][0]["localStorage"][0]["value"]
    talking.add_init_script(
        f"if (location.href.startsWith('{local_cloud.url('page')}')) localStorage.session = {kept!r}"
    )
    page = talking.new_page()
    page.goto("/")
    button = ready(page).get_by_role("button", name="사진 듣기")
    button.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    words = stage(page).locator("hear-picture p")
    expect(words).to_have_text(ALT)
    expect(stage(page).get_by_role("img", name=ALT)).to_be_visible()
    page.wait_for_function("() => speechSynthesis.speaking")
    assert spoken(talking) == [[ALT, "ko-KR", "Korean voice"]]
    assert looked_at(page, "en", "dark") + looked_at(page, "ko", "light") == []
    page.wait_for_timeout(1_200)
    assert not is_playing(page)
    end(talking)
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.2")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(words).to_be_hidden()

    button.click()
    page.wait_for_function("() => speechSynthesis.speaking")
    assert not is_playing(page)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    page.wait_for_function("() => !speechSynthesis.speaking")
    assert (spoken(talking)[1:], is_playing(page)) == (["stopped"], False)

    tiles(page).nth(1).click()
    button.click()
    page.wait_for_function("() => speechSynthesis.speaking")
    assert spoken(talking) == [["A sea at dusk.", "en-US", "English voice"]]
    stage(page).get_by_role("button", name="재생").first.click()
    page.wait_for_function("() => !speechSynthesis.speaking")
    assert (spoken(talking), is_playing(page)) == (["stopped"], True)
    button.click()
    page.wait_for_function("() => speechSynthesis.speaking")
    tiles(page).nth(0).click()
    expect(button).to_have_attribute("aria-pressed", "false")

    shared = talking.new_page()
    shared.goto(f"/share.html#{heard.folder.token}")
    spoken(talking)
    shared.get_by_role("button", name="사진 듣기").click()
    shared.wait_for_function("() => speechSynthesis.speaking")
    assert spoken(talking)[-1][0] == recorded("track")["altText"]
    end(talking)
    shared.wait_for_function("() => document.querySelector('audio').currentTime > 0.2")
