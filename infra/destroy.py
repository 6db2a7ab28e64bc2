"""Delete an installation with all its data. It can run again; it skips resources that no longer exist.

APIs stay enabled, Google's agents keep their grants, and a deleted custom role's id stays reserved for weeks.
"""

import re
import shutil
from functools import partial
from typing import Final

from infra import policies
from infra.deploy import answered, read_everything
from infra.engine import Mode
from infra.gcloud import gcloud
from infra.installation import Installation, model_queries
from infra.jobs import Job
from infra.model import remove_endpoint
from infra.names import BUCKETS, FUNCTIONS
from infra.resources import BARRIER, Mark, Step, Unwanted
from infra.rest import firestore_rules
from infra.steps.machines import living, removal
from infra.stops import StoppedError


def destroy(at: Installation) -> None:
    """List what would be deleted, ask, and delete it."""
    read_everything(at)
    at.state.read(query.kind for query in model_queries(at.names))
    steps = {name: partial(step, at) for name, step in _STEPS.items()}
    at.engine.converge(steps, Mode.PLAN)
    plan = at.engine.plan
    if not plan:
        print(f"{at.names.project} has no resources of {at.names.app}.")
        return
    print("\n".join(map(str, plan)))
    print(f"\n{len(plan)} resources, with all pictures, music, tracks and messages in them.", flush=True)
    if at.option("YES") != "1" and answered("Type the project's id to destroy them: ") != at.names.project:
        raise StoppedError("Nothing was changed.")
    try:
        at.engine.converge(steps, Mode.APPLY)
    except StoppedError as error:
        raise StoppedError(
            f"{error}\nStopped in {at.engine.step}. Fix the cause and run the same command again; logs are in"
            f" {at.engine.log}."
        ) from error
    shutil.rmtree(at.work / "kept", ignore_errors=True)
    print("Destroyed.")


def _model(at: Installation) -> Step:
    for name in at.state.names("endpoints"):
        yield Unwanted("endpoints", name, "model's endpoint", partial(remove_endpoint, at, name))
    yield BARRIER
    for name in at.state.names("models"):
        yield Unwanted("models", name, "model", gcloud("ai models delete", name, f"--region={at.names.region}"))


def _deliveries(at: Installation) -> Step:
    for name in living(at):
        yield removal(at, name)
    location = f"--location={at.names.region}"
    trigger, tick, sink = (at.names.topic(short) for short in ("uploads", "tick", "pipeline-events"))
    yield Unwanted("triggers", trigger, "trigger", gcloud("eventarc triggers delete", trigger, location))
    yield Unwanted("jobs", tick, "scheduler's tick", gcloud("scheduler jobs delete", tick, location))
    yield Unwanted("sinks", sink, "log sink", gcloud("logging sinks delete", sink))
    for name in at.state.names("subscriptions", f"{at.names.app}-"):
        yield Unwanted("subscriptions", name, "subscription", gcloud("pubsub subscriptions delete", name))


def _functions(at: Installation) -> Step:
    for name in map(at.names.function, FUNCTIONS):
        delete = gcloud("functions delete", name, f"--region={at.names.region}", "--gen2")
        yield Unwanted("functions", name, "function", delete)
    for name in at.state.names("topics", f"{at.names.app}-"):
        yield Unwanted("topics", name, "topic", gcloud("pubsub topics delete", name))


def _monitoring(at: Installation) -> Step:
    # Cloud Monitoring chooses the resources' names, so this finds them by title.
    titles = re.compile(rf"{re.escape(at.names.app)}(: .*| operators)?")
    for kind, command, flags in (
        ("policies", "alpha monitoring policies delete", ()),
        ("dashboards", "monitoring dashboards delete", ()),
        ("channels", "beta monitoring channels delete", ("--force",)),
    ):
        for resource in at.state.of(kind):
            title = resource.get("displayName", "")
            if titles.fullmatch(title):
                delete = gcloud(command, resource["name"], *flags)
                yield Unwanted(kind, title, kind.removesuffix("s"), delete, exists=True)
    for name in at.state.names("metrics", f"{at.names.app}-"):
        yield Unwanted("metrics", name, "log-based metric", gcloud("logging metrics delete", name))


def _storage(at: Installation) -> Step:
    names, location = at.names, f"--location={at.names.region}"
    for bucket in map(names.bucket, BUCKETS):
        yield Unwanted("buckets", bucket, "bucket", gcloud("storage rm --recursive", f"gs://{bucket}"))
    delete = gcloud("artifacts repositories delete", names.app, location)
    yield Unwanted("repositories", names.app, "image repository", delete)
    for secret in (names.openai_secret, names.drop_secret, names.marks_secret):
        yield Unwanted("secrets", secret, "secret", gcloud("secrets delete", secret))
    key = f"{names.app} page"
    delete = gcloud("services api-keys delete", at.fact("keys", key, "uid"))
    yield Unwanted("keys", key, "browser key", delete)

    def delete_database(job: Job) -> None:
        database = f"--database={names.app}"
        firestore_rules.remove(at.google, names.app)
        job.call(
            gcloud("firestore databases update", database, "--no-delete-protection", "--format=none"),
            gcloud("firestore databases delete", database, "--format=none"),
        )

    yield Unwanted("databases", names.app, "database", delete_database)


def _accounts(at: Installation) -> Step:
    names = at.names
    grants = policies.on(at, "project", policies.nothing(at))
    if grants.change is not None:
        surplus = grants.verdict is not None and grants.verdict.mark is not Mark.SAME
        yield Unwanted(grants.kind, grants.name, grants.description, grants.change, exists=surplus)
    delete = gcloud("iam workload-identity-pools delete", names.app, "--location=global")
    yield Unwanted("pools", names.app, "identity pool", delete)
    yield BARRIER
    for role in map(names.custom_role, policies.custom_roles()):
        delete = gcloud("iam roles delete", role, f"--project={names.project}")
        exists = at.exists("custom_roles", role) and not at.fact("custom_roles", role, "deleted")
        yield Unwanted("custom_roles", role, "custom role", delete, exists=exists)
    for account in map(names.account, (*policies.ACCOUNTS, policies.DEPLOYER)):
        yield Unwanted("accounts", account, "account", gcloud("iam service-accounts delete", account))


_STEPS: Final = {
    "model": _model,
    "deliveries": _deliveries,
    "functions": _functions,
    "monitoring": _monitoring,
    "storage": _storage,
    "accounts": _accounts,
}
