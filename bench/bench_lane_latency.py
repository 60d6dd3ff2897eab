"""How long a durable command takes with 64 waiting, the log being written back beside it.

Driven from Rust (`rust/godkend-core/examples/lane.rs`), where the driver is not the limit; against
the same with one waiting. Syncing is waiting, so this is wall time: for a quiet machine.
"""

from __future__ import annotations

import json
import subprocess
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from bench.machine import CHECKOUT, filesystem
from bench.pairs import Figure, tell
from bench.targets import COMMAND_P99

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

WAITING = 64
COMMANDS, COMMANDS_OF_YARDSTICK = 60_000, 4_000
ROUNDS = 5


@pytest.fixture(scope="module")
def lane() -> Path:
    build = ["cargo", "build", "--release", "--locked", "--package", "godkend-core"]
    subprocess.run([*build, "--example", "lane"], cwd=CHECKOUT, check=True)
    return CHECKOUT / "target" / "release" / "examples" / "lane"


@pytest.mark.benchmark(group="lane")
def test_latency_of_durable_commands(
    benchmark: BenchmarkFixture, tmp_path: Path, lane: Path
) -> None:
    ours: list[dict[str, Any]] = []
    yardstick: list[dict[str, Any]] = []

    def run(commands: int, waiting: int) -> dict[str, Any]:
        directory = tmp_path / f"{len(ours)}-{waiting}"
        directory.mkdir()
        words = [str(lane), str(directory), str(commands), str(waiting)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def both() -> None:
        yardstick.append(run(COMMANDS_OF_YARDSTICK, 1))
        ours.append(run(COMMANDS, WAITING))

    benchmark.pedantic(both, rounds=ROUNDS)
    # Otherwise it was not under way while we looked.
    assert all(each["log_write_backs"] > 0 for each in ours)
    benchmark.extra_info["filesystem"] = filesystem(tmp_path)
    benchmark.extra_info |= {name: median(each[name] for each in ours) for name in ours[0]}
    p99_ms = median(each["p99_ms"] for each in ours)
    ratios = (a["p99_ms"] / b["p99_ms"] for a, b in zip(ours, yardstick, strict=True))
    tell(
        benchmark,
        Figure(
            what=f"p99 of durable commands, {WAITING} waiting",
            against="1 waiting",
            ours=p99_ms,
            yardstick=median(each["p99_ms"] for each in yardstick),
            unit="ms",
            ratio=median(ratios),
            ratio_says="the time",
            target=str(COMMAND_P99),
            verdict=COMMAND_P99.verdict(p99_ms),
            right=True,
        ),
    )
