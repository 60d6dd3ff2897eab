"""What a supervisor and its worker tell each other: JSON lines over a socket between the two.

    supervisor                            worker
    {"worker": 0, "config": {…}}     ──▶
                                     ◀──  {"ready": true}, or {"refused": "why, in one line"}
    {"ask": 1}                       ──▶
                                     ◀──  {"answer": 1, "metrics": […]}

The socket is also the lifeline: either end sees at once when the other is gone, however it went.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import socket

Message = dict[str, Any]

LINE_BYTES_MAX = 4 * 1024 * 1024


class WorkerChannel:
    """One end. Only one task at a time may receive."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> WorkerChannel:
        """Takes over one end of a pair of sockets."""
        return cls(*await asyncio.open_connection(sock=end, limit=LINE_BYTES_MAX))

    def send(self, message: Message) -> None:
        """Sends, or does nothing if the other end is gone."""
        self._writer.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))

    async def receive(self) -> Message | None:
        """The next message; None once the other end is gone."""
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return None
        if not line.endswith(b"\n"):
            return None
        message: Message = orjson.loads(line)
        return message

    async def close(self) -> None:
        """Sends what waits and closes."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return
