"""The three systems: each can be started, given pictures and killed."""

import os
import secrets
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import requests
from google.cloud import firestore

from benchmarks.stage import Stage, memory
from localcloud.addresses import HOST, IMAGES_BUCKET, PROJECT, REPOSITORY
from localcloud.parts import FUNCTIONS, Part
from localcloud.provision import TEMPLATE, storage_client
from localcloud.supervisor import Supervisor
from musicgenerator.states import Status
from tests.support.delivering import delivering, make_topics, push_route, storage_route
from tests.support.visitors import Visitor, put

_CAPTIONS: Final = "peer-captions"
_EVENTS: Final = "peer-events"
_PLAIN: Final = {"describe": "captioner", "launch": "pipeline_launcher", "notify": "result_notifier"}
_PATIENCE_SECONDS: Final = 300.0
_THREADS: Final = "8"


class System(Protocol):
    """A running system that makes music from pictures.

    ``waits`` says whether it accepts a picture only together with its music.
    """

    @property
    def waits(self) -> bool:
        """Tell whether a picture is accepted only with its music."""
        ...

    def accept(self, data: bytes) -> str:
        """Send a picture and return its name after it was accepted."""
        ...

    def finished(self, names: Sequence[str]) -> set[str]:
        """Return the names whose music is finished."""
        ...

    def kill(self) -> None:
        """Send SIGKILL to all worker processes; their servers start new ones at once."""
        ...

    def memory(self) -> float:
        """Return the PSS of all its processes in MiB."""
        ...


@dataclass
class _Processes:
    supervisor: Supervisor
    names: tuple[str, ...]
    waits: bool = False

    def kill(self) -> None:
        for name in self.names:
            server = self.supervisor.pid(name)
            for child in Path(f"/proc/{server}/task/{server}/children").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)

    def memory(self) -> float:
        return sum(memory(self.supervisor.pid(name)) for name in self.names)


class Musicgenerator(_Processes):
    """The four functions: announce a track, then upload its picture."""

    def __init__(self, up: Stage, supervisor: Supervisor) -> None:
        """Open a session."""
        super().__init__(supervisor, tuple(FUNCTIONS))
        self._visitor = Visitor(up.addresses.url("upload_handler"), "203.0.113.9")
        self._visitor.open()
        self._database = firestore.Client(project=PROJECT)

    def accept(self, data: bytes) -> str:
        """Announce the track and upload."""
        track, permit = self._visitor.announce("peer")
        put(permit, data)
        return track

    def finished(self, names: Sequence[str]) -> set[str]:
        """Read the tracks' documents."""
        return _ready(self._database, self._database.collection("sessions", self._visitor.session, "tracks"), names)


class Plain(_Processes):
    """The samples' functions: upload a picture to the bucket."""

    def __init__(self, supervisor: Supervisor) -> None:
        """Share one storage client."""
        super().__init__(supervisor, tuple(_PLAIN))
        self._bucket = storage_client().bucket(IMAGES_BUCKET)
        self._database = firestore.Client(project=PROJECT)

    def accept(self, data: bytes) -> str:
        """Upload the picture."""
        name = f"plain-{secrets.token_hex(8)}"
        self._bucket.blob(name).upload_from_string(data, content_type="image/jpeg")
        return name

    def finished(self, names: Sequence[str]) -> set[str]:
        """Read the pictures' documents."""
        return _ready(self._database, self._database.collection("plain"), names)


class Synchronous(_Processes):
    """The view: it accepts a picture when its music is finished."""

    def __init__(self, supervisor: Supervisor, url: str) -> None:
        """Send to this server."""
        super().__init__(supervisor, ("django",), waits=True)
        self._url = url
        self._done: set[str] = set()

    def accept(self, data: bytes) -> str:
        """Post the picture and wait for the answer; without one it has no music."""
        name = secrets.token_hex(8)
        with suppress(requests.RequestException):
            answer = requests.post(self._url, data=data, timeout=_PATIENCE_SECONDS)
            if answer.ok and requests.head(answer.json()["url"], timeout=30).ok:
                self._done.add(name)
        return name

    def finished(self, names: Sequence[str]) -> set[str]:
        """Return the names that were answered."""
        return self._done & set(names)


@contextmanager
def musicgenerator(up: Stage) -> Iterator[System]:
    """Run the four functions."""
    with up.functions() as functions:
        yield Musicgenerator(up, functions)


@contextmanager
def plain(up: Stage) -> Iterator[System]:
    """Run the samples' functions with gcloud's defaults: an event is delivered once."""
    programs = Path(sys.executable).parent
    parts = [
        Part(
            name,
            (
                *(str(programs / "functions-framework"), f"--target={name}", "--signature-type=cloudevent"),
                *("--source=main.py", f"--host={HOST}", f"--port={up.addresses.ports[port]}"),
            ),
            up.addresses.ports[port],
            _environ(up),
            REPOSITORY / "benchmarks" / "peers" / "plain",
        )
        for name, port in _PLAIN.items()
    ]
    mark, urls = secrets.token_hex(4), {name: up.addresses.url(port) for name, port in _PLAIN.items()}
    routes = [
        storage_route(f"peer-{mark}-describe", urls["describe"], max_attempts=1),
        push_route(_CAPTIONS, f"peer-{mark}-launch", urls["launch"], max_attempts=1),
        push_route(_EVENTS, f"peer-{mark}-notify", urls["notify"], max_attempts=1),
    ]
    with Supervisor(up.addresses.home / "logs", lambda _: None) as supervisor:
        supervisor.start(parts)
        with delivering(routes):
            yield Plain(supervisor)


@contextmanager
def synchronous(up: Stage) -> Iterator[System]:
    """Run the view under gunicorn, with functions-framework's numbers of processes and threads."""
    port = up.addresses.ports["upload_handler"]
    command = (
        *(str(Path(sys.executable).parent / "gunicorn"), f"--bind={HOST}:{port}", "--workers=1"),
        *(f"--threads={_THREADS}", "--timeout=0", "benchmarks.peers.synchronous:application"),
    )
    make_topics([push_route(_EVENTS, "peer-unheard", "")])
    with Supervisor(up.addresses.home / "logs", lambda _: None) as supervisor:
        supervisor.start([Part("django", command, port, _environ(up))])
        yield Synchronous(supervisor, f"http://{HOST}:{port}/")


def _ready(database: firestore.Client, collection: Any, names: Sequence[str]) -> set[str]:
    found = database.get_all([collection.document(name) for name in names])
    return {each.id for each in found if (each.to_dict() or {}).get("status") == Status.READY}


def _environ(up: Stage) -> dict[str, str]:
    return up.parts()["captioner"].environ | {
        "PYTHONPATH": os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY))),
        "PEER_TEMPLATE": str(TEMPLATE),
        "PEER_CAPTIONS": _CAPTIONS,
        "PEER_EVENTS": _EVENTS,
    }
