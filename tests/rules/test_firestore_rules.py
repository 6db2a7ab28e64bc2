"""The Firestore rules in the real emulator: knowing an open session's id allows reading its tracks, nothing else."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

pytestmark = pytest.mark.cloud

PROJECT = "demo-rules"
NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=1)
EARLIER = NOW - timedelta(minutes=5)
ALLOWED = 200
DENIED = 403
WHO = ("nobody", "user", "forger")

READABLE = ("sessions/open/tracks/fresh", "sessions/open/tracks/second")
CLOSED = (
    "sessions/open",
    "sessions/over",
    "sessions/endless",
    "sessions/ended",
    "sessions/missing",
    "sessions/open/tracks/expired",
    "sessions/open/tracks/endless",
    "sessions/open/tracks/missing",
    "sessions/over/tracks/fresh",
    "sessions/endless/tracks/fresh",
    "sessions/ended/tracks/fresh",
    "sessions/missing/tracks/fresh",
    "sessions/open/work/fresh",
    "sessions/open/tracks/fresh/private/work",
    "tracks/fresh",
    "budgets/today",
    "control/regions",
    "moves/offered",
    "other/sessions/open/fresh",
)
SEED = {
    "sessions/open": LATER,
    "sessions/over": EARLIER,
    "sessions/endless": None,
    "sessions/ended": LATER,
    "sessions/open/tracks/fresh": LATER,
    "sessions/open/tracks/second": LATER,
    "sessions/open/tracks/expired": EARLIER,
    "sessions/open/tracks/endless": None,
    "sessions/over/tracks/fresh": LATER,
    "sessions/endless/tracks/fresh": LATER,
    "sessions/ended/tracks/fresh": LATER,
    "sessions/missing/tracks/fresh": LATER,
    "sessions/open/work/fresh": LATER,
    "sessions/open/tracks/fresh/private/work": LATER,
    "tracks/fresh": LATER,
    "budgets/today": LATER,
    "control/regions": LATER,
    "moves/offered": LATER,
    "other/sessions/open/fresh": LATER,
}


@dataclass(frozen=True)
class Firestore:
    """The emulator's REST API with a caller's credentials."""

    base_url: str

    def ask(self, method: str, path: str, who: str = "nobody", body: object = None) -> requests.Response:
        """Send a request below the documents' root as ``nobody``, a signed-in ``user``, a ``forger`` or ``owner``."""
        documents = f"{self.base_url}/v1/projects/{PROJECT}/databases/(default)/documents"
        return requests.request(method, documents + path, headers=credentials(who), json=body, timeout=30)

    def query(self, parent: str, who: str, structured: dict[str, Any]) -> requests.Response:
        """Run a structured query below a document, or below the root if ``parent`` is empty."""
        return self.ask("POST", f"{parent}:runQuery", who, {"structuredQuery": structured})

    def coverage(self) -> list[dict[str, Any]]:
        """Return the rules' expression trees with the values that each expression had."""
        answer = requests.get(f"{self.base_url}/emulator/v1/projects/{PROJECT}:ruleCoverage", timeout=30)
        return list(answer.json()["report"])


def credentials(who: str) -> dict[str, str]:
    """Return the authorization header of a caller; the emulator accepts unsigned tokens."""
    if who == "nobody":
        return {}
    if who == "owner":
        return {"Authorization": "Bearer owner"}
    now = int(NOW.timestamp())
    claims: dict[str, Any] = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": "user",
        "iat": now,
        "exp": now + 3600,
    }
    if who == "forger":
        claims |= {"admin": True, "session": "open", "email": "owner@example.com", "email_verified": True}

    def encode(part: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()

    return {"Authorization": f"Bearer {encode({'alg': 'none', 'typ': 'JWT'})}.{encode(claims)}."}


def document(expires_at: datetime | None, *, ended: bool = False) -> dict[str, Any]:
    """Return a document in REST format; None omits ``expiresAt``, and ``ended`` adds ``endedAt``."""
    fields: dict[str, Any] = {"createdAt": {"timestampValue": NOW.isoformat()}, "status": {"stringValue": "ready"}}
    if expires_at:
        fields["expiresAt"] = {"timestampValue": expires_at.isoformat()}
    if ended:
        fields["endedAt"] = {"timestampValue": NOW.isoformat()}
    return {"fields": fields}


def newest(limit: int = 50) -> dict[str, Any]:
    """Return the page's query."""
    order = {"field": {"fieldPath": "createdAt"}, "direction": "DESCENDING"}
    return {"from": [{"collectionId": "tracks"}], "orderBy": [order], "limit": limit}


@pytest.fixture(scope="module")
def firestore(firestore_emulator: str) -> Iterator[Firestore]:
    """Return the emulator with an open, an expired, an ended and a broken session."""
    database = Firestore(firestore_emulator)
    for path, expires_at in SEED.items():
        written = document(expires_at, ended=path == "sessions/ended")
        assert database.ask("PATCH", f"/{path}", "owner", written).status_code == ALLOWED
    yield database
    documents = f"{firestore_emulator}/emulator/v1/projects/{PROJECT}/databases/(default)/documents"
    requests.delete(documents, timeout=30)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("path", READABLE)
def test_a_track_of_an_open_session_can_be_read(firestore: Firestore, path: str, who: str) -> None:
    """Knowing the session and the track is enough, signed in or not."""
    assert firestore.ask("GET", f"/{path}", who).status_code == ALLOWED


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("path", CLOSED)
def test_nothing_else_can_be_read(firestore: Firestore, path: str, who: str) -> None:
    """Sessions, private documents, and expired or missing tracks are all denied with the same error."""
    assert firestore.ask("GET", f"/{path}", who).status_code == DENIED


@pytest.mark.parametrize("who", WHO)
def test_an_open_session_can_be_listed(firestore: Firestore, who: str) -> None:
    """The page's query returns the session's tracks."""
    answer = firestore.query("/sessions/open", who, newest())
    assert answer.status_code == ALLOWED
    names = {row["document"]["name"].rsplit("/", 1)[-1] for row in answer.json()}
    assert names == {"fresh", "second", "expired", "endless"}


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("limit", [None, 101, 1000, 2**31 - 1])
def test_a_query_without_a_small_limit_is_denied(firestore: Firestore, who: str, limit: int | None) -> None:
    """Each document that it returns is paid for. Before, one request could read a whole session."""
    query = newest() | {"limit": limit}
    if limit is None:
        del query["limit"]
    assert firestore.query("/sessions/open", who, query).status_code == DENIED
    if limit is not None:
        # Without a size, a listing gets Firestore's own small one.
        assert firestore.ask("GET", f"/sessions/open/tracks?pageSize={limit}", who).status_code == DENIED


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("offset", [1, 100, 2**31 - 1])
def test_a_query_that_skips_tracks_is_denied(firestore: Firestore, who: str, offset: int) -> None:
    """Each track that an offset skips is paid for, beyond the limit of those that are returned."""
    query = newest(limit=1) | {"offset": offset}
    assert firestore.query("/sessions/open", who, query).status_code == DENIED
    assert firestore.query("/sessions/open", who, query | {"offset": 0}).status_code == ALLOWED


@pytest.mark.parametrize("who", WHO)
def test_a_page_of_tracks_can_be_read_behind_another(firestore: Firestore, who: str) -> None:
    """The page asks for a hundred tracks at a time."""
    first = firestore.query("/sessions/open", who, newest(limit=100))
    assert first.status_code == ALLOWED
    last = first.json()[-1]["document"]
    values = [last["fields"]["createdAt"]]
    behind = newest(limit=100) | {"startAt": {"values": values, "before": False}}
    answer = firestore.query("/sessions/open", who, behind)
    assert answer.status_code == ALLOWED
    assert not any("document" in row for row in answer.json())


@pytest.mark.parametrize("session", ["over", "endless", "ended", "missing", "nobody-knows"])
def test_a_closed_session_cannot_be_listed(firestore: Firestore, session: str) -> None:
    """Expired, ended and missing sessions and those without an expiry cannot be queried, even for one track."""
    assert firestore.query(f"/sessions/{session}", "user", newest()).status_code == DENIED
    assert firestore.query(f"/sessions/{session}", "nobody", newest(limit=1)).status_code == DENIED
    assert firestore.ask("GET", f"/sessions/{session}/tracks").status_code == DENIED


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize(
    ("parent", "collection", "descendants"),
    [
        ("", "sessions", False),
        ("", "sessions", True),
        ("", "tracks", False),
        ("", "tracks", True),
        ("", "work", True),
        ("", "moves", False),
        ("/sessions/open", "work", False),
        ("/sessions/open", "tracks", True),
        ("/sessions/open/tracks/fresh", "private", False),
    ],
)
def test_no_other_query_is_answered(
    firestore: Firestore, parent: str, collection: str, *, descendants: bool, who: str
) -> None:
    """Sessions, tracks over all sessions, and other collections cannot be queried."""
    structured = {"from": [{"collectionId": collection, "allDescendants": descendants}], "limit": 1}
    assert firestore.query(parent, who, structured).status_code == DENIED


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("parent", ["", "/sessions/open", "/sessions/open/tracks/fresh"])
def test_collections_cannot_be_listed(firestore: Firestore, parent: str, who: str) -> None:
    """The collections below a document cannot be listed."""
    assert firestore.ask("POST", f"{parent}:listCollectionIds", who, {}).status_code == DENIED


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("path", [*READABLE, *CLOSED])
def test_nothing_can_be_written(firestore: Firestore, path: str, method: str, who: str) -> None:
    """No client changes, creates or deletes a document; only functions write."""
    body = document(LATER) if method == "PATCH" else None
    assert firestore.ask(method, f"/{path}", who, body).status_code == DENIED


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("path", ["sessions?documentId=mine", "sessions/open/tracks?documentId=mine", "other"])
def test_nothing_can_be_created(firestore: Firestore, path: str, who: str) -> None:
    """No client creates a session or a track; only the API does."""
    assert firestore.ask("POST", f"/{path}", who, document(LATER)).status_code == DENIED


def test_every_expression_of_the_rules_was_decided_both_ways(firestore: Firestore) -> None:
    """Every condition was true once and false once; this test runs the cases above that have not run yet."""
    for path in (*READABLE, *CLOSED):
        firestore.ask("GET", f"/{path}")
        firestore.ask("DELETE", f"/{path}")
    for session in ("open", "over"):
        firestore.query(f"/sessions/{session}", "nobody", newest())

    untried = [position for tree in firestore.coverage() for position in _untried(tree)]
    assert untried == []


def _untried(expression: dict[str, Any]) -> Iterator[str]:
    """Yield the place of each expression without a value and each condition with only one outcome."""
    values = [entry["value"] for entry in expression.get("values", [])]
    defined = [value for value in values if "undefined" not in value]
    decided = {value["boolValue"] for value in defined if "boolValue" in value}
    position = expression["sourcePosition"]
    where = f"line {position['line']}, column {position['column']}"
    is_literal = not expression.get("children")
    if not defined or (decided and not is_literal and decided != {True, False}):
        yield where
    for child in expression.get("children", []):
        yield from _untried(child)
