"""The organisation policies of a project: what they refuse, and how Resource Manager serves them."""

import re
from typing import Any

from tests.deploy.control_plane import NUMBER, Json, Project, RefusedError, Request, members, not_found
from tests.deploy.worlds import Organisation

# The constraints of these tests; a list constraint allows everything by default, and a boolean one is not enforced.
_LISTS = {"iam.allowedPolicyMemberDomains", "gcp.resourceLocations", "essentialcontacts.allowedContactDomains"}
_BOOLEANS = {
    "iam.automaticIamGrantsForDefaultServiceAccounts",
    "iam.disableServiceAccountCreation",
    "iam.disableServiceAccountKeyCreation",
    "iam.disableServiceAccountKeyUpload",
    "run.managed.requireInvokerIam",
    "storage.publicAccessPrevention",
    "storage.uniformBucketLevelAccess",
}
EVERYONE = {"allUsers", "allAuthenticatedUsers"}


def organisation_policies(project: Project, request: Request) -> Json | None:
    """Serve the policies as Resource Manager v1 does, for `gcloud resource-manager org-policies`."""
    if request.verb == "setOrgPolicy":
        policy = request.body["policy"]
        constraint = policy["constraint"].removeprefix("constraints/")
        project.organisation = project.organisation or Organisation()
        project.organisation.policies[constraint] = policy
        return dict(policy)
    constraint = str(request.body.get("constraint", "")).removeprefix("constraints/")
    if constraint not in _LISTS | _BOOLEANS:
        raise not_found(f"constraints/{constraint}")
    if request.verb == "getEffectiveOrgPolicy":
        return effective(project, constraint)
    # The project itself has no policy; it inherits the organisation's.
    return {"constraint": f"constraints/{constraint}"} if request.verb == "getOrgPolicy" else None


def effective(project: Project, constraint: str) -> Json:
    """Return the policy that holds for the project."""
    default = {"listPolicy": {"allValues": "ALLOW"}} if constraint in _LISTS else {"booleanPolicy": {}}
    policies = project.organisation.policies if project.organisation else {}
    found = policies.get(constraint, {})
    policy = default if not found or "restoreDefault" in found else found
    return {**policy, "constraint": f"constraints/{constraint}"}


def is_enforced(project: Project, constraint: str) -> bool:
    return bool(effective(project, constraint)["booleanPolicy"].get("enforced"))


def refuse_by_policy(project: Project, request: Request) -> None:
    """Raise the error with which an organisation policy, or public access prevention, refuses a request."""
    if request.verb == "setIamPolicy" or (request.method == "PUT" and request.name.endswith("/iam")):
        _refuse_members(project, request)
    if project.organisation is None or request.method not in {"POST", "PUT", "PATCH"}:
        return
    if request.service == "storage" and request.name in {"b", ""} and request.method == "POST":
        _refuse_bucket(project, request.body)
    elif request.service == "iam" and request.name.endswith("/serviceAccounts") and not request.verb:
        # https://cloud.google.com/resource-manager/docs/organization-policy/restricting-service-accounts
        _refuse_if(
            project,
            "iam.disableServiceAccountCreation",
            "Service account creation is not allowed on this project.",
            f"{request.name}/",
        )
    elif request.service == "iam" and request.name.endswith("/keys"):
        _refuse_if(
            project,
            "iam.disableServiceAccountKeyCreation",
            "Key creation is not allowed on this service account.",
            request.name,
        )
    else:
        _refuse_location(project, request)


def _refuse_if(project: Project, constraint: str, message: str, subject: str) -> None:
    if is_enforced(project, constraint):
        raise _violated(constraint, message, message, f"{subject}?configvalue=")


def _violated(constraint: str, message: str, description: str, subject: str) -> RefusedError:
    violation = {"type": f"constraints/{constraint}", "subject": subject, "description": description}
    details = [{"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [violation]}]
    return RefusedError(400, "FAILED_PRECONDITION", message, details)


def _unmet(message: str) -> RefusedError:
    """Return an error of Cloud Storage's JSON API, which answers 412 where other APIs answer FAILED_PRECONDITION."""
    refused = RefusedError(412, "FAILED_PRECONDITION", message)
    reason = {"domain": "global", "reason": "conditionNotMet", "locationType": "header", "location": "If-Match"}
    refused.body = {"error": {"code": 412, "message": message, "errors": [{"message": message, **reason}]}}
    return refused


def _refuse_members(project: Project, request: Request) -> None:
    """Refuse new members from outside the organisation, and everyone on a bucket with public access prevention.

    Domain-restricted sharing does not look at the members that a policy already has: the constraint is not retroactive
    (https://cloud.google.com/resource-manager/docs/organization-policy/restricting-domains).
    Its texts are as in https://github.com/terraform-google-modules/terraform-example-foundation/issues/1454 and
    https://github.com/googlemaps/js-route-optimization-app/issues/198 (Cloud Run, with two spaces).
    gcloud shows Cloud Storage's as "HTTPError 412: One or more users named in the policy do not belong to a permitted
    customer." (README of GoogleCloudPlatform/vertex-ai-creative-studio).
    """
    is_bucket = request.service == "storage"
    name = request.name.removesuffix("/iam") if is_bucket else request.name
    wanted = request.body.get("policy", request.body)
    before = {member for _, member in members(project.policies.get(request.service, {}).get(name, {}))}
    new = sorted({member for _, member in members(wanted)} - before)
    outside = [member for member in new if not _is_permitted(project, request.service, member)]
    if outside:
        message = "One or more users named in the policy do not belong to a permitted customer."
        if is_bucket:
            raise _unmet(message)
        if request.service == "run":
            message = f"{message.removesuffix('.')},  perhaps due to an organization policy."
        user = outside[0].partition(":")[2] or outside[0]
        raise _violated(
            "iam.allowedPolicyMemberDomains",
            message,
            f"User {user} is not in permitted organization.",
            f"orgpolicy:projects/{NUMBER}?configvalue={user}",
        )
    if is_bucket and EVERYONE & set(new) and _prevents_public_access(project, name):
        raise _unmet(
            "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is"
            " enforced."
        )


def _is_permitted(project: Project, service: str, member: str) -> bool:
    policy = effective(project, "iam.allowedPolicyMemberDomains")["listPolicy"]
    organisation = project.organisation
    if organisation is None or service in organisation.excepted or policy.get("allValues") == "ALLOW":
        return True
    values = {str(value).removeprefix("is:") for value in policy.get("allowedValues", [])}
    if member in EVERYONE or organisation.customer not in values:
        return False
    kind, _, name = member.partition(":")
    if kind in {"user", "group", "domain"}:
        return name.rpartition("@")[2] in organisation.domains
    if kind == "serviceAccount":
        # Accounts and agents of the organisation's projects belong to its customer.
        ids = [body["projectId"] for body in project.of("cloudresourcemanager").values()]
        return NUMBER in name or any(name.endswith(f"@{found}.iam.gserviceaccount.com") for found in ids)
    return True


def _prevents_public_access(project: Project, bucket: str) -> bool:
    body: dict[str, Any] = project.of("storage").get(bucket, {})
    own = body.get("iamConfiguration", {}).get("publicAccessPrevention")
    return own == "enforced" or is_enforced(project, "storage.publicAccessPrevention")


def _refuse_bucket(project: Project, bucket: Json) -> None:
    """Refuse a bucket with access control lists, or in a forbidden location.

    For the texts see https://github.com/serverless/serverless-google-cloudfunctions/issues/226 and
    https://cloud.google.com/storage/docs/org-policy-constraints.
    """
    uniform = bucket.get("iamConfiguration", {}).get("uniformBucketLevelAccess", {}).get("enabled")
    if not uniform and is_enforced(project, "storage.uniformBucketLevelAccess"):
        raise _unmet("Request violates constraint 'constraints/storage.uniformBucketLevelAccess'")
    location = str(bucket.get("location") or "us").lower()
    if not _may_be_in(project, location):
        raise _unmet(f"'{location}' violates constraint 'constraints/gcp.resourceLocations'")


def _refuse_location(project: Project, request: Request) -> None:
    """Refuse a new resource in a forbidden location; the text is Secret Manager's for a secret without locations.

    https://github.com/firebase/firebase-tools/issues/6454
    """
    found = re.search(r"/locations/([a-z0-9-]+)/([a-zA-Z]+)$", request.name)
    if not found or request.method != "POST" or request.verb or found[1] == "global" or _may_be_in(project, found[1]):
        return
    subject = f"orgpolicy:projects/{NUMBER}"
    message = (
        f"Constraint constraints/gcp.resourceLocations violated for [{subject}] attempting to create a resource in"
        f" [{found[1]}]. For more information, see"
        " https://cloud.google.com/resource-manager/docs/organization-policy/defining-locations."
    )
    raise _violated("gcp.resourceLocations", message, message, subject)


def _may_be_in(project: Project, location: str) -> bool:
    """Return True if a location, or a value group such as ``in:us-locations`` that contains it, is allowed."""
    policy = effective(project, "gcp.resourceLocations")["listPolicy"]
    if policy.get("allValues") == "ALLOW":
        return True
    values = [str(value) for value in policy.get("allowedValues", [])]
    groups = {value.removeprefix("in:").removesuffix("-locations") for value in values if value.startswith("in:")}
    parts = {"europe": "eu"}.get(location.partition("-")[0], location.partition("-")[0])
    return location in {value.removeprefix("is:") for value in values} or bool({location, parts} & groups)
