"""Whether one more login may start, asked before its request is even parsed.

The rule is the core's (`admission.rs`); what it cannot see, how late the event loop is, is measured
here. Under a flood nearly every call is one to refuse, so a refusal must cost next to nothing: its
answer is made once for each tenth of a second to come back in, and the log tells of many at a time.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final

from godkend.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from godkend.logs import Log
    from godkend.service.status import Manual, Refusal

INTERVAL_S: Final = 0.02
LOG_INTERVAL_S: Final = 1.0
RETRY_STEP_MS: Final = 100


class Admission:
    """Refuses logins while those under way wait too long."""

    def __init__(self, admit: Callable[[int], None], manual: Manual, log: Log) -> None:
        self._admit = admit
        self._manual = manual
        self._log = log
        self._made: dict[int, Refusal] = {}
        self._due_s = monotonic() + INTERVAL_S
        self._late_s = 0.0
        self._untold = 0

    @property
    def loop_late_ms(self) -> int:
        """How late the loop was when it looked last, or by how much that look is overdue."""
        return int(1_000 * max(self._late_s, monotonic() - self._due_s))

    def refusal(self) -> Refusal | None:
        """Why no login may start now, or None."""
        try:
            self._admit(self.loop_late_ms)
        except Fault as fault:
            self._untold += 1
            steps = -(-(fault.retry_after_ms or 0) // RETRY_STEP_MS)
            made = self._made.get(steps)
            if made is None:
                rounded = Fault(fault.reason, fault.detail, steps * RETRY_STEP_MS)
                made = self._made[steps] = self._manual.refusal(rounded)
            return made
        return None

    async def follow(self) -> None:
        """Measures how late the loop is, and tells of refusals, until cancelled."""
        told_s = monotonic()
        while True:
            self._due_s = monotonic() + INTERVAL_S
            await asyncio.sleep(INTERVAL_S)
            now_s = monotonic()
            self._late_s = max(0.0, now_s - self._due_s)
            if self._untold and now_s - told_s >= LOG_INTERVAL_S:
                self._log.not_admitted(logins=self._untold)
                self._untold, told_s = 0, now_s
