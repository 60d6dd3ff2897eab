"""Ours and a yardstick, measured turn about, so that a noisy neighbour disturbs both.

A figure is made of rounds, and each round measures the yardstick and then ours. What is compared is
the median of the ratios of the rounds, in CPU time wherever nothing waits.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from bench.targets import Target

FIGURE = "figure"


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of the table at the end. `ours` and `yardstick` are in `unit`."""

    what: str
    against: str
    ours: float
    yardstick: float
    unit: str
    ratio: float
    ratio_says: str
    target: str
    verdict: str
    right: bool


@dataclass(frozen=True, slots=True)
class Rounds:
    """What the rounds took of a clock, per unit of work, in nanoseconds."""

    ours_ns: list[float]
    yardstick_ns: list[float]

    @property
    def speed(self) -> float:
        """How many times as fast as the yardstick."""
        pairs = zip(self.ours_ns, self.yardstick_ns, strict=True)
        return median(yardstick / ours for ours, yardstick in pairs)

    @property
    def cost(self) -> float:
        """How many times the yardstick's cost."""
        pairs = zip(self.ours_ns, self.yardstick_ns, strict=True)
        return median(ours / yardstick for ours, yardstick in pairs)


def turn_about(
    benchmark: BenchmarkFixture,
    ours: Callable[[], None],
    yardstick: Callable[[], None],
    *,
    rounds: int,
    prepare: Callable[[], None] = lambda: None,
    ours_units: int = 1,
    yardstick_units: int = 1,
    clock_ns: Callable[[], int] = time.thread_time_ns,
) -> Rounds:
    """Measures both by `clock_ns`, each doing so many units of work; one round is for warming up.

    `prepare` is called before each round, off the clock.
    """
    ours_ns: list[float] = []
    yardstick_ns: list[float] = []

    def yardstick_first() -> None:
        prepare()
        began = clock_ns()
        yardstick()
        yardstick_ns.append((clock_ns() - began) / yardstick_units)

    def then_ours() -> None:
        began = clock_ns()
        ours()
        ours_ns.append((clock_ns() - began) / ours_units)

    pedantic: Callable[..., None] = benchmark.pedantic
    pedantic(then_ours, setup=yardstick_first, rounds=rounds, warmup_rounds=1)
    return Rounds(ours_ns[1:], yardstick_ns[1:])


def tell_speed(
    benchmark: BenchmarkFixture,
    rounds: Rounds,
    *,
    what: str,
    against: str,
    unit: str = "ns",
    unit_ns: float = 1,
    target: Target | None = None,
) -> None:
    """Puts a comparison into the result. Call it after the work was found to be right."""
    _tell(benchmark, rounds, rounds.speed, "as fast", what, against, unit, unit_ns, target)


def tell_cost(
    benchmark: BenchmarkFixture,
    rounds: Rounds,
    *,
    what: str,
    against: str,
    unit: str = "ns",
    unit_ns: float = 1,
    target: Target | None = None,
) -> None:
    """As `tell_speed`, for what contains its yardstick."""
    _tell(benchmark, rounds, rounds.cost, "the cost", what, against, unit, unit_ns, target)


def _tell(
    benchmark: BenchmarkFixture,
    rounds: Rounds,
    ratio: float,
    ratio_says: str,
    what: str,
    against: str,
    unit: str,
    unit_ns: float,
    target: Target | None,
) -> None:
    ours, yardstick = median(rounds.ours_ns) / unit_ns, median(rounds.yardstick_ns) / unit_ns
    tell(
        benchmark,
        Figure(
            what=what,
            against=against,
            ours=ours,
            yardstick=yardstick,
            unit=unit,
            ratio=ratio,
            ratio_says=ratio_says,
            target=str(target or ""),
            verdict=target.verdict(ratio if target.unit == "x" else ours) if target else "",
            right=True,
        ),
    )


def tell(benchmark: BenchmarkFixture, figure: Figure) -> None:
    """Puts a figure into the result and, at the end, into the table."""
    benchmark.extra_info["ratio"] = figure.ratio
    benchmark.extra_info["right"] = figure.right
    benchmark.extra_info[FIGURE] = asdict(figure)
