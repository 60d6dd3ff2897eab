"""Ten times as many as the server can carry, for a minute, and what becomes of those it admits.

    make overload                       # two minutes; writes bench/results/overload.json
    make overload ARGS="--quick"

On a store of its own, server and generator on cores of their own: first the peak, by a closed loop;
then, in one open loop, four fifths of it (what is usual), ten times the peak, and half of it again.
Who is refused does not come back: those who come are ten times as many all the time. Latencies
count from when a login was due. It has recovered when the last login that is refused, or slower
than twice the usual p99, was due.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.machine import CHECKOUT, RESULTS, commit, filesystem, machine
from bench.mixes import MIXES, chooser
from bench.open_loop import DONE, NOT_BEGUN, Run, by_second, offer, percentiles_ms
from bench.scale import row
from bench.shaped_load import Sampler, counts_that_differ, drawn, peak_per_s
from bench.shapes import arrivals_s, steady
from bench.targets import OVERLOAD_COMPLETED, OVERLOAD_P99, RECOVERY
from bench.trial import Trial, dump, run_async, seeded, shared_out

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from bench.server_process import ServerProcess

USUAL, HALF = 0.8, 0.5
WARM_UP_WALKS = 8
SETTLING_S = 2.0
"""At the beginning of the flood, when the server learns of it; counted for latency all the same."""


def phases_s(seconds: float, quick: bool) -> tuple[float, float, float]:
    """How long the usual load, the flood, and the time after it take."""
    return (4.0, seconds, 4.0) if quick else (15.0, seconds, 10.0)


def arrivals(
    peak: float, times: float, phases: tuple[float, float, float], rng: random.Random
) -> Iterator[float]:
    """All three phases as one stream."""
    began_s = 0.0
    for rate, seconds in zip((USUAL * peak, times * peak, HALF * peak), phases, strict=True):
        for due_s in arrivals_s(steady, rate, seconds, rng):
            yield began_s + due_s
        began_s += seconds


async def measure(
    trial: Trial, server: ServerProcess, options: argparse.Namespace
) -> tuple[float, Run, list[dict[str, float]], Counter[str]]:
    """The peak, and the run of all three phases."""
    peak = await peak_per_s(trial, server, options.mix, 2.0 if options.quick else 10.0)
    print(f"peak: {peak:.0f} logins a second in a closed loop", file=sys.stderr)
    rng = random.Random(1)
    async with trial.country(server, rng) as country:
        choose = chooser(MIXES[options.mix], rng)
        await offer(country, itertools.repeat(0.0, WARM_UP_WALKS), choose)
        sampler, before = Sampler(server), server.counters()
        phases = phases_s(options.seconds, options.quick)
        run = await offer(
            country, arrivals(peak, options.times, phases, rng), choose, sampler.sample
        )
        counted = server.counters() - before
    return peak, run, sampler.seconds, counted


def found(
    peak: float, run: Run, phases: tuple[float, float, float], times: float
) -> dict[str, Any]:
    """What the run says."""
    usual_s, flood_s, _ = phases
    ends_s = usual_s + flood_s
    usual = [walk for walk in run.between(0, usual_s) if walk.completed]
    flood = run.between(usual_s, ends_s)
    done = [
        walk
        for walk in run.walks
        if walk.completed and usual_s + SETTLING_S <= walk.ended_s < ends_s
    ]
    completed_per_s = len(done) / (flood_s - SETTLING_S)
    refused = [walk for walk in flood if walk.outcome not in {DONE, NOT_BEGUN}]
    # Refused once admitted: what the rule is there to prevent.
    usual_p99 = percentiles_ms(usual, 99).get("p99", 0.0)
    admitted_p99 = percentiles_ms((walk for walk in flood if walk.completed), 99).get("p99", 0.0)
    slow = [
        walk.due_s
        for walk in run.between(ends_s, float("inf"))
        if walk.outcome != DONE or walk.latency_ms > 2 * usual_p99
    ]
    recovered_s = max(slow, default=ends_s) - ends_s
    told = sum(walk.retry_after_s is not None for walk in refused)
    words = f"{times:g} times the peak offered"
    return {
        "rows": [
            row(
                f"{words}: logins completed",
                f"{completed_per_s:.1f} /s",
                f"the peak: {peak:.1f} /s",
                f"{completed_per_s / peak:.2f}x",
                OVERLOAD_COMPLETED,
                completed_per_s / peak,
            ),
            row(
                f"{words}: p99 of those admitted",
                f"{admitted_p99:.0f} ms",
                f"at {USUAL:.0%} of the peak: {usual_p99:.0f} ms",
                f"{admitted_p99 / usual_p99:.2f}x" if usual_p99 else "",
                OVERLOAD_P99,
                admitted_p99 / usual_p99 if usual_p99 else float("inf"),
            ),
            row(
                f"{words}: refused, p99 of the time it took",
                f"{percentiles_ms(refused, 99).get('p99', 0.0):.0f} ms"
                f" ({told:,} of {len(refused):,} told when to come back)",
            ),
            row(f"{words}: recovered after", f"{recovered_s:.1f} s", "", "", RECOVERY, recovered_s),
        ],
        "peak_per_s": round(peak, 1),
        "completed_per_s": round(completed_per_s, 1),
        "offered": len(flood),
        "refused_ms": percentiles_ms(refused, 50, 95, 99),
        "usual_ms": percentiles_ms(usual, 50, 95, 99),
        "admitted_ms": percentiles_ms((walk for walk in flood if walk.completed), 50, 95, 99),
        "outcomes_of_the_flood": Run(flood).outcomes(),
        "began_late_ms_max": round(
            1e3 * max((w.began_s - w.due_s for w in flood if w.outcome != NOT_BEGUN), default=0.0),
            1,
        ),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make overload ARGS=...",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--mix", choices=MIXES, default="pin", help="of behaviours (default: pin)")
    add("--times", type=float, default=10.0, help="the peak (default: 10)")
    add("--seconds", type=float, default=60.0, help="of the flood (default: 60)")
    add("--workers", type=int, default=1, help="of the server (default: 1)")
    add("--identities", type=int, default=45_000, help="seeded (default: 45000)")
    add("--quick", action="store_true", help="a few seconds of each")
    add("--result", type=Path, default=RESULTS / "overload.json")
    add("--page", type=Path, default=CHECKOUT / "target" / "overload.html", help="the plots")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.identities = 6.0, 2_000
    server_cores, generator_cores = shared_out()
    with tempfile.TemporaryDirectory(prefix="godkend-overload-") as temporary:
        directory = Path(temporary) / "data"
        trial = Trial(directory, seeded(directory, options.identities), options.workers)
        policy = trial.configure()["policy"]
        with trial.server(server_cores) as server:
            os.sched_setaffinity(0, generator_cores)
            peak, run, cpu, counted = run_async(measure(trial, server, options))
        disk = filesystem(directory)
    phases = phases_s(options.seconds, options.quick)
    lies = counts_that_differ(run, counted)
    result = {
        "machine_info": machine() | {"cores": len(server_cores | generator_cores)},
        "commit_info": commit(),
        "parameters": {
            "shape": f"{USUAL:g}, {options.times:g}, {HALF:g} of the peak",
            "mix": options.mix,
            "logins_per_second": peak,
            "workers": options.workers,
            "identities": options.identities,
            "server_cores": sorted(server_cores),
            "generator_cores": sorted(generator_cores),
            "pin": {
                name: policy["pin"][name] for name in ("memory_kib", "iterations", "parallelism")
            },
            "admission": policy["admission"],
            "filesystem": disk,
        },
        **found(peak, run, phases, options.times),
        "seconds": by_second(run, sum(phases)),
        "cpu_cores_by_component": cpu,
        "outcomes": run.outcomes(),
        "latency_ms": {
            "completed": percentiles_ms((w for w in run.walks if w.completed), 50, 95, 99)
        },
        "did": dict(run.did),
        "discrepancies": lies,
    }
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(drawn(result), "utf-8")
    dump(options.result, result)
    for each in result["rows"]:
        print("   ".join(each[name] for name in each if each[name]))
    for behaviour, outcomes in result["outcomes_of_the_flood"].items():
        print(f"  {behaviour}: {outcomes}")
    print("\n".join([*(f"NOT AS CLAIMED: {each}" for each in lies), f"plots: {options.page}"]))
    return 1 if lies else 0


if __name__ == "__main__":
    sys.exit(main())
