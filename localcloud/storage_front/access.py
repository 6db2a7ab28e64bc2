"""Which account may do what in which bucket: the deployment's roles on objects."""

from typing import Final

from localcloud.addresses import IMAGES_BUCKET, PIPELINE_ACCOUNT, PIPELINE_BUCKET, RESULTS_BUCKET, UPLOAD_SIGNER
from localcloud.storage_front.refusals import RefusalError
from localcloud.storage_front.targets import Target

ALL_USERS: Final = "allUsers"

GET: Final = "storage.objects.get"
CREATE: Final = "storage.objects.create"
DELETE: Final = "storage.objects.delete"

# No account lists objects by a signed or an anonymous request.
# The local account is missing: all local processes use it, with a token and never by a signed URL.
_GRANTS: Final = {
    (ALL_USERS, RESULTS_BUCKET): {GET},
    (UPLOAD_SIGNER, IMAGES_BUCKET): {CREATE},
    (PIPELINE_ACCOUNT, RESULTS_BUCKET): {CREATE},
    (PIPELINE_ACCOUNT, PIPELINE_BUCKET): {GET, CREATE, DELETE},
}
_NEEDED: Final = {"GET": GET, "HEAD": GET, "PUT": CREATE, "DELETE": DELETE}


def is_granted(member: str, permission: str, bucket: str) -> bool:
    """Tell whether an account, or everyone, has a permission on a bucket."""
    return any(permission in _GRANTS.get((who, bucket), ()) for who in (member, ALL_USERS))


def require(member: str, method: str, target: Target) -> None:
    """Raise AccessDenied unless ``member`` may do this to an object of the XML API."""
    permission = _NEEDED.get(method)
    if permission is None or not target.object or not is_granted(member, permission, target.bucket):
        raise access_denied(member, target)


def access_denied(member: str, target: Target) -> RefusalError:
    """Return the same error for existing and missing objects, so that it does not reveal which exist."""
    return RefusalError("AccessDenied", f"{member} has no such access to {target.bucket}/{target.object}.")
