"""How late the event loop is: what it promised to do at a time, and when it came to it."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final

INTERVAL_S: Final = 0.02


class Lateness:
    """Looks every 20 ms; in between, a loop that is stuck grows late by the clock."""

    def __init__(self) -> None:
        self._due_s = monotonic() + INTERVAL_S
        self._late_s = 0.0

    @property
    def ms(self) -> int:
        """How late it was when it looked last, or by how much that look is overdue."""
        return int(1_000 * max(self._late_s, monotonic() - self._due_s))

    async def follow(self) -> None:
        """Looks until cancelled."""
        while True:
            self._due_s = monotonic() + INTERVAL_S
            await asyncio.sleep(INTERVAL_S)
            self._late_s = max(0.0, monotonic() - self._due_s)
