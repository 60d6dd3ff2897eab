"""A real server in this process, whose clock stands still until it is moved: for tours of days.

It listens on a port of its own, on a store of its own, and does what `godkend serve` does; only the
time is what the tour says. It can be stopped and started again on the same store.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

import uvloop

from godkend import _core
from godkend.cli.stage import NotAsExpected
from godkend.config import Config, MetricsConfig, ServerConfig
from godkend.engine import TIMEOUT_MS_NONE
from godkend.logs import Log
from godkend.service.app import running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO

T = TypeVar("T")

START_TIMEOUT_S, STOP_TIMEOUT_S, WAIT_TIMEOUT_S = 20.0, 20.0, 20.0
WAIT_STEP_S = 0.02


class ClockedServer:
    """Started on entry and stopped on exit; `clock` goes on from where it was."""

    def __init__(self, data_dir: Path, clock: _core.ManualClock | None = None) -> None:
        self.clock = clock or _core.ManualClock(time.time_ns() // 1_000_000)
        self._config = Config(
            data_dir=data_dir,
            server=ServerConfig(listen="127.0.0.1:0"),
            metrics=MetricsConfig(listen=""),
        )
        self.port = 0
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clocked-server")
        self._thread.start()
        if not self._listens.wait(START_TIMEOUT_S) or self._failure is not None:
            raise NotAsExpected(f"the server does not listen: {self._failure}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._told.set)
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            raise NotAsExpected("the server does not stop")

    @property
    def now_s(self) -> float:
        """The server's time, Unix time in seconds."""
        return self.clock.now_ms / 1_000

    def call(self, command: str, *fields: Any) -> Any:
        """A command of the core that no client may call, such as `import_display`."""
        engine = self._engine
        called = engine.call(getattr(engine.core, command), TIMEOUT_MS_NONE, *fields)
        return asyncio.run_coroutine_threadsafe(called, self._loop).result(WAIT_TIMEOUT_S)

    def wait_for(self, look: Callable[[], T]) -> T:
        """What `look` gives, once that is something. Raises `NotAsExpected` if it never is."""
        ends_s = time.monotonic() + WAIT_TIMEOUT_S
        while not (found := look()):
            if time.monotonic() > ends_s:
                raise NotAsExpected("waited in vain")
            time.sleep(WAIT_STEP_S)
        return found

    def _run(self) -> None:
        try:
            with open(os.devnull, "wb") as nowhere:
                uvloop.run(self._serve(nowhere))
        except BaseException as failure:
            self._failure = failure
        finally:
            self._listens.set()

    async def _serve(self, log_stream: BinaryIO) -> None:
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        log = Log("error", log_stream)
        try:
            async with running(self._config, log=log, clock=self.clock) as server:
                self.port, self._engine = server.port, server.engine
                self._listens.set()
                await self._told.wait()
        finally:
            log.close()
