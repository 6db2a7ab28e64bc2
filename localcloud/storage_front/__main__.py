"""Serve the storage front until SIGTERM: ``python -m localcloud.storage_front``."""

import asyncio
import signal
from typing import Final

from aiohttp import web

from localcloud.addresses import HOST, Addresses
from localcloud.storage_front.backend import BLOCK_BYTES, Backend, client_session
from localcloud.storage_front.cors import Cors
from localcloud.storage_front.front import StorageFront

# A target may hold two object names of 1,024 bytes, each byte percent-encoded as three characters.
_HEAD_BYTES: Final = 2**16
_BACKLOG: Final = 512
_SHUTDOWN_SECONDS: Final = 2.0


def main() -> None:
    """Serve at the addresses of the environment."""
    asyncio.run(_serve(Addresses.from_environ()))


async def _serve(addresses: Addresses) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with client_session() as session:
        front = StorageFront(
            Backend(session, addresses.url("storage_backend"), addresses.host("storage")),
            addresses.url("identity"),
            Cors(frozenset(addresses.page_origins)),
        )
        server = web.Server(
            front.handle,
            access_log=None,
            auto_decompress=False,
            read_bufsize=BLOCK_BYTES,
            max_line_size=_HEAD_BYTES,
            max_field_size=_HEAD_BYTES,
        )
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, addresses.ports["storage"], backlog=_BACKLOG).start()
            await ended.wait()
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    main()
