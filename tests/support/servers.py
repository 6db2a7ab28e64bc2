"""Servers in threads of the tests or the benchmarks, and the local Vertex AI with pipelines that they choose."""

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from localcloud.addresses import PIPELINE_EVENTS_TOPIC, PROJECT, Addresses
from localcloud.servers.serving import listen
from localcloud.vertex.api import app
from localcloud.vertex.job_events import log_entry, publish
from localcloud.vertex.jobs import Jobs, PipelineJob, Runner
from localcloud.vertex.models import Models
from localcloud.vertex.submissions import Submissions

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def serve(stack: ExitStack, application: "WSGIApplication", port: int) -> None:
    """Serve in a thread until the stack is closed."""
    server = listen(application, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    stack.callback(server.server_close)
    stack.callback(thread.join)
    stack.callback(server.shutdown)


def run_jobs(stack: ExitStack, runner: Runner, at_once: int, addresses: Addresses) -> Jobs:
    """Return pipeline jobs that ``runner`` runs until the stack is closed; each job's end is published as its log."""

    def on_change(job: PipelineJob) -> None:
        if job.state.is_end:
            publish(log_entry(job), addresses.host("pubsub"), f"projects/{PROJECT}/topics/{PIPELINE_EVENTS_TOPIC}")

    jobs = Jobs(runner, at_once, on_change)
    stack.callback(jobs.close)
    return jobs


def vertex_app(jobs: Jobs, submissions: Submissions | None = None) -> "WSGIApplication":
    """Return the API of Vertex AI with these pipeline jobs and the local models, and a limit if there is one."""
    return app(jobs, Models(), submissions)
