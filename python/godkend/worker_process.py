"""A worker as its supervisor sees it: a process, and the channel to it."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from godkend.port import StartError
from godkend.worker_channel import WorkerChannel

if TYPE_CHECKING:
    from godkend.config import Config
    from godkend.worker_metrics import Families

METRICS_TIMEOUT_S = 2.0


class WorkerProcess:
    """One process from its start to its end."""

    def __init__(
        self, number: int, process: asyncio.subprocess.Process, channel: WorkerChannel
    ) -> None:
        self.number = number
        self.pid = process.pid
        self.was_told_to_stop = False
        self._process = process
        self._channel = channel
        self._asking = asyncio.Lock()
        self._asked = 0

    @classmethod
    async def start(cls, number: int, config: Config) -> WorkerProcess:
        """A program of its own, which is told the configuration that all workers have.

        Read anew, a file that was changed since would make it another. Raises `StartError`.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            # -P: whatever lies in the working directory is not godkend.
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "godkend.service.worker", str(theirs.fileno())),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                )
            except OSError as error:
                ours.close()
                raise StartError(f"worker {number}: {error.strerror}") from error
        channel = await WorkerChannel.over(ours)
        channel.send({"worker": number, "config": config.model_dump(mode="json")})
        return cls(number, process, channel)

    async def refusal(self) -> str | None:
        """None once the worker takes calls, or why it never will."""
        answer = await self._channel.receive()
        if answer is None:
            return f"worker {self.number} ended while it started: {await self.ended()}"
        refused: str | None = answer.get("refused")
        return refused

    async def metrics(self) -> Families | None:
        """What the worker reports, or None if it does not within `METRICS_TIMEOUT_S`."""
        async with self._asking:
            self._asked += 1
            self._channel.send({"ask": self._asked})
            with suppress(TimeoutError):
                async with asyncio.timeout(METRICS_TIMEOUT_S):
                    while (answer := await self._channel.receive()) is not None:
                        # One that comes too late is not taken for the next.
                        if answer["answer"] == self._asked:
                            reported: Families = answer["metrics"]
                            return reported
        return None

    def terminate(self) -> None:
        """Tells it to stop in order."""
        self.was_told_to_stop = True
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """Ends it between two instructions."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> str:
        """Waits until the process is gone, and says what ended it."""
        code = await self._process.wait()
        await self._channel.close()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
