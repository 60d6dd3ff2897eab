"""The engine under asyncio: submit, await, and one wake-up of the loop for all that is ready."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from godkend.errors import Fault, GodkendError
from godkend.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from types import TracebackType
    from typing import Self

    from godkend import _core
    from godkend.watch import State

TIMEOUT_MS_NONE = 0
EVENTS_PER_READ = 256


class Engine:
    """Awaits the outcomes of a `_core.Engine` on the running event loop.

    Build it inside the loop that will use it; it belongs to that loop. A caller that goes away
    cancels its wait, never the commit.
    """

    def __init__(self, core: _core.Engine) -> None:
        self.core = core
        self._loop = asyncio.get_running_loop()
        self._tokens = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._watching: dict[bytes, set[Watch]] = {}
        self._events_seen = asyncio.Event()
        self._closed = False
        self._loop.add_reader(core.completion_fd(), self._drain)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Finishes what was taken on, then closes the store. Safe to repeat."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self.core.close)
        self._drain()
        self._loop.remove_reader(self.core.completion_fd())
        self._wake_event_followers()

    async def call(self, submit: Callable[..., None], timeout_ms: int, /, *fields: Any) -> Any:
        """Submits one command of the core, such as `engine.core.open_login`, and awaits it.

        `timeout_ms` is what is left of the caller's deadline, or TIMEOUT_MS_NONE. Raises what the
        core gives: `Invalid`, `Denied` or `Fault`.
        """
        if self._closed:
            raise Fault("STOPPING", "the engine is closed")
        token = next(self._tokens)
        future = self._loop.create_future()
        self._waiting[token] = future
        try:
            submit(token, timeout_ms, *fields)
            return await future
        finally:
            del self._waiting[token]

    @contextmanager
    def watching(self, front_end: str, login_id: bytes) -> Iterator[Watch]:
        """Follows a login from here on, for the front-end that started it.

        Watch first, read after: a change between the two is seen twice, never missed.
        """
        self.core.watch(login_id)  # Refuses what is no login_id, before there is anything to undo.
        read = partial(self.call, self.core.get_login, TIMEOUT_MS_NONE, front_end, login_id)
        watch = Watch(self._loop, read)
        self._watching.setdefault(login_id, set()).add(watch)
        try:
            yield watch
        finally:
            watch.close()
            watchers = self._watching[login_id]
            watchers.discard(watch)
            if not watchers:
                del self._watching[login_id]
                self.core.unwatch(login_id)

    async def events(
        self, after_seq: int, *, until_now: bool
    ) -> AsyncGenerator[_core.EventView, None]:
        """The events after a cursor, in order; then those to come, unless `until_now`.

        Ends when the engine is closed.
        """
        while not self._closed:
            # Each wake-up is an event of its own, noted before the read: whoever read earlier than
            # it came still finds it set.
            seen = self._events_seen
            events = await self.call(
                self.core.read_events, TIMEOUT_MS_NONE, after_seq, EVENTS_PER_READ
            )
            for event in events:
                after_seq = event.seq
                yield event
            if len(events) == EVENTS_PER_READ:
                continue
            if until_now:
                return
            await seen.wait()

    def next_events(self) -> asyncio.Event:
        """Set when events may have been added from now on, or the engine is closed."""
        return self._events_seen

    def _drain(self) -> None:
        drained = self.core.drain()
        for token, outcome in drained.completions:
            future = self._waiting.get(token)
            if future is None or future.done():
                continue  # The caller went away; what it asked for is done all the same.
            if isinstance(outcome, GodkendError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        for login_id, state in drained.changes:
            for watch in self._watching.get(login_id, ()):
                watch.tell(cast("State", state))
        if drained.events_seen:
            self._wake_event_followers()

    def _wake_event_followers(self) -> None:
        self._events_seen.set()
        self._events_seen = asyncio.Event()
