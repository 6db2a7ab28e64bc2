"""The judge: looks at a request's head, and lets through what Cloud Storage would."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import Final
from urllib.parse import quote
from weakref import WeakValueDictionary

from aiohttp import ClientError, ClientPayloadError, ClientTimeout, web
from yarl import URL

from localcloud.servers.serving import HEALTH_PATH, say
from localcloud.storage_front.access import ALL_USERS, DELETE, access_denied, is_granted, require
from localcloud.storage_front.backend import Backend, Whole, body_of
from localcloud.storage_front.cors import Cors
from localcloud.storage_front.refusals import RefusalError
from localcloud.storage_front.signatures import Claim, is_signed
from localcloud.storage_front.targets import Target
from localcloud.storage_front.uploads import UploadConditions

_LOOK: Final = ClientTimeout(total=10)
_IN_MEMORY_BYTES: Final = 2**22


@dataclass(frozen=True)
class StorageFront:
    """Stands before a storage; the signers' certificates are at ``identity``."""

    backend: Backend
    identity: str
    cors: Cors
    _locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = field(default_factory=WeakValueDictionary, init=False)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.raw_path == HEALTH_PATH:
            return web.Response(text="ok")
        headers: dict[str, str] = {}
        try:
            target = Target.parse(request.raw_path)
            headers = self.cors.headers(request.method, target, request.headers)
            if request.method == "OPTIONS":
                return web.Response(headers=headers)
            return await self._judge(request, target, headers)
        except RefusalError as refusal:
            path = request.raw_path.partition("?")[0]
            say(f"refused {request.method} {path}: {refusal.status} {refusal.code}: {refusal}")
            return _refused(request, refusal, headers)
        except (ConnectionError, ClientPayloadError):
            # The sender broke off or sent no HTTP: nothing was stored and there is nobody to tell.
            response = web.Response(status=web.HTTPBadRequest.status_code)
            response.force_close()
            return response

    async def _judge(self, request: web.BaseRequest, target: Target, headers: Mapping[str, str]) -> web.StreamResponse:
        if target.is_json_api:
            # The operator's own clients need no credentials on this machine; a page in a browser is somebody else.
            if "Origin" in request.headers and "Authorization" not in request.headers:
                raise RefusalError("AuthenticationRequired", "A page has no access to the JSON API without a token.")
            return await self.backend.answer(request, headers)
        if is_signed(target):
            return await self._signed(request, target, headers)
        if request.headers.get("Authorization", "").lower().startswith("bearer "):
            return await self.backend.answer(request, headers)
        if not target.bucket:
            raise RefusalError("MissingSecurityHeader", "Listing buckets needs the header Authorization.")
        require(ALL_USERS, request.method, target)
        return await self.backend.answer(request, headers, absent=access_denied(ALL_USERS, target))

    async def _signed(self, request: web.BaseRequest, target: Target, headers: Mapping[str, str]) -> web.StreamResponse:
        claim = Claim.parse(request.method, target, request.headers, datetime.now(UTC))
        claim.verify(await self._certificates(claim.signer))
        if request.method == "POST":
            raise RefusalError("NotImplemented", "Signed resumable uploads and forms are not part of the local cloud.")
        require(claim.signer, request.method, target)
        if request.method == "PUT":
            return await self._upload(request, target, headers, claim.signer)
        return await self.backend.answer(request, headers)

    async def _upload(
        self, request: web.BaseRequest, target: Target, headers: Mapping[str, str], signer: str
    ) -> web.StreamResponse:
        conditions = UploadConditions.parse(request.headers)
        if "Transfer-Encoding" not in request.headers:
            conditions.check_length(request.content_length or 0)
        # The storage gets a body that is whole and allowed, or none: it holds a lock for as long as it reads one, so
        # that one slow sender would stop everybody.
        with SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
            body = Whole(file, await conditions.keep(body_of(request), file))
            # From here to the storage's answer this upload is alone with its object: of two, the second sees the
            # first one's generation.
            async with self._locks.setdefault((target.bucket, target.object), asyncio.Lock()):
                present = await self.backend.generation(target)
                conditions.check_generation(present)
                if present and not is_granted(signer, DELETE, target.bucket):
                    raise access_denied(signer, target)
                return await self.backend.answer(request, headers, body)

    async def _certificates(self, signer: str) -> list[str]:
        """Return the PEM certificates of an account, none of one that nobody knows."""
        url = f"{self.identity}/service_accounts/v1/metadata/x509/{quote(signer, safe='@')}"
        try:
            async with self.backend.session.get(URL(url, encoded=True), timeout=_LOOK) as answer:
                return list((await answer.json()).values()) if answer.ok else []
        except (ClientError, TimeoutError) as error:
            raise RefusalError("ServiceUnavailable", f"The signer's certificates cannot be had: {error!r}") from error


def _refused(request: web.BaseRequest, refusal: RefusalError, headers: Mapping[str, str]) -> web.Response:
    response = web.Response(status=refusal.status, body=refusal.to_xml(), headers=headers)
    response.content_type = "application/xml"
    response.charset = "UTF-8"
    if "Expect" in request.headers:
        # The body may come or not, so that what follows on this connection has no certain beginning.
        response.force_close()
    return response
