"""Serve the Vertex AI endpoints until SIGTERM."""

import os

from localcloud.addresses import PIPELINE_EVENTS_TOPIC, PROJECT, REPOSITORY, Addresses
from localcloud.servers.serving import say, serve
from localcloud.vertex import image
from localcloud.vertex.api import app
from localcloud.vertex.job_events import log_entry, publish
from localcloud.vertex.jobs import Jobs, PipelineJob, Starts, cores
from localcloud.vertex.local_runner import KfpRunner
from localcloud.vertex.models import models_of_environ
from localcloud.vertex.submissions import Submissions


def main() -> None:
    """Run the server with the environment that its pipelines need."""
    addresses = Addresses.from_environ()
    # A pipeline's process finds the emulators by its environment.
    path = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "src")))
    own = {"PYTHONPATH": path, "VERTEX_URL": addresses.url("vertex")}
    os.environ.update(addresses.client_environ() | image.ENVIRON | own)

    def on_change(job: PipelineJob) -> None:
        state = job.state.name.removeprefix("PIPELINE_STATE_").lower()
        say(f"{job.id} {state}" + (f": {job.error['message']}" if job.error else ""))
        if job.state.is_end:
            try:
                publish(log_entry(job), addresses.host("pubsub"), f"projects/{PROJECT}/topics/{PIPELINE_EVENTS_TOPIC}")
            except OSError as error:
                # A log sink can lose an entry, too; the step's message or the sweeper then settles the track.
                say(f"{job.id} its end was not published: {error}")

    jobs = Jobs(KfpRunner(addresses.home), cores(), on_change, Starts.from_environ(os.environ))
    try:
        serve(app(jobs, models_of_environ(), Submissions.from_environ(os.environ)), addresses.ports["vertex"])
    finally:
        jobs.close()


if __name__ == "__main__":
    main()
