"""Check each request's head and forward the requests that Cloud Storage allows."""

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
from localcloud.storage_front.json_api import JsonApi
from localcloud.storage_front.refusals import RefusalError
from localcloud.storage_front.signatures import Claim, is_signed
from localcloud.storage_front.targets import Target
from localcloud.storage_front.uploads import UploadConditions
from musicgenerator.ids import UPLOAD_PREFIX
from musicgenerator.redaction import object_for_log

_LOOK: Final = ClientTimeout(total=10)
_IN_MEMORY_BYTES: Final = 2**22


@dataclass(frozen=True)
class StorageFront:
    """A proxy in front of a storage; the server at ``identity`` has the signers' certificates."""

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
            say(f"refused {request.method} {_for_log(request.raw_path)}: {refusal.status} {refusal.code}")
            return _refused(request, refusal, headers)
        except (ConnectionError, ClientPayloadError):
            # The client closed the connection or sent no HTTP: nothing was stored and no response is possible.
            response = web.Response(status=web.HTTPBadRequest.status_code)
            response.force_close()
            return response

    async def _judge(self, request: web.BaseRequest, target: Target, headers: Mapping[str, str]) -> web.StreamResponse:
        if target.is_json_api:
            # Local command-line clients need no credentials; a page in a browser does.
            if "Origin" in request.headers and "Authorization" not in request.headers:
                raise RefusalError("AuthenticationRequired", "A page has no access to the JSON API without a token.")
            return await JsonApi(self.backend).answer(request, target) or await self.backend.answer(request, headers)
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
        # Forward only complete and permitted bodies: fake-gcs-server holds a lock while it reads one, so
        # that one slow upload would block all others.
        with SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
            body = Whole(file, await conditions.keep(body_of(request), file))
            # Until the storage answers, this upload holds the object's lock: of two uploads, the second sees the
            # generation of the first.
            async with self._locks.setdefault((target.bucket, target.object), asyncio.Lock()):
                present = await self.backend.generation(target)
                conditions.check_generation(present)
                if present and not is_granted(signer, DELETE, target.bucket):
                    raise access_denied(signer, target)
                if "Content-Encoding" in request.headers:
                    return web.Response(headers={**headers, **await self.backend.store_encoded(request, target, body)})
                return await self.backend.answer(request, headers, body)

    async def _certificates(self, signer: str) -> list[str]:
        """Return the PEM certificates of an account; none for an unknown account."""
        url = f"{self.identity}/service_accounts/v1/metadata/x509/{quote(signer, safe='@')}"
        try:
            async with self.backend.session.get(URL(url, encoded=True), timeout=_LOOK) as answer:
                return list((await answer.json()).values()) if answer.ok else []
        except (ClientError, TimeoutError) as error:
            raise RefusalError(
                "ServiceUnavailable", f"The signer's certificates cannot be fetched: {error!r}"
            ) from error


def _for_log(raw_path: str) -> str:
    """Return bucket and object of a request: people name the objects that they drop, so only the hash is logged."""
    try:
        target = Target.parse(raw_path)
    except RefusalError:
        return "a path that cannot be read"
    name = target.object if target.object.startswith(UPLOAD_PREFIX) else object_for_log(target.object)
    return f"{target.bucket}/{name}"


def _refused(request: web.BaseRequest, refusal: RefusalError, headers: Mapping[str, str]) -> web.Response:
    response = web.Response(status=refusal.status, body=refusal.to_xml(), headers=headers)
    response.content_type = "application/xml"
    response.charset = "UTF-8"
    if "Expect" in request.headers:
        # The client may or may not send the body, so the connection cannot be reused.
        response.force_close()
    return response
