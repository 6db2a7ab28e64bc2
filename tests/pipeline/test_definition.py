import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.addresses import REPOSITORY
from localcloud.vertex.image import ENVIRON

IMAGE = "us-central1-docker.pkg.dev/p/musicgenerator/pipeline-python:1"


def compiled(output: Path, hash_seed: str = "0") -> bytes:
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "pipeline.definition", f"--image={IMAGE}", f"--output={output}"]
    subprocess.run(command, env=environ, check=True)
    return output.read_bytes()


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return yaml.safe_load(compiled(tmp_path_factory.mktemp("compiled") / "musicgenerator.yaml"))


def test_compiling_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """The file depends on the definition and the image alone, so that builds can be compared."""
    assert compiled(tmp_path / "new" / "b.yaml", "2") == compiled(tmp_path / "a.yaml", "1")


def test_the_pipeline_takes_a_job_and_an_order(spec: Any) -> None:
    """The two parameters are the job's id and its order's address; Vertex AI's record of the job holds no others."""
    expected = {"job": {"parameterType": "STRING"}, "order": {"parameterType": "STRING"}}
    assert spec["root"]["inputDefinitions"]["parameters"] == expected
    assert spec["pipelineInfo"]["name"] == "musicgenerator"


def test_the_one_step_is_never_cached(spec: Any) -> None:
    """The pipeline has one task, and a run with parameters that were used before does its work again."""
    (task,) = spec["root"]["dag"]["tasks"].values()
    assert task["cachingOptions"].get("enableCache", False) is False


def test_the_step_installs_nothing_at_run_time(spec: Any) -> None:
    """The step runs in the image as it was built."""
    (executor,) = spec["deploymentSpec"]["executors"].values()
    assert executor["container"]["image"] == IMAGE
    assert "pip" not in "".join(executor["container"]["command"]).replace("pipeline", "")


def test_the_step_runs_in_the_environment_of_its_image() -> None:
    """The local cloud and the benchmarks build no image, so they set the variables of the Dockerfile."""
    dockerfile = (REPOSITORY / "pipeline" / "Dockerfile").read_text()
    assert [name for name, value in ENVIRON.items() if f"{name}={value}" not in dockerfile.split()] == []
