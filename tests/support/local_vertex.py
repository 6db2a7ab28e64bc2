"""The local Vertex AI server in a thread of the tests, with a fast musician and its scripts."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import requests
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials

from localcloud.addresses import HOST, PROJECT
from localcloud.servers.serving import listen
from localcloud.vertex.api import app
from localcloud.vertex.jobs import Jobs, Run
from localcloud.vertex.models import SCRIPT_PATH, Models
from localcloud.vertex.specs import PipelineRequest
from pipeline.audio import Audio
from pipeline.engines import Cloud
from pipeline.engines.patience import Patience
from pipeline.engines.vertex import Vertex

CREDENTIALS = Credentials("worthless")
ENDPOINT = f"projects/{PROJECT}/locations/us-central1/endpoints/123"


def signed_in() -> requests.Session:
    session: requests.Session = AuthorizedSession(CREDENTIALS)
    return session


def patience(seconds: float) -> Patience:
    """A patience whose first wait is short."""
    return Patience(seconds, first_wait_seconds=0.01)


def hum(prompt: str, seed: int, seconds: float) -> Audio:
    """Make a tone whose pitch depends on the prompt and the seed."""
    time = np.arange(int(seconds * 44_100)) / 44_100
    tone = 0.3 * np.sin(2 * np.pi * (220 + len(prompt) + 200 * seed / 2**32) * time)
    return Audio(np.stack([tone, tone], axis=1).astype(np.float32), 44_100)


class NoRunner:
    """Runs no pipelines."""

    def start(self, job_id: str, pipeline: PipelineRequest) -> Run:
        raise OSError(f"no pipeline runs here, {job_id} of {pipeline.pipeline_name} neither")


class LocalVertex:
    """A running server and what tests ask of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cloud = Cloud(PROJECT, url, ENDPOINT)
        self._session = signed_in()

    def script(self, model: str, *answers: Any) -> Self:
        body = {"model": model, "answers": list(answers)}
        answered = self._session.post(f"{self.url}{SCRIPT_PATH}", json=body, timeout=10)
        assert answered.ok, answered.text
        return self

    def asked(self, model: str) -> list[Any]:
        """Return the request bodies that the model received since it was scripted."""
        state = self._session.get(f"{self.url}{SCRIPT_PATH}", params={"model": model}, timeout=10).json()
        assert state["answersLeft"] == 0
        requests_: list[Any] = state["requests"]
        return requests_

    def vertex(self, patience_seconds: float = 30.0) -> Vertex:
        return Vertex(self._session, patience(patience_seconds))


@contextmanager
def serving(models: Models) -> Iterator[LocalVertex]:
    """Serve these models while the context lasts."""
    jobs = Jobs(NoRunner(), 1, lambda _: None)
    server = listen(app(jobs, models), 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield LocalVertex(f"http://{HOST}:{server.port}")
    finally:
        jobs.close()
        server.shutdown()
        thread.join()
        server.server_close()
