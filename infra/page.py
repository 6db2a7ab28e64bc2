"""Write the built page for one installation.

Puts the Content-Security-Policy into a ``<meta>`` element of every document, because Cloud Storage sends no custom
headers. A ``<meta>`` element cannot hold `frame-ancestors`; ``docs/operations.md`` says what that means.
"""

import html
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from musicgenerator.paces import PACES
from web.offers import offers
from web.policy import Destinations, content_security_policy

_STORAGE: Final = "https://storage.googleapis.com"
_FIRESTORE: Final = "https://firestore.googleapis.com"
# From the launch of a step to its music, without the engine: on a new machine, and on one that is kept running.
_NEW_SECONDS: Final = 150
_WARM_SECONDS: Final = 30
_MUSIC_SECONDS: Final = 30


@dataclass(frozen=True)
class Addresses:
    """What the page must know of its installation.

    ``engines`` are those that a visitor may choose, the default engine first. ``usd`` are the prices of their tracks,
    empty if the operator shows none.
    """

    api: str
    project: str
    database: str
    images_bucket: str
    results_bucket: str
    key: str
    drop_session: str
    operator_name: str
    operator_contact: str
    session_days: int
    engines: tuple[str, ...]
    usd: Mapping[str, float | None] = field(default_factory=dict)
    sketches: bool = True
    warm: bool = False


def with_policy(page: str, addresses: Addresses) -> str:
    """Return a document with the policy at the start of its head, before everything that it applies to."""
    destinations = Destinations(addresses.api, _FIRESTORE, _STORAGE, addresses.images_bucket, addresses.results_bucket)
    policy = content_security_policy(destinations, meta=True)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}" />'
    head, mark, rest = page.partition('<meta charset="utf-8" />')
    if not mark:
        raise ValueError("a document of the page does not start with its charset")
    return f"{head}{mark}\n    {meta}{rest}"


def usual_seconds(engine: str, *, warm: bool) -> int:
    """Return how long 30 s of music usually take from the launch, in seconds, rounded to tens."""
    start = _WARM_SECONDS if warm else _NEW_SECONDS
    return int(round(start + PACES[engine].alone(_MUSIC_SECONDS), -1))


def write_page(built: Path, out: Path, addresses: Addresses) -> Path:
    """Write the page with its ``config.json`` into ``out``, and return that."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(built, out)
    for document in out.glob("*.html"):
        document.write_text(with_policy(document.read_text(encoding="utf-8"), addresses), encoding="utf-8")
    config: dict[str, object] = {
        "apiUrl": addresses.api,
        "projectId": addresses.project,
        "databaseId": addresses.database,
        "firestoreApiKey": addresses.key or None,
        "firestoreEmulator": None,
        "dropSession": addresses.drop_session or None,
        "resultsUrl": f"{_STORAGE}/{addresses.results_bucket}",
        "operatorName": addresses.operator_name or None,
        "operatorContact": addresses.operator_contact or None,
        "sessionDays": addresses.session_days,
    }
    usual = {engine: usual_seconds(engine, warm=addresses.warm) for engine in addresses.engines}
    config["engines"] = offers(addresses.engines, usual, addresses.usd)
    # What the page expects until a session has its own times.
    without_sketches = {} if addresses.sketches else {"sketch": None}
    config["usualSeconds"] = without_sketches | {"composing": usual[addresses.engines[0]]}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return out
