"""Durable commands through SQLite on a disk, 64 waiting, against one waiting and plain sqlite3.

Syncing is waiting, so this is wall time, and the disk is shared: only the ratios are worth much.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from statistics import median
from typing import TYPE_CHECKING

import pytest

from bench.driver import Driver
from bench.machine import filesystem
from bench.pairs import Figure, tell, turn_about
from bench.targets import DURABLE_COMMANDS
from bench.threads import cpu_ns_by_thread

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    Registration = tuple[str, bytes, str, str, str, int]

WAITING = 64
COMMANDS, COMMANDS_OF_YARDSTICK = 4_000, 400
ROUNDS = 9
NAME, LEVEL_SUBSTANTIAL = "Erik Hansen", 2
LANE = "godkend-lane"


def registrations(count: int) -> list[Registration]:
    return [
        ("desk", secrets.token_bytes(16), secrets.token_hex(8), NAME, "", LEVEL_SUBSTANTIAL)
        for _ in range(count)
    ]


class PlainSqlite:
    """One INSERT in each transaction, synced before the next: what batching is to beat."""

    def __init__(self, path: Path) -> None:
        self._sqlite = sqlite3.connect(path, isolation_level=None)
        self._sqlite.execute("PRAGMA journal_mode = WAL")
        self._sqlite.execute("PRAGMA synchronous = FULL")
        self._sqlite.execute("CREATE TABLE identity (id BLOB PRIMARY KEY, user_id TEXT, name TEXT)")

    def insert(self, todo: list[Registration]) -> None:
        for _, identity_id, user_id, name, _, _ in todo:
            self._sqlite.execute("BEGIN IMMEDIATE")
            row = (identity_id, user_id, name)
            self._sqlite.execute("INSERT INTO identity VALUES (?, ?, ?)", row)
            self._sqlite.execute("COMMIT")

    def close(self) -> None:
        self._sqlite.close()


class Registering:
    """Rounds of identities to make, and what was seen of making them."""

    def __init__(self, driver: Driver, plain: PlainSqlite | None) -> None:
        self._driver = driver
        self._plain = plain
        self._todo: list[Registration] = []
        self._todo_of_yardstick: list[Registration] = []
        self.batches = 0
        self.lane_ns = 0

    def prepare(self) -> None:
        self._todo = registrations(COMMANDS)
        self._todo_of_yardstick = registrations(COMMANDS_OF_YARDSTICK)

    def with_64_waiting(self) -> None:
        core = self._driver.core
        batches_before, lane_ns_before = core.stats()["batches"], cpu_ns_by_thread()[LANE]
        identity_ids = self._driver.run(core.create_identity, self._todo, waiting=WAITING)
        self.batches += core.stats()["batches"] - batches_before
        self.lane_ns += cpu_ns_by_thread()[LANE] - lane_ns_before
        assert len(set(identity_ids)) == COMMANDS

    def yardstick(self) -> None:
        if self._plain is not None:
            self._plain.insert(self._todo_of_yardstick)
        else:
            create = self._driver.core.create_identity
            self._driver.run(create, self._todo_of_yardstick, waiting=1)


@pytest.mark.benchmark(group="lane", timer=time.perf_counter)
@pytest.mark.parametrize("against", ["1 waiting", "plain sqlite3, 1 row each"])
def test_durable_commands(benchmark: BenchmarkFixture, tmp_path: Path, against: str) -> None:
    path_of_plain = tmp_path / "plain.db"
    plain = None if against == "1 waiting" else PlainSqlite(path_of_plain)
    with Driver(tmp_path) as driver:
        registering = Registering(driver, plain)
        rounds = turn_about(
            benchmark,
            registering.with_64_waiting,
            registering.yardstick,
            rounds=ROUNDS,
            prepare=registering.prepare,
            ours_units=COMMANDS,
            yardstick_units=COMMANDS_OF_YARDSTICK,
            clock_ns=time.perf_counter_ns,
        )
    ours, yardsticks = (ROUNDS + 1) * COMMANDS, (ROUNDS + 1) * COMMANDS_OF_YARDSTICK
    if plain is not None:
        plain.close()
        assert count(path_of_plain, "identity") == yardsticks
    expected = ours if plain is not None else ours + yardsticks
    assert count(driver.store, "identity") == count(driver.store, "event") == expected

    benchmark.extra_info["filesystem"] = filesystem(tmp_path)
    benchmark.extra_info["commands_per_commit"] = round(ours / registering.batches, 1)
    benchmark.extra_info["lane_thread_cpu_us_per_command"] = registering.lane_ns / ours / 1e3
    rate = 1e9 / median(rounds.ours_ns)
    tell(
        benchmark,
        Figure(
            what=f"durable commands, {WAITING} waiting",
            against=against,
            ours=rate,
            yardstick=1e9 / median(rounds.yardstick_ns),
            unit="/s",
            ratio=rounds.speed,
            ratio_says="as fast",
            target=str(DURABLE_COMMANDS),
            verdict=DURABLE_COMMANDS.verdict(rate),
            right=True,
        ),
    )


def count(store: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(store)) as sqlite:
        found: int = sqlite.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return found
