"""The page: this step writes the installation's addresses into config.json and the Content-Security-Policy.

The browser's key works only for Firestore; the security rules limit what it reads.
It is not limited to the page's origins, because browsers that send no Referer would be refused.
"""

from functools import partial
from pathlib import Path
from typing import Final

from infra.content import content_hash
from infra.costs import track_usd
from infra.gcloud import gcloud
from infra.installation import ROOT, Installation
from infra.jobs import Job
from infra.page import Addresses, write_page
from infra.prices import prices
from infra.resources import BARRIER, Resource, Step, calls
from infra.settings import setting
from infra.steps.functions import has_sketches
from infra.steps.machines import warm_name
from infra.steps.secret_versions import drop_session
from infra.stops import StoppedError
from web import compression

_COMPRESSED: Final = f"--gzip-local={','.join(compression.TYPES)}"
_KEY_STRING: Final = ("services", "api-keys", "get-key-string", "--format=value(keyString)")


def page(at: Installation) -> Step:
    """Create the browser's key, then upload the page."""
    title = f"{at.names.app} page"
    restriction = ("--api-target=service=firestore.googleapis.com", "--format=none")
    key = at.fact("keys", title, "uid")
    yield Resource(
        "keys",
        title,
        "browser key",
        want={
            "restrictions/apiTargets/0/service": "firestore.googleapis.com",
            "restrictions/browserKeyRestrictions": None,
        },
        create=gcloud("services api-keys create", f"--display-name={title}", *restriction),
        change=calls(
            gcloud("services api-keys update", key, "--clear-restrictions", "--format=none"),
            gcloud("services api-keys update", key, *restriction),
        ),
    )
    yield BARRIER

    built = ROOT / "build" / "web"
    if not (built / "index.html").is_file():
        raise StoppedError("The page is not built: run 'make build' first.")
    key = at.fact("keys", title, "uid")
    engines = (setting(at, "DEFAULT_ENGINE"), *setting(at, "ALLOWED_ENGINES").split())
    addresses = Addresses(
        api=setting(at, "API_URL") or at.url_of("upload_handler"),
        project=at.names.project,
        database=at.names.app,
        images_bucket=at.names.bucket("images"),
        results_bucket=at.names.bucket("results"),
        key=at.kept(f"key-{key}", partial(at.gcloud.text, *_KEY_STRING, key)) if key else "",
        # A session's id is the right to read its tracks.
        drop_session=drop_session(at) if setting(at, "SHOW_DROPS") == "1" else "",
        operator_name=setting(at, "OPERATOR_NAME"),
        operator_contact=setting(at, "OPERATOR_CONTACT"),
        session_days=int(setting(at, "SESSION_DAYS")),
        engines=engines,
        usd={engine: track_usd(engine, prices()) for engine in engines if setting(at, "SHOW_PRICES") == "true"},
        sketches=has_sketches(at),
        warm=bool(warm_name(at)),
    )
    folder = write_page(built, at.work / "page", addresses)
    release = content_hash(folder, "*")
    upload = partial(_upload, folder, at.names.bucket("page"), release)
    yield Resource(
        "buckets", at.names.bucket("page"), "page", want={"labels/page": release}, create=upload, change=upload
    )


def _upload(folder: Path, bucket: str, release: str, job: Job) -> None:
    """Upload the page: files with a hash in their name first, and the documents that refer to them last."""
    target, fresh = f"gs://{bucket}/", "--cache-control=no-cache"
    files = sorted(str(file) for file in folder.iterdir() if file.is_file())
    job.call(
        gcloud(
            "storage cp --recursive",
            *(
                str(folder / compression.FOLDER),
                target,
                "--cache-control=public, max-age=31536000, immutable",
                _COMPRESSED,
            ),
        ),
        gcloud("storage cp", *(file for file in files if not file.endswith(".html")), target, fresh),
        gcloud("storage cp", *(file for file in files if file.endswith(".html")), target, fresh),
        gcloud(
            "storage buckets update",
            *(f"gs://{bucket}", f"--update-labels=page={release}", "--web-main-page-suffix=index.html"),
            "--format=none",
        ),
    )
