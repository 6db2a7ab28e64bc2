"""Requests of the JSON API that Cloud Storage answers and fake-gcs-server does not, or not in the same way.

``gcloud storage mv`` reads the layout of the bucket. Then it rewrites and deletes the object, or moves it at once.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import ClientError, ClientTimeout, web
from yarl import URL

from localcloud.storage_front.backend import Backend
from localcloud.storage_front.refusals import RefusalError
from localcloud.storage_front.targets import Target
from localcloud.storage_front.uploads import UploadConditions

_LAYOUT: Final = re.compile(r"(/storage/v1/b/[^/]+)/storageLayout")
_MOVE: Final = re.compile(r"(/storage/v1(/b/[^/]+)/o/[^/]+)/moveTo(/o/[^/]+)")
_TIMEOUT: Final = ClientTimeout(total=60)


class _AnswerError(Exception):
    """The storage refused a request; the client gets its answer."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True)
class JsonApi:
    """Answers these requests by those that fake-gcs-server knows."""

    backend: Backend

    async def answer(self, request: web.BaseRequest, target: Target) -> web.Response | None:
        """Answer a request, or return None if fake-gcs-server answers it as Cloud Storage does."""
        layout, move = _LAYOUT.fullmatch(target.path), _MOVE.fullmatch(target.path)
        try:
            if layout and request.method == "GET":
                return web.json_response(await self._layout(layout[1]))
            if move and request.method == "POST":
                return web.json_response(await self._move(move, dict(target.query)))
            if request.method == "DELETE":
                # fake-gcs-server answers 200 and "null", which gcloud cannot read.
                await self._ask("DELETE", target.path, dict(target.query))
                return web.Response(status=HTTPStatus.NO_CONTENT)
        except _AnswerError as error:
            return error.response
        return None

    async def _layout(self, bucket: str) -> dict[str, Any]:
        found = await self._ask("GET", bucket)
        known = {name: found[name] for name in ("location", "locationType") if name in found}
        return {"kind": "storage#storageLayout", "bucket": found["name"], **known}

    async def _move(self, move: re.Match[str], query: dict[str, str]) -> dict[str, Any]:
        """Copy an object and delete the original; fake-gcs-server ignores the condition for the copy."""
        source, bucket, name = move.groups()
        copy = Target.parse(f"{bucket.removeprefix('/b')}{name.removeprefix('/o')}")
        if "ifGenerationMatch" in query:
            UploadConditions(generation=int(query["ifGenerationMatch"])).check_generation(
                await self.backend.generation(copy)
            )
        rewritten = await self._ask("POST", f"{source}/rewriteTo{bucket}{name}", query)
        await self._ask("DELETE", source)
        return dict(rewritten["resource"])

    async def _ask(self, method: str, path: str, query: dict[str, str] | None = None) -> Any:
        """Return the storage's JSON, None if it is empty; raise _AnswerError for its errors."""
        url = URL(f"{self.backend.url}{path}?{urlencode(query or {})}", encoded=True)
        body = b"{}" if method == "POST" else None
        headers = {"Host": self.backend.host, "Content-Type": "application/json"}
        try:
            async with self.backend.session.request(
                method, url, data=body, headers=headers, timeout=_TIMEOUT
            ) as answer:
                text = await answer.text()
                if answer.status >= HTTPStatus.BAD_REQUEST:
                    raise _AnswerError(web.Response(status=answer.status, text=text, content_type="application/json"))
                return await answer.json() if text else None
        except (ClientError, TimeoutError) as error:
            raise RefusalError("ServiceUnavailable", f"The storage does not answer: {error!r}") from error
