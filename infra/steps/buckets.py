"""Four buckets with uniform access, no soft delete, and lifecycle and CORS from infra/buckets.

Soft delete would keep deleted pictures and music for a week. Music and covers have a custom time, by which the
lifecycle deletes them within about a day after their session ends; their age is the last resort: a day more than a
session lives.
"""

import json

from infra import settings
from infra.content import written
from infra.gcloud import gcloud
from infra.installation import INFRA, Installation
from infra.names import BUCKETS
from infra.resources import BARRIER, Resource, Step, calls


def buckets(at: Installation) -> Step:
    """Create the buckets, then keep the settings in one of them."""
    for short in BUCKETS:
        yield _bucket(at, short)
    yield BARRIER
    yield settings.resource(at)


def _bucket(at: Installation, short: str) -> Resource:
    names, name = at.names, at.names.bucket(short)
    public = short in {"results", "page"}
    days = int(settings.setting(at, "SESSION_DAYS")) + 1
    lifecycle = _filled(f"{short}.lifecycle.json", RESULTS_DAYS=str(days))
    want = {
        "location": names.region.upper(),
        "iamConfiguration/uniformBucketLevelAccess/enabled": True,
        "iamConfiguration/publicAccessPrevention": "inherited" if public else "enforced",
        "softDeletePolicy/retentionDurationSeconds": 0,
        "lifecycle": json.loads(lifecycle),
    }
    access = ("--uniform-bucket-level-access", "--soft-delete-duration=0")
    flags = [
        *access,
        f"--lifecycle-file={written(at.work / 'buckets' / f'{short}.lifecycle.json', lifecycle)}",
        "--no-public-access-prevention" if public else "--public-access-prevention",
        f"--update-labels=app={names.app}",
    ]
    if (INFRA / "buckets" / f"{short}.cors.json").exists():
        origins = ", ".join(json.dumps(origin) for origin in at.page_origins)
        cors = _filled(f"{short}.cors.json", PAGE_ORIGINS=origins)
        want["cors"] = json.loads(cors)
        flags.append(f"--cors-file={written(at.work / 'buckets' / f'{short}.cors.json', cors)}")
    update = gcloud("storage buckets update", f"gs://{name}", *flags, "--format=none")
    # `buckets create` has no flags for lifecycle and CORS.
    create = gcloud("storage buckets create", f"gs://{name}", f"--location={names.region}", *access, "--format=none")
    return Resource("buckets", name, "bucket", want=want, create=calls(create, update), change=update)


def _filled(file: str, **words: str) -> str:
    text = (INFRA / "buckets" / file).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(word, value)
    return text
