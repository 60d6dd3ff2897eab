"""The PIN hash at its default cost: each kernel against argon2-cffi's wheel and the reference C.

CPU of the thread for one hash each, turn about; at the end two threads against one, by wall time.
"""

from __future__ import annotations

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
HASHES_OF_A_THREAD = 8


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


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core")
@pytest.mark.benchmark(group="hash")
def test_two_threads(benchmark: BenchmarkFixture) -> None:
    def hashes() -> None:
        for _ in range(HASHES_OF_A_THREAD):
            ours(FASTEST)

    with ThreadPoolExecutor(2) as threads:

        def two() -> None:
            for thread in [threads.submit(hashes) for _ in range(2)]:
                thread.result()

        rounds = turn_about(
            benchmark,
            two,
            hashes,
            rounds=15,
            ours_units=2 * HASHES_OF_A_THREAD,
            yardstick_units=HASHES_OF_A_THREAD,
            clock_ns=time.perf_counter_ns,
        )
    tell_speed(
        benchmark,
        rounds,
        what="Argon2id, 2 threads on 2 cores",
        against="1 thread",
        unit="ms",
        unit_ns=1e6,
        target=HASH_SPEED_OF_TWO_THREADS,
    )
