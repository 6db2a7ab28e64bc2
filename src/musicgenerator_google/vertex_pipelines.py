"""Pipeline jobs of Vertex AI, through ``aiplatform_v1.PipelineServiceClient`` over REST."""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any, Final, Self

from google.api_core import exceptions
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.protobuf.json_format import ParseError
from requests import RequestException

from musicgenerator import logs
from musicgenerator.errors import LaunchBlockedError, LaunchRefusedError, LaunchUnavailableError, RegionBusyError
from musicgenerator.jobs import JobFacts, JobRequest, JobState
from musicgenerator.settings import required

REQUEST_TIMEOUT_SECONDS: Final = 30.0
# Longer than most music takes to make, shorter than a new machine takes to start.
WAIT_FOR_MACHINE_MILLISECONDS: Final = 30_000
_STATES: Final = {
    "PIPELINE_STATE_SUCCEEDED": JobState.SUCCEEDED,
    "PIPELINE_STATE_FAILED": JobState.FAILED,
    "PIPELINE_STATE_CANCELLED": JobState.CANCELLED,
}
# These statuses are about the job; other refusals are about the project, its rights or the address.
_REFUSED_JOB: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
_RETRYABLE: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})


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
        self._metadata_client = functools.cache(self._new_metadata_client)
        self._beta_client = functools.cache(self._new_beta_client)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError naming a variable that is not set."""
        url, project = required(environ, "VERTEX_URL"), required(environ, "GOOGLE_CLOUD_PROJECT")
        return cls(url, project, required(environ, "REGION"))

    def create(self, wanted: JobRequest, region: str) -> bool:
        """Create the job and return True, or return False if its id is taken.

        Raises LaunchRefusedError for a job that Vertex AI never accepts, RegionBusyError if the region's quota is
        used up, LaunchBlockedError if it refuses this project's requests, and LaunchUnavailableError if it fails or
        cannot be reached.
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
        except exceptions.GoogleAPICallError as error:
            kind = LaunchRefusedError if error.code in _REFUSED_JOB else LaunchBlockedError
            raise kind(str(error)) from error
        return True

    def facts(self, job: str, region: str) -> JobFacts | None:
        """Return the job's present state, or None if it does not exist.

        Raises LaunchBlockedError if Vertex AI refuses this project's requests, and LaunchUnavailableError if it fails
        or cannot be reached.
        """
        try:
            return self._facts(job, region)
        except exceptions.GoogleAPICallError as error:
            raise LaunchBlockedError(str(error)) from error

    def _facts(self, job: str, region: str) -> JobFacts | None:
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
        Raises LaunchUnavailableError if Vertex AI fails, cannot be reached or refuses this project's requests.
        """
        try:
            return self._cancel(job, region)
        except exceptions.GoogleAPICallError as error:
            raise LaunchUnavailableError(str(error)) from error

    def _cancel(self, job: str, region: str) -> bool:
        try:
            with _outages():
                self._client(region or self._home).cancel_pipeline_job(
                    {"name": self._name(job, region)}, **self._options
                )
        except exceptions.NotFound:
            return False
        except exceptions.BadRequest:
            # A failed precondition: the job has ended, or it is being cancelled already and may still write.
            facts = self._facts(job, region)
            return facts is not None and facts.state is JobState.UNDER_WAY
        return True

    def delete(self, job: str, region: str) -> bool:
        """Delete a job's record and return True, also if it does not exist; return False if the job has not ended.

        The run's records in Vertex ML Metadata are deleted too: its context, executions and artifacts.
        Vertex AI answers before it has deleted: a deleted record may be shown for a day, and keeps its id until then.
        Raises LaunchUnavailableError if Vertex AI fails or cannot be reached; then the call must be repeated.
        """
        try:
            with _outages():
                self._client(region or self._home).delete_pipeline_job(
                    {"name": self._name(job, region)}, **self._options
                )
        except exceptions.NotFound:
            # An earlier call may have failed after this step, so go on.
            pass
        except exceptions.BadRequest:
            # A failed precondition: the job has not ended.
            return False
        except exceptions.ClientError as error:
            # For example a role that has no effect yet.
            raise LaunchUnavailableError(str(error)) from error
        try:
            self._delete_metadata(job, region)
        except exceptions.ClientError as error:
            # The metadata holds only the job's id and the address of its order, which is deleted.
            logs.warning("metadata not deleted", job=job, region=region, reason=str(error))
        return True

    def _delete_metadata(self, job: str, region: str) -> None:
        """Delete a run's metadata: first what its context leads to, then the context, so that a repetition works."""
        client, context = self._metadata_client(region or self._home), self._context(job, region)
        with _outages():
            try:
                run = client.query_context_lineage_subgraph({"context": context}, **self._options)
            except exceptions.NotFound:
                return
            for execution in run.executions:
                _unless_missing(client.delete_execution, {"name": execution.name}, self._options)
            for artifact in run.artifacts:
                _unless_missing(client.delete_artifact, {"name": artifact.name}, self._options)
            _unless_missing(client.delete_context, {"name": context}, self._options)

    def _new_client(self, region: str) -> Any:
        # Import it with the first call: most instances of the API call nothing here, and this import takes longer
        # than all others together.
        from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient

        return PipelineServiceClient(**self._connection(region))

    def _new_beta_client(self, region: str) -> Any:
        # Only this version of the API knows persistent resources of pipelines.
        from google.cloud.aiplatform_v1beta1.services.pipeline_service import PipelineServiceClient

        return PipelineServiceClient(**self._connection(region))

    def _new_metadata_client(self, region: str) -> Any:
        from google.cloud.aiplatform_v1.services.metadata_service import MetadataServiceClient

        return MetadataServiceClient(**self._connection(region))

    def _connection(self, region: str) -> dict[str, Any]:
        endpoint = {"api_endpoint": self._url.replace("{region}", region)}
        return {"transport": "rest", "client_options": endpoint, "credentials": self._credentials}

    def _parent(self, region: str) -> str:
        return f"projects/{self._project}/locations/{region or self._home}"

    def _name(self, job: str, region: str) -> str:
        return f"{self._parent(region)}/pipelineJobs/{job}"

    def _context(self, job: str, region: str) -> str:
        return f"{self._parent(region)}/metadataStores/default/contexts/{job}"


def _unless_missing(delete: Callable[..., object], request: Mapping[str, str], options: Mapping[str, Any]) -> None:
    """Call a deletion; the resource may be missing, because another delivery may have deleted it."""
    with suppress(exceptions.NotFound):
        delete(request, **options)


def _on_demand_if_busy(machines: str) -> dict[str, Any]:
    return {
        "persistent_resource_name": machines,
        "task_resource_unavailable_wait_time_ms": WAIT_FOR_MACHINE_MILLISECONDS,
        "task_resource_unavailable_timeout_behavior": "FALL_BACK_TO_ON_DEMAND",
    }


@contextmanager
def _outages() -> Iterator[None]:
    """Turn the errors after which a later call may succeed into LaunchUnavailableError."""
    try:
        yield
    except exceptions.TooManyRequests as error:
        raise RegionBusyError(str(error)) from error
    # ParseError and UnicodeDecodeError: a proxy answered in Vertex AI's place, or the answer broke off.
    except (
        exceptions.ServerError,
        exceptions.Cancelled,
        RequestException,
        GoogleAuthError,
        ParseError,
        UnicodeDecodeError,
    ) as error:
        raise LaunchUnavailableError(str(error)) from error
    except exceptions.GoogleAPICallError as error:
        code = error.code or 0
        is_refusal = HTTPStatus.BAD_REQUEST <= code < HTTPStatus.INTERNAL_SERVER_ERROR and code not in _RETRYABLE
        if is_refusal and not _is_aborted(error):
            raise
        raise LaunchUnavailableError(str(error)) from error


def _is_aborted(error: exceptions.GoogleAPICallError) -> bool:
    """Return whether a concurrent request ended this one: over REST it has the status code of a taken id, 409."""
    if isinstance(error, exceptions.Aborted):
        return True
    try:
        return bool(error.response.json()["error"]["status"] == "ABORTED")
    except (AttributeError, ValueError, LookupError, TypeError):
        return False
