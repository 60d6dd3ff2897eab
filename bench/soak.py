"""An hour of steady load, and whether anything grows that should not.

    make soak                                # an hour; writes bench/results/soak.json
    make soak ARGS="--minutes 10"

Every few seconds: the memory of the server's processes that is theirs alone, their open files and
threads, the store's log, and the store. A line through the last two thirds of the samples gives the
growth an hour (the first third fills caches and the window of kept logins); its error says how much
of that is noise. The store itself grows by its history, which is kept for good, so its growth is
told for each login.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import linear_regression, mean
from typing import TYPE_CHECKING, Any

from bench import page
from bench.machine import CHECKOUT, RESULTS, commit, filesystem, machine
from bench.mixes import MIXES, chooser
from bench.open_loop import DONE, Run, offer, percentiles_ms
from bench.scale import row
from bench.shapes import arrivals_s, steady
from bench.targets import GROWTH
from bench.trial import Trial, dump, run_async, seeded, shared_out

if TYPE_CHECKING:
    from bench.server_process import ServerProcess

SAMPLE_S = 5.0
KEPT_MS = 60_000
"""How long ended logins are kept here, so that their number settles soon."""
WARM_UP_WALKS = 32
COLUMNS = ("memory_mib", "files", "threads", "log_mib", "store_mib")


class Sampler:
    """What the server holds, every few seconds."""

    def __init__(self, server: ServerProcess, directory: Path) -> None:
        self._server = server
        self._directory = directory
        self._next_s = 0.0
        self.samples: list[dict[str, float]] = []

    def sample(self, at_s: float) -> None:
        if at_s < self._next_s:
            return
        self._next_s = at_s + SAMPLE_S
        processes = self._server.processes()
        sizes = {
            name: path.stat().st_size / 2**20 if path.exists() else 0.0
            for name, path in (
                ("log_mib", self._directory / "godkend.db-wal"),
                ("store_mib", self._directory / "godkend.db"),
            )
        }
        self.samples.append(
            {
                "at_s": round(at_s, 1),
                "memory_mib": sum(each.memory_full_info().uss for each in processes) / 2**20,
                "files": sum(each.num_fds() for each in processes),
                "threads": sum(each.num_threads() for each in processes),
                **sizes,
            }
        )


def growth_per_hour(samples: list[dict[str, float]], column: str) -> tuple[float, float]:
    """The slope of a line through the last two thirds, and its standard error."""
    late = samples[len(samples) // 3 :]
    hours = [each["at_s"] / 3_600 for each in late]
    values = [each[column] for each in late]
    slope, at_zero = linear_regression(hours, values)
    rest = sum((y - at_zero - slope * x) ** 2 for x, y in zip(hours, values, strict=True))
    spread = sum((x - mean(hours)) ** 2 for x in hours)
    return slope, (rest / max(1, len(late) - 2) / spread) ** 0.5


async def measure(
    trial: Trial, server: ServerProcess, options: argparse.Namespace
) -> tuple[Run, Sampler]:
    rng = random.Random(1)
    async with trial.country(server, rng) as country:
        choose = chooser(MIXES[options.mix], rng)
        await offer(country, itertools.repeat(0.0, WARM_UP_WALKS), choose)
        sampler = Sampler(server, trial.directory)
        seconds, began_s = 60 * options.minutes, time.monotonic()

        def sample(at_s: float) -> None:
            sampler.sample(at_s)
            if sys.stderr.isatty():
                left_s = seconds - (time.monotonic() - began_s)
                sys.stderr.write(f"\rsoaking, {max(0.0, left_s) / 60:5.1f} minutes left ")

        arrivals = arrivals_s(steady, options.logins_per_second, seconds, rng)
        return await offer(country, arrivals, choose, sample), sampler


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make soak ARGS=...",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--minutes", type=float, default=60.0, help="(default: 60)")
    add("--logins-per-second", type=float, default=40.0, help="(default: 40)")
    add("--mix", choices=MIXES, default="people", help="of behaviours (default: people)")
    add("--workers", type=int, default=1, help="of the server (default: 1)")
    add("--identities", type=int, default=45_000, help="seeded (default: 45000)")
    add("--result", type=Path, default=RESULTS / "soak.json")
    add("--page", type=Path, default=CHECKOUT / "target" / "soak.html", help="the plots")
    options = parser.parse_args()
    server_cores, generator_cores = shared_out()
    with tempfile.TemporaryDirectory(prefix="godkend-soak-") as temporary:
        directory = Path(temporary) / "data"
        kept = f"[policy.login]\nkept_ms = {KEPT_MS}\n"
        trial = Trial(directory, seeded(directory, options.identities), options.workers, kept)
        trial.configure()
        with trial.server(server_cores) as server:
            os.sched_setaffinity(0, generator_cores)
            run, sampler = run_async(measure(trial, server, options))
        disk = filesystem(directory)
    samples = sampler.samples
    growth = {column: growth_per_hour(samples, column) for column in COLUMNS}
    logins = sum(walk.completed for walk in run.walks)
    words = f"{options.minutes:g} minutes at {options.logins_per_second:g} a second"
    memory, error = growth["memory_mib"]
    share = memory / mean(each["memory_mib"] for each in samples)
    hours = samples[-1]["at_s"] / 3_600
    result: dict[str, Any] = {
        "machine_info": machine() | {"cores": len(server_cores | generator_cores)},
        "commit_info": commit(),
        "parameters": {
            **{
                name: value
                for name, value in vars(options).items()
                if name not in {"result", "page"}
            },
            "kept_ms": KEPT_MS,
            "filesystem": disk,
        },
        "rows": [
            row(
                f"{words}: memory, growth an hour",
                f"{memory:+.2f} MiB (± {2 * error:.2f}) of {samples[-1]['memory_mib']:.0f} MiB",
                "",
                "",
                GROWTH,
                100 * max(0.0, share),
            ),
            row(
                f"{words}: open files and threads, at the end",
                f"{samples[-1]['files']:.0f} and {samples[-1]['threads']:.0f}"
                f" (growth an hour {growth['files'][0]:+.2f} and {growth['threads'][0]:+.2f})",
            ),
            row(
                f"{words}: write-ahead log, at most",
                f"{max(each['log_mib'] for each in samples):.1f} MiB",
            ),
            row(
                f"{words}: store, growth for each login",
                f"{growth['store_mib'][0] * hours * 2**20 / max(1, logins):,.0f} B",
            ),
        ],
        "growth_per_hour": {
            column: {"slope": round(slope, 4), "standard_error": round(wrong, 4)}
            for column, (slope, wrong) in growth.items()
        },
        "completed": logins,
        "outcomes": run.outcomes(),
        "latency_ms": percentiles_ms((w for w in run.walks if w.completed), 50, 95, 99),
        # By column: an hour's samples, each with its names, would be too long to commit.
        "samples": {name: [round(each[name], 3) for each in samples] for name in samples[0]},
    }
    dump(options.result, result)
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(
        page.page(
            f"godkend, {words}",
            page.paragraph(f"One point every {SAMPLE_S:g} s; the axis counts the points."),
            *(
                page.plot(column, "", [page.Line(column, [each[column] for each in samples])])
                for column in COLUMNS
            ),
        ),
        "utf-8",
    )
    for each in result["rows"]:
        print("   ".join(each[name] for name in each if each[name]))
    failed = sum(walk.outcome != DONE for walk in run.walks)
    print(f"{logins:,} logins completed, {failed:,} walks refused; plots: {options.page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
