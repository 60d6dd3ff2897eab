"""The engine without asyncio: submit, wait on the completion descriptor, drain."""

from __future__ import annotations

import itertools
import select
from typing import TYPE_CHECKING, Any

from godkend import _core
from godkend.errors import GodkendError
from tests.support.policies import policy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Self

NOW_MS = 1_800_000_000_000
"""A day in 2027, where manual clocks begin."""
PATIENCE_S = 60.0
MEMORY = ":memory:"


class CoreDriver:
    """A `_core.Engine` whose calls wait for their outcome and raise it if it is an error.

    `driver.open_login(...)` is the call of the same name without its token and timeout.
    """

    def __init__(
        self, store: Path | str, keys: Path, policy: str, clock: _core.ManualClock | None
    ) -> None:
        self.core = _core.Engine(store=str(store), keys=str(keys), policy=policy, clock=clock)
        self.clock = clock
        self.changes: list[tuple[bytes, int]] = []
        self._tokens = itertools.count(1)
        self._outcomes: dict[int, Any] = {}

    def __getattr__(self, command: str) -> Any:
        return lambda *fields: self.call(command, *fields)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.core.close()

    def submit(self, command: str, *fields: Any, timeout_ms: int = 0) -> int:
        """Submits and returns the token under which the outcome will appear."""
        token = next(self._tokens)
        getattr(self.core, command)(token, timeout_ms, *fields)
        return token

    def outcome(self, token: int) -> Any:
        """Waits for an outcome; a value or an error, which is returned and not raised."""
        while token not in self._outcomes:
            ready, _, _ = select.select([self.core.completion_fd()], [], [], PATIENCE_S)
            assert ready, "an outcome never came"
            drained = self.core.drain()
            self._outcomes.update(drained.completions)
            self.changes += drained.changes
        return self._outcomes.pop(token)

    def outcomes(self, tokens: Iterable[int]) -> list[Any]:
        """Waits for several outcomes, in the order of the tokens."""
        return [self.outcome(token) for token in tokens]

    def call(self, command: str, *fields: Any, timeout_ms: int = 0) -> Any:
        """Submits, waits, and gives the value or raises the error."""
        outcome = self.outcome(self.submit(command, *fields, timeout_ms=timeout_ms))
        if isinstance(outcome, GodkendError):
            raise outcome
        return outcome

    @property
    def now_ms(self) -> int:
        """The engine's time, which must be a manual clock's."""
        assert self.clock is not None
        return self.clock.now_ms

    def events(self) -> list[_core.EventView]:
        """The whole history."""
        events: list[_core.EventView] = []
        while more := self.call("read_events", events[-1].seq if events else 0, 1_000):
            events += more
        return events


def open_driver(
    directory: Path,
    clock: _core.ManualClock | None = None,
    *,
    memory: bool = False,
    **sections: Any,
) -> CoreDriver:
    """An engine on `directory`, with the policy of these sections; opened again, it is the same."""
    store = MEMORY if memory else directory / "godkend.db"
    clock = clock or _core.ManualClock(NOW_MS)
    return CoreDriver(store, directory / "godkend.key", policy(**sections), clock)
