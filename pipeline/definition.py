"""The Vertex AI pipeline ``musicgenerator``. It has one step, because each step waits for its own machine.

``python -m pipeline.definition --image IMAGE --output FILE`` compiles it; the same image gives the same bytes.
"""

import argparse
from pathlib import Path
from typing import Any, Final

from kfp import compiler, dsl

NAME: Final = "musicgenerator"


def pipeline_of(image: str) -> Any:
    """Return the pipeline whose step runs in this container image."""

    # The image contains kfp and the step, so nothing is installed at run time.
    @dsl.component(base_image=image, install_kfp_package=False)  # type: ignore[untyped-decorator]
    def make_music(job: str, order: str) -> None:
        # kfp copies this body as text and runs it alone: it imports everything it needs.
        from pipeline import step

        step.run(job, order)

    @dsl.pipeline(name=NAME, description="A brief becomes mastered music in the results bucket.")  # type: ignore[untyped-decorator]
    def musicgenerator(job: str, order: str) -> None:
        # Vertex AI's record of the job shows both parameters, so private values are in the object at `order`.
        task = make_music(job=job, order=order)
        # A cached task would succeed without writing this track's objects.
        task.set_caching_options(enable_caching=False)

    return musicgenerator


def compile_to(output: Path, image: str) -> None:
    """Write the pipeline's YAML, which the launcher sends to Vertex AI as the job's spec."""
    output.parent.mkdir(parents=True, exist_ok=True)
    compiler.Compiler().compile(pipeline_of(image), str(output))


def main() -> None:
    """Compile the pipeline for an image."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.definition", description=main.__doc__)
    parser.add_argument("--image", required=True, help="the container image of pipeline/Dockerfile")
    parser.add_argument("--output", required=True, type=Path, help="the YAML file to write")
    arguments = parser.parse_args()
    compile_to(arguments.output, arguments.image)


if __name__ == "__main__":
    main()
