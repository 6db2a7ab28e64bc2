"""Run axe-core in an isolated JavaScript world, so that the page's Content-Security-Policy stays as it is."""

from typing import Final
from weakref import WeakKeyDictionary

from playwright.sync_api import CDPSession, Page

from localcloud.addresses import REPOSITORY

_SOURCE: Final = REPOSITORY / "web" / "node_modules" / "axe-core" / "axe.min.js"
_RUN: Final = """
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
  violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`)))
"""
# A session gets the same world again until the document changes, so axe is loaded once a document.
_SESSIONS: Final[WeakKeyDictionary[Page, CDPSession]] = WeakKeyDictionary()


def violations(page: Page) -> list[str]:
    """Return every violation of axe's rules on the current page."""
    session = _SESSIONS.get(page)
    if session is None:
        session = _SESSIONS[page] = page.context.new_cdp_session(page)
    frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    world = session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "axe"})["executionContextId"]
    loaded = session.send("Runtime.evaluate", {"expression": "typeof axe", "contextId": world})
    if loaded["result"]["value"] == "undefined":
        session.send("Runtime.evaluate", {"expression": _SOURCE.read_text(), "contextId": world})
    asked = {"expression": _RUN, "contextId": world, "awaitPromise": True, "returnByValue": True}
    answer = session.send("Runtime.evaluate", asked)
    if "exceptionDetails" in answer:
        raise RuntimeError(str(answer["exceptionDetails"]))
    return list(answer["result"]["value"])
