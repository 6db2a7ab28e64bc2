"""What people do on the page, and what they wait for."""

import base64
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Locator, Page, Route, expect

from tests.support.scenes import Scene

MUSIC_MILLISECONDS = 120_000
_GIVE = """
([data, type, name]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const given = new DataTransfer();
  given.items.add(new File([bytes], "photo.jpg", { type: "image/jpeg" }));
  const event = type === "paste"
    ? new ClipboardEvent("paste", { clipboardData: given, bubbles: true })
    : new DragEvent(type, { dataTransfer: given, bubbles: true, cancelable: true });
  document.querySelector(name).dispatchEvent(event);
}
"""
# Browsers copy pictures only as PNG.
_COPY = """
async ([data, text]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes]));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  const parts = { "image/png": await canvas.convertToBlob() };
  if (text !== null) parts["text/plain"] = new Blob([text], { type: "text/plain" });
  await navigator.clipboard.write([new ClipboardItem(parts)]);
}
"""


ENGINES: Final = [
    {"name": "composer", "usualSeconds": 150, "usd": 0.043},
    {"name": "lyria-3-pro", "usualSeconds": 60, "usd": 0.08},
    {"name": "lyria-002", "usualSeconds": 45, "usd": None},
]


def with_engines(
    opener: Callable[..., Page], scene: Scene | None, engines: Sequence[dict[str, Any]] = ENGINES, **options: Any
) -> Page:
    """Open the page of an operator who allows several engines."""
    page = opener("/privacy.html", scene=scene, **options)

    def configure(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"engines": engines})

    page.route("**/config.json", configure)
    page.goto("/")
    return page


def refuse(page: Page, verb: str) -> list[Route]:
    """Answer each command of a kind as if the day's limit were reached; return the list of those that came."""
    refused: list[Route] = []

    def answer(route: Route) -> None:
        refused.append(route)
        headers = {"Retry-After": "3600", "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "*"}
        route.fulfill(status=429, headers=headers, json={"code": "limit_reached", "title": "", "detail": ""})

    page.route(f"**/*:{verb}", answer)
    return refused


def choose(page: Page, *files: Path) -> None:
    """Choose pictures in the file dialog."""
    page.locator("[data-part=choose]").set_input_files(files)


def give(page: Page, gesture: str, file: Path, where: str = "picture-picker") -> None:
    """Drop or paste a picture by the events that a browser sends."""
    data = base64.b64encode(file.read_bytes()).decode()
    for event in ["dragover", "drop"] if gesture == "drop" else ["paste"]:
        page.evaluate(_GIVE, [data, event, where])


def stage(page: Page) -> Locator:
    return page.locator("track-stage")


def tiles(page: Page) -> Locator:
    return page.locator("track-library .tile")


def ready(page: Page) -> Locator:
    """Wait until the music of the track on the stage is ready, and return the stage."""
    expect(stage(page)).to_have_attribute("data-state", re.compile("ready|problem"), timeout=MUSIC_MILLISECONDS)
    expect(stage(page)).to_have_attribute("data-state", "ready")
    return stage(page)


def drag(page: Page, onto: Locator, *files: Path, **data: str) -> None:
    """Drag files, folders or data over an element and drop them, as the window system does.

    ``data`` has the types ``text``, ``html`` and ``links``.
    """
    types = {"text": "text/plain", "html": "text/html", "links": "text/uri-list"}
    onto.scroll_into_view_if_needed()
    box = onto.bounding_box()
    assert box is not None
    session = page.context.new_cdp_session(page)
    dragged = {
        "items": [{"mimeType": types[name], "data": text} for name, text in data.items()],
        "files": [str(file) for file in files],
        "dragOperationsMask": 1,
    }
    for event in ("dragEnter", "dragOver", "drop"):
        place = {"type": event, "x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        session.send("Input.dispatchDragEvent", place | {"data": dragged})
    session.detach()


def copy(page: Page, photo: Path, text: str | None = None) -> None:
    """Put a picture into the clipboard, with a text beside it if there is one."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    data = base64.b64encode(photo.read_bytes()).decode()
    page.evaluate(_COPY, [data, text])
