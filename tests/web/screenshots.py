"""Take the READMEs' screenshots of the running page: ``make screenshots``.

The pictures are uploaded as a person does it, in Korean and in English, so what the screenshots show is real music.
"""

from typing import Final

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from localcloud.addresses import REPOSITORY, Addresses
from localcloud.cloud import running
from tests.support.browser import FLAGS, executable
from tests.support.gestures import MUSIC_MILLISECONDS, choose, ready, stage, tiles
from tests.support.scenes import PHOTOS

OUT: Final = REPOSITORY / "docs" / "media"
CLOUD_PORT: Final = 18380
# The last one is on the stage.
PICTURES: Final = ("astronaut", "hubble_deep_field", "rocket", "chelsea", "coffee")
LOCALES: Final = {"ko": "ko-KR", "en": "en-US"}
# At these heights no line of text is cut.
SIZES: Final = {"desktop": ViewportSize(width=1440, height=1112), "phone": ViewportSize(width=390, height=780)}


def main() -> None:
    """Write ``docs/media/{desktop,phone}.{ko,en}.jpg``."""
    addresses = Addresses(CLOUD_PORT, REPOSITORY / "test-results" / "screenshots")
    with running(addresses, show=lambda _: None), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(FLAGS))
        for language in LOCALES:
            _take(browser, addresses.url("page"), language)
        browser.close()


def _take(browser: Browser, url: str, language: str) -> None:
    context = browser.new_context(
        locale=LOCALES[language],
        base_url=url,
        viewport=SIZES["desktop"],
        device_scale_factor=1.25,
        color_scheme="light",
    )
    # The pictures never leave this machine, so it may be offline, and the page does not have to say so.
    context.add_init_script("Object.defineProperty(Navigator.prototype, 'onLine', { get: () => true })")
    page = context.new_page()
    page.goto("/")
    for place, name in enumerate(PICTURES, 1):
        choose(page, PHOTOS / f"{name}.jpg")
        expect(tiles(page)).to_have_count(place)
        ready(page)
    page.close()
    for size, viewport in SIZES.items():
        page = context.new_page()
        page.set_viewport_size(viewport)
        page.goto("/")
        _play_a_third(page)
        page.screenshot(path=OUT / f"{size}.{language}.jpg", type="jpeg", quality=78)
        page.close()
    context.close()


def _play_a_third(page: Page) -> None:
    """Wait for the music and all covers, and seek to where the waveform shows both of its colours."""
    ready(page)
    expect(tiles(page)).to_have_count(len(PICTURES))
    page.wait_for_function(
        "() => [...document.images].every((image) => image.hidden || image.loading === 'lazy' || image.complete)"
    )
    page.wait_for_function("() => document.querySelector('audio').readyState > 0", timeout=MUSIC_MILLISECONDS)
    wave = stage(page).locator(".wave")
    box = wave.bounding_box()
    assert box is not None
    wave.click(position={"x": box["width"] / 3, "y": box["height"] / 2})
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(1_000)


if __name__ == "__main__":
    main()
