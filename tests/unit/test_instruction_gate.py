"""The gate on instruction counts: what it lets through and what it refuses, on both sides."""

from __future__ import annotations

import pytest

from bench.instructions import GATE_PERCENT, compare
from bench.machine import CHECKOUT
from bench.planted import COVERED_BY, PLANTS, Plant, slipped


@pytest.mark.parametrize(
    ("base", "now", "verdict"),
    [
        (100_000, 100_000, "same"),
        (100_000, 99_999 * (1 + GATE_PERCENT / 100), "same"),
        (100_000, 100_001 * (1 + GATE_PERCENT / 100), "REGRESSION"),
        (100_000, 105_000, "REGRESSION"),
        (100_000, 90_000, "better"),
    ],
)
def test_a_subject_is_refused_when_it_takes_over_a_per_cent_more(
    base: float, now: float, verdict: str
) -> None:
    (row,) = compare({"step": base}, {"step": now})
    assert row.verdict == verdict
    assert row.is_accepted == (verdict in ("same", "better"))


def test_a_subject_that_went_away_or_came_along_has_to_be_accepted() -> None:
    rows = compare({"old": 10}, {"new": 10})
    assert [(row.subject, row.verdict, row.is_accepted) for row in rows] == [
        ("new", "new", False),
        ("old", "gone", False),
    ]


def test_a_planting_counts_as_noticed_only_where_it_was_planted() -> None:
    base = {"noticed": 1_000.0, "missed": 1_000.0, "somebody else's": 1_000.0}
    now = {"noticed": 1_050.0, "missed": 1_004.0, "somebody else's": 1_300.0}
    assert slipped(compare(base, now), 5) == ["missed", "somebody else's"]


def test_plantings_and_what_they_cover_name_each_other() -> None:
    assert set(COVERED_BY.values()) <= {plant.subject for plant in PLANTS}


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.subject)
def test_the_place_of_each_planting_stands_exactly_once(plant: Plant) -> None:
    assert (CHECKOUT / plant.file).read_text("utf-8").count(plant.line) == 1
