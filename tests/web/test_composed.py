"""What the page shows of composed music: takes, chords, exports, and versions that keep almost everything."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.contracts.recorded import recorded
from tests.support.composed import IMAGE, add_composed, asked, store_composed, store_export
from tests.support.gestures import ENGINES, choose, ready, refuse, stage, tiles, with_engines
from tests.support.scenes import PHOTOS, Heard, Scene, store_music
from tests.web.conftest import Opener

pytestmark = [pytest.mark.browser, pytest.mark.cloud]


@pytest.fixture(scope="module")
def composed(heard: Heard, local_cloud: Any) -> Heard:  # noqa: ARG001  the bucket's first music
    return store_composed(local_cloud)


def audio(page: Page, name: str) -> Any:
    return page.evaluate(f"document.querySelector('audio').{name}")


def test_two_takes_are_one_version_and_go_on_at_the_same_place(
    open_page: Opener, scene: Scene, composed: Heard
) -> None:
    """The other take goes on where the first one is; one of them is kept, after a question."""
    other = store_music(scene.addresses)
    first = add_composed(scene, composed, image=IMAGE)
    second = scene.add(
        "ready", other, image=IMAGE, request=scene.of(first)["request"] | {"twinOf": first}, token=other.folder.token
    )
    page = open_page(scene=scene)
    ready(page)
    expect(tiles(page)).to_have_count(1)
    expect(stage(page)).to_have_attribute("data-track", first)
    expect(stage(page).locator("[data-part=versions]")).to_be_hidden()
    pair = stage(page).get_by_role("group", name="두 곡 비교하기")
    a, b = (pair.get_by_role("button", name=name, exact=True) for name in ("A", "B"))
    expect(a).to_have_attribute("aria-pressed", "true")

    stage(page).get_by_role("button", name="재생").first.click()
    page.wait_for_function("() => document.querySelector('audio').currentTime > 1")
    page.evaluate("document.querySelector('audio').volume = 0.5")
    at = audio(page, "currentTime")
    b.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => document.querySelector('audio').src === '{other.facts['url']}'")
    assert (audio(page, "paused"), audio(page, "volume")) == (False, 0.5)
    assert at <= audio(page, "currentTime") < at + 3
    expect(stage(page)).to_have_attribute("data-track", second)
    expect(b).to_be_focused()

    stage(page).get_by_role("button", name="일시 정지").click()
    at = audio(page, "currentTime")
    a.click()
    page.wait_for_function(f"() => document.querySelector('audio').src === '{composed.facts['url']}'")
    page.wait_for_function("() => document.querySelector('audio').readyState > 0")
    assert audio(page, "paused")
    assert audio(page, "currentTime") == pytest.approx(at, abs=0.1)

    pair.get_by_role("button", name="A만 남기기").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("B는 서버에서 지워지고")
    dialog.get_by_role("button", name="A만 남기기").click()
    expect(pair).to_be_hidden()
    expect(stage(page)).to_have_attribute("data-track", first)
    expect(stage(page)).to_be_focused()
    assert scene.of(second) == {}
    assert scene.of(first)["status"] == "ready"


def test_two_takes_are_asked_for_and_both_are_kept(open_page: Opener, scene: Scene, composed: Heard) -> None:
    first = scene.add("captioning", image=IMAGE, request=asked("", "") | {"export": None, "takes": 2})
    page = open_page(scene=scene)
    pair = stage(page).get_by_role("group", name="두 곡 비교하기")
    expect(pair.get_by_role("button", name="B")).to_be_disabled()
    request = scene.of(first)["request"]
    scene.document(first).update({"status": "composing", "brief": recorded("track_ready")["brief"]})
    second = scene.add("composing", composed, image=IMAGE, request=request | {"takes": 1, "twinOf": first})
    pair.get_by_role("button", name="B 만드는 중").click()
    expect(stage(page)).to_have_attribute("data-track", second)
    pair.get_by_role("button", name="둘 다 남기기").click()
    expect(pair.get_by_role("button", name="둘 다 남기기")).to_be_hidden()
    page.reload()
    expect(stage(page)).to_have_attribute("data-track", first)
    expect(pair.get_by_role("button", name="B 만드는 중")).to_be_visible()
    expect(pair.get_by_role("button", name="둘 다 남기기")).to_be_hidden()
    scene.document(second).update({"status": "cancelled"})
    expect(pair.get_by_role("button", name="B 그만둠")).to_be_visible()
    expect(page.locator("status-announcer")).to_have_text("푸른 물결 B: 그만두었어요.")

    page.locator("picture-picker").get_by_role("checkbox", name="두 곡을 만들어").check()
    with page.expect_request(lambda request: request.url.endswith("/tracks")) as announced:
        choose(page, PHOTOS / "coffee.jpg")
    told = json.loads(announced.value.post_data or "")
    assert (told["takes"], "engine" in told) == (2, False)


def test_chords_and_sections_follow_the_music(open_page: Opener, scene: Scene, composed: Heard) -> None:
    """A section is a press away; the present chord is said on demand only, and all chords are a list."""
    add_composed(scene, composed)
    page = open_page(scene=scene)
    page.emulate_media(reduced_motion="reduce")
    lane = ready(page).get_by_role("group", name="코드와 구성")
    expect(lane.get_by_role("button", name="지금 코드 D")).to_be_visible()
    expect(lane.get_by_role("listitem")).to_have_text(["전주", "A", "B", "끝"])
    page.wait_for_function("() => document.querySelector('audio').readyState > 0")
    lane.get_by_role("button", name="B, 0:06부터").press("Enter")
    expect(lane.get_by_role("button", name="B, 0:06부터")).to_have_attribute("aria-current", "true")
    chord = lane.get_by_role("button", name="지금 코드 B♭maj7")
    expect(chord).to_have_text("B♭maj7")
    # Without motion the strip stands at the beginning of the chord.
    strip = lane.locator("[data-part=strip]")
    page.evaluate("document.querySelector('audio').currentTime = 7.3")
    expect(strip).to_have_css("transform", "matrix(1, 0, 0, 1, -264, 0)")
    expect(lane.get_by_role("status")).to_be_empty()
    chord.press("Enter")
    expect(lane.get_by_role("status")).to_have_text("B♭maj7, B, 4마디")
    # What has the focus keeps its name, because some screen readers would speak at each chord.
    page.evaluate("document.querySelector('audio').currentTime = 8.5")
    chord = lane.locator("[data-part=chord]")
    expect(chord).to_have_text("G")
    expect(chord).to_have_attribute("aria-label", "지금 코드 B♭maj7")
    chord.press("Enter")
    expect(lane.get_by_role("status")).to_have_text("G, B, 5마디")
    page.evaluate("document.querySelector('audio').currentTime = 7.3")
    lane.get_by_role("button", name="코드 목록").press("Enter")
    listed = ["1마디 D", "2마디 Bm7 3마디 F♯m7♭5", "4마디 B♭maj7 5마디 G", "6마디 A7"]
    expect(lane.get_by_role("definition")).to_have_text(listed)

    page.emulate_media(reduced_motion="no-preference")
    stage(page).get_by_role("button", name="재생").first.click()
    page.wait_for_function("() => document.querySelector('audio').currentTime > 8.2")
    expect(lane.get_by_role("button", name="지금 코드 G")).to_be_visible()
    page.get_by_role("button", name="English").click()
    lane = stage(page).get_by_role("group", name="Chords and form")
    expect(lane.get_by_role("button", name="Chord now")).to_be_visible()
    expect(lane.get_by_role("listitem")).to_have_text(["Intro", "A", "B", "End"])


def test_another_version_keeps_everything_but_one_part(open_page: Opener, scene: Scene, composed: Heard) -> None:
    """Parts and sections are offered for composed music only; the engine can be another one."""
    add_composed(scene, composed)
    scene.add("ready", composed, music=composed.facts | {"engine": "lyria-002"})
    page = with_engines(open_page, scene, allow="Failed to load resource")
    ready(page).get_by_role("button", name="다른 버전 만들기").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("radio")).to_have_count(3)
    expect(dialog.get_by_label("그대로 두고 하나만")).to_be_hidden()
    page.keyboard.press("Escape")
    tiles(page).nth(1).click()
    expect(stage(page)).to_have_attribute("data-track", scene.tracks[0])
    stage(page).get_by_role("button", name="다른 버전 만들기").click()
    keep = dialog.get_by_label("그대로 두고 하나만")
    expect(keep.get_by_role("option")).to_have_text(
        [
            *("전체를 새로 만들기", "멜로디 (하프)", "패드 (따뜻한 패드)", "패드 2 (느린 현악)"),
            *("1. 전주 (0:00\N{EN DASH}0:02)", "2. A (0:02\N{EN DASH}0:06)"),
            *("3. B (0:06\N{EN DASH}0:10)", "4. 끝 (0:10\N{EN DASH}0:12)"),
        ]
    )
    dialog.get_by_role("radio", name="Lyria 3 Pro").check()
    expect(keep).to_be_hidden()
    dialog.get_by_role("radio", name="컴퓨터 작곡가").check()
    keep.select_option("section 3")
    expect(dialog.get_by_role("checkbox", name="같은 시드로")).to_be_disabled()
    expect(dialog.get_by_label("장르")).to_be_disabled()
    dialog.get_by_label("제목").fill("다른 물결")
    with page.expect_request(lambda request: request.url.endswith(":again")) as asked_for:
        dialog.get_by_role("button", name="만들기").click()
    assert json.loads(asked_for.value.post_data or "") == {"title": "다른 물결", "keep": {"except": "section 3"}}


def test_the_engine_is_a_wish_where_there_are_several(open_page: Opener, scene: Scene) -> None:
    """Each engine has a plain name, its usual wait, and its price if the operator shows prices."""
    page = with_engines(open_page, None, ENGINES[:1])
    expect(page.locator("[data-part=usual]")).to_have_text(re.compile("보통"))
    expect(page.locator("picture-picker engine-choice")).to_be_hidden()
    page = with_engines(open_page, scene, allow="Failed to load resource")
    wishes = page.locator("picture-picker")
    expect(wishes.get_by_role("radio", name="컴퓨터 작곡가")).to_be_checked()
    expect(wishes.locator("label.option .facts")).to_have_text(
        ["30초 기준 보통 2분 30초 · 약 US$0.043", "30초 기준 보통 1분 · 약 US$0.08", "30초 기준 보통 45초"]
    )
    before = wishes.locator("[data-part=usual]").inner_text()
    wishes.get_by_role("radio", name="Lyria 3 Pro").check()
    expect(wishes.locator("[data-part=usual]")).not_to_have_text(before)
    page.get_by_role("button", name="English").click()
    expect(wishes.get_by_role("radio", name="Lyria 3 Pro")).to_be_checked()
    with page.expect_request(lambda request: request.url.endswith("/tracks")) as announced:
        choose(page, PHOTOS / "coffee.jpg")
    assert json.loads(announced.value.post_data or "")["engine"] == "lyria-3-pro"


def test_one_press_makes_an_export_and_saves_it(open_page: Opener, scene: Scene, composed: Heard) -> None:
    """A refused request is repeated with the same key. The file is saved when it is made, whatever is on the stage."""
    source = add_composed(scene, composed)
    page = open_page(scene=scene, allow="Failed to load resource")
    refused = refuse(page, "stems")
    saves = ready(page).get_by_role("group", name="내려받기")
    stems = saves.get_by_role("button", name="악기별 파일")
    dialog = page.get_by_role("dialog")
    for _ in range(2):
        stems.press("Enter")
        expect(dialog).to_contain_text("한 곡을 써요")
        dialog.get_by_role("button", name="만들기").press("Enter")
        expect(saves.get_by_role("alert")).to_contain_text(["다시 만들 수 있어요"])
        expect(stems).to_be_focused()

    image = scene.of(source)["image"]
    accepted: list[str] = []

    def accept(route: Route) -> None:
        refused.append(route)
        accepted.append(scene.add("composing", composed, request=asked(source, "stems"), image=image))
        route.fulfill(status=202, headers={"Access-Control-Allow-Origin": "*"}, json={"track": accepted[0]})

    page.route("**/*:stems", accept)
    stems.press("Enter")
    dialog.get_by_role("button", name="만들기").press("Enter")
    told = saves.get_by_role("status").first
    expect(told).to_have_text(re.compile("만들고 있어요. 보통 .*다 되면 바로 내려받아요."))
    assert len(refused) == 3
    assert len({route.request.headers["idempotency-key"] for route in refused}) == 1
    expect(stems).to_be_disabled()
    expect(stems).to_be_focused()
    other = scene.add("failed")
    expect(stage(page)).to_have_attribute("data-track", other)
    archive = store_export(scene.addresses, "stems.zip", b"PK\5\6" + bytes(18))
    with page.expect_download() as download:
        scene.document(accepted[0]).update({"status": "ready", "music": archive})
    assert download.value.suggested_filename == "푸른 물결 (stems.zip)"
    tiles(page).nth(1).click()
    expect(told).to_have_text("악기별 파일: 내려받고 있어요. 시작되지 않으면 버튼을 눌러 주세요.")


def test_exports_survive_a_reload_and_say_what_became_of_them(open_page: Opener, scene: Scene, composed: Heard) -> None:
    """They are downloads of their source, and are no entries of the library."""
    source = add_composed(scene, composed)
    image = scene.of(source)["image"]
    made = scene.add("composing", composed, request=asked(source, "stems"), image=image)
    broken = scene.add("failed", request=asked(source, "loop"), image=image)
    page = open_page(scene=scene)
    saves = ready(page).get_by_role("group", name="내려받기")
    expect(tiles(page)).to_have_count(1)
    expect(saves.get_by_role("button", name="악기별 파일")).to_be_disabled()
    expect(saves.get_by_role("status").first).to_have_text(re.compile("만들고 있어요. 보통 .*걸려요."))
    expect(saves.get_by_role("button", name="그만두기")).to_be_visible()
    expect(saves.get_by_role("alert").last).to_have_text(str(scene.of(broken)["error"]["message"]))
    saves.get_by_role("button", name="다시 시도하기").wait_for()
    gone = "이전 작곡가가 만든 음악이에요."
    scene.document(broken).update({"error": {"code": "composer_changed", "message": gone, "retryable": False}})
    expect(saves.get_by_role("alert").last).to_have_text(gone)
    expect(saves.get_by_role("button", name="루프", exact=True)).to_be_disabled()
    expect(saves.get_by_role("button", name="다시 시도하기")).to_be_hidden()
    stems = store_export(scene.addresses, "stems.zip", b"PK\5\6" + bytes(18))
    scene.document(made).update({"status": "ready", "music": stems})
    loop = store_export(scene.addresses, "loop.wav", b"RIFF")
    scene.document(broken).update({"status": "ready", "music": loop, "error": None})
    for name, file in (
        ("악기별 파일 받기", "푸른 물결 (stems.zip)"),
        ("루프 받기", "푸른 물결 (D major, 72 BPM, 6 bars).wav"),
    ):
        with page.expect_download() as download:
            saves.get_by_role("button", name=name).click()
        assert download.value.suggested_filename == file
    with page.expect_download() as download:
        saves.get_by_role("button", name="악보").click()
    assert download.value.suggested_filename == "푸른 물결.musicxml"
