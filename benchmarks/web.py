"""Measure the page in a real Chromium against the local cloud: ``python -m benchmarks.web``."""

import itertools
import json
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import web_sizes
from localcloud.addresses import REPOSITORY, Addresses
from localcloud.cloud import running
from tests.support.browser import FLAGS, executable
from tests.support.gestures import choose, ready, stage
from tests.support.scenes import PHOTOS, Scene, client, document_of, new_scene, store_music

_SHOTS: Final = REPOSITORY / "test-results" / "first-sound"
# How long a new machine of a pipeline takes to start, as it does in the cloud.
_COLD_SECONDS: Final = 90
_PORT: Final = 23_080
_VISITS: Final = 5
_CHANGES: Final = 50
_TRACKS: Final = 500
# The most that a query may ask for.
_PAGE_OF_TRACKS: Final = 100
_BATCH: Final = 250
# "Slow 4G" of Chromium's developer tools.
_SLOW_4G: Final = {
    "offline": False,
    "latency": 562.5,
    "downloadThroughput": 1.6e6 / 8 * 0.9,
    "uploadThroughput": 0.75e6 / 8 * 0.9,
}
_SLOWER_PROCESSOR: Final = 4
_QUIET_MILLISECONDS: Final = 5_000
_WATCH: Final = """
window.tasks = [];
new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) window.tasks.push([startTime, duration]);
}).observe({ type: "longtask", buffered: true });
new MutationObserver((_, observer) => {
  if (document.documentElement?.dataset.ready === undefined) return;
  window.readyAt = performance.now();
  observer.disconnect();
}).observe(document, { subtree: true, attributes: true, childList: true });
"""
_RECEIVED: Final = """
[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter((entry) => entry.name.startsWith(location.origin))
  .reduce((sum, entry) => sum + entry.encodedBodySize, 0)
"""
_WATCH_TILES: Final = """
(count) => new Promise((resolve) => {
  const look = () => {
    if (document.querySelectorAll("track-library li").length < count) requestAnimationFrame(look);
    else requestAnimationFrame(() => requestAnimationFrame((now) =>
      resolve(now - performance.getEntriesByName("tracks").at(-1).startTime)));
  };
  look();
})
"""
_WATCH_FRAMES: Final = """
() => {
  window.longestFrame = 0;
  let before = performance.now();
  const frame = (now) => {
    window.longestFrame = Math.max(window.longestFrame, now - before);
    before = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
"""
# Notes the sound's place in the music every 10 ms, each as [moment, place] in milliseconds.
_WATCH_SOUND: Final = """
() => {
  window.places = [];
  setInterval(() => places.push([performance.now(), document.querySelector("audio").currentTime * 1000]), 10);
}
"""
_WATCH_WORDS: Final = """
() => {
  window.words = {};
  const title = document.querySelector("#stage-title");
  new MutationObserver(() => (window.words[title.textContent] ??= Date.now()))
    .observe(title, { subtree: true, childList: true, characterData: true });
}
"""


@dataclass(frozen=True)
class Figure:
    """A measurement and its limit."""

    name: str
    measured: float
    limit: float
    unit: str


def measure() -> list[Figure]:
    """Start the local cloud, measure everything and stop it."""
    addresses = Addresses(_PORT, REPOSITORY / "test-results" / "benchmark")
    os.environ["COLD_START_SECONDS"] = str(_COLD_SECONDS)
    with running(addresses, show=lambda _: None), _browser() as browser:
        return [
            *_sizes(),
            *_first_sound(browser, addresses),
            *_first_visit(browser, addresses),
            *_library(browser, addresses),
            *_words(browser, addresses),
        ]


def table(figures: list[Figure]) -> str:
    """Return the figures as text."""
    width = max(len(figure.name) for figure in figures)
    lines = [
        f"{figure.name:<{width}}  {figure.measured:8.1f}  {figure.limit:8.1f}  {figure.unit:<3}"
        f"  {'kept' if figure.measured <= figure.limit else 'MISSED'}"
        for figure in figures
    ]
    return "\n".join([f"{'':<{width}}  {'measured':>8}  {'at most':>8}", *lines])


def _sizes() -> list[Figure]:
    sizes = web_sizes.measure()
    return [
        Figure("scripts as sent, all", sizes.all / 1000, 180, "kB"),
        Figure("scripts as sent, the project's that every visit loads", sizes.first / 1000, 26, "kB"),
    ]


def _first_visit(browser: Browser, addresses: Addresses) -> list[Figure]:
    paints, interactive, received = [], [], []
    for _ in range(_VISITS):
        with _page(browser, addresses) as page:
            session = page.context.new_cdp_session(page)
            session.send("Network.enable")
            session.send("Network.emulateNetworkConditions", _SLOW_4G)
            session.send("Emulation.setCPUThrottlingRate", {"rate": _SLOWER_PROCESSOR})
            page.goto("/")
            page.wait_for_function("() => window.readyAt !== undefined")
            page.wait_for_timeout(_QUIET_MILLISECONDS)
            paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            # Interactive: all listeners are attached and the last long task has ended.
            ends = [start + duration for start, duration in page.evaluate("window.tasks")]
            interactive.append(max([page.evaluate("window.readyAt"), *ends]))
            received.append(page.evaluate(_RECEIVED))
    return [
        Figure("first visit, 4x CPU, slow 4G: first contentful paint", statistics.median(paints) / 1000, 1.5, "s"),
        Figure("first visit, 4x CPU, slow 4G: interactive", statistics.median(interactive) / 1000, 3, "s"),
        Figure("first visit: bodies of the page's files, as sent", statistics.median(received) / 1000, 80, "kB"),
    ]


def _library(browser: Browser, addresses: Addresses) -> list[Figure]:
    scene = _many_tracks(addresses)
    with _page(browser, addresses, scene) as page:
        page.goto("/")
        opened: float = page.evaluate(_WATCH_TILES, _PAGE_OF_TRACKS)
        older = page.locator("#library [data-part=older]")
        for shown in range(2 * _PAGE_OF_TRACKS, _TRACKS + 1, _PAGE_OF_TRACKS):
            older.click()
            page.wait_for_function(f"() => document.querySelectorAll('track-library li').length === {shown}")
        page.wait_for_timeout(1500)
        page.evaluate(_WATCH_FRAMES)
        events = _scrolled(page)
        frame: float = page.evaluate("longestFrame")
    longest, busiest = (_longest_task(events, clock) for clock in ("dur", "tdur"))
    return [
        Figure(f"{_PAGE_OF_TRACKS} tracks: from the data to the page", opened / 1000, 1, "s"),
        Figure(f"{_TRACKS} tracks: longest time between two frames while scrolling", frame, 100, "ms"),
        Figure(f"{_TRACKS} tracks: longest task of the page's thread while scrolling", longest, 100, "ms"),
        Figure(f"{_TRACKS} tracks: the same in processor time, as on an idle machine", busiest, 100, "ms"),
    ]


def _many_tracks(addresses: Addresses) -> Scene:
    scene, music = new_scene(addresses), [store_music(addresses, photo) for photo in ("coffee", "chelsea", "rocket")]
    database = client()
    for begin in range(0, _TRACKS, _BATCH):
        batch = database.batch()
        for place in range(begin, begin + _BATCH):
            document = document_of("ready", music[place % len(music)], place)
            batch.set(scene.document(f"t{place:026d}"), document)
        batch.commit()
    return scene


def _scrolled(page: Page) -> list[dict[str, Any]]:
    """Scroll from the top to the end and back with the wheel, and return the trace's events."""
    session = page.context.new_cdp_session(page)
    events: list[dict[str, Any]] = []
    ended: list[bool] = []
    session.on("Tracing.dataCollected", lambda chunk: events.extend(chunk["value"]))
    session.on("Tracing.tracingComplete", lambda _: ended.append(True))
    categories = "toplevel,devtools.timeline,disabled-by-default-devtools.timeline"
    session.send("Tracing.start", {"categories": categories, "transferMode": "ReportEvents"})
    page.mouse.move(900, 600)
    for direction in (1, -1):
        for _ in range(60):
            page.mouse.wheel(0, direction * 400)
            page.wait_for_timeout(33)
    session.send("Tracing.end")
    while not ended:
        page.wait_for_timeout(50)
    return events


def _longest_task(events: list[dict[str, Any]], clock: str) -> float:
    """Return the longest task in milliseconds of the page's threads, by wall clock or CPU time."""
    threads = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        event[clock] / 1000
        for event in events
        if event["name"] in {"RunTask", "ThreadControllerImpl::RunTask"}
        and clock in event
        and (event["pid"], event["tid"]) in threads
    ]
    if not tasks:
        raise RuntimeError("the trace holds no task of the page's thread")
    return float(max(tasks))


def _words(browser: Browser, addresses: Addresses) -> list[Figure]:
    scene, music = new_scene(addresses), store_music(addresses)
    track = scene.add("ready", music)
    document = scene.document(track)
    with _page(browser, addresses, scene) as page:
        page.goto("/")
        page.locator("track-stage[data-state=ready]").wait_for()
        page.evaluate(_WATCH_WORDS)
        written = {}
        for number in range(_CHANGES):
            written[f"변화 {number}"] = time.time() * 1000
            document.update({"brief.title": f"변화 {number}"})
            page.wait_for_function("(words) => words in window.words", arg=f"변화 {number}")
        shown = json.loads(page.evaluate("JSON.stringify(window.words)"))
    waits = [shown[words] - at for words, at in written.items()]
    return [Figure(f"from the write to the words, median of {_CHANGES}", statistics.median(waits), 150, "ms")]


def _first_sound(browser: Browser, addresses: Addresses) -> list[Figure]:
    """Upload pictures, listen to the last one's sketch until the music comes, and let the music take over by a press.

    The first picture finds functions that have just started.
    """
    _SHOTS.mkdir(parents=True, exist_ok=True)
    heard = []
    with _page(browser, addresses) as page:
        page.goto("/")
        for photo in ("chelsea", "rocket", "astronaut", "coffee"):
            with page.expect_response(lambda response: response.request.method == "PUT"):
                choose(page, PHOTOS / f"{photo}.jpg")
            uploaded = time.monotonic()
            stage(page).locator(".play").click(timeout=_COLD_SECONDS * 1000)
            page.wait_for_function("() => document.querySelector('audio').currentTime > 0")
            heard.append(time.monotonic() - uploaded)
        # The music takes longer than the sketch lasts.
        stage(page).locator("[data-part=loop]").click()
        page.screenshot(path=_SHOTS / "sketch.png", full_page=True)
        ready(page)
        finished = time.monotonic() - uploaded
        if page.evaluate("document.querySelector('audio').paused"):
            raise RuntimeError("the sketch stopped when the music came")
        page.evaluate("document.querySelector('audio').currentTime = 5")
        page.wait_for_timeout(1000)
        page.screenshot(path=_SHOTS / "both.png", full_page=True)
        page.evaluate(_WATCH_SOUND)
        page.wait_for_timeout(500)
        stage(page).locator("[value=music]").click()
        page.wait_for_function("() => document.querySelector('audio').src.endsWith('/music.mp3')")
        page.wait_for_timeout(1500)
        page.screenshot(path=_SHOTS / "music.png", full_page=True)
        places: list[tuple[float, float]] = page.evaluate("places")
    goes_on = [now for (_, before), (now, place) in itertools.pairwise(places) if place != before]
    silence = max(after - before for before, after in itertools.pairwise(goes_on))
    (begin, first), (end, last) = places[0], places[-1]
    cold = f"new machines take {_COLD_SECONDS} s"
    return [
        Figure("from the end of the upload to the sketch's sound, the first picture", heard[0], 5, "s"),
        Figure(
            "from the end of the upload to the sketch's sound, median of 3 more", statistics.median(heard[1:]), 5, "s"
        ),
        Figure(f"from the end of the upload to the music, {cold}", finished, _COLD_SECONDS + 30, "s"),
        Figure("the music takes over: longest time that the sound stands still", silence, 100, "ms"),
        Figure("the music takes over: its place in time is off by", abs((last - first) - (end - begin)), 100, "ms"),
    ]


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def _page(browser: Browser, addresses: Addresses, scene: Scene | None = None) -> Iterator[Page]:
    """Open an empty page in a new profile, with a scene's session if given."""
    state: Any = scene.state if scene else None
    context = browser.new_context(locale="ko-KR", base_url=addresses.url("page"), storage_state=state)
    context.add_init_script(_WATCH)
    yield context.new_page()
    context.close()


if __name__ == "__main__":
    print(table(measure()))
