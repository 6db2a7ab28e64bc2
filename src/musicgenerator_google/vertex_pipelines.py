"""Pipeline jobs of Vertex AI, through ``aiplatform_v1.PipelineServiceClient`` over REST."""

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self

from google.api_core import exceptions
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from requests import RequestException

from musicgenerator.errors import LaunchRefusedError, LaunchUnavailableError, RegionBusyError
from musicgenerator.jobs import JobFacts, JobRequest, JobState
from musicgenerator.settings import required

REQUEST_TIMEOUT_SECONDS: Final = 30.0
# Longer than most music takes to make, shorter than a new machine takes to start.
_WAIT_FOR_MACHINE_MILLISECONDS: Final = 30_000
_STATES: Final = {
    "PIPELINE_STATE_SUCCEEDED": JobState.SUCCEEDED,
    "PIPELINE_STATE_FAILED": JobState.FAILED,
    "PIPELINE_STATE_CANCELLED": JobState.CANCELLED,
}


class VertexPipelines:
    """The pipeline jobs of one project, each in one region; an empty region means ``home``, the installation's."""

    def __init__(
        self,
        url: str,
        project: str,
        home: str,
        credentials: Credentials | None = None,
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
    ) -> None:
        """Use ``url`` for all regions, or one address a region if it contains ``{region}``.

        Without ``credentials`` the client finds the application's default ones.
        """
        self._url = url
        self._project = project
        self._home = home
        self._credentials = credentials
        # Do not retry: retries could exceed the function's time-out, and its message is delivered again anyway.
        self._options: Final[dict[str, Any]] = {"retry": None, "timeout": timeout_seconds}
        # Build one client per region, at its first call: a client loads the credentials and keeps connections.
        self._client = functools.cache(self._new_client)
        self._beta_client = functools.cache(self._new_beta_client)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError naming a variable that is not set."""
        url, project = required(environ, "VERTEX_URL"), required(environ, "GOOGLE_CLOUD_PROJECT")
        return cls(url, project, required(environ, "REGION"))

    def create(self, wanted: JobRequest, region: str) -> bool:
        """Create the job and return True, or return False if its id is taken.

        Raises LaunchRefusedError for a job that Vertex AI never accepts, RegionBusyError if the region's quota is
        used up, and LaunchUnavailableError if Vertex AI fails or cannot be reached.
        """
        config: dict[str, Any] = {
            "gcs_output_directory": wanted.root,
            "parameter_values": dict(wanted.parameters),
        }
        if wanted.machines:
            config["default_runtime"] = {"persistent_resource_runtime_detail": _on_demand_if_busy(wanted.machines)}
        client = self._beta_client if wanted.machines else self._client
        job = {
            "display_name": wanted.job,
            "pipeline_spec": dict(wanted.spec),
            "runtime_config": config,
            "labels": dict(wanted.labels),
            "service_account": wanted.account,
        }
        request = {"parent": self._parent(region), "pipeline_job": job, "pipeline_job_id": wanted.job}
        try:
            with _outages():
                client(region or self._home).create_pipeline_job(request, **self._options)
        except exceptions.Conflict:
            return False
        except exceptions.BadRequest as error:
            raise LaunchRefusedError(str(error)) from error
        return True

    def facts(self, job: str, region: str) -> JobFacts | None:
        """Return the job's present state, or None if it does not exist.

        Raises LaunchUnavailableError if Vertex AI fails or cannot be reached.
        """
        try:
            with _outages():
                found = self._client(region or self._home).get_pipeline_job(
                    {"name": self._name(job, region)}, **self._options
                )
        except exceptions.NotFound:
            return None
        # For a state that the client does not know, it returns a number.
        state = getattr(found.state, "name", "")
        return JobFacts(
            state=_STATES.get(state, JobState.UNDER_WAY),
            labels=dict(found.labels),
            reason=found.error.message,
            order=str(found.runtime_config.parameter_values.get("order", "")),
        )

    def cancel(self, job: str, region: str) -> bool:
        """Cancel a job and return True, or return False if it does not exist or has ended.

        A cancelled job may go on writing for a while.
        Raises LaunchUnavailableError if Vertex AI fails or cannot be reached.
        """
        try:
            with _outages():
                self._client(region or self._home).cancel_pipeline_job(
                    {"name": self._name(job, region)}, **self._options
                )
        except exceptions.NotFound:
            return False
        except exceptions.BadRequest:
            # A failed precondition: the job has ended, or it is being cancelled already and may still write.
            facts = self.facts(job, region)
            return facts is not None and facts.state is JobState.UNDER_WAY
        return True

    def _new_client(self, region: str) -> Any:
        # Import it with the first call: most instances of the API call nothing here, and this import takes longer
        # than all others together.
        from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient

        return self._made(PipelineServiceClient, region)

    def _new_beta_client(self, region: str) -> Any:
        # Only this version of the API knows persistent resources of pipelines.
        from google.cloud.aiplatform_v1beta1.services.pipeline_service import PipelineServiceClient

        return self._made(PipelineServiceClient, region)

    def _made(self, client: Any, region: str) -> Any:
        address = {"api_endpoint": self._url.replace("{region}", region)}
        return client(transport="rest", client_options=address, credentials=self._credentials)

    def _parent(self, region: str) -> str:
        return f"projects/{self._project}/locations/{region or self._home}"

    def _name(self, job: str, region: str) -> str:
        return f"{self._parent(region)}/pipelineJobs/{job}"


def _on_demand_if_busy(machines: str) -> dict[str, Any]:
    return {
        "persistent_resource_name": machines,
        "task_resource_unavailable_wait_time_ms": _WAIT_FOR_MACHINE_MILLISECONDS,
        "task_resource_unavailable_timeout_behavior": "FALL_BACK_TO_ON_DEMAND",
    }


@contextmanager
def _outages() -> Iterator[None]:
    """Turn the errors after which a later call may succeed into LaunchUnavailableError."""
    try:
        yield
    except exceptions.TooManyRequests as error:
        raise RegionBusyError(str(error)) from error
    except (exceptions.ServerError, exceptions.Cancelled, RequestException, GoogleAuthError) as error:
        raise LaunchUnavailableError(str(error)) from error
