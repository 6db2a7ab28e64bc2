"""The installation's database beside the project's `(default)`, with TTL policies, index exemptions and security rules.

Only `make status` needs a composite index, for today's tracks of all sessions; all other queries use one field.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

from infra.gcloud import Patience, gcloud
from infra.installation import INFRA, Installation
from infra.jobs import Job
from infra.resources import BARRIER, CREATE, SAME, Json, Resource, Step
from infra.rest import firestore_rules

# The changes of fields start one after another. The step waits for none but those that a later change needs.
_BUSY: Final = Patience(
    "underlying data changed|contention|ABORTED|being updated",
    900,
    "Firestore takes some minutes to change a field, and meanwhile refuses another change of it",
)
_LANE: Final = "fields"
_INDEXED: Final = ["createdAt", "status"]


def database(at: Installation) -> Step:
    """Create the database, then what belongs to it."""
    name = at.names.app
    inside = f"--database={name}"
    yield Resource(
        "databases",
        name,
        "database",
        want={"locationId": at.names.region, "type": "FIRESTORE_NATIVE"},
        create=gcloud(
            "firestore databases create",
            *(inside, f"--location={at.names.region}", "--type=firestore-native", "--delete-protection"),
        ),
    )
    yield BARRIER

    for group, field, *flags in _rows("exemptions.txt"):
        yield Resource(
            "fields",
            _field(at, group, field),
            "index exemption",
            create=gcloud(
                "firestore indexes fields update",
                *(field, f"--collection-group={group}", inside, *flags, "--async"),
                patience=(_BUSY,),
            ),
            lane=_LANE,
        )
    # After the exemptions: the policies of fields without one need not wait for the others.
    exempt = [(group, field) for group, field, *_ in _rows("exemptions.txt")]
    for group, field in sorted(_rows("ttls.txt"), key=lambda row: tuple(row) in exempt):
        yield Resource(
            "ttls",
            _field(at, group, field),
            "TTL policy",
            create=gcloud(
                "firestore fields ttls update",
                *(field, f"--collection-group={group}", inside, "--enable-ttl", "--async"),
                patience=(_BUSY,),
            ),
            lane=_LANE,
        )
    yield Resource(
        "composites",
        "tracks-by-day",
        "index",
        # Google names an index, so this finds it by its fields.
        verdict=SAME if _INDEXED in [_fields(index)[:2] for index in at.state.of("composites")] else CREATE,
        create=gcloud(
            "firestore indexes composite create",
            *(inside, "--collection-group=tracks", "--query-scope=collection-group"),
            *(f"--field-config=field-path={field},order=ascending" for field in _INDEXED),
            "--async",
            patience=(_BUSY,),
        ),
        lane=_LANE,
    )
    yield BARRIER

    rules = (INFRA / "firestore.rules").read_text(encoding="utf-8")
    exists = at.exists("databases", name)
    publish = partial(_publish, at, rules)
    yield Resource(
        "rules",
        name,
        "security rules",
        verdict=firestore_rules.verdict(at.google, name, rules) if exists else CREATE,
        create=publish,
        change=publish,
    )


def _publish(at: Installation, rules: str, _: Job) -> None:
    firestore_rules.publish(at.google, at.names.app, rules)


def _rows(file: str) -> Iterator[list[str]]:
    for line in (INFRA / "database" / file).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.split()


def _fields(index: Json) -> list[str]:
    return [field["fieldPath"] for field in index["fields"]]


def _field(at: Installation, group: str, field: str) -> str:
    root = f"projects/{at.names.project}/databases/{at.names.app}"
    return f"{root}/collectionGroups/{group}/fields/{field}"
