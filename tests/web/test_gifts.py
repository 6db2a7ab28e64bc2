"""What people choose, drop and paste, in a real browser: the page takes it, or says why it does not."""

import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from localcloud.addresses import Addresses
from tests.support.gestures import MUSIC_MILLISECONDS, choose, copy, drag, ready, stage, tiles
from tests.support.scenes import PHOTOS, Heard, Scene
from tests.web.conftest import Opener
from tests.web.test_hardships import NO_NETWORK

pytestmark = [pytest.mark.browser, pytest.mark.cloud]

COFFEE = PHOTOS / "coffee.jpg"
DAY_MILLISECONDS = 86_400_000
# A clock that is ahead or behind.
SHIFT = """
{
  const now = Date.now.bind(Date);
  Date.now = () => now() + %d;
}
"""


def notice(page: Page) -> Locator:
    return page.locator("page-notice [data-part=words]")


def small(kind: str) -> bytes:
    file = io.BytesIO()
    Image.open(COFFEE).resize((160, 120)).save(file, kind)
    return file.getvalue()


def test_the_bytes_of_a_picture_count_not_its_name(open_page: Opener, tmp_path: Path) -> None:
    """A camera's HIF, a JPEG without extension or type, and a PNG under another name become music."""
    pillow_heif.register_heif_opener()
    pictures = {"camera.HIF": "HEIF", "IMG_0001": "JPEG", "moving.apng": "PNG"}
    for name, kind in pictures.items():
        (tmp_path / name).write_bytes(small(kind))
    page = open_page()
    announced: list[str] = []
    page.on("request", lambda request: announced.append(request.post_data or "") if request.method == "POST" else None)
    choose(page, *(tmp_path / name for name in pictures))
    expect(page.locator("track-library button[data-status=ready]")).to_have_count(3, timeout=MUSIC_MILLISECONDS)
    types = re.findall(r'"contentType":"([^"]+)"', " ".join(announced))
    assert sorted(types) == ["image/heic", "image/jpeg", "image/png"]


def test_a_file_that_is_no_picture_is_refused_at_once(open_page: Opener, tmp_path: Path) -> None:
    """The page names it, and announces nothing."""
    text = tmp_path / "note.jpg"
    text.write_text("This is no picture.")
    page = open_page()
    choose(page, text)
    expect(notice(page)).to_have_text(re.compile("^note.jpg: 사진 파일이 아니거나"))
    expect(tiles(page)).to_have_count(0)
    page.locator("page-notice").get_by_role("button", name="닫기").press("Enter")
    expect(notice(page)).to_be_hidden()
    expect(page.locator("[data-part=choose]")).to_be_focused()


def test_the_pictures_of_a_dropped_folder_are_taken(open_page: Opener, tmp_path: Path) -> None:
    """Pictures of folders below it, too; other files are counted, and hidden ones are not."""
    folder = tmp_path / "여름"
    (folder / "바다").mkdir(parents=True)
    for name, data in {
        "coffee": COFFEE.read_bytes(),
        "바다/rocket.jpg": (PHOTOS / "rocket.jpg").read_bytes(),
        "notes.txt": b"notes",
        ".DS_Store": b"x",
    }.items():
        (folder / name).write_bytes(data)
    page = open_page()
    drag(page, page.locator(".zone"), folder, PHOTOS / "chelsea.jpg")
    expect(tiles(page)).to_have_count(3)
    expect(notice(page)).to_have_text("여름: 사진만 올려요. 다른 파일 1개는 뺐어요.")
    empty = tmp_path / "비었음"
    empty.mkdir()
    drag(page, page.locator(".zone"), empty)
    expect(notice(page)).to_have_text("비었음: 이 폴더에는 사진이 없어요.")


def test_text_that_is_pasted_or_dragged_into_a_field_goes_in(open_page: Opener) -> None:
    """Even if a picture is beside it in the clipboard; outside a field, or alone, the picture is taken."""
    page = open_page(viewport={"width": 1280, "height": 900})
    hint = page.get_by_label("하고 싶은 말")
    copy(page, COFFEE, "비 오는 날")
    hint.focus()
    page.keyboard.press("Control+V")
    expect(hint).to_have_value("비 오는 날")
    hint.fill("")
    drag(page, hint, text="조용한 밤")
    expect(hint).to_have_value("조용한 밤")
    hint.fill("")
    drag(page, hint, text="https://example.com/", links="https://example.com/")
    expect(hint).to_have_value("https://example.com/")
    expect(tiles(page)).to_have_count(0)
    copy(page, COFFEE)
    page.keyboard.press("Control+V")
    expect(tiles(page)).to_have_count(1)
    expect(hint).to_have_value("https://example.com/")
    copy(page, PHOTOS / "rocket.jpg", "로켓")
    hint.blur()
    page.keyboard.press("Control+V")
    expect(tiles(page)).to_have_count(2)


def test_a_picture_of_another_page_is_a_link_and_the_page_says_so(open_page: Opener, local_cloud: Addresses) -> None:
    """The browser stays on the page, and nothing is announced."""
    page = open_page()
    link = "https://example.com/cat.jpg"
    drag(page, page.locator(".zone"), links=link, html=f'<img src="{link}">')
    expect(notice(page)).to_have_text(re.compile("^파일이 아니라 링크예요"))
    expect(tiles(page)).to_have_count(0)
    assert page.url == local_cloud.url("page") + "/"


def test_files_are_refused_in_words_where_nothing_takes_them(
    open_page: Opener, local_cloud: Addresses, heard: Heard
) -> None:
    """The view of dropped pictures and the page behind a share link stay open and say where pictures go."""
    page = open_page("/#drops")
    expect(page.get_by_role("heading", name="버킷에 넣은 사진의 음악")).to_be_visible()
    expect(page.locator("picture-picker")).to_be_hidden()
    # With many tracks, the middle of the page's content is outside the window.
    drag(page, page.get_by_role("banner").get_by_role("heading"), COFFEE)
    expect(notice(page)).to_have_text(re.compile("내 음악.을 열고"))
    shared = open_page(f"/share.html#{heard.folder.token}")
    expect(shared.locator("shared-track")).to_have_attribute("data-state", "ready")
    drag(shared, shared.locator("main"), COFFEE)
    expect(shared.locator("[data-part=saying]")).to_have_text(re.compile("나도 만들어 보기.를 누르면"))
    assert shared.url.startswith(local_cloud.url("page") + "/share.html#")


@pytest.mark.parametrize("change", ["changes", "vanishes"])
def test_a_file_that_is_no_longer_the_chosen_one_has_to_be_chosen_again(
    open_page: Opener, scene: Scene, tmp_path: Path, change: str
) -> None:
    """The page does not blame the connection, and does not offer to upload the same file again."""
    file = tmp_path / "photo.jpg"
    file.write_bytes(COFFEE.read_bytes())
    page = open_page(scene=scene, allow=f"{NO_NETWORK}|ERR_UPLOAD_FILE_CHANGED|ERR_FILE_NOT_FOUND")
    expect(page.locator("body")).to_have_attribute("data-state", "first")
    page.context.set_offline(offline=True)
    choose(page, file)
    expect(stage(page).locator("[data-part=saying]")).to_have_text(re.compile("다시 연결되면 저절로 올려요"))
    file.unlink()
    if change == "changes":
        file.write_bytes((PHOTOS / "rocket.jpg").read_bytes())
    page.context.set_offline(offline=False)
    expect(stage(page).locator("[data-part=reason]")).to_have_text(re.compile("다시 골라 주세요"))
    expect(stage(page).locator("[data-part=retry]")).to_be_hidden()
    expect(stage(page).get_by_role("button", name="다른 사진 고르기")).to_be_visible()


@pytest.mark.parametrize("days", [-40, 40])
def test_a_clock_that_is_days_off_changes_nothing(open_page: Opener, scene: Scene, heard: Heard, days: int) -> None:
    """The session is still open, and a track that has just begun has taken seconds, not days."""
    scene.add("ready", heard)
    begun = datetime.now(UTC) - timedelta(seconds=100)
    scene.add("composing", timeline={"captioning": begun, "captioned": begun, "launching": begun, "composing": begun})
    page = open_page("/share.html", scene=scene)
    page.add_init_script(SHIFT % (days * DAY_MILLISECONDS))
    page.goto("/")
    expect(stage(page)).to_have_attribute("data-state", "working")
    # From 100 seconds until the assertion times out.
    expect(stage(page).locator("[data-state=now] .took")).to_have_text(re.compile(r"^[12]분 \d+초째"))
    expect(page.locator("page-notice [data-part=notice]")).to_be_hidden()
    tiles(page).nth(1).click()
    ready(page)


@pytest.mark.parametrize("behind", [".", ")", "을 들어 보세요", "에서,", "%EC%9D%84", "?fbclid=1"])
def test_a_share_link_opens_with_what_a_message_puts_behind_it(open_page: Opener, heard: Heard, behind: str) -> None:
    """Messengers often take punctuation and particles for parts of a link."""
    page = open_page(f"/share.html#{heard.folder.token}{behind}")
    expect(page.locator("shared-track")).to_have_attribute("data-state", "ready")
    expect(page.get_by_role("heading", name="푸른 물결")).to_be_visible()
