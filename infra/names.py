"""All names of an installation, derived from PROJECT, REGION and PREFIX, which separates installations in one project.

``python -m infra.names`` prints the names that the operator's commands need, as a shell's exports.
"""

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

from infra.stops import StoppedError

FUNCTIONS: Final = ("upload_handler", "captioner", "sketcher", "pipeline_launcher", "result_notifier")
BUCKETS: Final = ("images", "results", "pipeline", "page")
# The sources of deliveries; each has a topic for its dead letters.
SOURCES: Final = ("uploads", "pictures", "captions", "pipeline-events")


@dataclass(frozen=True)
class Names:
    """One installation's project, region and prefix, and the names that follow from them."""

    project: str
    region: str = "us-central1"
    prefix: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Read PROJECT, REGION and PREFIX; raise StoppedError if one of them is malformed."""
        names = cls(environ.get("PROJECT", ""), environ.get("REGION") or cls.region, environ.get("PREFIX", ""))
        if not names.project:
            raise StoppedError("Set the Google Cloud project: PROJECT=…")
        if not re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", names.project):
            raise StoppedError(f"PROJECT must be a project's id, not '{names.project}'.")
        if not re.fullmatch(r"[a-z]+-[a-z]+[0-9]+", names.region):
            raise StoppedError(f"REGION must have the form us-central1, not '{names.region}'.")
        if not re.fullmatch(r"([a-z][a-z0-9]{0,7})?", names.prefix):
            raise StoppedError(f"PREFIX must have at most 8 letters and digits, not '{names.prefix}'.")
        return names

    @property
    def app(self) -> str:
        """The installation's name; most other names start with it. It is also its database and image repository."""
        return f"{self.prefix}-musicgenerator" if self.prefix else "musicgenerator"

    @property
    def accounts(self) -> str:
        """What the names of service accounts start with; such a name has at most 30 characters."""
        return f"{self.prefix}-mg" if self.prefix else "mg"

    @property
    def roles(self) -> str:
        """What the ids of custom roles start with."""
        return f"{self.prefix}_musicgenerator" if self.prefix else "musicgenerator"

    @property
    def page_origin(self) -> str:
        """The page has its own origin, because all pages under storage.googleapis.com share one browser storage."""
        return f"https://{self.bucket('page')}.storage.googleapis.com"

    @property
    def openai_secret(self) -> str:
        return f"{self.app}-openai-api-key"

    @property
    def drop_secret(self) -> str:
        return f"{self.app}-drop-session"

    @property
    def marks_secret(self) -> str:
        return f"{self.app}-c2pa"

    @property
    def place(self) -> str:
        """The start of the full names of regional resources."""
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def repository(self) -> str:
        """The image repository's full name."""
        return f"{self.place}/repositories/{self.app}"

    def image(self, short: str) -> str:
        """Return an image's address without its tag."""
        return f"{self.region}-docker.pkg.dev/{self.project}/{self.app}/{short}"

    def bucket(self, short: str) -> str:
        """Return a bucket's name, which is global and therefore contains the project's id."""
        return f"{self.project}-{self.app}-{short}"

    def topic(self, short: str) -> str:
        """Return the name of a topic, or of a subscription, trigger, sink or job that is named in the same way."""
        return f"{self.app}-{short}"

    def topic_path(self, short: str) -> str:
        """Return a topic's full name."""
        return f"projects/{self.project}/topics/{self.topic(short)}"

    def function(self, name: str) -> str:
        """Return a function's name in Google Cloud."""
        return f"{self.app}-{name.replace('_', '-')}"

    def account_id(self, name: str) -> str:
        """Return the part of a service account's address before the @."""
        return f"{self.accounts}-{name.replace('_', '-')}"

    def account(self, name: str) -> str:
        """Return a service account's address."""
        return f"{self.account_id(name)}@{self.project}.iam.gserviceaccount.com"

    def custom_role(self, name: str) -> str:
        """Return a custom role's id."""
        return f"{self.roles}.{name}"


def exports(names: Names) -> Iterator[tuple[str, str]]:
    """Yield the variables that the operator's commands and Google's clients read."""
    yield "GOOGLE_CLOUD_PROJECT", names.project
    yield "CLOUDSDK_CORE_PROJECT", names.project
    yield "CLOUDSDK_CORE_DISABLE_PROMPTS", "1"
    yield "REGION", names.region
    yield "APP", names.app
    yield "FIRESTORE_DATABASE", names.app
    yield "IMAGES_BUCKET", names.bucket("images")
    yield "RESULTS_BUCKET", names.bucket("results")
    yield "PICTURES_TOPIC", names.topic("pictures")
    yield "PIPELINE_EVENTS_TOPIC", names.topic("pipeline-events")
    # Where the dead letters of each source go back to: those of uploads become announcements of pictures.
    targets = {source: "pictures" if source == "uploads" else source for source in SOURCES}
    yield (
        "DEAD_LETTERS",
        " ".join(f"{names.topic(f'{source}-dead-letters')}:{names.topic(to)}" for source, to in targets.items()),
    )


def main() -> int:
    """Print the exports."""
    try:
        for name, value in exports(Names.of(os.environ)):
            print(f"export {name}={shlex.quote(value)}")
    except StoppedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
