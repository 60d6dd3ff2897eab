"""An open loop: logins begin when they are due, whatever has become of those before.

Latency counts from the time a login was due. A closed loop, where whoever is done begins again,
hides stalls: nobody comes while the server stands still. What this generator itself cannot begin,
because too many are under way or no subscriber is free, is counted and never left out silently; how
late it began the others is part of their latency, and is reported beside it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc.aio

from bench.mixes import COMPLETES
from bench.refusals import NobodyFree, Refused, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from bench.country import Country

DONE, NOT_BEGUN = "done", "generator full"
OPEN_MAX = 20_000
"""Logins under way at once; a server that refuses in time never makes so many."""


@dataclass(slots=True)
class Walk:
    """One login, or what came instead; times are seconds from the start of the run."""

    behaviour: str
    due_s: float
    began_s: float = math.nan
    ended_s: float = math.nan
    outcome: str = NOT_BEGUN
    """DONE, NOT_BEGUN, or the reason of the refusal."""
    retry_after_s: float | None = None

    @property
    def latency_ms(self) -> float:
        """From when it was due."""
        return 1e3 * (self.ended_s - self.due_s)

    @property
    def completed(self) -> bool:
        """Whether it ended in an assertion."""
        return self.outcome == DONE and self.behaviour in COMPLETES


@dataclass
class Run:
    """Everything that was offered, and what became of it."""

    walks: list[Walk] = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)

    def between(self, from_s: float, to_s: float) -> list[Walk]:
        """What was due in this time."""
        return [walk for walk in self.walks if from_s <= walk.due_s < to_s]

    def outcomes(self) -> dict[str, dict[str, int]]:
        """How often each behaviour ended in what."""
        found: dict[str, Counter[str]] = {}
        for walk in self.walks:
            found.setdefault(walk.behaviour, Counter())[walk.outcome] += 1
        return {name: dict(counts.most_common()) for name, counts in sorted(found.items())}


def percentiles_ms(walks: Iterable[Walk], *percents: float) -> dict[str, float]:
    """Nearest-rank percentiles of the latencies; empty where there are none."""
    sorted_ms = sorted(walk.latency_ms for walk in walks)
    if not sorted_ms:
        return {}
    rank = {each: max(0, math.ceil(each / 100 * len(sorted_ms)) - 1) for each in percents}
    return {f"p{each:g}": round(sorted_ms[rank[each]], 2) for each in percents}


async def offer(
    country: Country,
    arrivals_s: Iterator[float],
    behaviour: Callable[[], str],
    every_second: Callable[[float], Any] | None = None,
) -> Run:
    """Begins each walk when it is due and waits for all; `every_second` is called meanwhile.

    Raises what a walk raised that is no refusal.
    """
    run, under_way = Run(), set[asyncio.Task[None]]()
    unexpected: list[BaseException] = []
    # Not the loop's own clock: uvloop's counts whole milliseconds.
    began_s = time.monotonic()

    async def walk(it: Walk) -> None:
        it.began_s = time.monotonic() - began_s
        await _walked(it, country.walks[it.behaviour](run.did))
        it.ended_s = time.monotonic() - began_s

    def over(task: asyncio.Task[None]) -> None:
        under_way.discard(task)
        unexpected.extend(_raised(task))

    async def tick() -> None:
        for second in range(1_000_000):
            await asyncio.sleep(max(0.0, began_s + second - time.monotonic()))
            if every_second is not None:
                every_second(time.monotonic() - began_s)

    ticking = asyncio.create_task(tick())
    try:
        for due_s in arrivals_s:
            wait_s = began_s + due_s - time.monotonic()
            # Also when it is late it lets the others go on between two.
            await asyncio.sleep(max(0.0, wait_s))
            it = Walk(behaviour(), due_s)
            run.walks.append(it)
            if len(under_way) < OPEN_MAX:
                task = asyncio.create_task(walk(it))
                under_way.add(task)
                task.add_done_callback(over)
            if unexpected:
                break
        await asyncio.gather(*under_way, return_exceptions=True)
        # A guess that was accepted, or a mistake of ours: no outcome tells of it.
        if unexpected:
            raise unexpected[0]
    finally:
        ticking.cancel()
    return run


def _raised(task: asyncio.Task[None]) -> list[BaseException]:
    error = None if task.cancelled() else task.exception()
    return [] if error is None else [error]


async def _walked(it: Walk, steps: Awaitable[None]) -> None:
    """Notes how a walk ended."""
    try:
        await steps
        it.outcome = DONE
    except grpc.aio.AioRpcError as error:
        why = refused(error)
        it.outcome, it.retry_after_s = why.reason, why.retry_after_s
    except Refused as why:
        it.outcome, it.retry_after_s = why.reason, why.retry_after_s
    except NobodyFree:
        it.outcome = NOT_BEGUN


def by_second(run: Run, seconds: float) -> list[dict[str, Any]]:
    """What each second of the run offered, and what became of that, by the time it was due.

    It goes on until the last login has ended, so that the sums are those of the whole run.
    """
    rows = []
    ends_s = max((walk.ended_s for walk in run.walks if walk.completed), default=0.0)
    for second in range(max(math.ceil(seconds), math.floor(ends_s) + 1)):
        walks = run.between(second, second + 1)
        completed = [walk for walk in walks if walk.completed]
        ended = [
            walk for walk in run.walks if walk.completed and second <= walk.ended_s < second + 1
        ]
        rows.append(
            {
                "second": second,
                "offered": len(walks),
                "completed": len(ended),
                "completed_by_kind": dict(Counter(walk.behaviour for walk in ended)),
                "refused": sum(walk.outcome not in {DONE, NOT_BEGUN} for walk in walks),
                "not_begun": sum(walk.outcome == NOT_BEGUN for walk in walks),
                **percentiles_ms(completed, 50, 95, 99),
            }
        )
    return rows
