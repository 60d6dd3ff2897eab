"""Open streams: bounded, and ended when the server stops."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from godkend.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator


class OpenStreams:
    """Streams of one kind, at most `open_max`."""

    def __init__(self, name: str, open_max: int, retry_after_ms: int) -> None:
        self._name = name
        self._open_max = open_max
        self._retry_after_ms = retry_after_ms
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = asyncio.Event()

    def __len__(self) -> int:
        return len(self._tasks)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Counts the current task as an open stream.

        Raises `Fault`: OVERLOADED if there are too many, STOPPING once `stop` is called. When the
        client goes away, CancelledError passes through.
        """
        if self._stopping.is_set():
            raise Fault("STOPPING", "the server is stopping")
        if len(self._tasks) >= self._open_max:
            raise Fault(
                "OVERLOADED", f"{self._open_max} {self._name} are open", self._retry_after_ms
            )
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if not self._stopping.is_set():
                raise
            task.uncancel()
            raise Fault("STOPPING", "the server is stopping") from None
        finally:
            self._tasks.discard(task)

    def stop(self) -> None:
        """Ends every open stream with STOPPING, and lets no more be opened."""
        self._stopping.set()
        for task in self._tasks:
            task.cancel()
