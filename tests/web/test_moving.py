"""A session moves from one browser to another by a link that works once, and tracks are liked."""

import json
import re

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from localcloud.addresses import Addresses
from tests.support.gestures import ready, stage, tiles
from tests.support.scenes import Heard, Scene, new_scene
from tests.web.conftest import Opener

pytestmark = [pytest.mark.browser, pytest.mark.cloud]

LINK = re.compile(r"#move=(m[a-z2-7]{26})\.([A-Za-z0-9_-]{43})$")


def dialog(page: Page, name: str) -> Locator:
    return page.get_by_role("dialog", name=name)


def offered(page: Page) -> str:
    """Open the dialog by keys only, and return the link of its code."""
    page.get_by_role("button", name="다른 기기로 옮기기").press("Enter")
    opened = dialog(page, "다른 기기에서 이어 보기")
    expect(opened.get_by_role("status")).to_have_text("코드가 준비됐어요. 5분 동안 한 번만 쓸 수 있어요.")
    expect(opened.get_by_role("button", name="링크 복사")).to_be_focused()
    return opened.get_by_role("textbox", name="링크").input_value()


def test_a_session_moves_to_another_device_once(
    open_page: Opener, scene: Scene, heard: Heard, local_cloud: Addresses
) -> None:
    """The link's key is in no request, the address loses both at once, and a second device gets words."""
    scene.add("ready", heard)
    page = open_page(scene=scene, permissions=["clipboard-read", "clipboard-write"])
    sent: list[str] = []
    page.context.on("request", lambda request: sent.append(said(request)))
    ready(page)
    link = offered(page)
    found = LINK.search(link)
    assert found
    code, key = found.groups()
    opened = dialog(page, "다른 기기에서 이어 보기")
    expect(opened.get_by_role("img", name="목록을 옮기는 QR 코드")).to_be_visible()
    expect(opened.get_by_role("timer")).to_have_text(re.compile("^4분 [0-9]+초 남았어요.$"))
    page.keyboard.press("Enter")
    expect(opened.get_by_role("status")).to_have_text("링크를 복사했어요. 한 번만 쓸 수 있어요.")
    assert page.evaluate("navigator.clipboard.readText()") == link
    page.keyboard.press("Escape")
    expect(opened).to_be_hidden()

    other = open_page("/privacy.html", locale="en-US")
    other.context.on("request", lambda request: sent.append(said(request)))
    other.goto(link)
    asked = dialog(other, "Bring the list from the other device?")
    expect(asked).to_contain_text("only if you made the code yourself")
    expect(asked).not_to_contain_text("You will no longer see", use_inner_text=True)
    assert other.evaluate("location.href") == f"{local_cloud.url('page')}/#"
    expect(asked.get_by_role("button", name="Not now")).to_be_focused()
    other.keyboard.press("Tab")
    other.keyboard.press("Enter")
    expect(asked.get_by_role("status")).to_have_text("The list is here now. You can see it in this browser, too.")
    expect(asked.get_by_role("button", name="Close")).to_be_focused()
    other.keyboard.press("Enter")
    expect(tiles(other)).to_have_count(1)
    ready(other)
    assert kept(other) == kept(page)
    assert sum(code in text for text in sent) == 1
    assert [text for text in sent if key in text] == []

    own = new_scene(local_cloud)
    own.add("failed")
    late = open_page(scene=own, allow="404")
    expect(tiles(late)).to_have_count(1)
    late.goto(link)
    asked = dialog(late, "다른 기기의 목록을 가져올까요?")
    expect(asked).to_contain_text("더는 볼 수 없게 돼요", use_inner_text=True)
    asked.get_by_role("button", name="가져오기").click()
    expect(asked.get_by_role("status")).to_have_text(re.compile("이미 썼거나 시간이 지난 코드"))
    asked.get_by_role("button", name="닫기").click()
    assert kept(late)["session"] == own.session
    expect(tiles(late)).to_have_count(1)


def test_a_code_ends_in_words_and_another_one_replaces_the_list(
    open_page: Opener, scene: Scene, heard: Heard, local_cloud: Addresses
) -> None:
    """After five minutes the code is gone from the page. A device with its own list is asked first."""
    scene.add("ready", heard)
    page = open_page("/privacy.html", scene=scene)
    page.clock.install()
    page.goto("/")
    ready(page)
    first = offered(page)
    opened = dialog(page, "다른 기기에서 이어 보기")
    page.clock.fast_forward(4 * 60 * 1000)
    expect(opened.get_by_role("status")).to_have_text("코드를 쓸 수 있는 시간이 1분 남았어요.")
    page.clock.fast_forward(60 * 1000)
    expect(opened.get_by_role("status")).to_have_text("코드를 쓸 수 있는 시간이 지났어요.")
    expect(opened.get_by_role("img")).to_be_hidden()
    expect(opened.get_by_role("button", name="새 코드 만들기")).to_be_focused()
    page.keyboard.press("Enter")
    expect(opened.get_by_role("img", name="QR 코드")).to_be_visible()
    link = opened.get_by_role("textbox", name="링크").input_value()
    assert link != first

    own = new_scene(local_cloud)
    own.add("failed")
    other = open_page(scene=own)
    expect(stage(other)).to_have_attribute("data-state", "problem")
    for answer, session in (("그만두기", own.session), ("가져오기", scene.session)):
        # In the same tab only the fragment changes.
        other.evaluate("(link) => { location.href = link; }", link)
        asked = dialog(other, "다른 기기의 목록을 가져올까요?")
        expect(asked).to_contain_text("더는 볼 수 없게 돼요")
        asked.get_by_role("button", name=answer).click()
        if session == scene.session:
            expect(asked.get_by_role("status")).to_have_text(re.compile("목록을 가져왔어요"))
            asked.get_by_role("button", name="닫기").click()
        expect(asked).to_be_hidden()
        assert kept(other)["session"] == session
    ready(other)


def test_a_track_is_liked_on_the_stage_and_in_the_library(open_page: Opener, scene: Scene, heard: Heard) -> None:
    """Both hearts show it at once, and the filter shows only what is liked."""
    other, track = scene.add("failed"), scene.add("ready", heard)
    page = open_page(scene=scene)
    ready(page)
    heart = stage(page).get_by_role("button", name="좋아요")
    small = page.locator("track-library").get_by_role("button", name="푸른 물결 좋아요")
    only = page.get_by_role("checkbox", name="좋아요한 음악만")
    expect(heart).to_have_attribute("aria-pressed", "false")
    expect(only).to_be_hidden()
    heart.press("Enter")
    expect(heart).to_have_attribute("aria-pressed", "true")
    expect(small.first).to_have_attribute("aria-pressed", "true")
    only.check()
    expect(tiles(page).filter(visible=True)).to_have_count(1)
    small.first.click()
    expect(heart).to_have_attribute("aria-pressed", "false")
    # Nothing is liked any more, so the filter hides nothing.
    expect(only).to_be_hidden()
    expect(tiles(page).filter(visible=True)).to_have_count(2)
    page.reload()
    expect(heart).to_have_attribute("aria-pressed", "false")
    assert (scene.of(track)["liked"], scene.of(other).get("liked")) == (False, None)


def said(request: Request) -> str:
    return f"{request.url} {request.headers} {request.post_data}"


def kept(page: Page) -> dict[str, str]:
    return dict(json.loads(page.evaluate("localStorage.session")))
