"""A grpc.aio server under uvloop that does nothing: what gRPC alone costs, to compare with.

`/empty/Call` answers at once with nothing. `/empty/Follow` is shaped like a login: a stream that
says something at the start, and again at each `/empty/Step` with its name, `STEPS` times.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING, Any

import grpc.aio
import uvloop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Context = grpc.aio.ServicerContext[bytes, bytes]

SERVICE = "empty"
CALL, STEP, FOLLOW = "Call", "Step", "Follow"
STEPS = 3
NOTHING = b""


class Empty:
    """The handlers, with neither parsing nor serialising."""

    def __init__(self) -> None:
        self._followed: dict[bytes, asyncio.Queue[None]] = {}

    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        unary: Callable[..., Any] = grpc.unary_unary_rpc_method_handler
        stream: Callable[..., Any] = grpc.unary_stream_rpc_method_handler
        return {CALL: unary(self.call), STEP: unary(self.step), FOLLOW: stream(self.follow)}

    async def call(self, name: bytes, context: Context) -> bytes:
        return NOTHING

    async def step(self, name: bytes, context: Context) -> bytes:
        self._followed[name].put_nowait(None)
        return NOTHING

    async def follow(self, name: bytes, context: Context) -> AsyncIterator[bytes]:
        steps = self._followed[name] = asyncio.Queue()
        try:
            yield NOTHING
            for _ in range(STEPS):
                await steps.get()
                yield NOTHING
        finally:
            del self._followed[name]


async def serve() -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(SERVICE, Empty().handlers())]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    # As `godkend serve` says it.
    sys.stderr.write(json.dumps({"event": "listening", "port": port}) + "\n")
    sys.stderr.flush()
    await told.wait()
    await server.stop(1)


if __name__ == "__main__":
    uvloop.run(serve())
