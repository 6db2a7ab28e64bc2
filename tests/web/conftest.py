"""A Chromium, and pages in it whose console must stay without errors."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from localcloud.addresses import Addresses
from tests.support.browser import FLAGS, executable
from tests.support.scenes import Heard, Scene, new_scene, store_music

# The browser reports only some kinds of policy violations on the console, so the page reports all of them.
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) =>
  console.error(`policy: ${violatedDirective} ${blockedURI} ${sample}`));
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput } of list.getEntries()) {
    if (!hadRecentInput) window.shifted = (window.shifted ?? 0) + value;
  }
}).observe({ type: "layout-shift", buffered: true });
"""

# On a busy machine the database may take longer to answer than the default of five seconds.
EXPECT_TIMEOUT_MILLISECONDS = 30_000

Opener = Callable[..., Page]


def listen(page: Page, complaints: list[str], allow: str | None = None) -> None:
    """Collect the errors on the page's console, except those that match ``allow``."""

    def complain(text: str) -> None:
        if allow is None or not re.search(allow, text):
            complaints.append(text)

    page.on("console", lambda message: complain(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complain(str(error)))


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    expect.set_options(timeout=EXPECT_TIMEOUT_MILLISECONDS)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=executable(), args=list(FLAGS))
    yield browser
    browser.close()


@pytest.fixture
def open_page(browser: Browser, local_cloud: Addresses) -> Iterator[Opener]:
    """Yield a function that opens the page in a fresh profile, or in one that stores a scene's session.

    After the test, the console of every page must be without errors and policy violations.
    """
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def opener(path: str = "/", *, scene: Scene | None = None, allow: str | None = None, **options: Any) -> Page:
        state = scene.state if scene else None
        settings = {"locale": "ko-KR", "base_url": local_cloud.url("page"), "storage_state": state} | options
        context = browser.new_context(**settings)
        contexts.append(context)
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("page", lambda page: listen(page, complaints, allow))
        page = context.new_page()
        page.goto(path)
        return page

    yield opener
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def scene(local_cloud: Addresses) -> Scene:
    """Return a session that has no tracks yet."""
    return new_scene(local_cloud)


@pytest.fixture(scope="session")
def heard(local_cloud: Addresses) -> Heard:
    """Return music in the results bucket that no test changes."""
    return store_music(local_cloud)
