"""Three secrets, each used with a pinned version: the describer's key, the drop session, and what signs marks."""

import json
from typing import Any

from infra.gcloud import gcloud
from infra.installation import INFRA, Installation
from infra.jobs import Job
from infra.marks import given, is_new
from infra.resources import BARRIER, CREATE, SAME, Mark, Resource, Step, Verdict, calls
from infra.rest import drop_session as documents
from infra.stops import StoppedError


def secrets(at: Installation) -> Step:
    """Create the secrets and the image repository, then the secrets' versions and the drop session's document."""
    names, label = at.names, f"app={at.names.app}"
    for name in (names.openai_secret, names.drop_secret, names.marks_secret):
        place = ("--replication-policy=user-managed", f"--locations={names.region}")
        yield Resource(
            "secrets",
            name,
            "secret",
            want={"labels/app": names.app},
            create=gcloud("secrets create", name, *place, f"--labels={label}"),
            change=gcloud("secrets update", name, f"--update-labels={label}"),
        )
    location = f"--location={names.region}"
    description = f"--description={names.app}: images"
    policy = f"--policy={INFRA / 'builds' / 'cleanup.json'}"
    cleanup = gcloud("artifacts repositories set-cleanup-policies", names.app, location, "--no-dry-run", policy)
    yield Resource(
        "repositories",
        names.app,
        "image repository",
        want={
            "labels/app": names.app,
            "format": "DOCKER",
            "cleanupPolicies/keep-newest/mostRecentVersions/keepCount": 10,
        },
        create=calls(
            gcloud(
                "artifacts repositories create",
                *(names.app, location, "--repository-format=docker", f"--labels={label}", description),
            ),
            cleanup,
        ),
        change=calls(gcloud("artifacts repositories update", names.app, location, f"--update-labels={label}"), cleanup),
    )
    yield BARRIER

    yield _openai_key(at)
    yield _signer(at)
    yield Resource(
        f"versions of {names.drop_secret}",
        names.drop_secret,
        "secret's version",
        # After a leak, or to make the tracks private that were shown.
        verdict=SAME if version_of(at, names.drop_secret) and at.option("NEW_DROP_SESSION") != "1" else CREATE,
        create=lambda job: _add_version(job, names.drop_secret, documents.new()),
    )
    yield BARRIER

    # With the session's document, the API accepts its secret, and with SHOW_DROPS=1 the page can show dropped pictures.
    session = drop_session(at)
    exists = bool(session) and documents.exists(at.google, names.app, session)
    yield Resource(
        "documents",
        "sessions/(drop session)",
        "document",
        verdict=SAME if exists else CREATE,
        create=lambda _: documents.write(at.google, names.app, _drop_secret(at)),
    )


def version_of(at: Installation, secret: str) -> str:
    """Return a secret's newest version, or an empty text if it has none."""
    numbers = [int(version["name"].rpartition("/")[2]) for version in at.state.of(f"versions of {secret}")]
    return str(max(numbers)) if numbers else ""


def signer_version(at: Installation) -> str:
    """Return the full name of the version that signs marks, or an empty text if nothing is signed."""
    name = at.names.marks_secret
    version = version_of(at, name)
    return f"projects/{at.names.project}/secrets/{name}/versions/{version}" if version else ""


def drop_session(at: Installation) -> str:
    """Return the drop session's id, or an empty text before it exists."""
    secret = at.names.drop_secret
    version = version_of(at, secret)
    if not version:
        return ""
    # A secret that was destroyed and created again has the same version numbers.
    created = at.fact(f"versions of {secret}", version, "createTime")
    return at.kept(f"drop-session-{version}-{created}", lambda: str(_drop_secret(at)["session"]))


def _drop_secret(at: Installation) -> dict[str, Any]:
    """Return the drop session's ``session`` and ``secret``."""
    secret = at.names.drop_secret
    value = at.gcloud.secret("secrets", "versions", "access", version_of(at, secret), f"--secret={secret}")
    found: dict[str, Any] = json.loads(value)
    return found


def _openai_key(at: Installation) -> Resource:
    secret, key = at.names.openai_secret, at.option("OPENAI_API_KEY")
    version, verdict = version_of(at, secret), SAME
    if not version:
        verdict = CREATE if key else Verdict(Mark.CREATE, ("set OPENAI_API_KEY",))
    elif key and at.option("NEW_KEY") == "1":
        verdict = CREATE

    def add(job: Job) -> None:
        if not key:
            raise StoppedError(
                "The describer needs a key: read -rs OPENAI_API_KEY; export OPENAI_API_KEY; run the same command again"
            )
        _add_version(job, secret, key)

    return Resource(f"versions of {secret}", secret, "secret's version", verdict=verdict, create=add)


def _signer(at: Installation) -> Resource:
    """Return the version with the operator's certificate and key; without these files, the one that exists stays."""
    secret, signing = at.names.marks_secret, given(at)

    def add(job: Job) -> None:
        if signing is None:
            return
        _add_version(job, secret, signing.text)
        # Written last: the labels say that this certificate has a version.
        labels = f"--update-labels=certificate={signing.digest},expires={signing.expires}"
        job.call(gcloud("secrets update", secret, labels, "--format=none"))

    verdict = CREATE if is_new(at, signing) else SAME
    kind = f"versions of {secret}"
    return Resource(kind, secret, "secret's version", verdict=verdict, create=add, touches=("secrets",))


def _add_version(job: Job, secret: str, value: str) -> None:
    job.run("secrets", "versions", "add", secret, "--data-file=-", "--format=none", stdin=value)
