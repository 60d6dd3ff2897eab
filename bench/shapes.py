"""How many logins a second come when: pure functions of the time, for every load generator.

A shape is drawn over one run: `at(share)` is the rate at `share` of it (0 to 1), as a multiple of
the run's base rate. The curves are compressed days and hours, so that a minute shows what a day
would.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from typing import Final

Shape = Callable[[float], float]


def steady(share: float) -> float:
    """Always the same."""
    return 1.0


def morning_peak(share: float) -> float:
    """A day from midnight: quiet nights, the rush before nine, a lower one in the evening."""
    hour = 24 * share
    return 0.15 + 1.85 * _bump(hour, 8.5, 1.2) + 0.9 * _bump(hour, 19.5, 2.0)


def tax_day(share: float) -> float:
    """Everybody knows the hour: it opens at a quarter, stands high, and falls away slowly."""
    if share < 0.25:
        return 0.3
    return 0.3 + 2.7 * math.exp(-2.5 * (share - 0.25))


def flash_crowd(share: float) -> float:
    """An announcement that nobody planned for: four times as many from one moment to the next."""
    return 4.0 if 0.4 <= share < 0.6 else 0.6


SHAPES: Final[dict[str, Shape]] = {
    "steady": steady,
    "morning-peak": morning_peak,
    "tax-day": tax_day,
    "flash-crowd": flash_crowd,
}


def _bump(at: float, middle: float, width: float) -> float:
    return math.exp(-(((at - middle) / width) ** 2))


def most(shape: Shape) -> float:
    """The highest rate of a shape, as a multiple of the base rate."""
    return max(shape(step / 1_000) for step in range(1_000))


def arrivals_s(
    shape: Shape, per_second: float, seconds: float, rng: random.Random
) -> Iterator[float]:
    """When logins are due, from 0 to `seconds`: a Poisson process, by thinning (Lewis, Shedler).

    Independent of what becomes of them: people do not come later because the server is slow.
    """
    rate_max = per_second * most(shape)
    due_s = 0.0
    while rate_max > 0:
        due_s += rng.expovariate(rate_max)
        if due_s >= seconds:
            return
        if rng.random() * rate_max <= per_second * shape(due_s / seconds):
            yield due_s
