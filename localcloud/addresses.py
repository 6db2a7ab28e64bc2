"""The local cloud's ports, names, folders and environment variables.

Addresses and credentials are all that differs between this machine and Google Cloud.
``python -m localcloud.addresses`` prints the variables of clients and operators.
"""

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from musicgenerator.settings import whole_number

HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8080
REPOSITORY: Final = Path(__file__).resolve().parent.parent

PROJECT: Final = "demo-musicgenerator"
REGION: Final = "us-central1"
IMAGES_BUCKET: Final = "musicgenerator-images"
RESULTS_BUCKET: Final = "musicgenerator-results"
PIPELINE_BUCKET: Final = "musicgenerator-pipeline"
STORAGE_EVENTS_TOPIC: Final = "storage-events"
PICTURES_TOPIC: Final = "pictures"
CAPTIONS_TOPIC: Final = "captions"
PIPELINE_EVENTS_TOPIC: Final = "pipeline-events"
DEAD_LETTER_SUFFIX: Final = "-dead-letters"
UPLOAD_SIGNER: Final = f"upload-signer@{PROJECT}.iam.gserviceaccount.com"
LOCAL_ENDPOINT: Final = f"projects/{PROJECT}/locations/{REGION}/endpoints/local"
LOCAL_MACHINES: Final = f"projects/{PROJECT}/locations/{REGION}/persistentResources/local"
# The version of the secret with the certificate and key that mark the music.
LOCAL_SIGNER: Final = f"projects/{PROJECT}/secrets/musicgenerator-c2pa/versions/1"
PIPELINE_ACCOUNT: Final = f"pipeline@{PROJECT}.iam.gserviceaccount.com"


@dataclass(frozen=True)
class Addresses:
    """The parts' ports, which count up from ``port``, and the folder of the local cloud's files."""

    port: int = DEFAULT_PORT
    home: Path = REPOSITORY / ".localcloud"

    @classmethod
    def from_environ(cls) -> Self:
        """Read ``PORT`` and ``LOCALCLOUD_HOME``; with other values a second local cloud runs beside the first."""
        port = int(os.environ.get("PORT") or DEFAULT_PORT)
        home = os.environ.get("LOCALCLOUD_HOME")
        return cls(port, Path(home).resolve() if home else cls.home)

    @property
    def ports(self) -> dict[str, int]:
        """The port of each part."""
        parts = (
            "page",
            "upload_handler",
            "captioner",
            "pipeline_launcher",
            "result_notifier",
            "storage",
            "pubsub",
            "firestore",
            "vertex",
            "openai",
            "identity",
            "bridge",
            "storage_backend",
            "telemetry",
            "sketcher",
        )
        return {part: self.port + offset for offset, part in enumerate(parts)}

    def host(self, part: str) -> str:
        """Return ``host:port`` of a part."""
        return f"{HOST}:{self.ports[part]}"

    def url(self, part: str) -> str:
        """Return the base address of a part, without a slash at the end."""
        return f"http://{self.host(part)}"

    @property
    def page_origins(self) -> tuple[str, ...]:
        """The origins under which a browser opens the page."""
        return self.url("page"), f"http://localhost:{self.port}"

    @property
    def credentials_file(self) -> Path:
        """The application default credentials that the local identity server writes."""
        return self.home / "credentials.json"

    @property
    def marks_folder(self) -> Path:
        """The folder with the certificates of marks: ``authority.pem`` is the anchor, ``signer.pem`` is private."""
        return self.home / "marks"

    @property
    def drop_session_file(self) -> Path:
        """The file with the drop session's id and secret."""
        return self.home / "drop-session.json"

    @property
    def state_file(self) -> Path:
        """The file that exists while the local cloud is running: its process id and its first port."""
        return self.home / "running.json"

    def client_environ(self) -> dict[str, str]:
        """Return the variables that point Google's, OpenAI's and this project's clients at the local cloud."""
        return {
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "FIRESTORE_EMULATOR_HOST": self.host("firestore"),
            "PUBSUB_EMULATOR_HOST": self.host("pubsub"),
            "STORAGE_EMULATOR_HOST": self.url("storage"),
            "OPENAI_BASE_URL": f"{self.url('openai')}/v1",
            "OPENAI_API_KEY": "local",
            "SECRETS_URL": self.url("identity"),
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.credentials_file),
            "CLOUDSDK_CORE_PROJECT": PROJECT,
            "CLOUDSDK_CONFIG": str(self.home / "gcloud"),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(self.home / "access-token"),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{self.url('storage')}/storage/v1/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"{self.url('pubsub')}/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM": f"{self.url('vertex')}/",
            "MUSICGENERATOR_API_URL": self.url("upload_handler"),
            "MUSICGENERATOR_WEB_URL": self.url("page"),
            "IMAGES_BUCKET": IMAGES_BUCKET,
            "RESULTS_BUCKET": RESULTS_BUCKET,
            "PICTURES_TOPIC": PICTURES_TOPIC,
            "DEAD_LETTERS": " ".join(
                f"{topic}{DEAD_LETTER_SUFFIX}:{again}"
                for topic, again in (
                    (STORAGE_EVENTS_TOPIC, PICTURES_TOPIC),
                    (PICTURES_TOPIC, PICTURES_TOPIC),
                    (CAPTIONS_TOPIC, CAPTIONS_TOPIC),
                    (PIPELINE_EVENTS_TOPIC, PIPELINE_EVENTS_TOPIC),
                )
            ),
            # A proxy that the user needs for the Internet cannot reach this machine's addresses.
            **{name: ",".join(filter(None, (os.environ.get(name), HOST))) for name in ("NO_PROXY", "no_proxy")},
        }

    def operator_environ(self) -> dict[str, str]:
        """Return the further variables of the commands in ``operations/``."""
        return {
            "LOG_FOLDER": str(self.home / "logs"),
            "MARK_SIGNER": os.environ.get("MARK_SIGNER", LOCAL_SIGNER),
            "PARTS": " ".join(f"{part}={self.host(part)}" for part in self.ports),
        }

    def function_environ(self, drop_session: str, template: str) -> dict[str, str]:
        """Return the functions' further variables; ``template`` is the pipeline's gs:// address."""
        return {
            "REGION": REGION,
            "REGIONS": os.environ.get("REGIONS", ""),
            "BATCH_SECONDS": os.environ.get("BATCH_SECONDS", ""),
            "BATCH_TRACKS": os.environ.get("BATCH_TRACKS", ""),
            "STORAGE_URL": self.url("storage"),
            "VERTEX_URL": self.url("vertex"),
            "TELEMETRY_URL": self.url("telemetry"),
            "IAM_CREDENTIALS_URL": self.url("identity"),
            "UPLOAD_SIGNER": UPLOAD_SIGNER,
            "MARK_SIGNER": os.environ.get("MARK_SIGNER", LOCAL_SIGNER),
            "PIPELINE_ACCOUNT": PIPELINE_ACCOUNT,
            "PIPELINE_TEMPLATE": template,
            # With WARM, jobs name a persistent resource, and their machines start in WARM_START_SECONDS.
            "PERSISTENT_RESOURCE": LOCAL_MACHINES if has_warm_machines(os.environ) else "",
            "PIPELINE_BUCKET": PIPELINE_BUCKET,
            "PIPELINE_ROOT": f"gs://{PIPELINE_BUCKET}/root",
            "CAPTIONS_TOPIC": CAPTIONS_TOPIC,
            "PIPELINE_EVENTS_TOPIC": PIPELINE_EVENTS_TOPIC,
            "DROP_SESSION": drop_session,
            "DEFAULT_ENGINE": os.environ.get("DEFAULT_ENGINE") or "composer",
            "ALLOWED_ENGINES": os.environ.get("ALLOWED_ENGINES", ""),
            "FALLBACK_ENGINE": os.environ.get("FALLBACK_ENGINE", ""),
            # If MODEL_SERVER_URL is set, its model server answers for every endpoint.
            "MODEL_ENDPOINT": LOCAL_ENDPOINT if os.environ.get("MODEL_SERVER_URL") else "",
            "OPENAI_MODEL": "gpt-6-luna",
            "MODERATION_MODEL": "omni-moderation-latest",
            "ALLOWED_ORIGINS": " ".join(self.page_origins),
            "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA": "true",
        }


def has_warm_machines(environ: Mapping[str, str]) -> bool:
    """Return whether the local cloud keeps machines for pipelines, as ``WARM`` says."""
    return whole_number(environ, "WARM", 0) > 0


def running_pid(addresses: Addresses) -> int | None:
    """Return the process id of the local cloud that is running at these addresses, or None."""
    try:
        state = json.loads(addresses.state_file.read_text())
        os.kill(state["pid"], 0)
    except (OSError, ValueError, KeyError):
        return None
    return int(state["pid"]) if state["port"] == addresses.port else None


def main(arguments: Sequence[str]) -> int:
    """Print the variables of clients and operators as lines for a shell, or with ``--pid`` the process id alone."""
    addresses = Addresses.from_environ()
    if "--pid" not in arguments:
        for name, value in (addresses.client_environ() | addresses.operator_environ()).items():
            print(f"export {name}={shlex.quote(value)}")
        return 0
    pid = running_pid(addresses)
    if pid is None:
        print(
            "The local cloud is not up. Start it with 'make run' in another terminal,"
            " or name a deployed project: PROJECT=…",
            file=sys.stderr,
        )
        return 1
    print(pid)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
