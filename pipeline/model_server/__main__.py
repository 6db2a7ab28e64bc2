"""Serve the model as a custom container of Vertex AI, until SIGTERM.

``AIP_STORAGE_URI`` is where the model is stored: ``gs://bucket/prefix`` or a folder. Vertex AI also sets
``AIP_HTTP_PORT``, ``AIP_HEALTH_ROUTE`` and ``AIP_PREDICT_ROUTE``. ``MODEL_NAME`` is the model's name in the music's
provenance; ``QUEUE_PLACES`` is how many requests may wait while one is served.
"""

import logging
import os
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # ships no type information
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]  # as above

from pipeline.model_server.artifacts import local_folder
from pipeline.model_server.http_api import app
from pipeline.model_server.predicting import Model, Predictor

SPARE_THREADS: Final = 8  # for health checks and for refusals while the queue is full
GRACEFUL_SECONDS: Final = 600

_log = logging.getLogger("model_server")


@dataclass(frozen=True)
class Settings:
    """The settings from the environment."""

    host: str
    port: int
    health_route: str
    predict_route: str
    storage_uri: str
    model_name: str
    places: int

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; what Vertex AI sets has its documented default."""
        return cls(
            host=environ.get("HOST", "0.0.0.0"),  # noqa: S104  a container's own network
            port=int(environ.get("AIP_HTTP_PORT", "8080")),
            health_route=environ.get("AIP_HEALTH_ROUTE", "/health"),
            predict_route=environ.get("AIP_PREDICT_ROUTE", "/predict"),
            storage_uri=environ.get("AIP_STORAGE_URI", ""),
            model_name=environ.get("MODEL_NAME", "musicgen"),
            places=int(environ.get("QUEUE_PLACES", "8")),
        )


class Server(BaseApplication):  # type: ignore[misc]  # untyped base
    """One process with the model, and threads that wait for it; on SIGTERM it finishes the current request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._worker: Any = None
        self._predictor = Predictor(settings.places, self._is_ending)
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options."""
        options = {
            "bind": f"{self._settings.host}:{self._settings.port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": 1 + self._settings.places + SPARE_THREADS,
            "timeout": 0,  # no limit: music takes long
            "graceful_timeout": GRACEFUL_SECONDS,
            "loglevel": "warning",
            "control_socket_disable": True,
            "post_worker_init": self._on_worker,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the app."""
        return app(self._predictor, self._settings.health_route, self._settings.predict_route)

    def _is_ending(self) -> bool:
        return self._worker is not None and not self._worker.alive

    def _on_worker(self, worker: Any) -> None:
        # PyTorch's threads do not survive a fork, so the worker loads the model, in a thread beside its server.
        self._worker = worker
        threading.Thread(target=self._load, daemon=True).start()

    def _load(self) -> None:
        try:
            self._predictor.ready(_loaded(self._settings))
        except Exception:  # noqa: BLE001  after any failure there is nothing to serve
            _log.exception("the model cannot be loaded")
            sys.stderr.flush()
            # This status also ends gunicorn, so Vertex AI reports that the container failed to start.
            os._exit(Arbiter.WORKER_BOOT_ERROR)
        _log.info("the model is ready")


def _loaded(settings: Settings) -> Model:
    with tempfile.TemporaryDirectory(prefix="model-") as directory:
        folder = local_folder(settings.storage_uri, Path(directory))
        from pipeline.model_server.musicgen import MusicGen

        model = MusicGen(folder, settings.model_name)
    # The first piece loads what later ones need, and shows that the model works.
    model.make("music", 1.0, 0)
    return model


def main() -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    Server(Settings.from_environ(os.environ)).run()


if __name__ == "__main__":
    main()
