"""A TCP proxy that delays data and resets or refuses connections, as a network does."""

import asyncio
import random
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

from localcloud.addresses import HOST

_BLOCK: Final = 65_536


@dataclass
class Weather:
    """The longest delay of a block in seconds, and the chance that a block resets its connection."""

    delay: float = 0.0
    reset: float = 0.0


class TcpProxy:
    """Listens on a free port in front of a server; use it as a context manager.

    ``close_gate`` resets every connection and refuses new ones until ``open_gate``.
    """

    def __init__(self, target: int, weather: Weather) -> None:
        self._target = target
        self.weather = weather
        self.resets = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._gate_is_open = True
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._carry, HOST, 0), self._loop).result()
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        async def end() -> None:
            self._server.close()
            own = asyncio.current_task()
            carrying = [task for task in asyncio.all_tasks() if task is not own]
            for task in carrying:
                task.cancel()
            await asyncio.gather(*carrying, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def host(self) -> str:
        """The ``host:port`` that clients connect to."""
        return f"{HOST}:{self.port}"

    def close_gate(self) -> None:
        """Reset every connection and refuse new ones."""
        self._gate_is_open = False

        async def cut() -> None:
            for writer in list(self._writers):
                _reset(writer)

        asyncio.run_coroutine_threadsafe(cut(), self._loop).result()

    def open_gate(self) -> None:
        """Accept connections again."""
        self._gate_is_open = True

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._gate_is_open:
            _reset(writer)
            return
        try:
            there, back = await asyncio.open_connection(HOST, self._target)
        except OSError:
            _reset(writer)
            return
        both = {writer, back}
        self._writers |= both
        try:
            await asyncio.gather(self._pump(reader, back, writer), self._pump(there, writer, back))
        finally:
            self._writers -= both
            for each in both:
                each.transport.abort()

    async def _pump(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, other: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError):
            while block := await source.read(_BLOCK):
                if self.weather.delay:
                    await asyncio.sleep(random.uniform(0, self.weather.delay))
                if random.random() < self.weather.reset:
                    self.resets += 1
                    _reset(target)
                    _reset(other)
                    return
                target.write(block)
                await target.drain()
        with suppress(ConnectionError, OSError):
            target.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    # With SO_LINGER 0, closing sends a reset.
    bound = writer.get_extra_info("socket")
    with suppress(OSError):
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
