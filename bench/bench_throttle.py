"""A throttle decision, against the same rule in Python and against a function that does nothing."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from bench.pairs import tell_cost, tell_speed, turn_about
from bench.targets import THROTTLE_DECISION
from godkend import _core

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

INTERVAL_US, BURST = 1_000, 10
SOURCES, DECISIONS, ROUNDS = 1_000, 20_000, 40


class PythonThrottle:
    """GCRA as one would write it in Python, with nothing to bound its keys."""

    def __init__(self, interval_us: int, burst: int) -> None:
        self._interval_us = interval_us
        self._tolerance_us = interval_us * (burst - 1)
        self._arrivals_us: dict[bytes, int] = {}

    def check(self, key: bytes, now_us: int) -> int:
        arrival_us = self._arrivals_us.get(key, 0)
        wait_us = arrival_us - self._tolerance_us - now_us
        if wait_us > 0:
            return wait_us
        self._arrivals_us[key] = max(arrival_us, now_us) + self._interval_us
        return 0


def nothing(key: bytes, now_us: int) -> int:
    return 0


def asked() -> list[tuple[bytes, int]]:
    """Who asks when: about as many as are allowed, so that both answers are given."""
    draw = random.Random(1)
    step_us = INTERVAL_US // SOURCES
    return [
        (draw.randrange(SOURCES).to_bytes(16, "big"), 1_000_000_000 + at * step_us)
        for at in range(DECISIONS)
    ]


@pytest.mark.benchmark(group="throttle")
@pytest.mark.parametrize("against", ["the same rule in Python", "an empty function"])
def test_throttle_decision(benchmark: BenchmarkFixture, against: str) -> None:
    questions = asked()
    answers: list[int] = []
    answers_of_yardstick: list[int] = []
    throttle = _core.Throttle(INTERVAL_US, BURST, 2 * SOURCES)
    yardstick = PythonThrottle(INTERVAL_US, BURST).check if "rule" in against else nothing

    def fresh() -> None:
        nonlocal throttle, yardstick
        throttle = _core.Throttle(INTERVAL_US, BURST, 2 * SOURCES)
        if yardstick is not nothing:
            yardstick = PythonThrottle(INTERVAL_US, BURST).check

    def ours_decides() -> None:
        nonlocal answers
        check = throttle.check
        answers = [check(key, now_us) for key, now_us in questions]

    def yardstick_decides() -> None:
        nonlocal answers_of_yardstick
        check = yardstick
        answers_of_yardstick = [check(key, now_us) for key, now_us in questions]

    rounds = turn_about(
        benchmark,
        ours_decides,
        yardstick_decides,
        rounds=ROUNDS,
        prepare=fresh,
        ours_units=DECISIONS,
        yardstick_units=DECISIONS,
    )
    python = PythonThrottle(INTERVAL_US, BURST)
    assert answers == [python.check(key, now_us) for key, now_us in questions]
    assert {answer == 0 for answer in answers} == {True, False}
    benchmark.extra_info["keys"] = SOURCES
    tell = tell_cost if yardstick is nothing else tell_speed
    tell(benchmark, rounds, what="throttle decision", against=against, target=THROTTLE_DECISION)
