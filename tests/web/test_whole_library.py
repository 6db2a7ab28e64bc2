"""What a person does with the whole library: search it, play it in a row, and download it as one ZIP."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Locator, Page, Route, expect

from localcloud.addresses import Addresses
from tests.contracts.recorded import recorded
from tests.support.gestures import ready, stage, tiles
from tests.support.scenes import Heard, Scene, store_music
from tests.web.conftest import Opener
from tests.web.test_hardships import await_service_worker

pytestmark = [pytest.mark.browser, pytest.mark.cloud]

TITLES = ("바다", "커피 한 잔", "바다", "고양이")
# Real files of the browser's own file system: headless Chromium shows no dialog that asks for a place.
PICK = """
window.showSaveFilePicker = async ({ suggestedName }) => {
  window.suggested = suggestedName;
  return (await navigator.storage.getDirectory()).getFileHandle("picked.zip", { create: true });
}
"""
READ_PICKED = """
async () => {
  const root = await navigator.storage.getDirectory();
  const file = await (await root.getFileHandle("picked.zip")).getFile();
  const bytes = new Uint8Array(await file.arrayBuffer());
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
"""
HAS_PICKED = """
async () => {
  const names = [];
  for await (const name of (await navigator.storage.getDirectory()).keys()) names.push(name);
  return names;
}
"""


@pytest.fixture(scope="module")
def short(local_cloud: Addresses) -> Heard:
    """Music of a second."""
    return store_music(local_cloud, seconds=1)


def brief(title: str, **fields: Any) -> dict[str, Any]:
    return dict(recorded("track_ready")["brief"]) | {"title": title, "caption": "빛이 흩어져요."} | fields


def fill(scene: Scene, heard: Heard) -> None:
    for title in TITLES:
        scene.add("ready", heard, brief=brief(title))


def pair(scene: Scene) -> None:
    """Let the two with the same title be the takes of one picture."""
    first, second = scene.tracks[0], scene.tracks[2]
    scene.document(second).update({"request": scene.of(second)["request"] | {"twinOf": first}})


def names(page: Page) -> list[str]:
    return page.locator("track-library li:not([hidden]) .name").all_text_contents()


def tools(page: Page) -> Locator:
    return page.locator("library-tools")


def told(page: Page) -> Locator:
    return tools(page).get_by_role("status")


def compose(session: CDPSession, words: str) -> None:
    """Show what an input method has composed so far; nothing is committed."""
    session.send("Input.imeSetComposition", {"text": words, "selectionStart": len(words), "selectionEnd": len(words)})


def test_the_library_is_searched_while_a_korean_word_is_composed(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """Each state of the composition finds the word, its first letters do, and the result is said once."""
    scene.add("ready", heard, brief=brief("커피 한 잔", moods=["cozy"], genre="jazz", caption="김이 올라와요."))
    scene.add("failed", brief=brief("로켓", moods=["epic"], caption="하늘로 올라가요."))
    scene.add("ready", heard, brief=brief("푸른 물결", moods=["dreamy"]))
    page = open_page(scene=scene)
    ready(page)
    search = tools(page).get_by_role("searchbox", name="음악 찾기")
    search.focus()
    page.evaluate(
        """() => {
          window.told = [];
          const status = document.querySelector("library-tools [role=status]");
          new MutationObserver(() => told.push(status.textContent)).observe(status, { childList: true });
        }"""
    )
    session = page.context.new_cdp_session(page)
    for composed in ("무", "물", "묽", "물겨", "물결"):
        compose(session, composed)
        assert names(page) == ["푸른 물결"], composed
    expect(told(page)).to_have_text("찾은 사진 1장")
    assert page.evaluate("told") == ["찾은 사진 1장"]
    compose(session, "")
    for words, found in {
        "ㅍㄹㅁㄱ": ["푸른 물결"],
        "아늑한 재즈": ["커피 한 잔"],
        "EPIC": ["로켓"],
        "올라": ["로켓", "커피 한 잔"],
        "꿈결같은": ["푸른 물결"],
    }.items():
        search.fill(words)
        assert names(page) == found, words
    search.fill("없는 말")
    expect(told(page)).to_have_text(re.compile("없는 말.에 맞는 음악이 없어요."))
    expect(tools(page).get_by_role("button", name="찾은 음악 듣기")).to_be_disabled()
    search.press("Escape")
    assert len(names(page)) == 3
    expect(told(page)).to_have_text("")
    expect(search).to_be_focused()
    # What is shown is also what is played and downloaded.
    page.locator("track-library").get_by_role("button", name="푸른 물결 좋아요").click()
    page.get_by_role("checkbox", name="좋아요한 음악만").check()
    expect(told(page)).to_have_text("찾은 사진 1장")
    tools(page).get_by_role("button", name="찾은 음악 듣기").click()
    expect(page.get_by_role("region", name="이어 듣기")).to_contain_text("1/1 푸른 물결마지막 곡이에요")


def test_all_music_plays_in_a_row_in_the_order_shown(open_page: Opener, scene: Scene, short: Heard) -> None:
    """Each follows the other on the stage; music that cannot be loaded is skipped with words; then it ends."""
    fill(scene, short)
    gone = short.facts | {"url": short.facts["url"].replace("music.mp3", "gone.mp3")}
    scene.document(scene.tracks[2]).update({"music": gone})
    page = open_page(scene=scene, allow="403|404")
    ready(page)
    page.evaluate(
        """() => {
          window.heard = [];
          document.querySelector("music-player").addEventListener("playing", () =>
            heard.push(document.querySelector("#stage-title").textContent), true);
        }"""
    )
    tools(page).get_by_role("button", name="모두 듣기").click()
    bar = page.get_by_role("region", name="이어 듣기")
    expect(bar).to_be_visible()
    expect(page.locator("queue-bar > [role=status]")).to_have_text(
        re.compile("바다. 음악은 불러오지 못해서 건너뛰었어요.")
    )
    expect(page.locator("queue-bar > [role=status]")).to_have_text("모두 들었어요.")
    expect(bar).to_be_hidden()
    assert page.evaluate("heard") == ["고양이", "커피 한 잔", "바다"]
    assert page.evaluate("navigator.mediaSession.metadata.title") == "바다"
    assert page.locator("audio").count() == 1


def test_what_plays_in_a_row_is_steered_by_buttons_and_media_keys(
    open_page: Opener, scene: Scene, heard: Heard
) -> None:
    """Next, previous, pause and stop; another picture ends it, and so does the button that began it."""
    page = open_page("/share.html")
    page.context.add_init_script(
        """{
          window.keys = {};
          const set = MediaSession.prototype.setActionHandler;
          MediaSession.prototype.setActionHandler = function (name, act) {
            keys[name] = act;
            set.call(this, name, act);
          };
        }"""
    )
    page.context.add_init_script(
        f"localStorage.session = JSON.stringify({scene.state['origins'][0]['localStorage'][0]['value']})"
    )
    fill(scene, heard)
    pair(scene)
    page.goto("/")
    ready(page)
    stage(page).get_by_role("button", name="반복 재생").click()
    start = tools(page).get_by_role("button", name="모두 듣기")
    start.focus()
    page.keyboard.press("Enter")
    bar = page.get_by_role("region", name="이어 듣기")
    expect(bar).to_contain_text("1/4 고양이다음: 바다 B")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.2")
    assert not page.evaluate("document.querySelector('audio').loop")
    page.evaluate("keys.nexttrack()")
    expect(bar).to_contain_text("2/4 바다 B다음: 커피 한 잔")
    expect(stage(page).locator("[data-part=title]")).to_have_text("바다")
    bar.get_by_role("button", name="다음 곡").click()
    page.evaluate("keys.previoustrack()")
    expect(bar).to_contain_text("2/4 바다 B")
    page.wait_for_function("() => !document.querySelector('audio').paused")
    bar.get_by_role("button", name="바다 B 일시 정지").click()
    assert page.evaluate("document.querySelector('audio').paused")
    bar.get_by_role("button", name="바다 B 재생").click()
    page.wait_for_function("() => !document.querySelector('audio').paused")
    bar.get_by_role("button", name="그만 듣기").press("Enter")
    expect(bar).to_be_hidden()
    expect(start).to_be_focused()
    assert page.evaluate("[document.querySelector('audio').paused, keys.nexttrack]") == [True, None]
    start.click()
    expect(bar).to_be_visible()
    tiles(page).nth(3).click()
    expect(bar).to_be_hidden()


def archive(data: bytes) -> zipfile.ZipFile:
    packed = zipfile.ZipFile(io.BytesIO(data))
    assert packed.testzip() is None
    return packed


def test_everything_is_downloaded_as_one_zip_through_the_service_worker(
    open_page: Opener, scene: Scene, short: Heard
) -> None:
    """Where no place can be asked for, or not any more because the scripts came too late after the press.

    Titles keep their letters, the same ones are numbered; a lost file is named.
    """
    fill(scene, short)
    gone = short.facts | {"url": short.facts["url"].replace("music.mp3", "gone.mp3")}
    scene.document(scene.tracks[1]).update({"music": gone})
    page = open_page(scene=scene, allow="403|404")
    page.context.add_init_script(
        "window.showSaveFilePicker = async () => { throw new DOMException('', 'SecurityError'); }"
    )
    page.reload()
    ready(page)
    await_service_worker(page)
    with page.expect_download() as download:
        tools(page).get_by_role("button", name="모두 내려받기").click()
    expect(told(page)).to_have_text("음악 3곡을 ZIP 파일 하나로 내려받았어요. 받지 못한 음악: 커피 한 잔")
    assert download.value.suggested_filename == "사진으로 만든 음악.zip"
    assert re.search("/download/[0-9a-f-]+$", download.value.url)
    packed = archive(Path(download.value.path()).read_bytes())
    assert packed.namelist() == ["고양이.mp3", "바다.mp3", "바다 (2).mp3"]
    assert len(packed.read("바다 (2).mp3")) == short.facts["bytes"]
    expect(stage(page)).to_have_attribute("data-state", "ready")
    # Without a worker, the file is made in memory, and too much is refused in words.
    page.evaluate("delete window.showSaveFilePicker")
    page.evaluate("Object.defineProperty(navigator.serviceWorker, 'controller', { value: null })")
    tools(page).get_by_role("searchbox").fill("바다")
    with page.expect_download() as download:
        tools(page).get_by_role("button", name="찾은 음악 내려받기").click()
    assert download.value.url.startswith("blob:")
    assert archive(Path(download.value.path()).read_bytes()).namelist() == ["바다.mp3", "바다 (2).mp3"]
    scene.document(scene.tracks[0]).update({"music": short.facts | {"bytes": 400_000_000}})
    tools(page).get_by_role("searchbox").fill("")
    tools(page).get_by_role("button", name="모두 내려받기").click()
    expect(told(page)).to_have_text(re.compile("한 번에 300MB까지만 .* 401MB예요"))


def test_a_zip_is_written_where_the_person_wants_it_and_can_be_stopped(
    open_page: Opener, scene: Scene, short: Heard
) -> None:
    """One file at a time is fetched as it is written; a stopped download leaves no file, or the one that was there."""
    fill(scene, short)
    pair(scene)
    page = open_page(scene=scene)
    page.context.add_init_script(PICK)
    page.reload()
    ready(page)
    press = tools(page).get_by_role("button", name="모두 내려받기")
    press.click()
    expect(told(page)).to_have_text("음악 4곡을 ZIP 파일 하나로 내려받았어요.")
    assert page.evaluate("suggested") == "사진으로 만든 음악.zip"
    packed = archive(bytes.fromhex(page.evaluate(READ_PICKED)))
    assert packed.namelist() == ["고양이.mp3", "바다 B.mp3", "커피 한 잔.mp3", "바다 A.mp3"]
    before = page.evaluate(READ_PICKED)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/music.mp3", hold)
    press.click()
    stop = tools(page).get_by_role("button", name="내려받기 멈추기")
    expect(stop).to_have_attribute("data-done", "0/4")
    assert len(held) == 1
    stop.click()
    expect(told(page)).to_have_text("내려받기를 멈췄어요.")
    expect(press).to_be_enabled()
    assert page.evaluate(READ_PICKED) == before
    page.evaluate("navigator.storage.getDirectory().then((root) => root.removeEntry('picked.zip'))")
    press.click()
    stop.click()
    expect(press).to_be_enabled()
    assert page.evaluate(HAS_PICKED) == []
