"""The processes of the local cloud: the command, port and environment of each."""

import json
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from infra.costs import track_usd
from infra.prices import prices
from localcloud.addresses import (
    HOST,
    IMAGES_BUCKET,
    PROJECT,
    REPOSITORY,
    STORAGE_EVENTS_TOPIC,
    Addresses,
)
from localcloud.prerequisites import Tools
from musicgenerator.briefs import ENGINES

API_THREADS: Final = "32"
FUNCTIONS: Final = {
    "upload_handler": ("handle_request", "http"),
    "captioner": ("on_image_uploaded", "cloudevent"),
    "sketcher": ("on_track_captioned", "cloudevent"),
    "pipeline_launcher": ("on_track_captioned", "cloudevent"),
    "result_notifier": ("on_pipeline_event", "cloudevent"),
}


@dataclass(frozen=True)
class Part:
    """One child process.

    ``health`` is a path that answers 200 when the process is ready; None means that a listening port is enough.
    ``echo`` shows its lines in the terminal; its log file holds them in any case.
    """

    name: str
    command: tuple[str, ...]
    port: int
    environ: dict[str, str] = field(default_factory=dict)
    folder: Path = REPOSITORY
    health: str | None = None
    echo: bool = True


def foundations(addresses: Addresses, tools: Tools) -> list[Part]:
    """Return the parts that start first: the emulators and the servers that depend on no other part.

    The page's server is not among them, because not everything that runs a local cloud builds the page.
    """
    ports, client = addresses.ports, addresses.client_environ()
    # The second compiler costs more processor time than it saves in the minutes that an emulator usually runs.
    # Performance data would be files in /tmp.
    java = (str(tools.java), "-Duser.language=en", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
    return [
        Part(
            "firestore",
            (
                *java,
                "-Xmx1g",
                f"-Djava.util.logging.config.file={Path(__file__).parent / 'servers' / 'firestore_logging.properties'}",
                "-cp",
                str(tools.firestore_jar),
                "com.google.cloud.datastore.emulator.firestore.CloudFirestore",
                "--host",
                HOST,
                "--port",
                str(ports["firestore"]),
                "--rules",
                str(REPOSITORY / "infra" / "firestore.rules"),
            ),
            ports["firestore"],
            health="/",
            echo=False,
        ),
        Part(
            "pubsub",
            (*java, "-Xmx512m", "-jar", str(tools.pubsub_jar), f"--host={HOST}", f"--port={ports['pubsub']}"),
            ports["pubsub"],
            health="/",
            echo=False,
        ),
        Part(
            "storage_backend",
            _storage_backend(addresses, tools),
            ports["storage_backend"],
            client,
            health="/_internal/healthcheck",
            echo=False,
        ),
        _server(addresses, "storage", "localcloud.storage_front", echo=False),
        _server(addresses, "identity", "localcloud.servers.identity", echo=False),
        _server(addresses, "telemetry", "localcloud.servers.telemetry", echo=False),
        _server(addresses, "openai", "localcloud.openai.server", f"--port={ports['openai']}"),
    ]


def page(addresses: Addresses) -> Part:
    """Return the server of the built page; with ``SHOW_PRICES=true`` it shows what a track costs on Google Cloud."""
    part = _server(addresses, "page", "localcloud.servers.page", echo=False)
    usd = {engine: track_usd(engine, prices()) for engine in ENGINES if os.environ.get("SHOW_PRICES") == "true"}
    return replace(part, environ=part.environ | {"ENGINE_PRICES": json.dumps(usd)})


def workers(addresses: Addresses, drop_session: str, template: str, *, isolated: bool = True) -> list[Part]:
    """Return the parts that need the foundations: Vertex AI, the functions and the bridge.

    An isolated function has its own environment with its own requirements only, as in Google Cloud. The others share
    this process's environment, which has the same versions, so that less is installed.
    """
    environ = addresses.client_environ() | addresses.function_environ(drop_session, template)
    return [
        _server(addresses, "vertex", "localcloud.vertex"),
        *(_function(addresses, name, environ, isolated=isolated) for name in FUNCTIONS),
        _server(addresses, "bridge", "localcloud.pubsub.bridge"),
    ]


def _server(addresses: Addresses, name: str, module: str, *arguments: str, echo: bool = True) -> Part:
    environ = addresses.client_environ() | {
        "PORT": str(addresses.port),
        "LOCALCLOUD_HOME": str(addresses.home),
        "PYTHONPATH": os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY))),
    }
    return Part(
        name, (sys.executable, "-m", module, *arguments), addresses.ports[name], environ, health="/healthz", echo=echo
    )


def _function(addresses: Addresses, name: str, environ: dict[str, str], *, isolated: bool) -> Part:
    """Return a function as Google Cloud runs it: functions-framework serves its staged directory."""
    target, signature = FUNCTIONS[name]
    programs = REPOSITORY / ".venvs" / name / "bin" if isolated else Path(sys.executable).parent
    command = (
        str(programs / "functions-framework"),
        f"--target={target}",
        f"--signature-type={signature}",
        "--source=main.py",
        f"--host={HOST}",
        f"--port={addresses.ports[name]}",
    )
    folder = REPOSITORY / "build" / name
    # As the deployment sets it: slow requests leave threads to others.
    threads = {"THREADS": API_THREADS} if name == "upload_handler" else {}
    return Part(name, command, addresses.ports[name], environ | threads, folder)


def _storage_backend(addresses: Addresses, tools: Tools) -> tuple[str, ...]:
    """Return the command of fake-gcs-server; the URLs in its answers name the storage front."""
    return (
        str(tools.storage_binary),
        "-scheme=http",
        f"-host={HOST}",
        f"-port={addresses.ports['storage_backend']}",
        "-backend=memory",
        f"-external-url={addresses.url('storage')}",
        f"-public-host={addresses.host('storage')}",
        f"-event.pubsub-project-id={PROJECT}",
        f"-event.pubsub-topic={STORAGE_EVENTS_TOPIC}",
        f"-event.bucket={IMAGES_BUCKET}",
        # Its request lines contain object names and results tokens.
        "-log-level=warn",
    )
