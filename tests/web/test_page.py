"""The page in a real browser against the whole local cloud, the way a person uses it."""

import re
from pathlib import Path

import pytest
import requests
from playwright.sync_api import BrowserContext, Locator, Page, expect

from localcloud.addresses import IMAGES_BUCKET, REPOSITORY, Addresses
from musicgenerator import ids
from musicgenerator.briefs import GENRES
from musicgenerator.errors import NotAnImageError
from musicgenerator.states import Status

pytestmark = [pytest.mark.browser, pytest.mark.cloud]

COFFEE = REPOSITORY / "localcloud" / "photos" / "coffee.jpg"
ROCKET = REPOSITORY / "localcloud" / "photos" / "rocket.jpg"
MUSIC_MILLISECONDS = 120_000
PLAYED_SECONDS = 10
RECORD_STATUSES = """
() => {
  window.statuses = [];
  const record = () => {
    const status = document.querySelector("track-card")?.dataset.status;
    if (status && status !== window.statuses.at(-1)) window.statuses.push(status);
  };
  new MutationObserver(record).observe(document.body, { subtree: true, childList: true, attributes: true });
}
"""


def opened(page: Page, view: str = "#mine") -> Page:
    """Open the page and wait for its list."""
    page.goto(f"/{view}")
    expect(page.locator("track-list .empty")).not_to_have_text(re.compile("불러오는|^$"))
    return page


def choose(page: Page, *files: Path) -> Locator:
    """Choose pictures in the file input and return the newest track's card."""
    page.locator("input[type=file]").set_input_files(files)
    return page.locator("track-card").first


def ready(card: Locator) -> Locator:
    """Wait until a card's music is there."""
    expect(card).to_have_attribute("data-status", re.compile("ready|failed|rejected"), timeout=MUSIC_MILLISECONDS)
    expect(card).to_have_attribute("data-status", "ready")
    return card


def test_an_uploaded_picture_becomes_music_that_plays(page: Page) -> None:
    """The stages are seen in their order, then the brief, the cover and more than ten seconds of music."""
    opened(page).evaluate(RECORD_STATUSES)
    card = ready(choose(page, COFFEE))

    seen = [Status(status) for status in page.evaluate("window.statuses")]
    assert sorted(set(seen), key=lambda status: status.rank) == seen
    assert {Status.AWAITING_UPLOAD, Status.COMPOSING, Status.READY} <= set(seen)
    expect(card.locator("[data-part=status]")).to_have_text("음악이 완성됐어요")
    expect(card.locator("[data-part=elapsed]")).to_have_text(re.compile("초 걸렸어요"))
    expect(card.locator("[data-part=caption]")).to_have_text(re.compile("[가-힣]"))
    expect(card.locator("[data-part=moods] li")).not_to_have_count(0)
    expect(card.locator("[data-part=brief] dd")).to_have_count(4)
    cover = card.locator("[data-part=cover]")
    expect(cover).to_have_attribute("src", re.compile("^http.*/cover.jpg"))
    expect(cover).to_have_js_property("complete", value=True)

    audio = card.locator("audio")
    audio.evaluate("async (audio) => { audio.muted = true; await audio.play(); }")
    page.wait_for_function(
        f"() => document.querySelector('track-card audio').currentTime > {PLAYED_SECONDS}", timeout=60_000
    )
    assert 30 == pytest.approx(audio.evaluate("(audio) => audio.duration"), abs=1)


def test_the_music_can_be_saved_under_its_title(page: Page) -> None:
    """Both files are downloaded whole, named after the music."""
    card = ready(choose(opened(page), COFFEE))
    title = card.locator("[data-part=title]").inner_text()
    for name, magic in (("mp3", b"ID3"), ("wav", b"RIFF")):
        with page.expect_download() as download:
            card.locator(f"[data-part={name}]").click()
        assert download.value.suggested_filename.endswith(f".{name}")
        assert download.value.suggested_filename.split(".")[0][:5] == title[:5]
        assert magic == Path(download.value.path()).read_bytes()[: len(magic)]


def test_the_tracks_stay_over_a_reload_and_go_with_a_reset(page: Page) -> None:
    """The session is kept by the browser until its person starts anew, and confirms it."""
    ready(choose(opened(page), ROCKET))
    page.reload()
    ready(page.locator("track-card"))

    page.get_by_role("button", name="새로 시작하기").click()
    page.get_by_role("dialog").get_by_role("button", name="그대로 두기").click()
    expect(page.locator("track-card")).to_have_count(1)
    page.get_by_role("button", name="새로 시작하기").click()
    page.get_by_role("dialog").get_by_role("button", name="새로 시작하기").click()
    expect(page.locator("track-card")).to_have_count(0)
    expect(page.locator("track-list .empty")).to_have_text(re.compile("아직 음악이 없어요"))
    page.reload()
    expect(page.locator("track-list .empty")).to_have_text(re.compile("아직 음악이 없어요"))


def test_several_pictures_at_once_become_several_tracks(page: Page) -> None:
    """Each picture gets a card of its own, with its own music."""
    choose(opened(page), COFFEE, ROCKET)
    expect(page.locator("track-card")).to_have_count(2)
    for place in range(2):
        ready(page.locator("track-card").nth(place))
    urls = page.locator("track-card audio").evaluate_all("(all) => all.map((audio) => audio.src)")
    assert 2 == len(set(urls))


def test_a_text_file_called_jpg_ends_in_words(page: Page, tmp_path: Path) -> None:
    """The captioner's message reaches the person."""
    text = tmp_path / "note.jpg"
    text.write_text("This is no picture.")
    card = choose(opened(page), text)
    expect(card).to_have_attribute("data-status", "failed", timeout=MUSIC_MILLISECONDS)
    expect(card.locator("[data-part=problem]")).to_have_text(NotAnImageError.words["ko"])


def test_a_file_that_is_no_picture_is_not_uploaded(page: Page, tmp_path: Path) -> None:
    """The page says so at once and makes no track."""
    text = tmp_path / "note.txt"
    text.write_text("This is no picture.")
    choose(opened(page), text)
    expect(page.get_by_role("alert").filter(has_text="note.txt")).to_be_visible()
    expect(page.locator("track-card")).to_have_count(0)


def test_the_language_can_be_switched(page: Page) -> None:
    """Korean for a Korean browser, English at a click, and it stays."""
    opened(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("사진을 음악으로")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Turn a picture into music")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Turn a picture into music")


def test_a_session_that_is_gone_is_offered_to_be_left(page: Page, context: BrowserContext) -> None:
    """A kept session that nobody knows is explained, and one click starts a new one."""
    gone = '{"session": "saaaaaaaaaaaaaaaaaaaaaaaaaa", "secret": "k", "expiresAt": "2020-01-01T00:00:00Z"}'
    context.add_init_script(f"if (!localStorage.session) localStorage.session = JSON.stringify({gone});")
    opened(page)
    notice = page.get_by_role("alert").filter(has_text="보관 기간이 지났거나")
    notice.get_by_role("button", name="새로 시작하기").click()
    expect(notice).to_be_hidden()
    expect(page.locator("track-list .empty")).to_have_text(re.compile("아직 음악이 없어요"))


def test_a_picture_dropped_into_the_bucket_is_seen(page: Page, local_cloud: Addresses) -> None:
    """The page looks at the operator's drop session without its secret."""
    opened(page).get_by_role("link", name="버킷에 넣은 사진").click()
    expect(page.locator("picture-picker")).to_be_hidden()
    upload = f"{local_cloud.url('storage')}/upload/storage/v1/b/{IMAGES_BUCKET}/o?uploadType=media&name=page-coffee.jpg"
    headers = {"Content-Type": "image/jpeg"}
    stored = requests.post(upload, data=COFFEE.read_bytes(), headers=headers, timeout=30).json()
    track = ids.dropped_track_id(IMAGES_BUCKET, stored["name"], int(stored["generation"]))
    ready(page.locator(f'track-card[data-track="{track}"]'))
    assert "secret" not in requests.get(local_cloud.url("page") + "/config.json", timeout=30).text


def test_the_page_offers_the_genres_that_engines_know(page: Page) -> None:
    """The wishes' genres are the brief's own, each with a Korean name."""
    options = opened(page).locator("select[name=style] option")
    values = options.evaluate_all("(all) => all.map((option) => option.value)")
    words = options.all_text_contents()
    assert ["", *GENRES] == values
    assert all(re.search("[가-힣]", word) for word in words)
