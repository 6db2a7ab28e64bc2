"""Who may do what to which bucket: the roles of the deployment, as far as they concern addresses of objects."""

from typing import Final

from localcloud.addresses import IMAGES_BUCKET, PIPELINE_ACCOUNT, PIPELINE_BUCKET, RESULTS_BUCKET, UPLOAD_SIGNER
from localcloud.storage_front.refusals import RefusalError
from localcloud.storage_front.targets import Target

ALL_USERS: Final = "allUsers"

GET: Final = "storage.objects.get"
CREATE: Final = "storage.objects.create"
DELETE: Final = "storage.objects.delete"

# Nobody who comes with a signature or with nothing may list.
# The local account is not here: everything on this machine runs as it, with a token and never by a signed address.
_GRANTS: Final = {
    (ALL_USERS, RESULTS_BUCKET): {GET},
    (UPLOAD_SIGNER, IMAGES_BUCKET): {CREATE},
    (PIPELINE_ACCOUNT, RESULTS_BUCKET): {CREATE},
    (PIPELINE_ACCOUNT, PIPELINE_BUCKET): {GET, CREATE, DELETE},
}
_NEEDED: Final = {"GET": GET, "HEAD": GET, "PUT": CREATE, "DELETE": DELETE}


def is_granted(member: str, permission: str, bucket: str) -> bool:
    """Say whether an account, or everyone, has a permission on a bucket."""
    return any(permission in _GRANTS.get((who, bucket), ()) for who in (member, ALL_USERS))


def require(member: str, method: str, target: Target) -> None:
    """Raise AccessDenied unless ``member`` may do this to an object of the XML API."""
    permission = _NEEDED.get(method)
    if permission is None or not target.object or not is_granted(member, permission, target.bucket):
        raise access_denied(member, target)


def access_denied(member: str, target: Target) -> RefusalError:
    """Return the refusal, which is the same whether the object is there or not: who may not list learns nothing."""
    return RefusalError("AccessDenied", f"{member} has no such access to {target.bucket}/{target.object}.")
