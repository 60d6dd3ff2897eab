"""Drives a `_core.Engine` without an event loop, so that what is measured is the core."""

from __future__ import annotations

import itertools
import select
from typing import TYPE_CHECKING, Any, Self

from godkend import _core
from godkend.errors import GodkendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

TIMEOUT_MS_NONE = 0
STALLED_MS = 60_000


class Driver:
    """An engine on a store of its own, with so many commands waiting as it is told."""

    def __init__(self, directory: Path, policy: str = "{}") -> None:
        self.store = directory / "godkend.db"
        self.core = _core.Engine(
            store=str(self.store), keys=str(directory / "keys.json"), policy=policy
        )
        self._tokens = itertools.count(1)
        self._poll = select.poll()
        self._poll.register(self.core.completion_fd(), select.POLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.core.close()

    def call(self, submit: Callable[..., None], *fields: Any) -> Any:
        """One command, awaited; raises what it was refused with."""
        (outcome,) = self.run(submit, [fields], waiting=1)
        return outcome

    def run(
        self, submit: Callable[..., None], requests: Iterable[tuple[Any, ...]], *, waiting: int
    ) -> list[Any]:
        """Runs commands with up to `waiting` of them under way; their outcomes as they came."""
        outcomes: list[Any] = []
        todo = iter(requests)
        under_way = 0
        while True:
            for fields in itertools.islice(todo, waiting - under_way):
                submit(next(self._tokens), TIMEOUT_MS_NONE, *fields)
                under_way += 1
            if not under_way:
                return outcomes
            if not self._poll.poll(STALLED_MS):
                raise AssertionError(f"{under_way} commands are not answered")
            for _, outcome in self.core.drain().completions:
                if isinstance(outcome, GodkendError):
                    raise outcome
                outcomes.append(outcome)
                under_way -= 1
