"""The throttle keeps its promises to the microsecond, and its bounds under a flood of keys."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from godkend._core import Throttle

INTERVALS, BURSTS = st.integers(1, 1_000_000), st.integers(1, 50)
GAPS = st.lists(st.integers(0, 500_000), max_size=60)
START_US = 1_000_000


@given(INTERVALS, BURSTS, GAPS)
def test_the_promised_wait_is_enough_and_one_microsecond_less_is_not(
    interval_us: int, burst: int, gaps: list[int]
) -> None:
    throttle, now = Throttle(interval_us, burst, 1), START_US
    for gap in gaps:
        now += gap
        if wait := throttle.check(b"key", now):
            assert throttle.check(b"key", now + wait - 1) == 1
            now += wait
            assert throttle.check(b"key", now) == 0


@given(INTERVALS, BURSTS, GAPS)
def test_a_refusal_counts_for_nothing(interval_us: int, burst: int, gaps: list[int]) -> None:
    asked_once, asked_again = (Throttle(interval_us, burst, 1) for _ in range(2))
    now = START_US
    for gap in gaps:
        now += gap
        wait = asked_once.check(b"key", now)
        assert asked_again.check(b"key", now) == wait
        if wait:
            assert asked_again.check(b"key", now) == wait


@given(INTERVALS, BURSTS, GAPS)
def test_no_window_holds_more_than_the_burst_and_the_rate(
    interval_us: int, burst: int, gaps: list[int]
) -> None:
    throttle, now, allowed = Throttle(interval_us, burst, 1), START_US, []
    for gap in gaps:
        now += gap
        if throttle.check(b"key", now) == 0:
            allowed.append(now)
    for first in range(len(allowed)):
        for last in range(first, len(allowed)):
            most = burst + (allowed[last] - allowed[first]) // interval_us
            assert last - first + 1 <= most


@given(INTERVALS, BURSTS)
def test_the_burst_is_let_through_at_once_and_no_more(interval_us: int, burst: int) -> None:
    throttle = Throttle(interval_us, burst, 1)
    waits = [throttle.check(b"key", START_US) for _ in range(burst + 1)]
    assert waits == [0] * burst + [interval_us]


def test_keys_do_not_pay_for_each_other() -> None:
    throttle = Throttle(1_000, 1, 10)
    assert throttle.check(b"a", START_US) == 0
    assert throttle.check(b"b", START_US) == 0
    assert throttle.check(b"a", START_US) == 1_000


@given(st.integers(1, 20), st.integers(1, 200))
def test_a_flood_of_keys_is_refused_not_let_through(keys_max: int, flood: int) -> None:
    throttle = Throttle(1_000, 1, keys_max)
    let_through = sum(
        throttle.check(number.to_bytes(4, "big"), START_US) == 0 for number in range(flood)
    )
    assert let_through == min(flood, keys_max)


def test_idle_keys_make_room() -> None:
    throttle = Throttle(1_000, 1, 1)
    assert throttle.check(b"a", START_US) == 0
    assert throttle.check(b"b", START_US + 999) > 0
    assert throttle.check(b"b", START_US + 1_000) == 0
