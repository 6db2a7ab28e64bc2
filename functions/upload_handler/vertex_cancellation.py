"""Cancelling pipeline jobs: one REST request, for which loading Google's client would take seconds of a cold start."""

from typing import Final

from google.auth.transport.requests import AuthorizedSession

_SECONDS: Final = 20
_THERE_IS_NONE: Final = 404
_HAS_ENDED: Final = 400


class VertexCancellation:
    """Cancels jobs of one project and region."""

    def __init__(self, session: AuthorizedSession, url: str, project: str, region: str) -> None:
        """Call Vertex AI at ``url`` as this function."""
        self._session = session
        self._jobs = f"{url}/v1/projects/{project}/locations/{region}/pipelineJobs"

    def cancel(self, job: str) -> None:
        """Cancel a job; one that is not there or has ended stays as it is.

        Raises HTTPError of `requests` where Vertex AI does not take the request.
        """
        response = self._session.post(f"{self._jobs}/{job}:cancel", json={}, timeout=_SECONDS)
        if response.status_code not in {_HAS_ENDED, _THERE_IS_NONE}:
            response.raise_for_status()
