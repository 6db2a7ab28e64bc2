"""Your own music model on an endpoint of Vertex AI: `make deploy-model`, `route-model` and `undeploy-model`.

deploy    MODEL=gs://bucket/folder [SHARE=100] [MACHINE=g2-standard-8] [ACCELERATOR=type=nvidia-l4,count=1]
          builds the image, uploads a model version and deploys it with SHARE percent of the traffic
route     VERSIONS=ID=90,ID=10 sets each version's percentage; ID=100 is a rollback; without VERSIONS it shows them
undeploy  stops the machines of all versions and deletes the endpoint; models and image stay and cost very little
"""

import re
from collections.abc import Mapping
from typing import Final

from infra.gcloud import Call, gcloud
from infra.images import Image
from infra.installation import Installation
from infra.jobs import Job
from infra.rest import dedicated_endpoint
from infra.stops import StoppedError

IMAGE: Final = Image(
    "model-server", "model", ("pipeline/__init__.py", "pipeline/model_server"), "pipeline/model_server/Dockerfile"
)


def deploy_model(at: Installation) -> None:
    """Deploy a new version of the model."""
    names, title, region = at.names, f"{at.names.app}-model", f"--region={at.names.region}"
    model, share = at.option("MODEL"), at.option("SHARE", "100")
    if not model:
        raise StoppedError("Set the folder of the model: MODEL=gs://bucket/folder")
    if not re.fullmatch(r"100|[1-9]?[0-9]", share):
        raise StoppedError(f"SHARE is the new version's percentage, 0 to 100, not '{share}'.")
    if not at.exists("repositories", names.app):
        raise StoppedError(f"Deploy the installation first: make deploy PROJECT={names.project}")
    if not IMAGE.exists(at):
        print(f"Building {IMAGE.address(at)}", flush=True)
        IMAGE.build(at, _job(at, "model-image"))
    parent = _newest(at, "models")
    at.gcloud.show(
        *("ai", "models", "upload", region, f"--display-name={title}"),
        *(f"--container-image-uri={IMAGE.address(at)}", f"--artifact-uri={model}"),
        *("--container-health-route=/health", "--container-predict-route=/predict", "--container-ports=8080"),
        f"--container-env-vars=MODEL_NAME={at.option('MODEL_NAME', 'musicgen')}",
        f"--labels=app={names.app}",
        # deploy-model below deploys the model's default version, which is the first one unless the new one is it.
        "--version-aliases=default",
        *([f"--parent-model={names.place}/models/{parent}"] if parent else []),
        "--format=none",
    )
    at.state.forget(["models"])
    endpoint = _newest(at, "endpoints")
    if not endpoint:
        # gcloud 528 cannot create a dedicated endpoint; a shared one is too small and too slow for music.
        dedicated_endpoint.create(at.google, names.region, title, names.app)
        at.state.forget(["endpoints"])
        endpoint = _newest(at, "endpoints")
    split = ",".join(f"{number}={part}" for number, part in split_of(int(share), _traffic(at, endpoint)).items())
    at.gcloud.show(
        *("ai", "endpoints", "deploy-model", endpoint, region, f"--model={_newest(at, 'models')}"),
        *(f"--display-name={title}", f"--machine-type={at.option('MACHINE', 'g2-standard-8')}"),
        f"--accelerator={at.option('ACCELERATOR', 'type=nvidia-l4,count=1')}",
        *("--min-replica-count=1", f"--max-replica-count={at.option('REPLICAS', '1')}"),
        *(f"--service-account={names.account('model')}", f"--traffic-split={split}"),
    )
    host = f"https://{endpoint}.{names.region}-{at.number}.prediction.vertexai.goog"
    print(f"The traffic split is {split} (0 is the new version).")
    print(
        f"To use the model: make deploy PROJECT={names.project}"
        f" MODEL_ENDPOINT={host}/v1/{names.place}/endpoints/{endpoint}"
    )


def route_model(at: Installation) -> None:
    """Set or show each version's percentage of the traffic."""
    endpoint, versions = _newest(at, "endpoints"), at.option("VERSIONS")
    if not endpoint:
        raise StoppedError(f"No model is deployed in {at.names.project}.")
    if versions:
        region = f"--region={at.names.region}"
        at.gcloud.show("ai", "endpoints", "update", endpoint, region, f"--traffic-split={versions}")
    else:
        print("\n".join(f"{number}={share}" for number, share in _traffic(at, endpoint).items()))


def undeploy_model(at: Installation) -> None:
    """Stop the machines and delete the endpoint."""
    endpoint = _newest(at, "endpoints")
    if not endpoint:
        print(f"No model is deployed in {at.names.project}.")
        return
    remove_endpoint(at, endpoint, _job(at, "model-endpoint"))
    print(
        f"The machines are stopped. To stop using them: make deploy PROJECT={at.names.project} MODEL_ENDPOINT=default"
    )


def remove_endpoint(at: Installation, endpoint: str, job: Job) -> None:
    """Stop the machines of all versions, which cost by the hour, and delete the endpoint."""
    region = f"--region={at.names.region}"
    shown = at.gcloud.json("ai", "endpoints", "describe", endpoint, region)
    versions = [str(model["id"]) for model in shown.get("deployedModels", [])]
    calls: list[Call] = []
    for version, heir in zip(versions, [*versions[1:], ""], strict=True):
        # Vertex AI undeploys a version with traffic only if it is the last one.
        rest = [f"--traffic-split={heir}=100"] if heir else []
        calls.append(gcloud("ai endpoints undeploy-model", endpoint, region, f"--deployed-model-id={version}", *rest))
    job.call(*calls, gcloud("ai endpoints delete", endpoint, region))


def split_of(share: int, traffic: Mapping[str, int]) -> dict[str, int]:
    """Return the new traffic split. The new version, which gcloud calls 0, gets ``share`` percent.

    The other versions split the remainder in their current proportions; the largest also gets the rounding error.
    """
    if not traffic:
        return {"0": 100}
    rest = 100 - share
    split = {number: part * rest // 100 for number, part in traffic.items()}
    split[max(traffic, key=lambda number: traffic[number])] += rest - sum(split.values())
    return {"0": share} | split


def _newest(at: Installation, kind: str) -> str:
    """Return the id of the newest model or endpoint, or an empty text."""
    return next(iter(at.state.names(kind)), "")


def _traffic(at: Installation, endpoint: str) -> dict[str, int]:
    shown = at.gcloud.json("ai", "endpoints", "describe", endpoint, f"--region={at.names.region}")
    traffic: dict[str, int] = shown.get("trafficSplit", {})
    return traffic


def _job(at: Installation, name: str) -> Job:
    at.engine.log.mkdir(parents=True, exist_ok=True)
    return Job(at.gcloud, at.engine.log / f"{name}.log", [])
