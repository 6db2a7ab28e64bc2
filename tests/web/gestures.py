"""What people do on the page, and what they wait for."""

import base64
import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

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
    return page.locator("track-library button")


def ready(page: Page) -> Locator:
    """Wait until the music of the track on the stage is ready, and return the stage."""
    expect(stage(page)).to_have_attribute("data-state", re.compile("ready|problem"), timeout=MUSIC_MILLISECONDS)
    expect(stage(page)).to_have_attribute("data-state", "ready")
    return stage(page)
