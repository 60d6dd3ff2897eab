"""Whether one more login may start, asked before its request is even parsed.

The rule is the core's (`admission.rs`); what it cannot see, how late the event loop is, is measured
here. Under a flood nearly every call is one to refuse, so a refusal must cost next to nothing: its
answer is made once for each tenth of a second to come back in, and the log tells of many at a time.

A loop with more to do than it can need not be late for what it promised itself: gRPC hands it one
new call each time round, and the others queue where nobody sees them. But such a loop never rests.
So it is as late as it has been without rest, or as it was for what it promised, whichever is more.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from time import monotonic, monotonic_ns, thread_time_ns
from typing import TYPE_CHECKING, Final

from godkend.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from godkend.logs import Log
    from godkend.service.status import Manual, Refusal

INTERVAL_S: Final = 0.02
LOG_INTERVAL_S: Final = 1.0
RETRY_STEP_MS: Final = 100
RESTLESS_SHARE: Final = 0.9
"""Of an interval: a loop that ran, or waited for a core, for more of it has not rested."""
SCHEDSTAT: Final = "/proc/thread-self/schedstat"


class Rest:
    """How long the calling thread has had no rest. Always 0 where the kernel does not count it."""

    def __init__(self) -> None:
        self._file = -1
        with suppress(OSError):
            self._file = os.open(SCHEDSTAT, os.O_RDONLY | os.O_CLOEXEC)
        self._busy_ns, self._looked_ns = self._busy(), monotonic_ns()
        self._rested_ns = self._looked_ns

    def missed_s(self) -> float:
        """Looks; to be called from the thread that made it, every interval."""
        busy_ns, now_ns = self._busy(), monotonic_ns()
        if busy_ns - self._busy_ns <= RESTLESS_SHARE * (now_ns - self._looked_ns):
            self._rested_ns = now_ns
        self._busy_ns, self._looked_ns = busy_ns, now_ns
        return (now_ns - self._rested_ns) / 1e9

    def close(self) -> None:
        """Looks no more."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _busy(self) -> int:
        """Nanoseconds that the thread ran, or was ready to run and had no core."""
        if self._file < 0:
            return 0
        # The first number there, how long it ran, is only brought up to date at the kernel's ticks.
        _, waited_ns, _ = os.pread(self._file, 64, 0).split()
        return thread_time_ns() + int(waited_ns)


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
        """How late the loop was when it looked last, or by how much that look is overdue.

        As late as it had been without rest, if that is more.
        """
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
        rest = Rest()
        try:
            while True:
                self._due_s = monotonic() + INTERVAL_S
                await asyncio.sleep(INTERVAL_S)
                now_s = monotonic()
                self._late_s = max(0.0, now_s - self._due_s, rest.missed_s())
                if self._untold and now_s - told_s >= LOG_INTERVAL_S:
                    self._log.not_admitted(logins=self._untold)
                    self._untold, told_s = 0, now_s
        finally:
            rest.close()
