"""People and attackers at a login page, over a shape of time, and one report of it.

    make load                                          # also: what a login costs, beside yardsticks
    make load ARGS="--shape flash-crowd --mix attack"
    make load ARGS="--shape tax-day --seconds 120 --workers 2 --identities 4500000"

A server of its own on a synthetic population, on some of the cores; an open-loop generator on the
others (see `open_loop.py`, `behaviours.py`, `shapes.py`). `--logins-per-second 0` finds the rate by
itself: six tenths of what a short closed loop reaches.

Afterwards the server's own counters have to say what the generator says: hashes computed of PINs
and of passwords, codes accepted and refused, approvals, redemptions; and a hash must have cost the
CPU that its parameters cost here. Else the exit code is 1. Figures never decide it. Results: JSON,
and a page of plots for a browser.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench import page
from bench.machine import CHECKOUT, RESULTS, commit, filesystem, machine
from bench.mixes import CALLS, MIXES, chooser
from bench.open_loop import DONE, Run, by_second, offer, percentiles_ms
from bench.refusals import COUNTED, PASSWORD_CHECKS, PIN_CHECKS, in_doubt
from bench.shapes import SHAPES, arrivals_s
from bench.threads import cpu_ns_by_thread
from bench.trial import Trial, dump, run_async, seeded, shared_out
from godkend import _core
from godkend.population import Population

if TYPE_CHECKING:
    from bench.server_process import ServerProcess, Taken

LOAD_OF_THE_PEAK = 0.6
HASHES = "hashes"
WARM_UP_WALKS, PEAK_AT_ONCE, PEAK_S, REFUSED_PAUSE_S = 8, 8, 3.0, 0.05
COMPONENTS = (
    ("godkend-hasher", HASHES),
    ("godkend-lane", "lane: rules and commits"),
    ("godkend-log", "log written back"),
    ("godkend-worker", "signatures and reads"),
    ("godkend-watcher", "watcher"),
    ("godkend", "event loop"),
    ("python", "event loop"),
    ("event_engine", "gRPC"),
    ("grpc", "gRPC"),
)
"""Threads by how their names begin, and what they are for."""
OTHERS, GENERATOR = "gRPC", "generator"


def component(thread: str) -> str:
    """What a thread is for."""
    return next((name for begins, name in COMPONENTS if thread.startswith(begins)), OTHERS)


def by_component(taken: Taken) -> Counter[str]:
    """CPU in seconds by component."""
    found: Counter[str] = Counter()
    for thread, cpu_ns in taken.by_thread_ns.items():
        found[component(thread)] += cpu_ns  # type: ignore[assignment]
    return Counter({name: cpu_ns / 1e9 for name, cpu_ns in found.items()})  # type: ignore[arg-type]


class Sampler:
    """CPU of the server's components and of this process, second by second."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._before: tuple[float, Counter[str]] | None = None
        self.seconds: list[dict[str, float]] = []
        """Cores that each took."""

    def sample(self, _at_s: float) -> None:
        found = by_component(self._server.taken())
        found[GENERATOR] = sum(cpu_ns_by_thread().values()) / 1e9  # type: ignore[assignment]
        now_s = time.monotonic()
        if self._before is not None:
            before_s, before = self._before
            lasted_s = now_s - before_s
            self.seconds.append(
                {name: round((cpu - before[name]) / lasted_s, 4) for name, cpu in found.items()}
            )
        self._before = (now_s, found)


async def peak_per_s(trial: Trial, server: ServerProcess, mix: str, seconds: float) -> float:
    """Walks a second in a closed loop, after a warm-up."""
    rng = random.Random(1)
    async with trial.country(server, rng) as country:
        choose = chooser(MIXES[mix], rng)
        await offer(country, itertools.repeat(0.0, WARM_UP_WALKS), choose)
        done, ends_s = 0, time.monotonic() + seconds

        async def again() -> None:
            nonlocal done
            while time.monotonic() < ends_s:
                (walk,) = (await offer(country, iter((0.0,)), choose)).walks
                if walk.outcome == DONE:
                    done += 1
                else:  # Refused: the others are enough to keep it busy.
                    await asyncio.sleep(REFUSED_PAUSE_S)

        began_s = time.monotonic()
        await asyncio.gather(*(again() for _ in range(PEAK_AT_ONCE)))
        return done / (time.monotonic() - began_s)


def hash_s(parameters: dict[str, int]) -> float:
    """CPU of one hash with these parameters here, the median of several."""
    taken = []
    for _ in range(7):
        began_s = time.thread_time()
        _core.argon2id(
            b"271946",
            bytes(16),
            parameters["memory_kib"],
            parameters["iterations"],
            parameters["parallelism"],
            32,
        )
        taken.append(time.thread_time() - began_s)
    return median(taken)


def discrepancies(
    run: Run, counted: Counter[str], hashing_s: float, one_hash_s: float
) -> list[str]:
    """Where the server's counters differ from what the generator says; should be none."""
    found = counts_that_differ(run, counted)
    hashes = run.did[PIN_CHECKS] + run.did[PASSWORD_CHECKS]
    if hashes and not 1 / 3 < (share := hashing_s / hashes / one_hash_s) < 3:
        found.append(f"a check takes {share:.2f} of the hash that is configured")
    return found


def counts_that_differ(run: Run, counted: Counter[str]) -> list[str]:
    """Of hashes and wrong codes as walks counted them, and of calls by what behaviours make."""
    ended = Counter(walk.behaviour for walk in run.walks if walk.outcome == DONE)
    begun = Counter(walk.behaviour for walk in run.walks)
    bounds = {each: (run.did[each], run.did[each] + run.did[in_doubt(each)]) for each in COUNTED}
    for method in sorted({method for calls in CALLS.values() for method in calls}):
        names = [name for name, calls in CALLS.items() if method in calls]
        bounds[f"ok {method}"] = (
            sum(ended[name] for name in names),
            sum(begun[name] for name in names),
        )
    return [
        f"{counter}: {counted[counter]}, the generator says {least} to {most}"
        for counter, (least, most) in bounds.items()
        if not least <= counted[counter] <= most
    ]


def drawn(result: dict[str, Any]) -> str:
    """The page."""
    seconds, cpu = result["seconds"], result["cpu_cores_by_component"]

    def line(name: str, key: str) -> page.Line:
        return page.Line(name, [each.get(key) for each in seconds])

    kinds = sorted({name for each in seconds for name in each["completed_by_kind"]})
    components = sorted({name for each in cpu for name in each})
    parameters, about = result["parameters"], result["machine_info"]
    who = (
        f"{parameters['shape']}, {parameters['mix']}: {parameters['logins_per_second']:.0f} a"
        f" second at its base rate; {parameters['identities']:,} identities,"
        f" {parameters['workers']} worker(s). {about['cpu_model']}, server on cores"
        f" {parameters['server_cores']}, generator on {parameters['generator_cores']};"
        f" commit {result['commit_info']['id'][:10]}."
    )
    outcomes = [
        (behaviour, outcome, count)
        for behaviour, found in result["outcomes"].items()
        for outcome, count in found.items()
    ]
    lies = result["discrepancies"] or ["none: the server's counters say what the generator says"]
    return page.page(
        "godkend under load",
        page.paragraph(who),
        page.plot(
            "Throughput",
            "a second",
            [
                line("offered", "offered"),
                line("completed logins", "completed"),
                line("refused", "refused"),
                line("not begun: generator full", "not_begun"),
            ],
        ),
        page.plot(
            "Completed logins, by kind",
            "a second",
            [
                page.Line(name, [each["completed_by_kind"].get(name, 0) for each in seconds])
                for name in kinds
            ],
        ),
        page.plot(
            "Latency of completed logins, from when they were due",
            "ms",
            [line(name, name) for name in ("p50", "p95", "p99")],
        ),
        page.plot(
            "CPU by component",
            "cores",
            [page.Line(name, [each.get(name) for each in cpu]) for name in components],
        ),
        "<h2>What became of it</h2>",
        page.table(("behaviour", "outcome", "count"), outcomes),
        "<h2>Whole run</h2>",
        page.table(
            ("behaviour", "p50 ms", "p95 ms", "p99 ms"),
            [
                (name, *(found.get(key, "") for key in ("p50", "p95", "p99")))
                for name, found in result["latency_ms"].items()
            ],
        ),
        "<h2>What the server had to do for it</h2>",
        page.table(("counter", "count"), sorted(result["did"].items())),
        "<h2>Discrepancies</h2>",
        *map(page.paragraph, lies),
    )


async def measure(
    trial: Trial, server: ServerProcess, options: argparse.Namespace, parameters: dict[str, int]
) -> dict[str, Any]:
    """Offers the load, and says what became of it."""
    rate: float = options.logins_per_second
    if not rate:
        peak = await peak_per_s(trial, server, options.mix, options.peak_seconds)
        rate = LOAD_OF_THE_PEAK * peak
        print(f"closed loop: {peak:.0f} a second; base rate {rate:.0f}", file=sys.stderr)
    rng = random.Random(options.seed)
    async with trial.country(server, rng) as country:
        choose = chooser(MIXES[options.mix], rng)
        await offer(country, itertools.repeat(0.0, WARM_UP_WALKS), choose)
        sampler, before, taken = Sampler(server), server.counters(), server.taken()
        arrivals = arrivals_s(SHAPES[options.shape], rate, options.seconds, rng)
        run = await offer(country, arrivals, choose, sampler.sample)
        counted = server.counters() - before
        hashing_s = by_component(server.taken().since(taken))[HASHES]
    return {
        "logins_per_second": rate,
        "seconds": by_second(run, options.seconds),
        "cpu_cores_by_component": sampler.seconds,
        "outcomes": run.outcomes(),
        "latency_ms": {
            name: percentiles_ms(
                (walk for walk in run.walks if walk.behaviour == name and walk.outcome == DONE),
                *(50, 95, 99),
            )
            for name in sorted({walk.behaviour for walk in run.walks})
        },
        "began_late_ms": {
            "p99": round(
                1e3
                * sorted(walk.began_s - walk.due_s for walk in run.walks)[
                    -1 - len(run.walks) // 100
                ],
                2,
            )
        }
        if run.walks
        else {},
        "did": dict(run.did),
        "counters": {name: count for name, count in counted.items() if name.startswith("godkend_")},
        "discrepancies": discrepancies(run, counted, hashing_s, hash_s(parameters)),
    }


def told(result: dict[str, Any]) -> list[str]:
    """The result in lines."""
    seconds = result["seconds"]
    total = {
        key: sum(each[key] for each in seconds)
        for key in ("offered", "completed", "refused", "not_begun")
    }
    lines = [", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in total.items())]
    for name, found in result["latency_ms"].items():
        shown = "   ".join(f"{key} {ms:8.1f} ms" for key, ms in found.items())
        lines.append(f"  {name:18} {shown}   {result['outcomes'][name]}")
    lines += [f"NOT AS CLAIMED: {each}" for each in result["discrepancies"]]
    return lines


def options_of(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make load ARGS=...",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--shape", choices=SHAPES, default="morning-peak", help="(default: morning-peak)")
    add("--mix", choices=MIXES, default="people", help="of behaviours (default: people)")
    add("--seconds", type=float, default=30.0, help="the shape is drawn over them (default: 30)")
    add("--logins-per-second", type=float, default=0.0, help="base rate; default: found first")
    add("--workers", type=int, default=1, help="of the server (default: 1)")
    add("--identities", type=int, default=45_000, help="seeded (default: 45000)")
    add("--population", type=Path, help="a data directory that `godkend seed` made, instead")
    add("--seed", type=int, default=1, help="of the arrivals and who comes (default: 1)")
    add("--quick", action="store_true", help="a few seconds, to see that it runs")
    add("--result", type=Path, default=RESULTS / "load_shape.json")
    add("--page", type=Path, default=CHECKOUT / "target" / "load.html", help="the plots")
    options = parser.parse_args(words)
    options.peak_seconds = PEAK_S
    if options.quick:
        options.seconds, options.identities, options.peak_seconds = 4.0, 500, 0.5
    return options


def main(words: list[str] | None = None) -> int:
    options = options_of(words)
    server_cores, generator_cores = shared_out()
    with tempfile.TemporaryDirectory(prefix="godkend-load-") as temporary:
        directory = options.population or Path(temporary) / "data"
        if options.population:
            population = Population.load(directory / "population.json")
        else:
            population = seeded(directory, options.identities)
        trial = Trial(directory, population, options.workers)
        policy = trial.configure()["policy"]
        pin = {name: policy["pin"][name] for name in ("memory_kib", "iterations", "parallelism")}
        with trial.server(server_cores) as server:
            os.sched_setaffinity(0, generator_cores)
            found = run_async(measure(trial, server, options, pin))
        disk = filesystem(directory)
    result = {
        "machine_info": machine() | {"cores": len(server_cores | generator_cores)},
        "commit_info": commit(),
        "parameters": {
            "shape": options.shape,
            "mix": options.mix,
            "logins_per_second": found.pop("logins_per_second"),
            "workers": options.workers,
            "identities": population.identities,
            "seed": options.seed,
            "server_cores": sorted(server_cores),
            "generator_cores": sorted(generator_cores),
            "pin": pin,
            "filesystem": disk,
        },
        **found,
    }
    dump(options.result, result)
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(drawn(result), "utf-8")
    print("\n".join([*told(result), f"plots: {options.page}"]))
    return 1 if result["discrepancies"] else 0


if __name__ == "__main__":
    sys.exit(main())
