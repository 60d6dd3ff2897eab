"""The comparison of a base and a change: what noise may do to it, and what it may not."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bench.base_tree import BaseMissing, base_tree, git
from bench.compare import interval
from bench.rounds import SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable

PAIRS, ROUNDS = 12, 8


def ratios(change: float, noise: Callable[[random.Random], float]) -> list[list[float]]:
    """Rounds of a change of a known size, with noise on each side."""
    draw = random.Random(11)
    return [
        [change * (1 + noise(draw)) / (1 + noise(draw)) for _ in range(ROUNDS)]
        for _ in range(PAIRS)
    ]


def quiet(draw: random.Random) -> float:
    return draw.gauss(0, 0.005)


def neighbour(draw: random.Random) -> float:
    """Now and then a round takes up to three times as long."""
    return draw.uniform(0, 2) if draw.random() < 0.4 else quiet(draw)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [(1.0, "same"), (1.01, "same"), (1.05, "REGRESSION"), (0.95, "better")],
)
def test_a_change_of_5_per_cent_is_refused_and_one_of_1_is_not(change: float, verdict: str) -> None:
    assert interval(ratios(change, quiet)).verdict == verdict


def test_a_noisy_neighbour_refuses_nothing_and_is_told() -> None:
    found = interval(ratios(1.0, neighbour))
    assert found.verdict == "not known"
    assert found.low < 1 < found.high


def test_one_disturbed_pair_of_processes_does_not_make_a_regression() -> None:
    rounds = ratios(1.0, quiet)
    rounds[3] = [1.5] * ROUNDS
    assert interval(rounds).verdict == "same"


def test_every_subject_does_a_round_and_tells_what_it_took() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.rounds"],
        input="".join(f"{subject}\n" for subject in SUBJECTS),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    taken_ns = [float(line) for line in done.stdout.splitlines()]
    assert len(taken_ns) == len(SUBJECTS)
    assert all(taken > 0 for taken in taken_ns)


def test_a_base_that_is_no_commit_is_refused_in_words() -> None:
    with pytest.raises(BaseMissing, match="no-such-commit"):
        base_tree("no-such-commit")
    with pytest.raises(BaseMissing, match="git"):
        git("no-such-command")
