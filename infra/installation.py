"""One installation: its names, the operator's settings, and what the project has."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from infra.content import written
from infra.engine import Engine
from infra.gcloud import Gcloud
from infra.names import Names
from infra.rest.google import Google
from infra.state import Query, State, query
from infra.stops import StoppedError

ROOT: Final = Path(__file__).resolve().parents[1]
INFRA: Final = ROOT / "infra"


def queries(names: Names) -> tuple[Query, ...]:
    """Return what a plan reads."""
    project, region, database = names.project, names.region, ("databases", names.app)
    return (
        query("project", f"projects list --filter=projectId={project}", key="projectId"),
        query("apis", "services list --enabled"),
        query("accounts", "iam service-accounts list", "iam", key="email"),
        query("custom_roles", f"iam roles list --project={project} --show-deleted", "iam"),
        query("buckets", "storage buckets list --raw", "storage"),
        query("topics", "pubsub topics list", "pubsub"),
        query("subscriptions", "pubsub subscriptions list", "pubsub"),
        query("databases", "firestore databases list", "firestore"),
        query("ttls", f"firestore fields ttls list --database={names.app}", parent=database),
        query("fields", f"firestore indexes fields list --database={names.app}", parent=database),
        query("composites", f"firestore indexes composite list --database={names.app}", parent=database),
        query("secrets", "secrets list", "secretmanager"),
        *(
            query(
                f"versions of {secret}",
                f"secrets versions list {secret} --filter=state=ENABLED --sort-by=~createTime",
                parent=("secrets", secret),
            )
            for secret in (names.openai_secret, names.drop_secret, names.marks_secret)
        ),
        query("repositories", f"artifacts repositories list --location={region}", "artifactregistry"),
        query("functions", f"functions list --v2 --regions={region}", "cloudfunctions"),
        query("triggers", f"eventarc triggers list --location={region}", "eventarc"),
        query("sinks", "logging sinks list", "logging"),
        query("metrics", "logging metrics list", "logging"),
        query("jobs", f"scheduler jobs list --location={region}", "cloudscheduler"),
        query("policies", "alpha monitoring policies list", "monitoring", key="displayName"),
        query("dashboards", "monitoring dashboards list", "monitoring", key="displayName"),
        query("channels", "beta monitoring channels list", "monitoring", key="displayName"),
        query("keys", "services api-keys list", "apikeys", key="displayName"),
    )


def model_queries(names: Names) -> tuple[Query, ...]:
    """Return what a plan reads only if it needs it: a model, newest first, warm machines and the identity pools."""
    listed = f"list --region={names.region} --filter=labels.app={names.app} --sort-by=~createTime"
    return (
        query("models", f"ai models {listed}", "aiplatform"),
        query("endpoints", f"ai endpoints {listed}", "aiplatform"),
        query("persistent_resources", f"ai persistent-resources list --region={names.region}", "aiplatform"),
        query("pools", "iam workload-identity-pools list --location=global", "iam"),
    )


class Installation:
    """An installation in a project, for the steps and the commands."""

    def __init__(self, environ: Mapping[str, str], gcloud: Gcloud | None = None, google: Google | None = None) -> None:
        self.names = Names.of(environ)
        self.environ = environ
        # deploy.py fills these from what the project keeps and the variables that are given.
        self.settings: dict[str, str] = {}
        self.work = Path(environ.get("DEPLOY_WORK") or ROOT / "build" / "deploy") / self.names.project / self.names.app
        self.work.mkdir(parents=True, exist_ok=True)
        self.gcloud = gcloud or Gcloud(self.names.project)
        jobs = int(environ.get("JOBS") or os.cpu_count() or 4)
        self.google = google or Google(self.names.project, self.gcloud)
        self.state = State(self.gcloud, self.google, (*queries(self.names), *model_queries(self.names)), jobs)
        self.engine = Engine(self.gcloud, self.state, self.work, jobs)

    def option(self, name: str, default: str = "") -> str:
        """Return a variable of this command, or the default if it is missing or empty."""
        return self.environ.get(name) or default

    def exists(self, kind: str, name: str) -> bool:
        """Return True if the project has a resource."""
        return self.state.exists(kind, name)

    def fact(self, kind: str, name: str, path: str) -> str:
        """Return a value of a resource as text, or an empty text."""
        return self.state.fact(kind, name, path)

    def kept(self, name: str, read: Callable[[], str]) -> str:
        """Return a text that never changes and is no secret, such as the string of a key; read it once on a machine."""
        file = self.work / "kept" / name
        if not file.is_file():
            written(file, read())
        return file.read_text(encoding="utf-8")

    @property
    def number(self) -> str:
        """The project's number."""
        number = self.fact("project", self.names.project, "projectNumber")
        if not number:
            raise StoppedError(f"This account can see no project {self.names.project} (gcloud auth list).")
        return number

    @property
    def sink_writer(self) -> str:
        """The account that writes the log sink's entries, or an empty text if the sink does not exist."""
        return self.fact("sinks", self.names.topic("pipeline-events"), "writerIdentity")

    @property
    def page_origins(self) -> tuple[str, ...]:
        """The origins whose pages may send commands and pictures, and read music and Firestore."""
        return (self.names.page_origin, *self.settings.get("ALLOWED_ORIGINS", "").split())

    def url_of(self, function: str) -> str:
        """Return a function's address, or words that a plan shows until it has one."""
        return self.fact("functions", self.names.function(function), "serviceConfig/uri") or "(its address)"
