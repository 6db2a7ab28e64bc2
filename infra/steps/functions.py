"""The functions, from their staged directories, each with its own account and flags file.

The label `release` is the hash of everything that a function is made from; if it differs, the function is deployed.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from functools import partial

from infra import late_grants
from infra.content import content_hash, short_hash, written, yaml_lines
from infra.gcloud import Call, gcloud
from infra.installation import INFRA, ROOT, Installation
from infra.jobs import Job
from infra.resources import BARRIER, Resource, Step, Unwanted
from infra.settings import NONE, setting
from infra.steps.machines import old_machines, warm_name, warm_path
from infra.steps.pipeline import template_address, template_file
from infra.steps.secret_versions import drop_session, signer_version, version_of
from infra.stops import CommandFailedError, StoppedError

# The operator's settings that each function gets if they are set; the functions have defaults for them.
_OPTIONAL = {
    "upload_handler": (
        *("SESSION_TRACKS_A_DAY", "ADDRESS_TRACKS_A_DAY", "TRACKS_A_DAY", "ADDRESS_SESSIONS_A_DAY", "SESSION_DAYS"),
        *("TRUSTED_PROXIES", "ALLOWED_ENGINES", "REGIONS"),
    ),
    "captioner": ("OPENAI_BASE_URL", "MODERATION_THRESHOLDS", "TRACKS_A_DAY"),
    "pipeline_launcher": ("BATCH_SECONDS", "DAILY_LIMIT", "REGIONS"),
    "result_notifier": ("BATCH_TRACKS", "REGIONS"),
}

# In an update, each function comes after those that read what it writes: an earlier one would not know what is new. So
# the API, which takes people's wishes, is last. The launcher, which follows the canary, is before it: an earlier one
# would ignore a wish, and a certificate signs for people only after the canary has signed with it.
_PHASES = (("result_notifier",), ("captioner", "sketcher", "pipeline_launcher"), ("upload_handler",))

_ENVIRONMENT = "serviceConfig/environmentVariables"


def functions(at: Installation) -> Step:
    """Deploy the functions whose release, state or account differs."""
    if not (ROOT / "build" / "upload_handler" / "main.py").is_file():
        raise StoppedError("The functions are not staged: run 'make build' first.")
    if not has_sketches(at):
        # Without its function, a subscription would retry each message for minutes.
        yield _without_sketches(at)
        yield BARRIER
    is_update = bool(_current_template(at))
    for phase in _PHASES:
        for function in phase:
            if function == "sketcher" and not has_sketches(at):
                yield _unwanted(at, function)
                continue
            canary_first = function == "pipeline_launcher" and at.option("CANARY", "yes") != "no" and bool(unproved(at))
            yield _function(at, function, canary_first=canary_first)
        if is_update:
            yield BARRIER
    yield BARRIER
    yield from old_machines(at)


def has_sketches(at: Installation) -> bool:
    """Return whether this installation makes sketches."""
    return setting(at, "SKETCHES") == "yes"


def _without_sketches(at: Installation) -> Unwanted:
    name = at.names.topic("captions-sketcher")
    return Unwanted("subscriptions", name, "subscription", gcloud("pubsub subscriptions delete", name))


def _unwanted(at: Installation, function: str) -> Unwanted:
    name = at.names.function(function)
    delete = gcloud("functions delete", name, f"--region={at.names.region}", "--gen2")
    return Unwanted("functions", name, "function", delete)


def _function(at: Installation, function: str, *, canary_first: bool) -> Resource:
    names = at.names
    own = (INFRA / "functions" / f"{function}.yaml").read_text(encoding="utf-8")
    environ = yaml_lines([*_environment(at, function), *_optional(at, function), ("THREADS", _concurrency(own))])
    folder = at.work / "functions"
    environ_file = written(folder / f"{function}.env.yaml", environ)
    flags = own + yaml_lines(_flags(at, function, str(environ_file)))
    instances = setting(at, f"{function.upper()}_INSTANCES")
    if instances:
        flags = re.sub(r"(?m)^--max-instances: .*$", f"--max-instances: {instances}", flags)
    if function == "upload_handler" and setting(at, "TRUSTED_PROXIES") != "0":
        # A request that does not come through the proxies could forge its address.
        flags = flags.replace("--ingress-settings: all", "--ingress-settings: internal-and-gclb")
    every = INFRA / "functions" / "every.yaml"
    parts = (every.read_text(encoding="utf-8"), environ, flags.replace(str(ROOT), "").replace(str(at.work), ""))
    release = short_hash(f"{''.join(parts)}{content_hash(ROOT, f'build/{function}')}\n".encode())
    labels = f"app={names.app},function={function.replace('_', '-')},release={release}"
    flags_file = written(folder / f"{function}.flags.yaml", flags + yaml_lines([("--update-labels", labels)]))
    deploy = gcloud(
        "functions deploy",
        names.function(function),
        f"--region={names.region}",
        f"--flags-file={every}",
        f"--flags-file={flags_file}",
        "--format=none",
        patience=(late_grants.FUNCTION,),
    )
    action = partial(_deploy, at, function, deploy, canary_first=canary_first)
    return Resource(
        "functions",
        names.function(function),
        "function",
        want={
            "labels/release": release,
            "state": "ACTIVE",
            "serviceConfig/serviceAccountEmail": names.account(function),
        },
        create=action,
        change=action,
    )


def _concurrency(flags: str) -> str:
    """Return the concurrent requests that Cloud Run sends to an instance, which are the threads that it needs.

    Otherwise functions-framework starts four threads for each vCPU, and further requests wait in the instance.
    """
    found = re.search(r"(?m)^--concurrency: (\d+)$", flags)
    if found is None:
        raise StoppedError("A function's flags have no --concurrency.")
    return found[1]


def _flags(at: Installation, function: str, environ_file: str) -> Iterator[tuple[str, str]]:
    names = at.names
    yield "--source", str(ROOT / "build" / function)
    yield "--env-vars-file", environ_file
    yield "--service-account", names.account(function)
    yield "--build-service-account", f"projects/{names.project}/serviceAccounts/{names.account('builder')}"
    yield "--docker-repository", names.repository
    if function == "captioner":
        version = version_of(at, names.openai_secret) or "1"
        yield "--set-secrets", f"OPENAI_API_KEY={names.openai_secret}:{version}"


def _environment(at: Installation, function: str) -> Iterator[tuple[str, str]]:
    names = at.names
    yield "GOOGLE_CLOUD_PROJECT", names.project
    yield "REGION", names.region
    yield "FIRESTORE_DATABASE", names.app
    yield "IMAGES_BUCKET", names.bucket("images")
    yield "RESULTS_BUCKET", names.bucket("results")
    yield "STORAGE_URL", "https://storage.googleapis.com"
    # Each region of Vertex AI has its own address; with several regions, the function fills in the region.
    vertex_region = "{region}" if setting(at, "REGIONS") else names.region
    yield "VERTEX_URL", f"https://{vertex_region}-aiplatform.googleapis.com"
    yield "CAPTIONS_TOPIC", names.topic("captions")
    yield "PICTURES_TOPIC", names.topic("pictures")
    yield "DEFAULT_ENGINE", setting(at, "DEFAULT_ENGINE")
    if function in {"upload_handler", "pipeline_launcher"} and signer_version(at):
        yield "MARK_SIGNER", signer_version(at)
    yield "LOG_EXECUTION_ID", "true"
    # Otherwise the storage client reads the bucket's metadata, for which no account has a grant.
    yield "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true"
    if function == "upload_handler":
        yield "PIPELINE_BUCKET", names.bucket("pipeline")
        yield "IAM_CREDENTIALS_URL", "https://iamcredentials.googleapis.com"
        yield "UPLOAD_SIGNER", names.account("upload_signer")
        yield "ALLOWED_ORIGINS", " ".join(at.page_origins)
    elif function == "captioner":
        yield "DROP_SESSION", drop_session(at)
        yield "OPENAI_MODEL", setting(at, "OPENAI_MODEL")
        yield "MODERATION_MODEL", setting(at, "MODERATION_MODEL")
    elif function == "pipeline_launcher":
        yield "PIPELINE_TEMPLATE", template_address(at)
        yield "PIPELINE_BUCKET", names.bucket("pipeline")
        yield "PIPELINE_ROOT", f"gs://{names.bucket('pipeline')}/root"
        yield "PIPELINE_ACCOUNT", names.account("pipeline")
        yield "PIPELINE_EVENTS_TOPIC", names.topic("pipeline-events")
        yield "FALLBACK_ENGINE", setting(at, "FALLBACK_ENGINE")
        yield "MODEL_ENDPOINT", setting(at, "MODEL_ENDPOINT")
        if warm_name(at):
            yield "PERSISTENT_RESOURCE", warm_path(at)
    elif function == "result_notifier":
        yield "PIPELINE_BUCKET", names.bucket("pipeline")
        yield "TELEMETRY_URL", "https://telemetry.googleapis.com"


def _optional(at: Installation, function: str) -> Iterator[tuple[str, str]]:
    for name in _OPTIONAL.get(function, ()):
        if at.settings.get(name, NONE) != NONE:
            yield name, at.settings[name]


def _current_template(at: Installation) -> str:
    """Return the template that the deployed launcher uses, or an empty text."""
    return at.fact("functions", at.names.function("pipeline_launcher"), f"{_ENVIRONMENT}/PIPELINE_TEMPLATE")


def unproved(at: Installation) -> list[str]:
    """Return what a canary has to prove before the launcher gets it, nothing in a new installation."""
    current = _current_template(at)
    signer = at.fact("functions", at.names.function("pipeline_launcher"), f"{_ENVIRONMENT}/MARK_SIGNER")
    is_new = {"template": current != template_address(at), "certificate": signer_version(at) not in {"", signer}}
    return [name for name, differs in is_new.items() if current and differs]


def _deploy(at: Installation, function: str, deploy: Call, job: Job, *, canary_first: bool) -> None:
    """Deploy a function; say what to do if it may have fewer instances than it asks for."""
    if canary_first:
        _canary(at, job)
    try:
        job.call(deploy)
    except CommandFailedError as error:
        fitting = re.search(r"Max instances must be set to (\d+) or fewer", error.output)
        if fitting is None:
            raise
        names = at.names
        raise StoppedError(
            f"{error.output}\nWhat to do: deploy with {function.upper()}_INSTANCES={fitting[1]} or fewer, or raise the"
            f" quota of Cloud Run in {names.region} and run the same command again:"
            f" https://console.cloud.google.com/iam-admin/quotas?project={names.project}"
        ) from error


def _canary(at: Installation, job: Job) -> None:
    """Make a track with the new template, and the new certificate, before the launcher gets them."""
    names, scheme = at.names, at.option("GOOGLE_APIS_SCHEME", "https")
    environ = os.environ | {
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "GOOGLE_OAUTH_ACCESS_TOKEN": at.gcloud.secret("auth", "print-access-token"),
        "GOOGLE_CLOUD_PROJECT": names.project,
        "REGION": names.region,
        "FIRESTORE_DATABASE": names.app,
        "VERTEX_URL": f"{scheme}://{names.region}-aiplatform.googleapis.com",
        "STORAGE_URL": f"{scheme}://storage.googleapis.com",
        "RESULTS_BUCKET": names.bucket("results"),
        "PIPELINE_BUCKET": names.bucket("pipeline"),
        "PIPELINE_ROOT": f"gs://{names.bucket('pipeline')}/root",
        "PIPELINE_EVENTS_TOPIC": names.topic("pipeline-events"),
        "PIPELINE_ACCOUNT": names.account("pipeline"),
        "MARK_SIGNER": signer_version(at),
    }
    new = " and ".join(unproved(at))
    print(f"  a canary makes a track with the new {new}", flush=True)
    command = [str(ROOT / ".venv" / "bin" / "python"), "-m", "operations.canary", str(template_file(at))]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    job.note(done.stdout + done.stderr)
    if done.returncode != 0:
        raise StoppedError(
            f"The canary made no track; the launcher keeps {_current_template(at)}."
            f" What was new: {new}. No function that serves people uses it."
        )
