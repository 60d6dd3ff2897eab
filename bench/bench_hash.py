"""The PIN hash at its default cost: each kernel against argon2-cffi's wheel and the reference C.

CPU of the thread for one hash each, turn about; at the end two threads against one, by wall time,
and the same for work that needs no memory, which says how much of two cores these two are.
"""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import argon2.low_level
import pytest

from bench import reference_c
from bench.pairs import tell_speed, turn_about
from bench.targets import HASH_SPEED, HASH_SPEED_OF_TWO_THREADS, HASH_SPEED_TO_REFERENCE_C
from godkend import _core

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from bench.targets import Target

MEMORY_KIB, ITERATIONS, PARALLELISM, LENGTH = 12_288, 3, 1, 32
PIN, SALT = b"271946", bytes(range(16))
ROUNDS = 60
FASTEST, *SLOWER = _core.argon2id_kernels()
TIMES_OF_A_THREAD = 8
ITERATIONS_IN_REGISTERS = 8_000


def ours(kernel: str) -> bytes:
    return _core.argon2id(PIN, SALT, MEMORY_KIB, ITERATIONS, PARALLELISM, LENGTH, kernel=kernel)


def argon2_cffi() -> bytes:
    return argon2.low_level.hash_secret_raw(
        PIN,
        SALT,
        time_cost=ITERATIONS,
        memory_cost=MEMORY_KIB,
        parallelism=PARALLELISM,
        hash_len=LENGTH,
        type=argon2.low_level.Type.ID,
    )


def reference() -> bytes:
    return reference_c.argon2id(PIN, SALT, MEMORY_KIB, ITERATIONS, PARALLELISM, LENGTH)


def compare(
    benchmark: BenchmarkFixture,
    kernel: str,
    against: str,
    yardstick: Callable[[], bytes],
    target: Target | None,
) -> None:
    hashes: set[bytes] = set()
    rounds = turn_about(
        benchmark,
        lambda: hashes.add(ours(kernel)),
        lambda: hashes.add(yardstick()),
        rounds=ROUNDS,
    )
    assert len(hashes) == 1
    benchmark.extra_info["parameters"] = {
        "memory_kib": MEMORY_KIB,
        "iterations": ITERATIONS,
        "parallelism": PARALLELISM,
    }
    tell_speed(
        benchmark,
        rounds,
        what=f"Argon2id, 12 MiB, 3 passes, {kernel}",
        against=against,
        unit="ms",
        unit_ns=1e6,
        target=target,
    )


@pytest.mark.benchmark(group="hash")
@pytest.mark.parametrize("kernel", [FASTEST, *SLOWER])
def test_hash(benchmark: BenchmarkFixture, kernel: str) -> None:
    target = None if kernel == "portable" else HASH_SPEED
    compare(benchmark, kernel, "argon2-cffi", argon2_cffi, target)


@pytest.mark.benchmark(group="hash")
@pytest.mark.parametrize("kernel", [FASTEST, *SLOWER])
def test_hash_against_the_reference_c(benchmark: BenchmarkFixture, kernel: str) -> None:
    try:
        reference_c.reference_c()
    except reference_c.Unavailable as error:
        pytest.skip(f"the reference C cannot be built: {error}")
    target = None if kernel == "portable" else HASH_SPEED_TO_REFERENCE_C
    compare(benchmark, kernel, "reference C, -O3 -march=native", reference, target)


def in_registers() -> bytes:
    """Takes about as long as a hash, and nothing of memory beyond the first cache."""
    return hashlib.pbkdf2_hmac("sha512", PIN, SALT, ITERATIONS_IN_REGISTERS)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core")
@pytest.mark.benchmark(group="hash")
@pytest.mark.parametrize(
    ("what", "work", "target"),
    [
        ("Argon2id", lambda: ours(FASTEST), HASH_SPEED_OF_TWO_THREADS),
        # What these two cores give at most: virtual ones may be one core's, or share its clock.
        ("work in registers alone", in_registers, None),
    ],
)
def test_two_threads(
    benchmark: BenchmarkFixture, what: str, work: Callable[[], bytes], target: Target | None
) -> None:
    def times() -> None:
        for _ in range(TIMES_OF_A_THREAD):
            work()

    with ThreadPoolExecutor(2) as threads:

        def two() -> None:
            for thread in [threads.submit(times) for _ in range(2)]:
                thread.result()

        rounds = turn_about(
            benchmark,
            two,
            times,
            rounds=15,
            ours_units=2 * TIMES_OF_A_THREAD,
            yardstick_units=TIMES_OF_A_THREAD,
            clock_ns=time.perf_counter_ns,
        )
    tell_speed(
        benchmark,
        rounds,
        what=f"{what}, 2 threads on 2 cores",
        against="1 thread",
        unit="ms",
        unit_ns=1e6,
        target=target,
    )
