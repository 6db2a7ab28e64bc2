"""The privacy notice shows what the operator has set."""

import json

import pytest
from playwright.sync_api import Route, expect

from tests.web.conftest import Opener

pytestmark = pytest.mark.browser


def test_the_operator_and_the_session_s_days_are_filled_in(open_page: Opener) -> None:
    """In both languages, as text: a name cannot contain markup."""
    page = open_page("/privacy.html")
    expect(page.locator("[data-days='session']")).to_have_text(["30", "30"])
    expect(page.locator("#en [data-setting='operatorName']")).to_have_text("The operator has not given a name yet.")
    settings = {"operatorName": "Kim <b>& Lee", "operatorContact": "privacy@example.com", "sessionDays": 7}

    def answer(route: Route) -> None:
        route.fulfill(status=200, content_type="application/json", body=json.dumps(settings))

    page.route("**/config.json", answer)
    page.reload()
    expect(page.locator("[data-setting='operatorName']")).to_have_text(["Kim <b>& Lee"] * 2)
    expect(page.locator("[data-setting='operatorContact']")).to_have_text(["privacy@example.com"] * 2)
    expect(page.locator("[data-days='session']")).to_have_text(["7", "7"])
    expect(page.locator("[data-days='results']")).to_have_text(["8", "8"])


def test_the_notice_is_reached_from_a_shared_track(open_page: Opener) -> None:
    """Without a list of your own, too."""
    page = open_page("/share.html#rabcdefghijklmnopqrstuvwxyz", allow="403|404")
    page.locator("a[href='privacy.html']").click()
    expect(page.get_by_role("heading", name="개인정보 안내")).to_be_visible()
