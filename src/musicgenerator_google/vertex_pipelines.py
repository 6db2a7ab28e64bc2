"""Pipeline jobs of Vertex AI: three REST requests, for which Google's client would add seconds to a cold start.

What is sent and how answers are read is compared with that client's in ``tests/functions/test_vertex_pipelines.py``.
"""

from typing import Any, Final

from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession
from requests import RequestException

from musicgenerator.errors import LaunchRefusedError, LaunchUnavailableError, RegionBusyError
from musicgenerator.jobs import JobFacts, JobRequest, JobState

_REQUEST_TIMEOUT_SECONDS: Final = 30.0


class VertexPipelines:
    """The pipeline jobs of one project, each in one region; an empty region is the project's own, ``home``."""

    def __init__(self, session: AuthorizedSession, url: str, project: str, home: str) -> None:
        """Call Vertex AI as this function, by a session that lives as long as the instance does.

        Each region answers at an address of its own, which ``url`` becomes when ``{region}`` in it is filled in.
        """
        self._session = session
        self._jobs = f"{url}/v1/projects/{project}/locations/{{region}}/pipelineJobs"
        self._home = home

    def create(self, wanted: JobRequest, region: str) -> bool:
        """Create the job and return True, or return False where its id is taken already.

        Raises LaunchRefusedError for what no repetition mends and LaunchUnavailableError for what one may.
        """
        body = {
            "displayName": wanted.job,
            "pipelineSpec": wanted.spec,
            "runtimeConfig": {"gcsOutputDirectory": wanted.root, "parameterValues": wanted.parameters},
            "labels": wanted.labels,
            "serviceAccount": wanted.account,
        }
        try:
            self._ask("POST", region, "", params={"pipelineJobId": wanted.job}, json=body)
        except exceptions.Conflict:
            return False
        except exceptions.BadRequest as error:
            raise LaunchRefusedError(str(error)) from error
        return True

    def facts(self, job: str, region: str) -> JobFacts | None:
        """Return what is true of a job now, or None where there is no such job.

        Raises LaunchUnavailableError where Vertex AI does not say.
        """
        try:
            found = self._ask("GET", region, f"/{job}")
        except exceptions.NotFound:
            return None
        return JobFacts(
            state=_STATES.get(found.get("state", ""), JobState.UNDER_WAY),
            labels=found.get("labels", {}),
            reason=found.get("error", {}).get("message", ""),
            results_token=str(found.get("runtimeConfig", {}).get("parameterValues", {}).get("results_token", "")),
        )

    def cancel(self, job: str, region: str) -> None:
        """Cancel a job; one that is not there or has ended stays as it is.

        Raises LaunchUnavailableError where Vertex AI does not take the request.
        """
        try:
            self._ask("POST", region, f"/{job}:cancel", json={})
        except (exceptions.NotFound, exceptions.BadRequest):  # a failed precondition is a 400
            return

    def _ask(self, method: str, region: str, path: str, **request: Any) -> dict[str, Any]:
        """Return Vertex AI's answer; raise LaunchUnavailableError where asking again may help, else its own error."""
        url = self._jobs.replace("{region}", region or self._home) + path
        try:
            response = self._session.request(method, url, timeout=_REQUEST_TIMEOUT_SECONDS, **request)
        except RequestException as error:
            raise LaunchUnavailableError(str(error)) from error
        if response.ok:
            return dict(response.json())
        refusal = exceptions.from_http_response(response)
        if isinstance(refusal, exceptions.TooManyRequests):
            raise RegionBusyError(str(refusal)) from refusal
        if isinstance(refusal, exceptions.ServerError):
            raise LaunchUnavailableError(str(refusal)) from refusal
        raise refusal


_STATES: Final = {
    "PIPELINE_STATE_SUCCEEDED": JobState.SUCCEEDED,
    "PIPELINE_STATE_FAILED": JobState.FAILED,
    "PIPELINE_STATE_CANCELLED": JobState.CANCELLED,
}
