"""A Vertex AI server with one job at a time, Google's client of it, and the pipeline that its tests run."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Queue
from typing import Any

import requests
from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient
from google.cloud.aiplatform_v1.types import PipelineJob, PipelineState
from google.oauth2.credentials import Credentials
from kfp import dsl

from localcloud.addresses import HOST, PROJECT
from localcloud.servers.serving import listen
from localcloud.vertex.api import app
from localcloud.vertex.jobs import NO_DELAY, Jobs, Run, Starts
from localcloud.vertex.jobs import PipelineJob as Job
from localcloud.vertex.models import Models
from localcloud.vertex.specs import PipelineRequest
from localcloud.vertex.submissions import Submissions

PARENT = f"projects/{PROJECT}/locations/us-central1"
SUCCEEDED = PipelineState.PIPELINE_STATE_SUCCEEDED
FAILED = PipelineState.PIPELINE_STATE_FAILED
CANCELLED = PipelineState.PIPELINE_STATE_CANCELLED
PENDING = PipelineState.PIPELINE_STATE_PENDING
RUNNING = PipelineState.PIPELINE_STATE_RUNNING


@dsl.component(base_image="python:3.11-slim", install_kfp_package=False)  # type: ignore[untyped-decorator]
def act(mode: str, count: int, brief: dict, marks: str) -> None:  # type: ignore[type-arg]
    import json
    import time
    from pathlib import Path

    if mode == "fail":
        raise ValueError("the engine broke")
    if mode in {"fork", "fork and hang"}:
        import os

        from pipeline.processes import Child, Limits

        def work() -> str:
            Path(marks).write_text(str(os.getpid()), encoding="utf-8")
            time.sleep(600 if mode == "fork and hang" else 0)
            raise ValueError("the process broke")

        raise Child(work, Limits(600, 2**31)).outcome().error()
    Path(marks).write_text(json.dumps([count, brief]), encoding="utf-8")
    if mode == "hang":
        time.sleep(600)


@dsl.pipeline(name="trial")  # type: ignore[untyped-decorator]
def trial(
    mode: str,
    marks: str,
    count: int = 1,
    brief: dict = {},  # type: ignore[type-arg]  # noqa: B006  kfp compiles the default into the pipeline
) -> None:
    act(mode=mode, count=count, brief=brief, marks=marks).set_caching_options(enable_caching=False)


@dataclass
class HeldRun:
    """A run that ends when the test ends or kills it."""

    ending: "Queue[str | None]" = field(default_factory=Queue)

    def wait(self) -> str | None:
        return self.ending.get(timeout=60)

    def kill(self) -> None:
        self.ending.put("killed")


@dataclass
class HeldRunner:
    """Keeps every run it starts, in order."""

    started: "Queue[tuple[str, HeldRun]]" = field(default_factory=Queue)

    def start(self, job_id: str, pipeline: PipelineRequest) -> Run:
        assert pipeline.parameters
        run = HeldRun()
        self.started.put((job_id, run))
        return run

    def next(self) -> tuple[str, HeldRun]:
        return self.started.get(timeout=60)


class Server:
    """A Vertex AI server that runs one job at a time, and Google's client of it."""

    def __init__(self, runner: Any, starts: Starts = NO_DELAY, per_minute: int = 0) -> None:
        self.ended: Queue[Job] = Queue()
        self.jobs = Jobs(runner, 1, lambda job: self.ended.put(job) if job.state.is_end else None, starts)
        self._server = listen(app(self.jobs, Models(), Submissions(per_minute)), 0)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://{HOST}:{self._server.port}"
        self.client = client_of(self.url)

    def wait(self) -> Job:
        return self.ended.get(timeout=60)

    def state(self, job_id: str) -> PipelineState:
        state: PipelineState = self.client.get_pipeline_job(name=f"{PARENT}/pipelineJobs/{job_id}").state
        return state

    def close(self) -> None:
        self.jobs.close()
        self._server.shutdown()
        self._thread.join()


def client_of(url: str) -> PipelineServiceClient:
    options = {"api_endpoint": url}
    return PipelineServiceClient(transport="rest", client_options=options, credentials=Credentials("worthless"))


Create = Callable[..., PipelineJob]


class Remote:
    """A server in another process, once it answers."""

    def __init__(self, url: str) -> None:
        self.client = client_of(url)
        while True:
            with suppress(requests.ConnectionError):
                requests.get(f"{url}/healthz", timeout=10)
                return
            threading.Event().wait(0.05)
