"""The base and the change, side by side: the gate for what instruction counts cannot see.

    make bench-compare                          # against where this branch left main, or HEAD~1
    make bench-compare BASE=origin/main~1
    make bench-compare ARGS="--processes 10"

The base is built in a worktree of its own under target/base, once for each commit. Both sides then
do short rounds in turn, in CPU time, in several pairs of processes: where memory happens to lie
favours one process for as long as it lives. What is compared is the median of the ratios of the
rounds, with an interval that holds it in 99 of 100 resamplings of pairs and rounds.

A subject is refused when even the lower end of its interval is above the gate, and the interval is
narrow enough to be believed. A noisy neighbour widens intervals: a subject then reads "not known",
which refuses nothing. Instruction counts do not widen; they are compared with the base as well, and
their gate is tight.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Self

import click

from bench import instructions
from bench.base_tree import BaseMissing, Tree, base_revision, base_tree, git
from bench.machine import CHECKOUT
from bench.rounds import SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GATE_PERCENT = 2.0
"""Above this, at the lower end of the interval."""
WIDTH_PERCENT_MAX = 4.0
"""A wider interval is not believed."""
CONFIDENCE = 0.99
RESAMPLINGS = 2_000
PROCESSES, ROUNDS = 12, 8
EXIT_REGRESSION, EXIT_CANNOT = 1, 2


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio of change to base, and what it may be as well; 1 is no change."""

    ratio: float
    low: float
    high: float

    @property
    def is_believed(self) -> bool:
        return 100 * (self.high - self.low) <= WIDTH_PERCENT_MAX

    @property
    def verdict(self) -> str:
        if not self.is_believed:
            return "not known"
        if self.low > 1 + GATE_PERCENT / 100:
            return "REGRESSION"
        return "better" if self.high < 1 - GATE_PERCENT / 100 else "same"


def interval(ratios: Sequence[Sequence[float]], seed: int = 0) -> Interval:
    """The median ratio over all pairs of processes, with its bootstrap interval.

    Pairs are drawn first and then rounds within them: rounds of one pair are not independent.
    """
    draw = random.Random(seed)
    medians = sorted(
        median(
            ratio
            for pair in draw.choices(ratios, k=len(ratios))
            for ratio in draw.choices(pair, k=len(pair))
        )
        for _ in range(RESAMPLINGS)
    )
    outside = round(RESAMPLINGS * (1 - CONFIDENCE) / 2)
    whole = median(ratio for pair in ratios for ratio in pair)
    return Interval(whole, medians[outside], medians[-1 - outside])


class Side:
    """A process that does rounds of one tree."""

    def __init__(self, tree: Tree) -> None:
        path = os.pathsep.join([str(tree.path / "python"), str(CHECKOUT)])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.rounds"],
            # Beside neither tree's python/godkend: what is imported is what PYTHONPATH says.
            cwd=tree.target,
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def round_ns(self, subject: str) -> float:
        """CPU for one unit of a subject. Raises `BaseMissing` if this tree cannot do it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{subject}\n")
            self._process.stdin.flush()
            return float(self._process.stdout.readline())
        except (ValueError, BrokenPipeError) as error:
            raise BaseMissing(f"a side ended in {subject!r}; its error is above") from error


def measure(
    base: Tree, change: Tree, processes: int, rounds: int, tick: Callable[[], None]
) -> dict[str, list[list[float]]]:
    """Ratios of change to base, by subject, pair of processes and round."""
    ratios: dict[str, list[list[float]]] = {subject: [] for subject in SUBJECTS}
    for number in range(processes):
        with Side(base) as one, Side(change) as other:
            for subject, of_pairs in ratios.items():
                one.round_ns(subject), other.round_ns(subject)  # Warm-up.
                of_pairs.append([_ratio(one, other, subject, number + k) for k in range(rounds)])
                tick()
    return ratios


def _ratio(base: Side, change: Side, subject: str, number: int) -> float:
    # Turn about: whoever goes second may find warmer caches, or a busier neighbour.
    if number % 2:
        changed_ns = change.round_ns(subject)
        return changed_ns / base.round_ns(subject)
    base_ns = base.round_ns(subject)
    return change.round_ns(subject) / base_ns


def print_table(intervals: dict[str, Interval], base_name: str) -> None:
    width = max(map(len, intervals))
    print(f"\n{'CPU time':<{width}}  {'change':>8}  {'99 % interval':>20}   ({base_name})")
    for subject, found in intervals.items():
        change, low, high = (100 * (each - 1) for each in (found.ratio, found.low, found.high))
        between = f"{low:+.1f} % to {high:+.1f} %"
        print(f"{subject:<{width}}  {change:+6.1f} %  {between:>20}   {found.verdict}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", metavar="REV", default="", help="default: see above")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="pairs of processes")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of each pair")
    arguments = parser.parse_args()
    try:
        revision = git("rev-parse", "--verify", f"{arguments.base or base_revision()}^{{commit}}")
        base, change = base_tree(revision), Tree.of_checkout()
        print(f"building {revision[:10]} ...", flush=True)
        base.build()
        steps = arguments.processes * len(SUBJECTS)
        with click.progressbar(length=steps, label="Rounds", file=sys.stderr) as bar:
            ratios = measure(
                base, change, arguments.processes, arguments.rounds, lambda: bar.update(1)
            )
        intervals = {subject: interval(each) for subject, each in ratios.items()}
        counted = instructions.against(revision)
    except (BaseMissing, instructions.CannotCount) as error:
        print(f"compare: {error}", file=sys.stderr)
        return EXIT_CANNOT
    print_table(intervals, revision[:10])
    refused = [subject for subject, found in intervals.items() if found.verdict == "REGRESSION"]
    if refused:
        print(f"dearer than the base: {', '.join(refused)}")
    return EXIT_REGRESSION if refused or not counted else 0


if __name__ == "__main__":
    sys.exit(main())
