import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from google.api_core import exceptions
from google.cloud import pubsub_v1

from localcloud.addresses import PIPELINE_EVENTS_TOPIC, PROJECT, REPOSITORY, Addresses
from localcloud.vertex.local_runner import KfpRunner, last_words
from musicgenerator.ids import new_track_id, pipeline_job_id
from musicgenerator.messages import PipelineMessage, pipeline_event
from tests.localcloud.vertex_jobs import PARENT, Create, Remote, Server
from tests.support.processes import is_alive


@pytest.fixture(scope="module")
def kfp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    home = tmp_path_factory.mktemp("home")
    server = Server(KfpRunner(home))
    yield server, home
    server.close()


def test_a_pipeline_is_run_with_its_parameters(kfp_server: tuple[Server, Path], create: Create, tmp_path: Path) -> None:
    """The local runner of kfp passes the parameters to the step with their types; only the log stays."""
    server, home = kfp_server
    create(server, "job-ok", {"count": 30, "brief": {"title": "바다", "moods": ["calm"]}})
    assert server.wait().state.name == "PIPELINE_STATE_SUCCEEDED"
    assert yaml.safe_load((tmp_path / "marks").read_text("utf-8")) == [30, {"title": "바다", "moods": ["calm"]}]
    assert not list((home / "jobs").iterdir())
    assert (home / "logs" / "jobs" / "job-ok.log").stat().st_size > 0


def test_a_step_that_raises_is_the_jobs_error(kfp_server: tuple[Server, Path], create: Create) -> None:
    """The last line of the step's traceback is the job's error."""
    server, _ = kfp_server
    create(server, "job-bad", {"mode": "fail"})
    error = server.wait().error
    assert error is not None
    assert error["message"].endswith("ValueError: the engine broke")


def test_cancelling_ends_the_steps_own_process(kfp_server: tuple[Server, Path], create: Create, tmp_path: Path) -> None:
    """All processes of a cancelled job end, including the step's."""
    server, home = kfp_server
    create(server, "job-hang", {"mode": "hang"})
    while not (tmp_path / "marks").exists():  # the step itself runs
        threading.Event().wait(0.02)
    server.client.cancel_pipeline_job(name=f"{PARENT}/pipelineJobs/job-hang")
    assert server.wait().state.name == "PIPELINE_STATE_CANCELLED"
    while str(home / "jobs" / "job-hang") in everyone():
        threading.Event().wait(0.02)


def test_the_error_of_a_process_of_the_step_is_the_jobs_error(kfp_server: tuple[Server, Path], create: Create) -> None:
    """A step makes each track in a process that it forks, and raises its error."""
    server, _ = kfp_server
    create(server, "job-fork", {"mode": "fork"})
    error = server.wait().error
    assert error is not None
    assert error["message"].endswith("failed. ValueError: the process broke")


def test_cancelling_ends_the_processes_of_the_step(
    kfp_server: tuple[Server, Path], create: Create, tmp_path: Path
) -> None:
    """The processes that a step has forked end with it."""
    server, _ = kfp_server
    create(server, "job-fork-and-hang", {"mode": "fork and hang"})
    marks = tmp_path / "marks"
    while not marks.exists() or not marks.read_text():
        threading.Event().wait(0.02)
    server.client.cancel_pipeline_job(name=f"{PARENT}/pipelineJobs/job-fork-and-hang")
    assert server.wait().state.name == "PIPELINE_STATE_CANCELLED"
    while is_alive(int(marks.read_text())):
        threading.Event().wait(0.02)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", "It printed nothing."),
        ("    one\n    two\n", "two"),
        ('    Traceback (most recent call last):\n      File "x"\n    OSError: disk\n    full\n', "OSError: disk full"),
        ("    said\n    Timeout (0:15:00)!\n    Thread 0x1:\n      File x\n", "Timeout (0:15:00)!"),
    ],
)
def test_a_jobs_error_is_the_steps_last_output(tmp_path: Path, log: str, words: str) -> None:
    """Of all that a step printed, the job shows the error itself."""
    (tmp_path / "log").write_text(log)
    assert last_words(tmp_path / "log") == words


@pytest.mark.cloud
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_publishes_every_end_and_leaves_no_process(
    pubsub: str, create: Create, tmp_path: Path, end: signal.Signals
) -> None:
    """Started as the local cloud starts it, it publishes each job's end; when it ends, its pipelines end with it."""
    port = int(pubsub.rpartition(":")[2]) - Addresses(0).ports["pubsub"]
    path = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "src")))
    environ = os.environ | {"PORT": str(port), "LOCALCLOUD_HOME": str(tmp_path), "PYTHONPATH": path}
    topic, subscription = f"projects/{PROJECT}/topics/{PIPELINE_EVENTS_TOPIC}", f"projects/{PROJECT}/subscriptions/ends"
    with pubsub_v1.PublisherClient() as publisher, pubsub_v1.SubscriberClient() as subscriber:
        with suppress(exceptions.AlreadyExists):
            publisher.create_topic(name=topic)
        with suppress(exceptions.AlreadyExists):
            subscriber.create_subscription(name=subscription, topic=topic)
        process = subprocess.Popen([sys.executable, "-m", "localcloud.vertex"], env=environ, cwd=REPOSITORY)
        try:
            server = Remote(Addresses(port).url("vertex"))
            jobs = {pipeline_job_id(new_track_id(), 1): mode for mode in ("succeed", "fail")}
            for job_id, mode in jobs.items():
                create(server, job_id, {"mode": mode})
            create(server, "job-hang", {"mode": "hang", "marks": str(tmp_path / "hangs")})
            told: set[str] = set()
            while not told.issuperset(jobs):
                pulled = subscriber.pull(subscription=subscription, max_messages=2, timeout=60).received_messages
                ends = [pipeline_event(received.message.data) for received in pulled]
                told |= {end.job for end in ends if isinstance(end, PipelineMessage)}
            while not (tmp_path / "hangs").exists():
                threading.Event().wait(0.02)
        finally:
            process.send_signal(end)
        assert (0 if end is signal.SIGTERM else -end) == process.wait(30)
    while str(tmp_path / "jobs") in everyone():
        threading.Event().wait(0.02)


def everyone() -> str:
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
