"""What is not true at once at Google: enabled APIs and grants."""

from tests.deploy.control_plane import NUMBER, Json, Project, RefusedError, Request, grant_mark, members

# When a person calls these APIs with gcloud, it charges its own project, which has enabled them. Service Usage:
# googlecloudsdk/api_lib/services/serviceusage.py, "so we can bootstrap users getting the appropriate APIs enabled".
# Resource Manager: surface/projects/__init__.py and surface/resource_manager/__init__.py disable the project's quota.
_ALWAYS_OPEN = {"serviceusage", "cloudresourcemanager"}
_TITLES = {
    "aiplatform": "Vertex AI API",
    "apikeys": "API Keys API",
    "artifactregistry": "Artifact Registry API",
    "cloudbuild": "Cloud Build API",
    "cloudfunctions": "Cloud Functions API",
    "cloudscheduler": "Cloud Scheduler API",
    "firebaserules": "Firebase Rules API",
    "firestore": "Cloud Firestore API",
    "iam": "Identity and Access Management (IAM) API",
    "logging": "Cloud Logging API",
    "monitoring": "Cloud Monitoring API",
    "pubsub": "Cloud Pub/Sub API",
    "run": "Cloud Run Admin API",
    "secretmanager": "Secret Manager API",
}
_STORAGE_AGENT = f"serviceAccount:service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
_EVENTARC_AGENT = f"serviceAccount:service-{NUMBER}@gcp-sa-eventarc.iam.gserviceaccount.com"
_EVENTARC = (
    "Permission denied while using the Eventarc Service Agent. If you recently started to use Eventarc, it may take a"
    " few minutes before all necessary permissions are propagated to the Service Agent. Otherwise, verify that it has"
    " Eventarc Service Agent role."
)

Home = tuple[str, str]  # service and name of the resource with the policy


def refuse_a_late_api(project: Project, request: Request) -> None:
    """Raise Google's error for an API that is not enabled, or not for long enough.

    gcloud recognises the text: `API_ENABLEMENT_REGEX` in googlecloudsdk/api_lib/util/api_enablement.py.
    The details are as in https://github.com/google-gemini/gemini-cli/issues/1343.
    """
    if project.late_apis is None or request.service in _ALWAYS_OPEN:
        return
    api = f"{request.service}.googleapis.com"
    enabled = project.of("serviceusage").get(f"projects/{NUMBER}/services/{api}", {}).get("state") == "ENABLED"
    if enabled and not project.is_late(f"api {api}", project.late_apis):
        return
    title = _TITLES.get(request.service, f"{request.service.capitalize()} API")
    url = f"https://console.developers.google.com/apis/api/{api}/overview?project={NUMBER}"
    message = (
        f"{title} has not been used in project {NUMBER} before or it is disabled. Enable it by visiting {url} then"
        " retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and"
        " retry."
    )
    metadata = {"service": api, "serviceTitle": title, "consumer": f"projects/{NUMBER}", "activationUrl": url}
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}
    raise RefusedError(403, "PERMISSION_DENIED", message, [{**info, "domain": "googleapis.com", "metadata": metadata}])


def has_no_effect_yet(project: Project, member: str, *homes: Home) -> bool:
    """Return True if grants take effect late and the member has none on one of these resources, or only a late one."""
    delay = project.late_grants
    if delay is None:
        return False
    late = False
    for service, name in homes:
        roles = [role for role, holder in members(project.policies.get(service, {}).get(name, {})) if holder == member]
        waiting = [project.is_late(grant_mark(service, name, role, member), delay) for role in roles]
        late = late or not roles or any(waiting)
    return late


def whole_project(request: Request) -> Home:
    """Return the project as the home of a grant."""
    return "cloudresourcemanager", "/".join(request.name.split("/")[:2])


def failed_build(project: Project, request: Request) -> Json | None:
    """Return how a build fails because its account has no effective grants, or None; an unreadable source is refused.

    The refusal is as in https://github.com/DefangLabs/pulumi-defang/issues/115. For a push that is refused Cloud Build
    ends with FailureInfo (googlecloudsdk/generated_clients/apis/cloudbuild/v1/cloudbuild_v1_messages.py), whose detail
    `gcloud builds submit` prints as BUILD FAILURE (command_lib/builds/submit_util.py).
    """
    account = str(request.body.get("serviceAccount", "")).rpartition("/")[2]
    source = request.body.get("source", {}).get("storageSource", {})
    values = {f"${name}": value for name, value in request.body.get("substitutions", {}).items()}
    images = [values.get(image, image) for image in request.body.get("images", [])]
    repositories = {("artifactregistry", _repository(image)) for image in images if image.count("/") > 2}
    member = f"serviceAccount:{account}"
    if source and has_no_effect_yet(project, member, ("storage", f"b/{source['bucket']}")):
        raise RefusedError(
            400,
            "INVALID_ARGUMENT",
            f"could not resolve source: googleapi: Error 403: {account} does not have storage.objects.get access to the"
            " Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist).,"
            " forbidden",
        )
    if has_no_effect_yet(project, member, *sorted(repositories)):
        detail = f"denied: Permission 'artifactregistry.repositories.uploadArtifacts' denied on {account}"
        return {"status": "FAILURE", "failureInfo": {"type": "PUSH_NOT_AUTHORIZED", "detail": detail}}
    return None


def _repository(image: str) -> str:
    """Return the name of the repository of an image such as ``us-central1-docker.pkg.dev/p/r/name:tag``."""
    host, project, repository, *_ = image.split("/")
    return f"projects/{project}/locations/{host.partition('-docker.')[0]}/repositories/{repository}"


def failed_deployment(project: Project, name: str, function: Json) -> str:
    """Return the message with which a function's deployment fails because a grant has no effect yet, or "".

    The build's account reads the sources and writes the image, with the text of
    https://github.com/hashicorp/terraform-provider-google/issues/20571.
    The function's account reads its secrets, which Cloud Run checks for each revision, as in
    https://github.com/terraform-google-modules/terraform-docs-samples/pull/168.
    """
    build, config = function.get("buildConfig", {}), function["serviceConfig"]
    account = str(build.get("serviceAccount", "")).rpartition("/")[2]
    root, region = "/".join(name.split("/")[:2]), name.split("/")[3]
    homes = [("cloudresourcemanager", root)]
    if build.get("dockerRepository"):
        homes.append(("artifactregistry", build["dockerRepository"]))
    if account and has_no_effect_yet(project, f"serviceAccount:{account}", *homes):
        bucket = f"gcf-v2-sources-{NUMBER}-{region}"
        return (
            "Build failed with status: FAILURE and message: failed to Fetch: failed to download archive"
            f" gs://{bucket}/{name.rpartition('/')[2]}/function-source.zip: Access to bucket {bucket} denied. You must"
            f" grant Storage Object Viewer permission to {account}. If you are using VPC Service Controls, you must"
            " also grant it access to your service perimeter."
        )
    reader = config.get("serviceAccountEmail", "")
    for place, secret in enumerate(config.get("secretEnvironmentVariables", [])):
        if has_no_effect_yet(
            project, f"serviceAccount:{reader}", ("secretmanager", f"{root}/secrets/{secret['secret']}")
        ):
            return (
                f"Could not create or update Cloud Run service {name.rpartition('/')[2]},"
                f" spec.template.spec.containers[0].env[{place}].value_from.secret_key_ref.name: Permission denied on"
                f" secret: projects/{NUMBER}/secrets/{secret['secret']}/versions/{secret['version']} for Revision"
                f" service account {reader}. The service account used must be granted the 'Secret Manager Secret"
                " Accessor' role (roles/secretmanager.secretAccessor) at the secret, project or higher level."
            )
    return ""


def refuse_a_late_trigger(project: Project, request: Request) -> None:
    """Raise Eventarc's error for a new trigger whose agents or account have no effective grants on the project.

    The texts are as in https://github.com/pulumi/pulumi-gcp/issues/1290 (the agent),
    https://github.com/GoogleCloudPlatform/eventarc-samples/issues/94 (the account), and
    https://cloud.google.com/eventarc/docs/troubleshooting (Cloud Storage's agent).
    """
    account = str(request.body.get("serviceAccount", "")).rpartition("/")[2]
    home = whole_project(request)
    if has_no_effect_yet(project, _EVENTARC_AGENT, home):
        violation = {"description": _EVENTARC, "type": "failed_precondition"}
        details = [{"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [violation]}]
        raise RefusedError(400, "FAILED_PRECONDITION", f'Invalid resource state for "": {_EVENTARC}', details)
    if has_no_effect_yet(project, _STORAGE_AGENT, home):
        message = (
            "The Cloud Storage service account for your bucket is unable to publish to Cloud Pub/Sub topics in the"
            " specified project.\nTo use GCS CloudEvent triggers, the GCS service account requires the Pub/Sub"
            " Publisher (roles/pubsub.publisher) IAM role in the specified project."
        )
        raise RefusedError(403, "PERMISSION_DENIED", message)
    if has_no_effect_yet(project, f"serviceAccount:{account}", home):
        raise RefusedError(403, "PERMISSION_DENIED", f'Permission "eventarc.events.receiveEvent" denied on "{account}"')


def failed_job(project: Project, request: Request) -> Json | None:
    """Return the end of a pipeline job whose account has no effective grant on its bucket or project, or None.

    Vertex AI accepts the job and ends it with code 7, as in
    https://github.com/googleapis/python-aiplatform/issues/1880 (the project) and
    https://github.com/statmike/vertex-ai-mlops/issues/60 (the bucket).
    """
    account = request.body.get("serviceAccount", "")
    root = str(request.body.get("runtimeConfig", {}).get("gcsOutputDirectory", ""))
    bucket = root.removeprefix("gs://").partition("/")[0]
    if has_no_effect_yet(project, f"serviceAccount:{account}", ("storage", f"b/{bucket}")):
        message = (
            f"Service account `{account}` does not have `[storage.objects.get, storage.objects.create]` IAM"
            f' permission(s) to the bucket "{bucket}". Please either copy the files to the Google Cloud Storage bucket'
            " owned by your project, or grant the required IAM permission(s) to the service account.."
        )
    elif has_no_effect_yet(project, f"serviceAccount:{account}", whole_project(request)):
        store = f"//aiplatform.googleapis.com/{request.name.removesuffix('/pipelineJobs')}/metadataStores/default"
        message = f"Permission 'aiplatform.metadataStores.get' denied on resource '{store}' (or it may not exist).."
    else:
        return None
    error = {"code": 7, "message": f"Failed to create pipeline job. Error: {message}"}
    return {"state": "PIPELINE_STATE_FAILED", "error": error}
