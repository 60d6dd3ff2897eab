"""Health, as grpc.health.v1 tells it: SERVING, until a bug in the core or the end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1._async import HealthServicer

from godkend.errors import Fault
from godkend.service.stream import OpenStreams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from godkend.logs import Log
    from godkend.service.call import Context

CHECK_INTERVAL_S = 1.0
WATCHES_MAX = 256
OVERALL = ""


class Health(HealthServicer):
    """The health of this worker, for the server as a whole and for each service."""

    def __init__(self, services: Iterable[str], healthy: Callable[[], bool], log: Log) -> None:
        super().__init__()
        self._services = (OVERALL, *services)
        self._healthy = healthy
        self._log = log
        self._bug = asyncio.Event()
        self._bug_cause = ""
        self._watches = OpenStreams("watches of health", WATCHES_MAX, retry_after_ms=1_000)

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:
        try:
            with self._watches.opened():
                await super().Watch(request, context)
        except Fault as fault:
            stopping = fault.reason == "STOPPING"
            code = grpc.StatusCode.UNAVAILABLE if stopping else grpc.StatusCode.RESOURCE_EXHAUSTED
            await context.abort(code)

    @property
    def serving(self) -> bool:
        """Whether no bug has shown itself."""
        return self._healthy() and not self._bug.is_set()

    def panicked(self, method: str) -> None:
        """A panic reached a call: what this worker holds in memory can no longer be believed."""
        self._bug_cause = f"panic in {method}"
        self._bug.set()

    async def follow(self) -> None:
        """Says SERVING, watches the core, and says NOT_SERVING for good if it shows a bug."""
        for service in self._services:
            await self.set(service, health_pb2.HealthCheckResponse.SERVING)
        while self.serving:
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_INTERVAL_S):
                    await self._bug.wait()
        self._log.unhealthy(cause=self._bug_cause or "the core is not healthy")
        await self.enter_graceful_shutdown()

    def stop_watches(self) -> None:
        """Ends those who watch; they have been told."""
        self._watches.stop()
