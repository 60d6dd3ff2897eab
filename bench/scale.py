"""Millions of identities beside thousands: what a login pays for the size of the country.

    make scale                                # minutes; writes bench/results/scale.json
    make scale ARGS="--identities 450000 --few 4500"

Two servers on stores of their own, one core for them and one for the generator, take turns: in each
round first the one, then the other, the same closed loop of logins, so that a noisy neighbour meets
both. Subscribers are drawn evenly from the whole population, which no cache likes. Started cold
means that nothing of the store was in memory; writes are what the kernel saw the server write.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import math
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click
import psutil  # type: ignore[import-untyped]

from bench.machine import RESULTS, commit, filesystem, machine
from bench.mixes import MIXES, chooser
from bench.open_loop import DONE, Walk, offer, percentiles_ms
from bench.targets import (
    SCALE_P99,
    SCALE_THROUGHPUT,
    START,
    Target,
)
from bench.trial import Trial, dump, run_async, seeded, shared_out

if TYPE_CHECKING:
    from bench.country import Country
    from bench.server_process import ServerProcess

KINDS = ("biometrics", "pin")
AT_ONCE, WARM_UP_WALKS = 8, 8
STARTS = 3


@dataclass
class Found:
    """What one size was found to do with one kind of login, by round."""

    per_second: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    written_bytes: list[float] = field(default_factory=list)
    walks: list[Walk] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)


@dataclass
class Size:
    """A population, its store and its server."""

    trial: Trial
    seconds_to_seed: float
    starts_s: list[float] = field(default_factory=list)
    cold_start_s: float = math.nan
    private_mib: float = math.nan
    found: dict[str, Found] = field(default_factory=dict)

    @property
    def identities(self) -> int:
        return self.trial.population.identities

    @property
    def store(self) -> Path:
        return self.trial.directory / "godkend.db"


def seed(directory: Path, identities: int) -> Size:
    """Seeds, and measures how long that takes."""
    began_s = time.monotonic()
    trial = Trial(directory, seeded(directory, identities))
    size = Size(trial, time.monotonic() - began_s)
    trial.configure()
    return size


def forget(path: Path) -> None:
    """Drops a file from the page cache, as after a reboot."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def measure_starts(size: Size, cores: set[int]) -> None:
    """How long the server takes from its start to its first call."""
    for cold in (True, *[False] * STARTS):
        if cold:
            forget(size.store)
        began_s = time.monotonic()
        with size.trial.server(cores):
            taken_s = time.monotonic() - began_s
        if cold:
            size.cold_start_s = taken_s
        else:
            size.starts_s.append(taken_s)


async def slice_of(
    country: Country, server: ServerProcess, kind: str, seconds: float, into: Found
) -> None:
    """A closed loop of logins, and what it took."""
    choose = chooser(MIXES[kind], random.Random())
    walks: list[Walk] = []
    process = psutil.Process(server.pid)
    before, written, began_s = server.taken(), process.io_counters(), time.monotonic()

    async def again() -> None:
        while time.monotonic() < began_s + seconds:
            run = await offer(country, iter((0.0,)), choose)
            walks.extend(run.walks)

    await asyncio.gather(*(again() for _ in range(AT_ONCE)))
    lasted_s = time.monotonic() - began_s
    failed = [walk.outcome for walk in walks if walk.outcome != DONE]
    if failed or not walks:
        raise SystemExit(f"{len(failed)} of {len(walks)} logins failed: {failed[:3]}")
    into.walks += walks
    into.per_second.append(len(walks) / lasted_s)
    into.cpu_us.append(1e6 * server.taken().since(before).cpu_s / len(walks))
    now = process.io_counters()
    into.written_bytes.append((now.write_bytes - written.write_bytes) / len(walks))
    into.p99_ms.append(percentiles_ms(walks, 99)["p99"])


async def measure(
    sizes: list[Size], servers: list[ServerProcess], rounds: int, seconds: float
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        countries = []
        for size, server in zip(sizes, servers, strict=True):
            country = await stack.enter_async_context(size.trial.country(server, random.Random(1)))
            countries.append(country)
            for kind in KINDS:
                warm = chooser(MIXES[kind], random.Random())
                await offer(country, itertools.repeat(0.0, WARM_UP_WALKS), warm)
        turns = [(kind, turn) for kind in KINDS for turn in range(rounds)]
        with click.progressbar(turns, label="Measuring", file=sys.stderr) as bar:
            for kind, turn in bar:
                order = list(zip(sizes, servers, countries, strict=True))
                # Whoever comes second meets a machine that is warmer.
                for size, server, country in order if turn % 2 else reversed(order):
                    into = size.found.setdefault(kind, Found())
                    await slice_of(country, server, kind, seconds, into)
        for size, server in zip(sizes, servers, strict=True):
            size.private_mib = psutil.Process(server.pid).memory_full_info().uss / 2**20


def compared(many: Size, few: Size) -> list[dict[str, str]]:
    """The rows of the table."""
    names = f"{many.identities:,} identities", f"{few.identities:,} identities"
    rows = []
    for kind, label in (("biometrics", "biometric logins"), ("pin", "PIN logins")):
        ours, theirs = many.found[kind], few.found[kind]
        for what, get, unit, target in (
            (f"{label}, throughput", "per_second", "/s", SCALE_THROUGHPUT),
            (f"{label}, p99", "p99_ms", " ms", SCALE_P99),
            (f"{label}, server CPU", "cpu_us", " µs", None),
        ):
            pairs = zip(getattr(ours, get), getattr(theirs, get), strict=True)
            ratio = median(one / other for one, other in pairs)
            rows.append(
                row(
                    f"{names[0]}: {what}",
                    f"{median(getattr(ours, get)):,.4g}{unit}",
                    f"{names[1]}: {median(getattr(theirs, get)):,.4g}{unit}",
                    f"{ratio:.2f}x",
                    target,
                    ratio,
                )
            )
    start_s = max(*many.starts_s, many.cold_start_s)
    rows.append(
        row(
            f"{names[0]}: slowest of {STARTS + 1} starts, one of them cold",
            f"{start_s:.2f} s",
            f"{names[1]}: {max(*few.starts_s, few.cold_start_s):.2f} s",
            "",
            START,
            start_s,
        )
    )
    rows.append(row(f"{names[0]}: seeding", f"{many.seconds_to_seed:.0f} s"))
    per_identity = many.store.stat().st_size / many.identities
    rows.append(
        row(f"{names[0]}: disk of each, with a phone, some with a display", f"{per_identity:.0f} B")
    )
    return rows


def row(
    what: str,
    ours: str,
    yardstick: str = "",
    ratio: str = "",
    target: Target | None = None,
    found: float = 0.0,
) -> dict[str, str]:
    return {
        "what": what,
        "ours": ours,
        "yardstick": yardstick,
        "ratio": ratio,
        "target": str(target or ""),
        "verdict": target.verdict(found) if target else "",
    }


def told(size: Size) -> dict[str, Any]:
    """Everything of one size, for the file."""
    return {
        "identities": size.identities,
        "seconds_to_seed": round(size.seconds_to_seed, 1),
        "store_bytes": size.store.stat().st_size,
        "starts_s": [round(each, 2) for each in size.starts_s],
        "cold_start_s": round(size.cold_start_s, 2),
        "private_mib": round(size.private_mib, 1),
        "logins": {
            kind: {
                "count": len(found.walks),
                "per_second": [round(each, 1) for each in found.per_second],
                "cpu_us": [round(each) for each in found.cpu_us],
                "written_bytes": [round(each) for each in found.written_bytes],
                "p99_ms": found.p99_ms,
                "latency_ms": percentiles_ms(found.walks, 50, 95, 99),
            }
            for kind, found in size.found.items()
        },
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make scale ARGS=...",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--identities", type=int, default=4_500_000, help="(default: 4500000)")
    add("--few", type=int, default=45_000, help="beside how many (default: 45000)")
    add("--rounds", type=int, default=7, help="(default: 7)")
    add("--seconds", type=float, default=5.0, help="of each slice (default: 5)")
    add("--directory", type=Path, help="on the disk to measure (default: the temporary one)")
    add("--result", type=Path, default=RESULTS / "scale.json")
    options = parser.parse_args()
    server_cores, generator_cores = shared_out()
    with tempfile.TemporaryDirectory(prefix="godkend-scale-", dir=options.directory) as temporary:
        many, few = sizes = [
            seed(Path(temporary) / str(count), count) for count in (options.identities, options.few)
        ]
        for size in sizes:
            measure_starts(size, server_cores)
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(size.trial.server(server_cores)) for size in sizes]
            os.sched_setaffinity(0, generator_cores)
            run_async(measure(sizes, servers, options.rounds, options.seconds))
        result = {
            "machine_info": machine() | {"cores": len(server_cores | generator_cores)},
            "commit_info": commit(),
            "parameters": {
                "at_once": AT_ONCE,
                "rounds": options.rounds,
                "seconds": options.seconds,
                "filesystem": filesystem(Path(temporary)),
            },
            "rows": compared(many, few),
            "sizes": [told(size) for size in sizes],
        }
    dump(options.result, result)
    for each in result["rows"]:
        print("   ".join(each[name] for name in each if each[name]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
