"""The storage behind the front: bodies and answers stream through, names and bytes as they were sent."""

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

_LOOK: Final = ClientTimeout(total=10)
# What concerns one connection alone, and what the front decides for itself.
_NOT_SENT_ON: Final = frozenset(
    ("connection", "expect", "host", "keep-alive", "origin", "proxy-connection", "te", "trailer", "transfer-encoding")
)
_NOT_HANDED_BACK: Final = frozenset(("connection", "keep-alive", "transfer-encoding"))


def client_session() -> ClientSession:
    """Return a session that passes bodies on as they are, over as many connections as are wanted."""
    return ClientSession(
        connector=TCPConnector(limit=0),
        timeout=ClientTimeout(total=None, sock_connect=10),
        auto_decompress=False,
        read_bufsize=BLOCK_BYTES,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
    )


@dataclass(frozen=True)
class Whole:
    """A body that has been read to its end, of ``length`` bytes."""

    file: IO[bytes]
    length: int

    async def blocks(self) -> AsyncIterator[bytes]:
        """Give the body from its beginning."""
        self.file.seek(0)
        while block := self.file.read(BLOCK_BYTES):
            yield block


@dataclass(frozen=True)
class Backend:
    """The storage at ``url``, which knows itself by the front's ``host``."""

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
        """Send a request on and hand its answer back with these headers added.

        ``whole`` is its body where that was read before; ``absent`` is raised where the storage says that it has no
        such object.
        """
        sent = _without(_NOT_SENT_ON, request.headers.items())
        sent["Host"] = self.host
        body = None
        if whole is not None:
            sent["Content-Length"] = str(whole.length)
            body = whole.blocks()
        elif request.can_read_body:
            body = body_of(request)
        # As sent, so that nothing is judged in one spelling and stored in another.
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
                # Half an answer cannot be taken back; a closed connection says that it is not the whole.
                if request.transport is not None:
                    request.transport.close()
            return response

    async def generation(self, target: Target) -> int:
        """Return an object's generation, 0 where it is not there."""
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
    """Give a request's body, asking for it first where the sender waits for that."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    async for block in request.content.iter_any():
        yield block


def _without(names: frozenset[str], headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    """Return headers without these, and without the storage's own idea of who may read an answer."""
    return CIMultiDict(
        (name, value)
        for name, value in headers
        if name.lower() not in names and not name.lower().startswith("access-control-")
    )
