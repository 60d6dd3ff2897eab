"""The PIN hash at its default cost, against argon2-cffi's wheel: the CPU of one hash each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import argon2.low_level
import pytest

from bench.pairs import tell_speed, turn_about
from bench.targets import HASH_SPEED
from godkend import _core

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

MEMORY_KIB, ITERATIONS, PARALLELISM, LENGTH = 12_288, 3, 1, 32
PIN, SALT = b"271946", bytes(range(16))
ROUNDS = 60


@pytest.mark.benchmark(group="hash")
def test_hash(benchmark: BenchmarkFixture) -> None:
    hashes: set[bytes] = set()

    def ours() -> None:
        hashes.add(_core.argon2id(PIN, SALT, MEMORY_KIB, ITERATIONS, PARALLELISM, LENGTH))

    def argon2_cffi() -> None:
        hashes.add(
            argon2.low_level.hash_secret_raw(
                PIN,
                SALT,
                time_cost=ITERATIONS,
                memory_cost=MEMORY_KIB,
                parallelism=PARALLELISM,
                hash_len=LENGTH,
                type=argon2.low_level.Type.ID,
            )
        )

    rounds = turn_about(benchmark, ours, argon2_cffi, rounds=ROUNDS)
    assert len(hashes) == 1
    benchmark.extra_info["parameters"] = {
        "memory_kib": MEMORY_KIB,
        "iterations": ITERATIONS,
        "parallelism": PARALLELISM,
    }
    tell_speed(
        benchmark,
        rounds,
        what="Argon2id, 12 MiB, 3 passes",
        against="argon2-cffi",
        unit="ms",
        unit_ns=1e6,
        target=HASH_SPEED,
    )
