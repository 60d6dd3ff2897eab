"""Connections that are known to end at a certain worker.

The kernel chooses the worker of a connection. Who got it is read where the kernel keeps it: the
process at the other end of the same pair of ports.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

import grpc
import psutil  # type: ignore[import-untyped]

from tests.servers import START_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server

CONNECTIONS_MAX: Final = 200
"""Until every worker has got one; the chance to fail with 3 workers is below 1 in 10^34."""


def _ports_to(server: Server) -> set[int]:
    """The ports of this process that are connected to a server."""
    port = int(server.address.rpartition(":")[2])
    return {
        connection.laddr.port
        for connection in psutil.Process(os.getpid()).net_connections("tcp")
        if connection.raddr and connection.raddr.port == port
    }


def _worker_with(server: Server, port: int) -> int:
    """The place of the worker that a port of this process is connected to."""
    for worker, pid in server.workers().items():
        for connection in psutil.Process(pid).net_connections("tcp"):
            if connection.raddr and connection.raddr.port == port:
                return worker
    raise AssertionError(f"no worker of {server.workers()} has the connection from port {port}")


@contextlib.contextmanager
def placed_channel(server: Server) -> Iterator[tuple[int, grpc.Channel]]:
    """A channel that is connected, and the worker it is connected to."""
    before = _ports_to(server)
    with server.channel() as channel:
        grpc.channel_ready_future(channel).result(START_TIMEOUT_S)
        (port,) = _ports_to(server) - before
        yield _worker_with(server, port), channel


@contextlib.contextmanager
def channel_to_each(server: Server) -> Iterator[list[grpc.Channel]]:
    """A connected channel to each worker, in the order of their numbers."""
    with contextlib.ExitStack() as stack:
        found: dict[int, grpc.Channel] = {}
        for _ in range(CONNECTIONS_MAX):
            with contextlib.ExitStack() as connecting:
                worker, channel = connecting.enter_context(placed_channel(server))
                if worker not in found:
                    found[worker] = channel
                    stack.enter_context(connecting.pop_all())
            if found.keys() == server.workers().keys():
                break
        assert found.keys() == server.workers().keys(), "some worker gets no connections"
        yield [found[worker] for worker in sorted(found)]
