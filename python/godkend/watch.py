"""One stream's watch of a login: the states to come, in order, until a final one."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeAlias, cast

from godkend.v1 import login_service_pb2 as pb

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from godkend import _core

    State: TypeAlias = pb.LoginState.ValueType

LOGIN_STATES_FINAL = frozenset(
    {
        pb.LOGIN_STATE_REJECTED,
        pb.LOGIN_STATE_EXPIRED,
        pb.LOGIN_STATE_CANCELLED,
        pb.LOGIN_STATE_REDEEMED,
    }
)


class Watch:
    """What `Engine.watching` gives, for one task at a time.

    `read` looks at the login as it is now. It is asked at first, unless `expires_in` has said when
    the login's time is over, and again at that time.
    """

    __slots__ = ("_loop", "_read", "_timer", "_told", "_waiter")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, read: Callable[[], Awaitable[_core.LoginView]]
    ) -> None:
        self._loop = loop
        self._read = read
        self._told: deque[State] = deque()  # States only rise, so that it stays short.
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def after(self, state: State) -> State:
        """The next state of the login after `state`; UNSPECIFIED, 0, if that was a final one.

        Raises `Denied` (LOGIN_NOT_FOUND) if a look is due and this front-end did not start it.
        """
        while state not in LOGIN_STATES_FINAL:
            if self._told:
                now = self._told.popleft()
            elif self._timer is None:
                view = await self._read()
                self.expires_in(view.expires_in_ms)
                now = cast("State", view.state)
            else:
                self._waiter = self._loop.create_future()
                await self._waiter
                continue
            if now > state:  # A look may show what is told as well.
                return now
        return pb.LOGIN_STATE_UNSPECIFIED

    def expires_in(self, ms: int) -> None:
        """The login was read: its time is over in `ms`, if the engine's clock agrees by then."""
        self._timer = self._loop.call_later(ms / 1_000, self._look_again)

    def tell(self, state: State) -> None:
        """The login has a new state."""
        self._told.append(state)
        self._wake()

    def close(self) -> None:
        """Nobody waits any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look_again(self) -> None:
        self._timer = None
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
