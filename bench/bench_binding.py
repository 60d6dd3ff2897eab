"""A synchronous call into Rust, against a Python function that does nothing and a C function."""

from __future__ import annotations

import re
import time
from timeit import Timer
from typing import TYPE_CHECKING

import pytest

from bench.pairs import tell_cost, turn_about
from bench.targets import CALL_INTO_RUST
from godkend import _core

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

CALLS, ROUNDS = 20_000, 60


def nothing() -> None:
    """As little as a Python function can do."""


@pytest.mark.benchmark(group="binding")
@pytest.mark.parametrize(
    ("against", "yardstick"),
    [("an empty function", nothing), ("time.monotonic", time.monotonic)],
)
def test_call_into_rust(
    benchmark: BenchmarkFixture, against: str, yardstick: Callable[[], object]
) -> None:
    ours_timer = Timer("call()", globals={"call": _core.sqlite_version})
    yardstick_timer = Timer("call()", globals={"call": yardstick})
    rounds = turn_about(
        benchmark,
        lambda: _run(ours_timer),
        lambda: _run(yardstick_timer),
        rounds=ROUNDS,
        ours_units=CALLS,
        yardstick_units=CALLS,
    )
    assert re.fullmatch(r"3\.\d+\.\d+", _core.sqlite_version())
    tell_cost(benchmark, rounds, what="call into Rust", against=against, target=CALL_INTO_RUST)


def _run(timer: Timer) -> None:
    timer.timeit(CALLS)
