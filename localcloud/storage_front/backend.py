"""Forward requests to fake-gcs-server; bodies and responses are streamed and names stay as sent."""

import json
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Final
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

from localcloud.storage_front.refusals import RefusalError
from localcloud.storage_front.targets import Target

BLOCK_BYTES: Final = 2**18

# The headers that Cloud Storage keeps as an object's metadata.
_METADATA: Final = {
    "Content-Type": "contentType",
    "Content-Encoding": "contentEncoding",
    "Content-Disposition": "contentDisposition",
    "Content-Language": "contentLanguage",
    "Cache-Control": "cacheControl",
}
_LOOK: Final = ClientTimeout(total=10)
# Hop-by-hop headers, and headers that the front sets.
_NOT_SENT_ON: Final = frozenset(
    ("connection", "expect", "host", "keep-alive", "origin", "proxy-connection", "te", "trailer", "transfer-encoding")
)
_NOT_HANDED_BACK: Final = frozenset(("connection", "keep-alive", "transfer-encoding"))


def client_session() -> ClientSession:
    """Return a session that does not decompress bodies and does not limit connections."""
    return ClientSession(
        connector=TCPConnector(limit=0),
        timeout=ClientTimeout(total=None, sock_connect=10),
        auto_decompress=False,
        read_bufsize=BLOCK_BYTES,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
    )


@dataclass(frozen=True)
class Whole:
    """A complete body of ``length`` bytes."""

    file: IO[bytes]
    length: int

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield the body from its beginning."""
        self.file.seek(0)
        while block := self.file.read(BLOCK_BYTES):
            yield block


@dataclass(frozen=True)
class Backend:
    """The storage at ``url``; it expects the front's ``host`` in the Host header."""

    session: ClientSession
    url: str
    host: str

    async def answer(
        self,
        request: web.BaseRequest,
        headers: Mapping[str, str],
        whole: Whole | None = None,
        absent: RefusalError | None = None,
    ) -> web.StreamResponse:
        """Forward a request and return the response with these headers added.

        ``whole`` is the body if it has been read already. Raises ``absent`` if the storage answers that the object
        is missing.
        """
        sent = _without(_NOT_SENT_ON, request.headers.items())
        sent["Host"] = self.host
        body = None
        if whole is not None:
            sent["Content-Length"] = str(whole.length)
            body = whole.blocks()
        elif request.can_read_body:
            body = body_of(request)
        # Forward the path as it was sent: the front has checked this spelling.
        url = URL(self.url + request.raw_path, encoded=True)
        try:
            answer = await self.session.request(request.method, url, headers=sent, data=body, allow_redirects=False)
        except ClientError as error:
            if request.transport is None:
                raise ConnectionResetError("the sender broke off") from error
            raise RefusalError("ServiceUnavailable", f"The storage does not answer: {error}") from error
        async with answer:
            if absent is not None and answer.status == web.HTTPNotFound.status_code:
                raise absent
            back = _without(_NOT_HANDED_BACK, answer.headers.items())
            back.extend(headers)
            response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=back)
            try:
                await response.prepare(request)
                async for block in answer.content.iter_any():
                    await response.write(block)
                await response.write_eof()
            except ClientError:
                # The response has begun, so only closing the connection shows that it is incomplete.
                if request.transport is not None:
                    request.transport.close()
            return response

    async def store_encoded(self, request: web.BaseRequest, target: Target, whole: Whole) -> dict[str, str]:
        """Store an upload with a ``Content-Encoding`` as it was sent, and return the headers of the response.

        fake-gcs-server would inflate the body of such a PUT and forget the encoding. A multipart upload names the
        encoding in the object's metadata instead.
        """
        named = {field: request.headers[name] for name, field in _METADATA.items() if name in request.headers}
        about = json.dumps({"name": target.object, **named}).encode()
        boundary = uuid.uuid4().hex.encode()
        kind = request.headers.get("Content-Type", "").encode()
        start = (
            b"--%s\r\nContent-Type: application/json\r\n\r\n%s" % (boundary, about),
            b"--%s\r\nContent-Type: %s\r\n\r\n" % (boundary, kind),
        )
        head, tail = b"\r\n".join(start), b"\r\n--%s--\r\n" % boundary

        async def blocks() -> AsyncIterator[bytes]:
            yield head
            async for block in whole.blocks():
                yield block
            yield tail

        sent = {
            "Host": self.host,
            "Content-Type": f"multipart/related; boundary={boundary.decode()}",
            "Content-Length": str(len(head) + whole.length + len(tail)),
        }
        url = f"{self.url}/upload/storage/v1/b/{quote(target.bucket, safe='')}/o?uploadType=multipart"
        try:
            async with self.session.post(URL(url, encoded=True), headers=sent, data=blocks()) as answer:
                answer.raise_for_status()
                made = await answer.json()
        except ClientError as error:
            raise RefusalError("ServiceUnavailable", f"The storage does not answer: {error!r}") from error
        return {
            "ETag": f'"{made["etag"]}"',
            "x-goog-generation": made["generation"],
            "x-goog-hash": f"crc32c={made['crc32c']},md5={made['md5Hash']}",
            "x-goog-stored-content-encoding": made["contentEncoding"],
            "x-goog-stored-content-length": made["size"],
        }

    async def generation(self, target: Target) -> int:
        """Return an object's generation, or 0 if it is missing."""
        url = f"{self.url}/storage/v1/b/{quote(target.bucket, safe='')}/o/{quote(target.object, safe='')}"
        try:
            async with self.session.get(URL(url, encoded=True), timeout=_LOOK) as answer:
                if answer.status == web.HTTPNotFound.status_code:
                    return 0
                answer.raise_for_status()
                return int((await answer.json())["generation"])
        except (ClientError, TimeoutError) as error:
            raise RefusalError("ServiceUnavailable", f"The storage does not answer: {error!r}") from error


async def body_of(request: web.BaseRequest) -> AsyncIterator[bytes]:
    """Yield a request's body; answer "100 Continue" first if the client waits for it."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    async for block in request.content.iter_any():
        yield block


def _without(names: frozenset[str], headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    """Return headers without these and without the storage's own CORS headers."""
    return CIMultiDict(
        (name, value)
        for name, value in headers
        if name.lower() not in names and not name.lower().startswith("access-control-")
    )
