"""One of several workers, as its supervisor starts it: the same server as one alone.

It is told what to do over a socket that it inherits (see `godkend.worker_channel`). It stops in
order when it is told to, when a bug has shown itself, and when its supervisor is gone: nobody would
replace or stop it any more.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from typing import TYPE_CHECKING

import uvloop

from godkend.config import Config
from godkend.logs import Log
from godkend.port import StartError
from godkend.process import EXIT_NOT_STARTED, EXIT_STOPPED, EXIT_UNHEALTHY, keep_private
from godkend.service.app import running
from godkend.worker_channel import WorkerChannel
from godkend.worker_metrics import families

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


async def work(inherited: socket.socket) -> int:
    """Serves what the supervisor says, until an end as above; the exit code."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    # A terminal sends these to all its processes; the supervisor alone says what comes of them.
    for each in (signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    channel = await WorkerChannel.over(inherited)
    begin = await channel.receive()
    if begin is None:
        return EXIT_NOT_STARTED
    config = Config(**begin["config"])
    log = Log(config.log.level, worker=begin["worker"])
    try:
        async with running(config, log=log) as server:
            channel.send({"ready": True})
            ends = {
                asyncio.create_task(told.wait()),
                asyncio.create_task(_answer(channel, server.metrics)),
                server.unhealthy,
            }
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            is_unhealthy = server.unhealthy.done()
            for end in ends:
                end.cancel()
    except StartError as error:
        channel.send({"refused": str(error)})
        return EXIT_NOT_STARTED
    finally:
        await channel.close()
        log.close()
    return EXIT_UNHEALTHY if is_unhealthy else EXIT_STOPPED


async def _answer(channel: WorkerChannel, registry: CollectorRegistry) -> None:
    """Reports the metrics whenever asked, until the supervisor is gone."""
    while (asked := await channel.receive()) is not None:
        channel.send({"answer": asked["ask"], "metrics": families(registry)})


if __name__ == "__main__":
    keep_private()
    sys.exit(uvloop.run(work(socket.socket(fileno=int(sys.argv[1])))))
