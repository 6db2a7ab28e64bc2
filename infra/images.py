"""Images of this repository, built by Cloud Build and tagged with the hash of their sources, so that no tag moves."""

from dataclasses import dataclass

from infra import late_grants
from infra.content import content_hash, copied
from infra.gcloud import gcloud
from infra.installation import INFRA, ROOT, Installation
from infra.jobs import Job


@dataclass(frozen=True)
class Image:
    """An image: its name, the label of the repository that remembers its tag, its sources, and its Dockerfile."""

    name: str
    label: str
    sources: tuple[str, ...]
    dockerfile: str

    @property
    def tag(self) -> str:
        """The hash of the sources."""
        return content_hash(ROOT, *self.sources)

    def address(self, at: Installation) -> str:
        """Return the image's address with its tag."""
        return f"{at.names.image(self.name)}:{self.tag}"

    def exists(self, at: Installation) -> bool:
        """Return True if the image has been built."""
        return at.fact("repositories", at.names.app, f"labels/{self.label}") == self.tag

    def build(self, at: Installation, job: Job) -> None:
        """Build the image: from the pipeline's bucket and with logs in Cloud Logging, as the builder's grants allow."""
        names, tag = at.names, self.tag
        context = copied(ROOT, at.work / f"{self.label}-context", *self.sources)
        job.call(
            gcloud(
                "builds submit",
                str(context),
                f"--config={INFRA / 'builds' / 'image.yaml'}",
                f"--region={names.region}",
                "--suppress-logs",
                f"--substitutions=_IMAGE={self.address(at)},_DOCKERFILE={self.dockerfile}",
                f"--gcs-source-staging-dir=gs://{names.bucket('pipeline')}/builds",
                f"--service-account=projects/{names.project}/serviceAccounts/{names.account('builder')}",
                "--format=none",
                patience=(late_grants.BUILD,),
            ),
            # Written last: the label says that the image exists.
            gcloud(
                "artifacts repositories update",
                *(names.app, f"--location={names.region}", f"--update-labels={self.label}={tag}", "--format=none"),
            ),
        )
