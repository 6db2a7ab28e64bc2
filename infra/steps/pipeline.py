"""The image of the pipeline's step, and the template compiled for it, named by its own hash.

Tags never move, so a template always uses the same image.
"""

import os
import subprocess
from functools import partial
from pathlib import Path
from typing import Final

from infra.content import short_hash
from infra.gcloud import gcloud
from infra.images import Image
from infra.installation import ROOT, Installation
from infra.resources import BARRIER, Resource, Step, calls
from infra.steps.machines import new_machines
from infra.stops import StoppedError

IMAGE: Final = Image(
    "pipeline-python",
    "pipeline",
    (
        *("pipeline/Dockerfile", "pipeline/requirements.txt", "pipeline/*.py", "pipeline/engines", "pipeline/assets"),
        "src/musicgenerator",
        "src/musicgenerator_google",
    ),
    "pipeline/Dockerfile",
)


def pipeline(at: Installation) -> Step:
    """Build the image, then upload the template."""
    names = at.names
    build = partial(IMAGE.build, at)
    yield Resource(
        "repositories", names.app, "pipeline image", want={"labels/pipeline": IMAGE.tag}, create=build, change=build
    )
    yield BARRIER

    file, bucket = template_file(at), f"gs://{names.bucket('pipeline')}"
    upload = calls(
        gcloud("storage cp", str(file), template_address(at), "--content-type=application/yaml"),
        gcloud("storage buckets update", bucket, f"--update-labels=template={_hash(file)}", "--format=none"),
    )
    yield Resource(
        "buckets",
        names.bucket("pipeline"),
        "pipeline template",
        want={"labels/template": _hash(file)},
        create=upload,
        change=upload,
    )
    yield from new_machines(at)


def template_file(at: Installation) -> Path:
    """Return the template's file; compile it if this image has none yet."""
    file = at.work / "pipeline" / f"{IMAGE.tag}.yaml"
    if not file.exists() or not file.stat().st_size:
        python = ROOT / ".venv" / "bin" / "python"
        command = [str(python), "-m", "pipeline.definition", "--image", IMAGE.address(at), "--output", str(file)]
        environ = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
        if subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode != 0:
            raise StoppedError("The pipeline cannot be compiled.")
    return file


def template_address(at: Installation) -> str:
    """Return the address of the template in the pipeline's bucket."""
    return f"gs://{at.names.bucket('pipeline')}/templates/{_hash(template_file(at))}.yaml"


def _hash(file: Path) -> str:
    return short_hash(file.read_bytes())
