"""Pipeline jobs of Vertex AI, through the client of the one service that is needed."""

from typing import Final

from google.api_core import exceptions
from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient
from google.cloud.aiplatform_v1.types import CreatePipelineJobRequest, PipelineJob, PipelineState
from google.protobuf import struct_pb2

from musicgenerator.errors import LaunchRefusedError, LaunchUnavailableError
from musicgenerator.jobs import JobFacts, JobRequest, JobState

_SECONDS: Final = 30.0


class VertexPipelines:
    """The pipeline jobs of one project and region."""

    def __init__(self, client: PipelineServiceClient, project: str, region: str) -> None:
        """Use a client that lives as long as the instance does."""
        self._client = client
        self._parent = f"projects/{project}/locations/{region}"

    def create(self, wanted: JobRequest) -> bool:
        """Create the job and return True, or return False where its id is taken already.

        Raises LaunchRefusedError for what no repetition mends and LaunchUnavailableError for what one may.
        """
        pipeline_spec = struct_pb2.Struct()
        pipeline_spec.update(wanted.spec)
        pipeline_job = PipelineJob(
            display_name=wanted.job,
            pipeline_spec=pipeline_spec,
            runtime_config=PipelineJob.RuntimeConfig(
                gcs_output_directory=wanted.root,
                parameter_values=dict(wanted.parameters),
            ),
            labels=dict(wanted.labels),
            service_account=wanted.account,
        )
        request = CreatePipelineJobRequest(parent=self._parent, pipeline_job=pipeline_job, pipeline_job_id=wanted.job)
        try:
            self._client.create_pipeline_job(request, timeout=_SECONDS)
        except exceptions.Conflict:
            return False
        except exceptions.BadRequest as error:  # over REST every 400 arrives as this parent of InvalidArgument
            raise LaunchRefusedError(str(error)) from error
        except (exceptions.TooManyRequests, exceptions.ServerError, exceptions.RetryError) as error:
            raise LaunchUnavailableError(str(error)) from error
        return True

    def facts(self, job: str) -> JobFacts | None:
        """Return what is true of a job now, or None where there is no such job."""
        try:
            found = self._client.get_pipeline_job(name=f"{self._parent}/pipelineJobs/{job}", timeout=_SECONDS)
        except exceptions.NotFound:
            return None
        return JobFacts(
            state=_STATES.get(found.state, JobState.UNDER_WAY),
            labels=dict(found.labels),
            reason=found.error.message,
            results_token=str(found.runtime_config.parameter_values.get("results_token", "")),
        )

    def cancel(self, job: str) -> None:
        """Cancel a job; one that is not there or has ended stays as it is.

        Raises LaunchUnavailableError where Vertex AI does not take the request.
        """
        try:
            self._client.cancel_pipeline_job(name=f"{self._parent}/pipelineJobs/{job}", timeout=_SECONDS)
        except (exceptions.NotFound, exceptions.BadRequest):  # over REST a failed precondition is a 400
            return
        except (exceptions.TooManyRequests, exceptions.ServerError, exceptions.RetryError) as error:
            raise LaunchUnavailableError(str(error)) from error


_STATES: Final = {
    PipelineState.PIPELINE_STATE_SUCCEEDED: JobState.SUCCEEDED,
    PipelineState.PIPELINE_STATE_FAILED: JobState.FAILED,
    PipelineState.PIPELINE_STATE_CANCELLED: JobState.CANCELLED,
}
