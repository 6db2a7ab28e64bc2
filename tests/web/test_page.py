"""The page in a real browser with the whole local cloud, used as a person uses it."""

import json
import re
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from localcloud.addresses import IMAGES_BUCKET, Addresses
from musicgenerator.drops import track_of
from musicgenerator.errors import TruncatedPictureError
from musicgenerator.events import ObjectFinalized
from musicgenerator.states import Status
from tests.support.gestures import MUSIC_MILLISECONDS, choose, give, ready, stage, tiles
from tests.support.scenes import PHOTOS, Heard, Scene, store_music
from tests.web.conftest import Opener

pytestmark = [pytest.mark.browser, pytest.mark.cloud]

COFFEE, ROCKET = PHOTOS / "coffee.jpg", PHOTOS / "rocket.jpg"
RECORD = """
() => {
  window.seen = { statuses: [], sayings: [], titles: [] };
  const stage = document.querySelector("track-stage");
  const note = (list, value) => value && list.at(-1) !== value && list.push(value);
  const record = () => {
    note(window.seen.statuses, stage.dataset.status);
    if (stage.dataset.state !== "working") return;
    note(window.seen.sayings, stage.querySelector("[data-part=saying]").textContent);
    note(window.seen.titles, stage.querySelector("[data-part=title]").textContent);
  };
  new MutationObserver(record).observe(stage, { subtree: true, childList: true, attributes: true });
}
"""


def seen(page: Page) -> dict[str, list[str]]:
    return dict(page.evaluate("window.seen"))


def test_the_page_shows_how_a_photo_becomes_music(open_page: Opener) -> None:
    """The page shows the preview at once, each state in words, the brief, then music that plays; nothing jumps."""
    page = open_page()
    page.evaluate(RECORD)
    give(page, "drop", COFFEE)
    expect(stage(page)).to_be_visible()
    # Showing the stage moves the page, as the person expects. From here on nothing may move.
    page.evaluate("window.shifted = 0")
    expect(stage(page).locator("[data-part=cover]")).to_have_attribute("src", re.compile("^blob:"))
    expect(stage(page).locator("[data-part=title]")).to_have_text("photo.jpg")
    expect(stage(page).locator("stage-steps li")).to_have_count(4)
    expect(stage(page).locator("[data-part=left]")).to_have_text(re.compile("남았어요|더 걸리고"))
    ready(page)

    went = seen(page)
    statuses = [Status(status) for status in went["statuses"]]
    assert sorted(set(statuses), key=lambda status: status.rank) == statuses
    assert {Status.AWAITING_UPLOAD, Status.COMPOSING, Status.READY} <= set(statuses)
    assert "음악을 만들고 있어요" in went["sayings"]
    assert went["titles"][0] == "photo.jpg"
    assert went["titles"][-1] != "photo.jpg"
    expect(stage(page).locator("[data-part=caption]")).to_have_text(re.compile("[가-힣]"))
    expect(stage(page).locator("[data-part=moods] li")).not_to_have_count(0)
    expect(stage(page).locator("[data-part=facts] dd")).to_have_count(4)
    cover = stage(page).locator("[data-part=cover]")
    expect(cover).to_have_attribute("src", re.compile("^http.*/cover.jpg"))
    expect(cover).to_have_js_property("complete", value=True)
    assert page.evaluate("document.querySelector('track-stage').style.getPropertyValue('--hue')")

    stage(page).get_by_role("button", name="재생").first.click()
    page.wait_for_function("() => document.querySelector('audio').currentTime > 1")
    assert page.evaluate("document.querySelector('audio').duration") == pytest.approx(30, abs=1)
    assert page.evaluate("window.shifted") < 0.02

    page.reload()
    ready(page)
    expect(tiles(page)).to_have_count(1)


def test_on_a_phone_nothing_jumps_from_the_first_visit_to_the_library(open_page: Opener) -> None:
    """The picker keeps its size, the stage appears below it and in view; a later visit does not jump either."""
    page = open_page(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    expect(page.get_by_role("heading", name="이 순간은 어떤 소리일까요?")).to_be_in_viewport()
    picker = page.locator("picture-picker")
    before = picker.bounding_box()
    assert before is not None
    choose(page, COFFEE)
    ready(page)
    expect(stage(page).locator("[data-part=title]")).to_be_in_viewport()
    after = picker.bounding_box()
    assert after is not None
    assert (after["width"], after["height"]) == (before["width"], before["height"])
    assert page.evaluate("window.shifted ?? 0") < 0.1

    page.goto("/")
    ready(page)
    expect(tiles(page)).to_have_count(1)
    assert (picker.bounding_box() or before)["height"] < before["height"] / 2
    assert page.evaluate("window.shifted ?? 0") < 0.1


def test_several_pictures_at_once_become_several_tracks(open_page: Opener) -> None:
    """Each picture, chosen or pasted, gets its own cover in the library and its own music."""
    page = open_page()
    choose(page, COFFEE, ROCKET)
    expect(tiles(page)).to_have_count(2)
    give(page, "paste", PHOTOS / "chelsea.jpg")
    expect(tiles(page)).to_have_count(3)
    expect(page.locator("track-library button[data-status=ready]")).to_have_count(3, timeout=MUSIC_MILLISECONDS)
    urls = set()
    for place in range(3):
        tiles(page).nth(place).click()
        expect(tiles(page).nth(place)).to_have_attribute("aria-current", "true")
        urls.add(ready(page).locator("audio").get_attribute("src"))
    assert len(urls) == 3


def test_a_photo_of_the_camera_is_announced_with_its_wishes(open_page: Opener) -> None:
    """The wishes are announced with the picture."""
    page = open_page(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    expect(page.locator("label.camera")).to_be_visible()
    assert page.locator("[data-part=camera]").get_attribute("capture") == "environment"
    page.get_by_text("원하는 음악이 있나요?").click()
    page.get_by_label("하고 싶은 말").fill("비 오는 날")
    page.locator("label.chip", has_text="재즈").click()
    page.locator("label.chip", has_text="15초").click()
    with page.expect_request(lambda request: request.url.endswith("/tracks")) as announced:
        page.locator("[data-part=camera]").set_input_files(COFFEE)
    asked = json.loads(announced.value.post_data or "")
    expected = {"hint": "비 오는 날", "style": "jazz", "durationSeconds": 15, "language": "ko"}
    assert {name: asked[name] for name in expected} == expected


def test_another_version_of_a_picture_is_made_and_shown_beside_the_first(
    open_page: Opener, scene: Scene, heard: Heard
) -> None:
    """An edited brief makes a new version; both can be chosen, and the first one stays unchanged."""
    first = scene.add("ready", heard, token=heard.folder.token)
    page = open_page(scene=scene)
    ready(page).get_by_role("button", name="다른 버전 만들기").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("제목").fill("다른 물결")
    dialog.get_by_label("장르").select_option("jazz")
    dialog.get_by_label("조성").select_option("A minor")
    dialog.get_by_role("slider", name="빠르기").fill("120")
    dialog.get_by_label("길이").select_option("15")
    with page.expect_request(lambda request: request.url.endswith(":again")) as asked:
        dialog.get_by_role("button", name="만들기").press("Enter")
    edit = {"title": "다른 물결", "genre": "jazz", "key": "A minor", "tempoBpm": 120, "durationSeconds": 15}
    assert json.loads(asked.value.post_data or "") == edit
    expect(dialog).to_be_hidden()
    # The button that opened the dialog is hidden until the new version is music.
    expect(stage(page)).to_be_focused()
    expect(stage(page).locator("[data-part=title]")).to_have_text("다른 물결")
    expect(stage(page).locator("[data-part=versions] button")).to_have_count(2)
    expect(stage(page)).to_have_attribute("data-status", "ready", timeout=MUSIC_MILLISECONDS)
    expect(stage(page).locator("[data-part=duration]")).to_have_text("0:15")
    expect(tiles(page)).to_have_count(1)
    expect(tiles(page).first).to_contain_text("버전 2개")

    stage(page).get_by_role("button", name="버전 1").click()
    expect(stage(page)).to_have_attribute("data-track", first)
    expect(stage(page).locator("[data-part=title]")).to_have_text("푸른 물결")
    expect(stage(page).locator("[data-part=duration]")).to_have_text("0:12")
    tiles(page).first.press("Enter")
    expect(stage(page).locator("[data-part=title]")).to_have_text("다른 물결")


def test_moods_and_instruments_of_another_version_are_chosen_by_keyboard(
    open_page: Opener, scene: Scene, heard: Heard
) -> None:
    """The chips keep within the API's limits, and the new version is made with the chosen words."""
    scene.add("ready", heard, token=heard.folder.token)
    was = scene.of(scene.tracks[0])["brief"]
    assert (was["moods"], was["instruments"]) == (["calm", "warm", "wistful"], ["slow strings", "warm pad", "harp"])
    page = open_page(scene=scene)
    ready(page).get_by_role("button", name="다른 버전 만들기").click()
    dialog = page.get_by_role("dialog")
    moods, instruments = (dialog.locator("details", has_text=name).locator("summary") for name in ("분위기", "악기"))

    def press(*names: str) -> None:
        for name in names:
            dialog.get_by_role("checkbox", name=name, exact=True).press("Space")

    expect(moods).to_have_text("분위기 차분한, 따뜻한, 아련한 · 5개까지")
    moods.press("Enter")
    press("밝은", "장난스러운")
    expect(moods.get_by_role("status")).to_have_text(re.compile("5개를 모두 골랐어요"))
    expect(dialog.get_by_role("checkbox", name="그리운")).to_be_disabled()
    press("차분한")
    expect(dialog.get_by_role("checkbox", name="그리운")).to_be_enabled()

    instruments.press("Enter")
    press("하프", "따뜻한 패드")
    expect(instruments.get_by_role("status")).to_have_text(re.compile("^느린 현악 · 하나는 있어야 해요"))
    expect(dialog.get_by_role("checkbox", name="느린 현악")).to_be_disabled()
    press("플루트", "느린 현악")
    # The flute is now the only one left; its chip is disabled, and it is sent all the same.
    dialog.get_by_label("길이").select_option("15")
    dialog.get_by_role("button", name="만들기").click()
    expect(dialog).to_be_hidden()
    expect(stage(page).locator("[data-part=moods] li")).to_have_text(["따뜻한", "아련한", "밝은", "장난스러운"])
    expect(stage(page).locator("[data-part=facts] dd").nth(1)).to_have_text("플루트")
    expect(stage(page)).to_have_attribute("data-status", "ready", timeout=MUSIC_MILLISECONDS)
    new = stage(page).get_attribute("data-track") or ""
    assert new != scene.tracks[0]
    made = scene.of(new)["brief"]
    assert (made["moods"], made["instruments"]) == (["warm", "wistful", "bright", "playful"], ["flute"])
    assert made["why"] == {name: was["why"][name] for name in ("tempo", "key")}
    unchanged = {name: value for name, value in was.items() if name not in {"moods", "instruments", "why"}}
    assert {name: made[name] for name in unchanged} == unchanged


def test_music_that_is_being_made_can_be_cancelled(open_page: Opener) -> None:
    """One press ends the track, says so, and offers another picture."""
    page = open_page()
    choose(page, ROCKET)
    expect(stage(page)).to_have_attribute("data-status", re.compile("caption|launching|composing"))
    page.get_by_role("button", name="그만두기").click()
    expect(stage(page)).to_have_attribute("data-status", "cancelled")
    expect(stage(page).locator("[data-part=reason]")).to_have_text(re.compile("취소했어요"))
    expect(stage(page).get_by_role("button", name="다른 사진 고르기")).to_be_visible()


def test_a_failed_track_is_tried_again(open_page: Opener, scene: Scene, local_cloud: Addresses) -> None:
    """The page shows the reason in plain words, and the next attempt makes music."""
    own = store_music(local_cloud)
    track = scene.add("failed", own, token=own.folder.token)
    page = open_page(scene=scene)
    expect(stage(page).locator("[data-part=reason]")).to_have_text(re.compile("문제가 생겼어요"))
    stage(page).get_by_role("button", name="다시 시도하기").click()
    expect(stage(page)).to_have_attribute("data-status", "ready", timeout=MUSIC_MILLISECONDS)
    assert scene.of(track)["attempt"] == 2


def test_a_picture_that_cannot_be_decoded_ends_in_words(open_page: Opener, tmp_path: Path) -> None:
    """The page shows the captioner's message and offers no retry."""
    cut = tmp_path / "photo.jpg"
    cut.write_bytes(COFFEE.read_bytes()[:2000])
    page = open_page()
    choose(page, cut)
    expect(stage(page)).to_have_attribute("data-status", "failed", timeout=MUSIC_MILLISECONDS)
    expect(stage(page).locator("[data-part=reason]")).to_have_text(TruncatedPictureError.words["ko"])
    expect(stage(page).locator("[data-part=retry]")).to_be_hidden()


def test_a_picture_dropped_into_the_bucket_is_seen(open_page: Opener, local_cloud: Addresses) -> None:
    """The page reads the operator's drop session without its secret and can change nothing in it."""
    page = open_page()
    page.get_by_role("link", name="버킷에 넣은 사진").click()
    expect(page.locator("picture-picker")).to_be_hidden()
    upload = f"{local_cloud.url('storage')}/upload/storage/v1/b/{IMAGES_BUCKET}/o?uploadType=media&name=page-coffee.jpg"
    headers = {"Content-Type": "image/jpeg"}
    stored = requests.post(upload, data=COFFEE.read_bytes(), headers=headers, timeout=30).json()
    track = track_of(ObjectFinalized.from_data(stored))
    page.locator(f"track-library button[value={track}]").click()
    ready(page)
    for name in ("다른 버전 만들기", "지우기", "모두 지우기"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_hidden()
    expect(page.get_by_role("button", name="공유하기")).to_be_visible()
    assert "secret" not in requests.get(local_cloud.url("page") + "/config.json", timeout=30).text
