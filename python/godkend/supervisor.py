"""One server of several workers: a supervisor that starts, watches, replaces and stops them.

Workers are identical processes on one port and one store, which is all that they share: strikes,
budgets and redemptions are decided in the store, so there is nothing that a worker could take with
it. The supervisor serves no calls and never loads gRPC, which does not survive a fork; workers are
programs of their own. It holds the port, and the kernel hands connections to those who listen.
"""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from godkend.config import split_listen
from godkend.logs import Log
from godkend.metrics import MetricsListener
from godkend.port import StartError, cannot_listen, held_for_workers
from godkend.process import EXIT_NOT_STARTED, EXIT_STOPPED, keep_private, tell_operator
from godkend.worker_metrics import WorkersMetrics
from godkend.worker_process import WorkerProcess

if TYPE_CHECKING:
    from godkend.config import Config
    from godkend.worker_metrics import Families

START_TIMEOUT_S = 120.0
SETTLE_TIMEOUT_S = 30.0
"""For what is charged to be settled, after the notice and the grace of stopping."""
START_FAILURES_MAX = 5
"""How often in a row a replacement may fail to start; then the whole server ends and says why."""
STEADY_S = 60.0
"""A worker that took calls for so long did not end for the reason its predecessor did."""
DELAY_S_MIN, DELAY_S_MAX = 0.1, 10.0


def replacement_delay_s(ends_in_a_row: int) -> float:
    """How long to wait before the next worker: not at all after the first end, then ever longer."""
    if ends_in_a_row <= 1:
        return 0.0
    return float(min(DELAY_S_MAX, DELAY_S_MIN * 2 ** min(ends_in_a_row - 2, 16)))


def supervise(config: Config) -> int:
    """Serves with `server.workers` processes until SIGTERM or SIGINT; the exit code.

    SIGHUP replaces the workers one after the other, which reads certificate and clients anew.
    """
    keep_private()
    return asyncio.run(_run(config))


async def _run(config: Config) -> int:
    told = asyncio.Event()
    causes: list[str] = []

    def stop(received: signal.Signals) -> None:
        causes.append(received.name)
        told.set()

    log = Log(config.log.level)
    try:
        held, address = held_for_workers(config.server.listen, shared=config.server.reuse_port)
        with held:
            supervisor = Supervisor(config, address, log)
            loop = asyncio.get_running_loop()
            for each in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(each, stop, each)
            loop.add_signal_handler(signal.SIGHUP, supervisor.renew)
            serving = asyncio.create_task(supervisor.serve())
            waiting = asyncio.create_task(told.wait())
            try:
                await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
                if told.is_set():
                    log.stopping(cause=causes[0])
                else:
                    await serving  # It ends by itself only to say why it cannot go on.
            finally:
                waiting.cancel()
                await supervisor.stop(serving)
        log.stopped()
    except StartError as error:
        tell_operator(str(error))
        return EXIT_NOT_STARTED
    finally:
        log.close()
    return EXIT_STOPPED


class Supervisor:
    """The workers of one server, each in a place with a number."""

    def __init__(self, config: Config, address: str, log: Log) -> None:
        self._config = config
        self._log = log
        self._metrics_listen = config.metrics.listen
        server = config.server.model_copy(update={"listen": address, "reuse_port": True})
        metrics = config.metrics.model_copy(update={"listen": ""})
        self._workers_config = config.model_copy(update={"server": server, "metrics": metrics})
        self._address = address
        count = config.server.workers
        self._places: list[WorkerProcess | None] = [None] * count
        """The process of each place, from its start to its end."""
        self._replacements = [0] * count
        self._ready = [asyncio.Event() for _ in range(count)]
        self._renewing: asyncio.Task[None] | None = None
        self._metrics: MetricsListener | None = None

    async def serve(self) -> None:
        """Starts all workers and replaces those that end. Raises `StartError` when that fails."""
        self._listen_for_metrics()
        # The first start makes store, keys and tokens: one worker makes them, the others find them.
        # What is wrong with them is told once.
        await self._start(0)
        others = range(1, len(self._places))
        async with asyncio.TaskGroup() as starting:
            tasks = [starting.create_task(self._outcome(number)) for number in others]
        for task in tasks:
            if refused := task.result():
                raise refused
        host, port = split_listen(self._address)
        self._log.listening(
            address=host,
            port=port,
            tls=self._config.server.tls,
            metrics_port=self._metrics.port if self._metrics is not None else None,
            workers=len(self._places),
        )
        keeping = [asyncio.create_task(self._keep(number)) for number in range(len(self._places))]
        try:
            done, _ = await asyncio.wait(keeping, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)

    def renew(self) -> None:
        """Replaces the workers one after the other, each once the one before takes calls."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew())

    async def metrics(self) -> dict[int, Families | None]:
        """What the worker of each place reports; None of one that does not."""

        async def ask(number: int) -> Families | None:
            worker = self._places[number]
            return await worker.metrics() if worker and self._ready[number].is_set() else None

        numbers = range(len(self._places))
        return dict(zip(numbers, await asyncio.gather(*map(ask, numbers)), strict=True))

    async def stop(self, serving: asyncio.Task[None]) -> None:
        """Stops all workers in order. Raises `StartError` if one had to be killed."""
        if self._renewing is not None:
            self._renewing.cancel()
        serving.cancel()
        with suppress(asyncio.CancelledError, StartError):
            await serving
        left = [worker for worker in self._places if worker is not None]
        for worker in left:
            worker.terminate()
        bounds = self._config.server
        patience_s = (bounds.stop_notice_ms + bounds.stop_grace_ms) / 1_000 + SETTLE_TIMEOUT_S
        killed = await asyncio.gather(*(self._stopped(worker, patience_s) for worker in left))
        if self._metrics is not None:
            await asyncio.to_thread(self._metrics.close)
        if any(killed):
            raise StartError(f"{sum(killed)} workers did not stop in {patience_s:g} s: killed")

    async def _stopped(self, worker: WorkerProcess, patience_s: float) -> bool:
        killed = False
        try:
            async with asyncio.timeout(patience_s):
                cause = await worker.ended()
        except TimeoutError:
            killed = True
            worker.kill()
            cause = await worker.ended()
        self._log.worker_ended(
            worker=worker.number, pid=worker.pid, cause=cause, expected=not killed, next_in_ms=None
        )
        return killed

    async def _start(self, number: int) -> None:
        """Starts the worker of a place. Raises `StartError`, with nothing left of it."""
        self._ready[number].clear()
        worker = await WorkerProcess.start(number, self._workers_config)
        self._places[number] = worker
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                refusal = await worker.refusal()
        except TimeoutError:
            refusal = f"worker {number} did not start within {START_TIMEOUT_S:g} s"
            worker.kill()
        if refusal is not None:
            await worker.ended()
            self._places[number] = None
            raise StartError(refusal)
        self._ready[number].set()
        self._log.worker_started(worker=number, pid=worker.pid)

    async def _outcome(self, number: int) -> StartError | None:
        try:
            await self._start(number)
        except StartError as error:
            return error
        return None

    async def _keep(self, number: int) -> None:
        """Replaces the worker of one place whenever it ends. Raises `StartError` to give up."""
        ends = 0
        while (worker := self._places[number]) is not None:
            began_s = time.monotonic()
            cause = await worker.ended()
            self._places[number] = None
            self._ready[number].clear()
            expected = worker.was_told_to_stop
            steady = expected or time.monotonic() - began_s >= STEADY_S
            ends = 0 if expected else 1 if steady else ends + 1
            pid: int | None = worker.pid
            for tries_left in reversed(range(START_FAILURES_MAX)):
                delay_s = replacement_delay_s(ends)
                self._log.worker_ended(
                    worker=number,
                    pid=pid,
                    cause=cause,
                    expected=expected,
                    next_in_ms=round(delay_s * 1_000),
                )
                await asyncio.sleep(delay_s)
                refused = await self._outcome(number)
                if refused is None:
                    self._replacements[number] += 1
                    break
                if not tries_left:
                    tries = f"a worker could not be replaced in {START_FAILURES_MAX} tries"
                    raise StartError(f"{tries}: {refused}") from refused
                pid, cause, expected, ends = None, f"did not start: {refused}", False, ends + 1

    async def _renew(self) -> None:
        for number, ready in enumerate(self._ready):
            await ready.wait()
            if (worker := self._places[number]) is not None:
                ready.clear()  # Its keeper says when the next takes calls.
                worker.terminate()
            await ready.wait()

    def _listen_for_metrics(self) -> None:
        if not self._metrics_listen:
            return
        loop = asyncio.get_running_loop()

        def ask() -> dict[int, Families | None]:
            # Called on a thread of the listener.
            return asyncio.run_coroutine_threadsafe(self.metrics(), loop).result()

        registry = CollectorRegistry()
        registry.register(WorkersMetrics(ask, lambda: list(self._replacements)))
        try:
            self._metrics = MetricsListener(*split_listen(self._metrics_listen), registry)
        except OSError as error:
            raise cannot_listen("metrics.listen", self._metrics_listen, error) from error
