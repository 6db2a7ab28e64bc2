"""The Vertex AI pipeline ``musicgenerator``: one step, since each step of a pipeline waits for a machine of its own.

``python -m pipeline.definition --image IMAGE --output FILE`` compiles it; the same image gives the same bytes.
"""

import argparse
from pathlib import Path
from typing import Any, Final

from kfp import compiler, dsl

NAME: Final = "musicgenerator"


def pipeline_of(image: str) -> Any:
    """Return the pipeline whose step runs in this container image."""

    # The image holds kfp and the step, so that nothing is installed while somebody waits for music.
    @dsl.component(base_image=image, install_kfp_package=False)  # type: ignore[untyped-decorator]
    def make_music(  # noqa: PLR0913, PLR0917  the contract with the launcher, one parameter a value
        job: str,
        brief: dict,  # type: ignore[type-arg]  # kfp reads the bare annotation as STRUCT
        engine: str,
        seconds: int,
        seed: int,
        results_bucket: str,
        results_token: str,
        events_topic: str,
        fallback_engine: str = "",
        model_endpoint: str = "",
        prompt_version: str = "",
    ) -> None:
        # kfp ships this body as text and runs it by itself: everything it needs is imported here.
        from pipeline import step

        places = (results_bucket, results_token, events_topic)
        step.run(job, brief, engine, seconds, seed, *places, fallback_engine, model_endpoint, prompt_version)

    @dsl.pipeline(name=NAME, description="A brief becomes mastered music in the results bucket.")  # type: ignore[untyped-decorator]
    def musicgenerator(  # noqa: PLR0913, PLR0917  as above
        job: str,
        brief: dict,  # type: ignore[type-arg]  # as above
        engine: str,
        seconds: int,
        seed: int,
        results_bucket: str,
        results_token: str,
        events_topic: str,
        fallback_engine: str = "",
        model_endpoint: str = "",
        prompt_version: str = "",
    ) -> None:
        task = make_music(
            job=job,
            brief=brief,
            engine=engine,
            seconds=seconds,
            seed=seed,
            results_bucket=results_bucket,
            results_token=results_token,
            events_topic=events_topic,
            fallback_engine=fallback_engine,
            model_endpoint=model_endpoint,
            prompt_version=prompt_version,
        )
        # A cached task would succeed without writing this track's objects.
        task.set_caching_options(enable_caching=False)

    return musicgenerator


def compile_to(output: Path, image: str) -> None:
    """Write the pipeline's YAML, which the launcher sends to Vertex AI as the job's spec."""
    output.parent.mkdir(parents=True, exist_ok=True)
    compiler.Compiler().compile(pipeline_of(image), str(output))


def main() -> None:
    """Compile as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.definition", description=main.__doc__)
    parser.add_argument("--image", required=True, help="the container image of pipeline/Dockerfile")
    parser.add_argument("--output", required=True, type=Path, help="the YAML file to write")
    arguments = parser.parse_args()
    compile_to(arguments.output, arguments.image)


if __name__ == "__main__":
    main()
